//! Which kinds of token are allowed.

use super::{
    super::{Reason, Verdict, token::TokenKind},
    Evidence, Requirement,
};

/// Whether the kind of the token is among those that are allowed.
pub(super) fn kind(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    if demanded.kinds.contains(&evidence.kind) {
        return Verdict::Yes(());
    }
    let allowed: Vec<_> = demanded.kinds.iter().map(|kind| format!("{kind:?}")).collect();
    let why = match evidence.kind {
        TokenKind::Classic | TokenKind::FineGrained => "store one of an allowed kind",
        TokenKind::OAuth => "it ends with the sign-in it came from; store a personal access token",
        TokenKind::AppUser => "it lives for hours and the app renews it; store a personal access token",
        TokenKind::AppInstallation => {
            "it lives for an hour and is renewed elsewhere; store a personal access token"
        }
    };
    Verdict::no(
        Reason::KindNotAllowed,
        format!(
            "the token is a {} ({:?}), and require.kinds allows {}: {why}, or name its kind there",
            evidence.kind.words(),
            evidence.kind,
            allowed.join(", ")
        ),
    )
}
