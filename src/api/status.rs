//! What the operator says of a connection, and remembers of it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::domain::{
    Finding, Reason,
    answer::{Account, Deferral, Expiry, Grant, Refusal},
    knowledge::{BELIEVED, Deferred, Knowledge, Refused},
    output::Format,
    proof::{Facts, Visibility},
    requirement::{self, Kind, Line, State},
    scopes::Scopes,
    token::{Flaw, HashedToken, TokenKind},
};

/// What is known of the connection. Every instant says when something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubPatConnectionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready sums up SecretResolved, Authenticated, RequirementsMet, NotExpiring and Published. True is good in each.
    #[serde(default, deserialize_with = "readable_items")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The token that was last seen in the Secret.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,
    /// The demands that GitHub is asked about, one line each.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"]))]
    pub requirements: Vec<RequirementStatus>,
    /// The Secrets that hold a proven token for workloads.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub outputs: Vec<OutputStatus>,
    /// Set while GitHub gives no answer about the token.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub deferral: Option<DeferralStatus>,
    /// When GitHub is asked about the token next at the latest. It is written when something else changes, so it may lie in the
    /// past while nothing does.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Time>,
    /// The last ten changes of Ready, the latest last.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<ReadyChange>,
    /// The value of the annotation githubpat.dev/requestedAt that was last acted on: GitHub was asked when it changed.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request: Option<String>,
    /// Pages that help.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// One aspect of the connection, with the fields and limits of metav1.Condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The aspect.
    #[schemars(
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word for machines; docs/reasons.md explains each.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, and what to do about it, in one sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Time,
    /// The generation of the spec that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell yet.
    Unknown,
}

impl ConditionStatus {
    /// The word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        }
    }
}

/// What is known of the token; never a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The Secret it was read from.
    pub secret_name: String,
    /// The host that was asked about it.
    pub host: String,
    /// Its kind, from its prefix.
    pub kind: TokenKind,
    /// Base64 of its SHA-256, by which GitHub's audit log can be searched.
    pub hashed_token: HashedToken,
    /// Why it may have been cut or mistyped, if its shape is unusual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
    /// The login of its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The numeric id of its account, which stays when the login is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Whose token was there before, or what the login was, if that is another one. It goes with the next token of the same
    /// account, and once spec.expect names the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_account: Option<Box<PreviousAccount>>,
    /// Its classic scopes as GitHub lists them; absent for tokens that have none by nature, empty for a classic token without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Option<Vec<String>>,
    /// When it ends, if GitHub named an expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Set if GitHub named an expiry in a form that could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expiry_unreadable: bool,
    /// Set if the expiry had passed when GitHub accepted the token; it counts for nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expiry_implausible: bool,
    /// Scopes beyond those that are demanded, which nobody needs by what the connection says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub excess: Vec<String>,
    /// When GitHub was first seen to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_proven_at: Option<Time>,
    /// GitHub accepted it at this instant or later: refreshed when something changed or when it is older than the heartbeat of
    /// the settings, not at each check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// The refusals since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedStatus>,
}

/// An account whose token a connection had before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousAccount {
    /// Its login.
    pub login: String,
    /// Its numeric id.
    pub user_id: i64,
    /// When the operator saw that it is another one.
    pub until: Time,
}

/// Refusals of the token in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedStatus {
    /// What GitHub said the last time.
    pub reason: String,
    /// How many there were.
    pub count: i32,
    /// How many in a row are believed: two, but one if the checksum of a token that was never accepted is wrong, and three of a
    /// token that the host refused together with many others.
    #[serde(default = "believed")]
    pub needed: i32,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
}

/// A change of Ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadyChange {
    /// When it changed.
    pub at: Time,
    /// What Ready says since.
    pub ready: ConditionStatus,
    /// Why, in one word.
    pub reason: String,
}

/// One demand that GitHub is asked about, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementStatus {
    /// What is demanded.
    pub kind: Kind,
    /// Of what, as in acme/app or contents: write.
    pub name: String,
    /// Whether it is met; Unproven if no request that only reads can tell.
    pub state: State,
    /// Why, in one word for machines; docs/reasons.md explains each.
    pub reason: String,
    /// On which repository or organization a permission was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Who sees the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Set if the repository is archived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// The name that the repository has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The longest lifetime in days that the policy of the organization allows, if GitHub named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_days: Option<i32>,
    /// GitHub said so at this instant or later; refreshed like checkedAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

impl From<&Line> for RequirementStatus {
    fn from(line: &Line) -> Self {
        RequirementStatus {
            kind: line.kind,
            name: line.name.clone(),
            state: line.state,
            reason: line.finding.reason.as_str().to_owned(),
            on: line.on.clone().filter(|on| !on.is_empty()),
            visibility: line.facts.visibility,
            archived: line.facts.archived,
            moved_to: line.facts.moved_to.as_deref().map(str::to_owned),
            longest_days: line.days.map(i32::from),
            at: line.at.map(time),
        }
    }
}

impl RequirementStatus {
    /// The line that it was made of, without its sentence; `None` if a later version wrote it.
    pub(crate) fn line(&self) -> Option<Line> {
        Some(Line {
            kind: self.kind,
            name: self.name.clone(),
            on: Some(self.on.clone().unwrap_or_default()),
            state: self.state,
            finding: Finding::new(self.reason.parse().ok()?, String::new()),
            facts: Facts {
                visibility: self.visibility,
                archived: self.archived,
                moved_to: self.moved_to.as_deref().map(Into::into),
            },
            days: self.longest_days.and_then(|days| days.try_into().ok()),
            at: self.at.as_ref().map(|at| at.0),
        })
    }
}

/// A Secret that holds a proven token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// Its name.
    pub secret_name: String,
    /// How the token is laid out in it.
    pub format: Format,
}

/// GitHub has given no answer about the token for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeferralStatus {
    /// The first question without an answer.
    pub since: Time,
    /// What the last one brought.
    pub reason: String,
    /// When the limit ends, if GitHub named an instant. It is written when something else changes, like nextCheckAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
}

/// Pages that help.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// GitHub's form for a new token, filled in as far as GitHub allows. It may ignore the permissions of a fine-grained token.
    pub create_token: String,
    /// Where to mend what the first demand lacks that is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_on: Option<String>,
}

/// Stands for the message of a condition that `Ready` gives in full, so that it is written once.
pub const SEE_READY: &str = "see the message of Ready";

impl GithubPatConnectionStatus {
    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// The message of this condition, in full where it refers to that of `Ready`.
    pub fn message(&self, type_: &str) -> Option<&str> {
        let message = |type_| self.condition(type_).map(|condition| &*condition.message);
        message(type_).and_then(|own| if own == SEE_READY { message("Ready") } else { Some(own) })
    }
}

/// What a status remembers of that token on that host; nothing of any other. A refusal that an acceptance came after is void.
pub(super) fn knowledge(
    token: Option<&TokenStatus>,
    deferral: Option<&DeferralStatus>,
    requirements: &[RequirementStatus],
    hashed: HashedToken,
    host: &str,
) -> Knowledge {
    let Some(token) = token.filter(|token| token.hashed_token == hashed && token.host == host) else {
        return Knowledge::default();
    };
    let accepted = token.checked_at.as_ref().map(|at| at.0);
    let refused = token.refused.as_ref().and_then(RefusedStatus::remembered);
    Knowledge {
        grant: accepted.map(|at| (token.grant(), at)),
        before: None,
        refused: refused.filter(|refused| accepted.is_none_or(|accepted| refused.last > accepted)),
        first_proven: token.first_proven_at.as_ref().map(|at| at.0),
        deferred: deferral
            .and_then(DeferralStatus::remembered)
            .filter(|deferred| accepted.is_none_or(|accepted| deferred.since >= accepted)),
        proofs: requirement::remembered(
            &requirements.iter().filter_map(RequirementStatus::line).collect::<Vec<_>>(),
        ),
    }
}

impl TokenStatus {
    fn grant(&self) -> Grant {
        let login = self.login.as_deref().zip(self.user_id);
        let account = login.map(|(login, id)| Account { login: login.into(), id });
        let expiry = match &self.expires_at {
            Some(at) if self.expiry_implausible => Expiry::Implausible(at.0),
            Some(at) => Expiry::At(at.0),
            None if self.expiry_unreadable => Expiry::Unreadable,
            None => Expiry::Never,
        };
        Grant { account, scopes: self.scopes.as_ref().map(Scopes::from_iter), expiry }
    }
}

/// How many refusals are believed unless something else is said.
const fn believed() -> i32 {
    BELIEVED
}

impl RefusedStatus {
    fn remembered(&self) -> Option<Refused> {
        let refusal = Refusal::from_reason(self.reason.parse::<Reason>().ok()?)?;
        let once = Refused::once(refusal, self.first.0);
        Some(Refused { count: self.count, needed: self.needed.max(1), last: self.last.0, ..once })
    }
}

impl From<Refused> for RefusedStatus {
    fn from(refused: Refused) -> Self {
        let reason = refused.refusal.reason().as_str().to_owned();
        let Refused { refusal: _, count, needed, first, last } = refused;
        RefusedStatus { reason, count, needed, first: time(first), last: time(last) }
    }
}

impl DeferralStatus {
    fn remembered(&self) -> Option<Deferred> {
        let reason = self.reason.parse().ok()?;
        let until = self.not_before.as_ref().map(|at| at.0);
        Some(Deferred::first(Deferral { reason, until }, self.since.0))
    }
}

impl From<Deferred> for DeferralStatus {
    /// The end of a limit is worth a write; that of an outage, which each answer names anew, is not.
    fn from(deferred: Deferred) -> Self {
        let is_limit = matches!(
            deferred.deferral.reason,
            Reason::RateLimited | Reason::SecondaryRateLimited | Reason::LoginLocked
        );
        DeferralStatus {
            since: time(deferred.since),
            reason: deferred.deferral.reason.as_str().to_owned(),
            not_before: deferred.deferral.until.filter(|_| is_limit).map(time),
        }
    }
}

/// The value, or none if a later version of this operator wrote it in a form that is not known here: what a status remembers can
/// be learnt anew, and must not make its connection unreadable.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

/// The items that are known here.
fn readable_items<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

/// The instant as Kubernetes writes it, in whole seconds.
pub(crate) fn time(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::Token;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hashed(letter: &str) -> HashedToken {
        Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap().hashed()
    }

    /// What is remembered of a token of a, on github.com, that was accepted and refused at these instants.
    fn status(accepted: Option<i64>, refused: Option<(i32, i64, i64)>) -> TokenStatus {
        let refused = refused.map(|(count, first, last)| RefusedStatus {
            reason: "BadCredentials".to_owned(),
            count,
            needed: 2,
            first: time(at(first)),
            last: time(at(last)),
        });
        TokenStatus {
            secret_name: "pat".to_owned(),
            host: "github.com".to_owned(),
            kind: TokenKind::Classic,
            hashed_token: hashed("a"),
            flaw: None,
            login: None,
            user_id: None,
            previous_account: None,
            scopes: None,
            expires_at: None,
            expiry_unreadable: false,
            expiry_implausible: false,
            excess: Vec::new(),
            first_proven_at: accepted.map(|accepted| time(at(accepted))),
            checked_at: accepted.map(|accepted| time(at(accepted))),
            refused,
        }
    }

    #[test]
    fn a_remembered_refusal_older_than_an_acceptance_is_void() {
        let rows = [
            ("only refused", status(None, Some((2, 10, 20))), None, Some(2)),
            ("only accepted", status(Some(30), None), Some(30), None),
            ("accepted, then refused", status(Some(5), Some((2, 10, 20))), Some(5), Some(2)),
            ("refused, then accepted", status(Some(30), Some((2, 10, 20))), Some(30), None),
            ("both within a second", status(Some(20), Some((1, 20, 20))), Some(20), None),
        ];
        for (name, status, accepted, refused) in rows {
            let known = knowledge(Some(&status), None, &[], hashed("a"), "github.com");
            assert_eq!(known.grant.map(|(_, at)| at.as_second()), accepted, "{name}");
            assert_eq!(known.refused.map(|refused| refused.count), refused, "{name}");
        }
    }

    #[test]
    fn a_status_of_another_token_or_host_counts_for_nothing() {
        let token = status(Some(5), Some((2, 10, 20)));
        let deferral =
            DeferralStatus { since: time(at(25)), reason: "ServerError".to_owned(), not_before: None };
        let rows = [
            ("the same", hashed("a"), "github.com", true),
            ("another token", hashed("b"), "github.com", false),
            ("another host", hashed("a"), "ghe.example.com", false),
        ];
        for (name, hashed, host, counts) in rows {
            let known = knowledge(Some(&token), Some(&deferral), &[], hashed, host);
            let parts = (known.grant.is_some(), known.refused.is_some(), known.deferred.is_some());
            assert_eq!(parts, (counts, counts, counts), "{name}");
            assert_eq!(known == Knowledge::default(), !counts, "{name}");
        }
        let none = knowledge(None, Some(&deferral), &[], hashed("a"), "github.com");
        assert_eq!(none, Knowledge::default(), "a deferral of no token");
    }

    #[test]
    fn what_a_later_version_wrote_is_skipped_and_the_rest_is_read() {
        let status: GithubPatConnectionStatus = serde_json::from_value(serde_json::json!({
            "token": { "kind": "NotInventedYet" },
            "outputs": [{ "secretName": "a", "format": "Opaque" }, { "secretName": "b", "format": "NotInventedYet" }],
            "deferral": { "since": "soon" },
            "somethingNew": true,
        }))
        .unwrap();
        assert_eq!((status.token, status.deferral), (None, None));
        assert_eq!(status.outputs, [OutputStatus { secret_name: "a".to_owned(), format: Format::Opaque }]);
    }
}
