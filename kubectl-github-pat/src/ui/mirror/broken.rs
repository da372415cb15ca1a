//! Why the connections are followed no more, as a person reads it.

use crate::cluster::Cluster;

/// Why a list or a watch ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// What is asked for is too old to be followed from there.
    Gone,
    Forbidden(kube::Error),
    Failed(kube::Error),
    TooSlow,
}

impl Broken {
    /// What a person reads.
    pub(super) fn told(&self, cluster: &Cluster) -> String {
        let doing = "watch connections";
        match self {
            Broken::Forbidden(error) | Broken::Failed(error) => cluster.refusal(doing, error).to_string(),
            Broken::Gone => {
                "the API server does not tell what has changed since then, so the connections are listed anew"
                    .to_owned()
            }
            Broken::TooSlow => cluster.too_slow(doing).to_string(),
        }
    }
}

impl From<kube::Error> for Broken {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 410 => Broken::Gone,
            kube::Error::Api(status) if status.code == 403 => Broken::Forbidden(error),
            _ => Broken::Failed(error),
        }
    }
}
