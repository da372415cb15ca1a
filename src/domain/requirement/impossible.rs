//! Demands that no token can meet, told without a question.
//!
//! The API server refuses most of them by rules. An object that was stored before there was a rule keeps its demand, so each is
//! judged here too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{Finding, Reason, Verdict, duration::Duration, permission::Level, token::TokenKind},
    Access, Evidence, Requirement,
};

/// Whether any token can meet the demands, and this one by its kind.
pub(super) fn impossible(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    let found: Vec<_> = of_spec(demanded).into_iter().chain(of_kind(demanded, evidence.kind)).collect();
    if found.is_empty() { Verdict::Yes(()) } else { Verdict::No(found) }
}

fn finding(message: String) -> Finding {
    Finding::new(Reason::DemandImpossible, message)
}

/// The rules by which the API server refuses impossible demands.
pub(super) fn rules() -> Value {
    let given = |field: &str, rule: &str| format!("!has(self.{field}) || size(self.{field}) == 0 || {rule}");
    let of_kinds = |rule: &str| format!("!has(self.kinds) || self.kinds.exists(kind, {rule})");
    let scoped = of_kinds("kind == 'Classic' || kind == 'OAuth'");
    let is_in_both = "!has(self.forbid) || !has(self.forbid.scopes) || \
                      !self.scopes.exists(scope, scope in self.forbid.scopes)";
    let is_forbidden = "!has(self.forbid) || !has(self.forbid.permissions) || !self.permissions.exists(key, \
                        key in self.forbid.permissions && (self.forbid.permissions[key] == 'read' || \
                        self.permissions[key] == 'admin' || self.permissions[key] == self.forbid.permissions[key]))";
    let owner = |of: &str| format!("{of}.name.lowerAscii().split('/')[0]");
    let is_one_owner = format!(
        "{} || self.repositories.all(one, !(has(one.access) && one.access == 'Push') || self.repositories.all(other, \
         !(has(other.access) && other.access == 'Push') || {} == {}))",
        of_kinds("kind != 'FineGrained'"),
        owner("one"),
        owner("other"),
    );
    let is_one = format!("size(self.organizations) < 2 || {}", of_kinds("kind != 'FineGrained'"));
    json!([
        { "rule": given("scopes", &scoped), "message": NO_SCOPES },
        { "rule": given("permissions", &of_kinds("kind == 'FineGrained'")), "message": NO_PERMISSIONS },
        { "rule": given("packages", &scoped), "message": NO_PACKAGES },
        { "rule": given("scopes", is_in_both), "message": SCOPE_IN_BOTH },
        { "rule": given("permissions", is_forbidden), "message": PERMISSION_IN_BOTH },
        { "rule": given("organizations", &is_one), "message": SEVERAL_ORGANIZATIONS },
        { "rule": given("repositories", &is_one_owner), "message": SEVERAL_OWNERS },
    ])
}

/// The same of the expiry.
pub(super) fn rules_of_expiry() -> Value {
    // What is no duration has a sentence of its own.
    let is_one = |field: &str| format!("self.{field} != '' && self.{field}.matches('{}')", Duration::PATTERN);
    json!([{
        "rule": format!(
            "!has(self.minRemaining) || !has(self.maxLifetime) || !({} && {}) || \
             duration(self.minRemaining) <= duration(self.maxLifetime)",
            is_one("minRemaining"),
            is_one("maxLifetime"),
        ),
        "message": TOO_LITTLE_TIME,
    }])
}

const NO_SCOPES: &str = "require.scopes is set, and no kind in require.kinds has scopes: add Classic to kinds, or state \
                         require.permissions and leave the scopes out";
const NO_SCOPES_OF_ENTERPRISES: &str = "require.scopes names a scope of enterprises, and fine-grained tokens reach no enterprise: add \
                                        Classic to require.kinds";
const NO_PERMISSIONS: &str = "require.permissions is set, and require.kinds does not allow fine-grained tokens: add FineGrained to \
                              kinds, or state require.scopes";
const NO_PACKAGES: &str =
    "require.packages is set, and GitHub's registry takes classic tokens only: add Classic to kinds";
const SCOPE_IN_BOTH: &str =
    "require.scopes and require.forbid.scopes name the same scope: leave it out of one of them";
const PERMISSION_IN_BOTH: &str = "require.permissions demands what require.forbid.permissions forbids: leave the permission out of \
                                  one of them, or forbid a higher level";
const SEVERAL_ORGANIZATIONS: &str = "require.organizations names several, and a fine-grained token is made for one: use a connection \
                                     and a token for each, or a classic token";
const SEVERAL_OWNERS: &str = "require.repositories demands pushes to repositories of several owners, and a fine-grained token is made \
                              for one: use a connection and a token for each, or a classic token";
const TOO_LITTLE_TIME: &str = "require.expiry.minRemaining is above maxLifetime, so a token is too old or too young: lower \
                               minRemaining, or raise maxLifetime";

/// By the spec alone.
fn of_spec(demanded: &Requirement) -> Vec<Finding> {
    let allows = |kind| demanded.kinds.contains(&kind);
    let mut found = Vec::new();
    let has_scopes = demanded.kinds.iter().any(|kind| kind.has_scopes());
    if !demanded.scopes.is_empty() && !has_scopes {
        let of_enterprise = demanded.scopes.iter().any(|scope| scope.ends_with(":enterprise"));
        found.push(if of_enterprise { NO_SCOPES_OF_ENTERPRISES } else { NO_SCOPES });
    }
    if !demanded.permissions.is_empty() && !allows(TokenKind::FineGrained) {
        found.push(NO_PERMISSIONS);
    }
    if !demanded.packages.is_empty() && !has_scopes {
        found.push(NO_PACKAGES);
    }
    let expiry = demanded.expiry;
    let lives = expiry.min_remaining.zip(expiry.max_lifetime);
    if lives.is_some_and(|(least, longest)| least.get() > longest.get()) {
        found.push(TOO_LITTLE_TIME);
    }
    if demanded.scopes.iter().any(|scope| demanded.forbid.scopes.contains(scope)) {
        found.push(SCOPE_IN_BOTH);
    }
    let demands = |(key, level): (&String, &Level)| {
        demanded.permissions.get(key).is_some_and(|demanded| demanded >= level)
    };
    if demanded.forbid.permissions.iter().any(demands) {
        found.push(PERMISSION_IN_BOTH);
    }
    found.into_iter().map(|message| finding(message.to_owned())).collect()
}

/// A fine-grained token has one owner of its resources:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens#fine-grained-personal-access-tokens-limitations>
fn of_kind(demanded: &Requirement, kind: TokenKind) -> Vec<Finding> {
    if kind != TokenKind::FineGrained && demanded.kinds != [TokenKind::FineGrained] {
        return Vec::new();
    }
    let pushes = demanded.repositories.iter().filter(|demand| demand.access == Access::Push);
    let owners: BTreeSet<_> = pushes
        .filter_map(|demand| demand.name.split('/').next())
        .map(|owner| owner.to_ascii_lowercase())
        .collect();
    let is_too_many =
        [(demanded.organizations.len() > 1, SEVERAL_ORGANIZATIONS), (owners.len() > 1, SEVERAL_OWNERS)];
    let found = is_too_many.into_iter().filter(|(is_found, _)| *is_found);
    found.map(|(_, message)| finding(message.to_owned())).collect()
}
