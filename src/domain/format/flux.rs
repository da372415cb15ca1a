//! Secrets of Flux.

use super::{Definition, PLAIN, basic_auth, entry};

/// The `secretRef` of a GitRepository, which wants a user name beside a password:
/// <https://fluxcd.io/flux/components/source/gitrepositories/#basic-access-authentication>.
pub(super) const GIT: Definition = Definition { polled_by: Some("Flux"), data: basic_auth::pair, ..PLAIN };

/// The `secretRef` of a Provider of the types `github` and `githubdispatch`:
/// <https://fluxcd.io/flux/components/notification/providers/#github>.
pub(super) const NOTIFICATION: Definition =
    Definition { polled_by: Some("Flux"), data: |material| vec![entry("token", material.secret())], ..PLAIN };
