//! The simulator from outside: over real sockets, against what is known of GitHub.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod git;
#[cfg(test)]
mod hosting;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod load;
#[cfg(test)]
mod log;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod tls;
