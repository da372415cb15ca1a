//! A Secret of type `Opaque` with one key: <https://kubernetes.io/docs/concepts/configuration/secret/#opaque-secrets>.

use super::{Definition, Field, PLAIN, entry};

pub(super) const OPAQUE: Definition = Definition {
    takes: &[Field::Key],
    data: |material| vec![entry(material.output.key.as_deref().unwrap_or("token"), material.secret())],
    ..PLAIN
};
