//! User name and password for git over HTTPS:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#basic-authentication-secret>.

use super::{Format, Layout, bytes};

pub(super) const LAYOUT: Layout = Layout {
    format: Format::BasicAuth,
    secret_type: "kubernetes.io/basic-auth",
    suits: |_| Ok(()),
    entries: |material| {
        vec![("username", bytes(material.username)), ("password", bytes(material.token.expose()))]
    },
};
