//! Ways into a control plane: configurations, clients and kubeconfig files, each for one identity.

use super::{ControlPlane, Error};
use crate::{
    certificates::Authority,
    kubeconfig::{Credentials, kubeconfig},
};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

const TOKEN_SECONDS: i64 = 3600;

impl ControlPlane {
    /// The administrator's configuration: a member of `system:masters`, without retries and without a proxy.
    pub fn admin(&self) -> Config {
        self.admin.clone()
    }

    /// A client of the administrator.
    ///
    /// # Errors
    ///
    /// When the client cannot be made.
    pub fn admin_client(&self) -> Result<Client, Error> {
        self.client(self.admin())
    }

    /// The administrator's kubeconfig, a file that kubectl can use too.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// The kubeconfig of a user who may do what RBAC says, as a new file with a client certificate.
    ///
    /// # Errors
    ///
    /// When the certificate cannot be made or the file not written.
    pub fn user(&self, name: &str, group: Option<&str>) -> Result<PathBuf, Error> {
        let certificate = self.authority.user(name, group);
        let certificate = certificate.map_err(Error::certificate(format!("the certificate of {name}")))?;
        self.write_kubeconfig(Credentials::Certificate(&certificate))
    }

    /// The kubeconfig of an existing ServiceAccount, as a new file with a token good for an hour.
    ///
    /// # Errors
    ///
    /// When the API server gives no token, or the file cannot be written.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let failed = |source| Error::Token {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        };
        let spec =
            TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin_client()?, namespace);
        let asked = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let token = asked.map_err(failed)?.status.map(|status| status.token).unwrap_or_default();
        self.write_kubeconfig(Credentials::Token(&token))
    }

    /// The configuration in a kubeconfig of ours, without retries and without a proxy.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or understood.
    pub async fn config(&self, kubeconfig: &Path) -> Result<Config, Error> {
        read_config(kubeconfig).await
    }

    /// A client for a configuration, such as one changed after [`config`](Self::config).
    ///
    /// # Errors
    ///
    /// When the client cannot be made.
    pub fn client(&self, config: Config) -> Result<Client, Error> {
        let failed = |source| Error::Client { url: self.url.clone(), source: Box::new(source) };
        Client::try_from(config).map_err(failed)
    }

    /// The client of a user or ServiceAccount, by the kubeconfig got for them.
    ///
    /// # Errors
    ///
    /// As [`config`](Self::config) and [`client`](Self::client).
    pub async fn client_of(&self, kubeconfig: &Path) -> Result<Client, Error> {
        self.client(self.config(kubeconfig).await?)
    }

    pub(super) fn write_kubeconfig(&self, credentials: Credentials<'_>) -> Result<PathBuf, Error> {
        write_kubeconfig(self.directory(), &self.url, &self.authority, credentials)
    }
}

/// Writes a new file that only we may read.
pub(super) fn write_kubeconfig(
    directory: &Path,
    url: &str,
    authority: &Authority,
    credentials: Credentials<'_>,
) -> Result<PathBuf, Error> {
    let text = kubeconfig(url, &authority.certificate(), credentials);
    let failed = |source| Error::File { path: directory.to_owned(), source };
    let created = tempfile::Builder::new().prefix("user-").suffix(".kubeconfig").tempfile_in(directory);
    let mut file = created.map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let (_, path) = file.keep().map_err(|error| failed(error.error))?;
    Ok(path)
}

pub(super) async fn read_config(kubeconfig: &Path) -> Result<Config, Error> {
    let failed = |source| Error::Kubeconfig { path: kubeconfig.to_owned(), source: Box::new(source) };
    let read = Kubeconfig::read_from(kubeconfig).map_err(failed)?;
    let loaded = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    let mut config = loaded.map_err(failed)?;
    config.default_retry = false;
    config.proxy_url = None;
    Ok(config)
}
