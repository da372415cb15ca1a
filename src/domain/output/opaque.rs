//! A Secret of type `Opaque` with the key `token`: <https://kubernetes.io/docs/concepts/configuration/secret/#opaque-secrets>.

use super::{Format, Layout, bytes};

pub(super) const LAYOUT: Layout = Layout {
    format: Format::Opaque,
    secret_type: "Opaque",
    suits: |_| Ok(()),
    entries: |material| vec![("token", bytes(material.token.expose()))],
};
