//! A Secret of type `Opaque` with one key: <https://kubernetes.io/docs/concepts/configuration/secret/#opaque-secrets>.

use super::{Definition, PLAIN, entry};

pub(super) const OPAQUE: Definition =
    Definition { data: |material| vec![entry("token", material.secret())], ..PLAIN };
