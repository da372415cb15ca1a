//! Why the operator has no way into a cluster, and what to do: what the libraries say is not made for people.

use std::{env::VarError, fmt::Display, path::Path};

use kube::{
    Config,
    client::AuthError,
    config::{InClusterError, KubeConfigOptions, KubeconfigError, LoadDataError},
};

use super::Error;
use crate::settings::unread;

/// The cluster of the kubeconfig, else that of the Pod.
pub(super) async fn cluster() -> Result<Config, Error> {
    let kubeconfig = match Config::from_kubeconfig(&KubeConfigOptions::default()).await {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    Config::incluster().map_err(|in_cluster| Error::Config(no_cluster(&kubeconfig, &in_cluster)))
}

/// There is a kubeconfig that cannot be used, or there is none and this is no Pod.
fn no_cluster(kubeconfig: &KubeconfigError, in_cluster: &InClusterError) -> String {
    let is_pod = !matches!(in_cluster, InClusterError::ReadEnvironmentVariable(VarError::NotPresent));
    match (kubeconfig, is_pod) {
        // Without a kubeconfig a Pod is meant to use its own cluster.
        (KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath, true) => in_pod(in_cluster),
        (KubeconfigError::FindPath, false) => {
            "there is no kubeconfig, and this is no Pod: set KUBECONFIG, or run in a Pod".to_owned()
        }
        (error, _) => unusable(error),
    }
}

/// What is wrong with the kubeconfig, and what to do. Where it names a file, that is named too.
pub fn unusable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(source, path) => {
            format!(
                "{}, set KUBECONFIG, or run in a Pod",
                unread_file("the kubeconfig", path, &unread(source))
            )
        }
        KubeconfigError::FindPath => "there is no kubeconfig: set KUBECONFIG, or run in a Pod".to_owned(),
        KubeconfigError::Parse(_) => within("it is no YAML of a kubeconfig: kubectl config view shows where"),
        KubeconfigError::CurrentContextNotSet => {
            within("it has no current-context: set one with kubectl config use-context")
        }
        KubeconfigError::LoadContext(name) => within(format!(
            "it has no context {name:?}, which current-context names: set another with kubectl config use-context"
        )),
        KubeconfigError::LoadClusterOfContext(name) => within(format!(
            "it has no cluster {name:?}, which the current context names: correct the context"
        )),
        KubeconfigError::MissingClusterUrl => {
            within("its cluster has no server: add the URL of the API server")
        }
        KubeconfigError::ParseClusterUrl(_) => {
            within("the server of its cluster is not a URL: write it as in https://127.0.0.1:6443")
        }
        KubeconfigError::ParseProxyUrl(_) => Error::Proxy.to_string(),
        KubeconfigError::LoadCertificateAuthority(error) => of_data("certificate-authority", error),
        KubeconfigError::LoadClientCertificate(error) => of_data("client-certificate", error),
        KubeconfigError::LoadClientKey(error) => of_data("client-key", error),
        KubeconfigError::ParseCertificates(_) => {
            within("its certificate-authority is no certificate in PEM: correct it")
        }
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            within("its files differ in kind or apiVersion: name files of one kind in KUBECONFIG")
        }
        KubeconfigError::ParseNoProxy(_) => {
            "the variable NO_PROXY is no list of names, addresses and networks: correct it, or remove it"
                .to_owned()
        }
    }
}

/// What keeps the client from being made, and what to do.
pub fn no_client(error: &kube::Error) -> String {
    match error {
        kube::Error::InferKubeconfig(error) => unusable(error),
        kube::Error::Auth(AuthError::AuthExecStart(source)) => within(format!(
            "the command that its user names under exec cannot be run, {}: install it, or correct command",
            system(source)
        )),
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => within(format!(
            "the command that its user names under exec failed with {}: run it by hand",
            out.status
        )),
        kube::Error::Auth(AuthError::ReadTokenFile(source, path)) => {
            within(unread_file("its token file", path, &unread(source)))
        }
        kube::Error::Auth(_) => {
            within("its user cannot sign in: kubectl auth whoami shows what is wrong with it")
        }
        _ => within(
            "its certificates or keys are of no use: kubectl version shows whether others can use them",
        ),
    }
}

fn in_pod(error: &InClusterError) -> String {
    let what = match error {
        InClusterError::ReadDefaultNamespace(source) | InClusterError::ReadCertificateBundle(source) => {
            format!(
                "the files of its ServiceAccount cannot be read, {}: set automountServiceAccountToken",
                system(source)
            )
        }
        InClusterError::ParseCertificates(_) => {
            "the certificate of its ServiceAccount is no PEM: correct the ConfigMap kube-root-ca.crt"
                .to_owned()
        }
        _ => {
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not an address: let Kubernetes set them"
                .to_owned()
        }
    };
    format!("in this Pod, {what}")
}

fn of_data(field: &str, error: &LoadDataError) -> String {
    within(match error {
        LoadDataError::ReadFile(source, path) => unread_file(&format!("its {field}"), path, &unread(source)),
        LoadDataError::DecodeBase64(_) => format!("its {field}-data is no base64: correct it"),
        LoadDataError::NoBase64DataOrFile => format!("it has no {field}: add it"),
    })
}

fn unread_file(what: &str, path: &Path, why: &str) -> String {
    format!("{what} {}: {why}", path.display())
}

fn within(what: impl Display) -> String {
    format!("the kubeconfig cannot be used: {what}")
}

/// What the system says, without Rust's number.
fn system(error: &std::io::Error) -> String {
    let text = error.to_string();
    format!("the system says {:?}", text.split(" (os error").next().unwrap_or_default())
}
