//! The vocabulary and the rules: what a token is, what GitHub may say about it, what a connection demands, what to do about it.
//!
//! Everything below this module takes values and gives values: no clock, no network, no file, no randomness.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | connection | the custom resource `GithubPatConnection` |
//! | secret | a Kubernetes Secret; the *source* is the one that a connection reads its token from |
//! | candidate | a Secret that the token may come from: that of `spec.secretRef`, or a *standby*; the token of one is *in use* |
//! | standing | whether a candidate could be in use |
//! | rotation | the change from one token in use to the next |
//! | token | a text of the form of a GitHub token; its *description* is what may be kept of it |
//! | host | a GitHub instance, by its name in the settings |
//! | subject | a token on a host: what knowledge belongs to |
//! | probe | what can be asked of GitHub about a token |
//! | question | a probe about one token that waits or is on its way |
//! | reply | what came back: an *answer* or a *deferral* |
//! | answer | GitHub has spoken about the token: granted or refused |
//! | deferral | a reply: nothing was said about the token; it says why, and when to ask again |
//! | knowledge | what is known of a subject, and since when |
//! | snapshot | the knowledge of a subject at one instant, and whether a question is on its way |
//! | proof | what a reply to a probe other than identity showed: held, or denied |
//! | flaw | what is unusual about the form of a token, which may have been cut or mistyped |
//! | doubt | what speaks against an acceptance and is not believed yet: a deferral, or one refusal |
//! | incident | a host refuses many tokens that it accepted before, so its refusals are not believed |
//! | expectation | the account whose token a connection expects |
//! | requirement | what a connection demands of its token; a *line* is one demand that GitHub is asked about |
//! | verdict | whether something holds of a token: yes, no, or unknown; a *judgement* is all verdicts on one token |
//! | finding | why a verdict is what it is: a *reason* for machines, a sentence for people |
//! | severity | how much a reason matters; `Ready` follows from it |
//! | condition | what the status says of one verdict; a *draft* until it has its instants |
//! | event | a change of a connection, told once as an Event of Kubernetes |
//! | notice | a change of a connection that the sinks of the settings are told of: an incident is *opened*, *changed* or *resolved* |
//! | sink | whom the settings name to be told of changes, over HTTP |
//! | pass | one reconcile of one connection: observe, decide, act, report |
//! | change | one write to an output; its *outcome* is what the API server made of it |
//! | output | a Secret that hands the token to workloads; its *format* says how it is laid out |
//! | stamp | what an output shall hold, without the bytes |
//! | stand | what stands under the name of an output |
//! | workload | a Deployment, StatefulSet or DaemonSet that is restarted once a new token is published |
//! | halt | why a change of its pod template replaces no Pod of a workload |
//! | gate | the scheduling gate behind which a Pod waits for connections; its *course* is what becomes of it |
//! | readiness | whether a connection that a Pod waits for is of use |
//! | consumer | what names an output in its own spec |
//! | holder | who still has a token that is being replaced |
//! | circle | outputs that lead back to a Secret from which their own connection reads |
//! | heir | the connection that may take over a Secret that nobody owns |
//! | conflict | an object is no longer what was seen |
//! | requeue | when to reconcile a connection again |

pub mod answer;
pub mod backoff;
pub mod candidate;
pub mod cause;
pub mod consumer;
pub mod decide;
pub mod duration;
pub mod event;
pub mod excerpt;
pub mod format;
pub mod gate;
pub mod holder;
pub mod knowledge;
pub mod notice;
pub mod output;
pub mod permission;
pub mod probe;
pub mod probing;
pub mod proof;
pub mod reason;
pub mod requirement;
pub mod scopes;
pub mod second;
pub mod selector;
pub mod shard;
pub mod token;
pub mod unexplained;
pub mod version;
pub mod workload;

pub use self::reason::Reason;

/// Why a verdict is what it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For machines; documented in `docs/reasons.md`.
    pub reason: Reason,
    /// One sentence for a person: cause, then remedy. Never holds any part of a token.
    pub message: String,
}

impl Finding {
    /// A finding with this reason and sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Finding { reason, message: message.into() }
    }
}

/// Whether something holds of a token: it does, it does not, or nobody can tell yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It holds, and this is what was found.
    Yes(T),
    /// It does not; at least one finding, the most important first.
    No(Vec<Finding>),
    /// It could not be determined.
    Unknown(Finding),
}

impl<T> Verdict<T> {
    /// What was found, if it holds.
    pub fn yes(&self) -> Option<&T> {
        match self {
            Verdict::Yes(value) => Some(value),
            Verdict::No(_) | Verdict::Unknown(_) => None,
        }
    }

    /// True if it definitely does not hold.
    pub fn is_no(&self) -> bool {
        matches!(self, Verdict::No(_))
    }

    /// The single finding that speaks against it.
    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Verdict::No(vec![Finding::new(reason, message)])
    }

    /// Undetermined, for this reason.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Verdict::Unknown(Finding::new(reason, message))
    }
}
