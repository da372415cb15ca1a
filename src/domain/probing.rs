//! When what may be asked of a host. Pure: time is an argument, nothing reads a clock or draws a random number.

pub mod schedule;
