//! Which classic scopes the token must have.

use super::{
    super::{Reason, Verdict, scopes, token::TokenKind},
    Evidence, Requirement, not_determined,
};

/// Whether the token has every scope that is demanded, itself or by a larger one.
pub(super) fn scope(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    if demanded.scopes.is_empty() {
        return Verdict::Yes(());
    }
    if !evidence.kind.has_scopes() {
        if evidence.kind == TokenKind::FineGrained && !demanded.permissions.is_empty() {
            return Verdict::Yes(());
        }
        return Verdict::no(
            Reason::ScopesNotApplicable,
            format!(
                "require.scopes demands {}, and a {} has no scopes: use a classic token, or demand no scopes",
                scopes::told(&demanded.scopes),
                evidence.kind.words()
            ),
        );
    }
    let Some(grant) = evidence.grant else { return not_determined() };
    let Some(granted) = &grant.scopes else { return unknown() };
    let missing = scopes::missing(&demanded.scopes, granted);
    if missing.is_empty() {
        return Verdict::Yes(());
    }
    Verdict::no(
        Reason::ScopeMissing,
        format!(
            "the token lacks the scope{} {}: edit it under Settings, Developer settings, Tokens (classic); \
             its value stays the same",
            if missing.len() > 1 { "s" } else { "" },
            scopes::told(&missing)
        ),
    )
}

/// GitHub did not say which scopes the token has.
pub(super) fn unknown() -> Verdict<()> {
    Verdict::unknown(
        Reason::ScopesUnknown,
        "GitHub sent no list of scopes with its answer: look for a proxy that strips the X-OAuth-Scopes header",
    )
}
