//! Demands that no token can meet, told without a question.

use super::{
    super::{Finding, Reason, Verdict, permission::Level, token::TokenKind},
    Evidence, Requirement,
};

/// Whether any token can meet the demands, and this one by its kind.
pub(super) fn impossible(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    let found: Vec<_> = of_spec(demanded).into_iter().chain(of_kind(demanded, evidence.kind)).collect();
    if found.is_empty() { Verdict::Yes(()) } else { Verdict::No(found) }
}

fn finding(message: String) -> Finding {
    Finding::new(Reason::DemandImpossible, message)
}

/// By the spec alone.
fn of_spec(demanded: &Requirement) -> Vec<Finding> {
    let allows = |kind| demanded.kinds.contains(&kind);
    let mut found = Vec::new();
    if !demanded.scopes.is_empty() && !demanded.kinds.iter().any(|kind| kind.has_scopes()) {
        found.push(
            "require.scopes is set, and no kind in require.kinds has scopes: add Classic to kinds, or state \
             require.permissions and leave the scopes out",
        );
    }
    if !demanded.permissions.is_empty() && !allows(TokenKind::FineGrained) {
        found.push(
            "require.permissions is set, and require.kinds does not allow fine-grained tokens: add FineGrained to kinds, or \
             state require.scopes",
        );
    }
    if !demanded.packages.is_empty() && !demanded.kinds.iter().any(|kind| kind.has_scopes()) {
        found.push(
            "require.packages is set, and GitHub's registry takes classic tokens only: add Classic to kinds",
        );
    }
    let expiry = demanded.expiry;
    if let (Some(least), Some(longest)) = (expiry.min_remaining, expiry.max_lifetime)
        && least.get() > longest.get()
    {
        found.push(
            "require.expiry.minRemaining is above maxLifetime, so a token is too old or too young: lower minRemaining, or raise \
             maxLifetime",
        );
    }
    let both = demanded.scopes.iter().filter(|scope| demanded.forbid.scopes.contains(scope)).count();
    if both > 0 {
        found.push(
            "require.scopes and require.forbid.scopes name the same scope: leave it out of one of them",
        );
    }
    let demands = |(key, level): (&String, &Level)| {
        demanded.permissions.get(key).is_some_and(|demanded| demanded >= level)
    };
    if demanded.forbid.permissions.iter().any(demands) {
        found.push(
            "require.permissions demands what require.forbid.permissions forbids: leave the permission out of one of them, or forbid \
             a higher level",
        );
    }
    found.into_iter().map(|message| finding(message.to_owned())).collect()
}

/// A fine-grained token has one owner of its resources:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens#fine-grained-personal-access-tokens-limitations>
fn of_kind(demanded: &Requirement, kind: TokenKind) -> Option<Finding> {
    let is_too_many = kind == TokenKind::FineGrained && demanded.organizations.len() > 1;
    is_too_many.then(|| {
        finding(
            "require.organizations names several, and a fine-grained token is made for one: use a connection and a token for \
             each, or a classic token"
                .to_owned(),
        )
    })
}
