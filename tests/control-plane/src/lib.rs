//! A real etcd and kube-apiserver for tests and the demo, and a way to run any program so that it never outlives us.
//!
//! ```no_run
//! # async fn example() -> Result<(), control_plane::Error> {
//! use control_plane::{ControlPlane, Options};
//!
//! let control_plane = ControlPlane::start(Options::default()).await?;
//! let client = control_plane.admin_client()?;
//! # Ok(())
//! # }
//! ```
//!
//! The programs come from the folder `KUBEBUILDER_ASSETS`, else from a cache below `XDG_CACHE_HOME`, else they are built
//! into it with Go, at the versions in the `go.mod` files of this crate. See [`binaries::find`].

pub mod audit;
pub mod binaries;
mod certificates;
mod control_plane;
pub mod guard;
mod kubeconfig;
mod port;
pub mod sources;
pub mod usage;

pub use audit::AuditEvent;
pub use binaries::Program;
pub use control_plane::{ControlPlane, Error, Kubernetes, Options, Pool, Pooled, Snapshot};
pub use guard::{Guarded, Launch};
pub use port::Port;
pub use usage::{Usage, usage};
