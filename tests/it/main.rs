//! The product from outside: on a real etcd and kube-apiserver, with a simulated GitHub over real sockets.

mod chart;
mod cli;
mod crds;
mod docs;
mod faults;
mod github;
mod layering;
mod leaks;
mod publish;
mod quiet;
mod reconcile;
mod world;
