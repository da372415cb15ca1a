//! What is told once, when it happens, beside what the status says for as long as it holds.

/// A change of a connection that a person may want to know of afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is bad news.
    pub type_: EventType,
    /// Why, in one word for machines: the reason of a condition, or one of [`REASONS`].
    pub reason: &'static str,
    /// One sentence for a person. Never holds any part of a token.
    pub message: String,
}

/// Whether an event is bad news, in the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It is not.
    Normal,
    /// A person may have to act.
    Warning,
}

impl EventType {
    /// The word in the Event.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        }
    }
}

impl Event {
    /// An event of this type.
    pub fn new(type_: EventType, reason: &'static str, message: impl Into<String>) -> Self {
        Event { type_, reason, message: message.into() }
    }

    /// True if it is about whose token it is.
    pub fn is_of_account(&self) -> bool {
        [ACCOUNT_CHANGED, ACCOUNT_RENAMED].contains(&self.reason)
    }
}

/// The token is another account's than the one before.
pub const ACCOUNT_CHANGED: &str = "AccountChanged";
/// The account of the token has another login.
pub const ACCOUNT_RENAMED: &str = "AccountRenamed";
/// The token of another Secret is in use.
pub const TOKEN_IN_USE_CHANGED: &str = "TokenInUseChanged";
/// Every output holds the new token, so that the old one can be revoked.
pub const SAFE_TO_REVOKE: &str = "SafeToRevoke";
/// An output was created, or holds something else now.
pub const OUTPUT_WRITTEN: &str = "OutputWritten";
/// An output was deleted.
pub const OUTPUT_DELETED: &str = "OutputDeleted";
/// An output has become the source, and belongs to no connection any more.
pub const OUTPUT_RELEASED: &str = "OutputReleased";

/// The pod template of a workload was annotated, so that its Pods are replaced.
pub const WORKLOAD_RESTARTED: &str = "WorkloadRestarted";

/// A Pod waits for a connection.
pub const POD_WAITS: &str = "WaitsForConnection";

/// Other settings are in effect.
pub const SETTINGS_RELOADED: &str = "SettingsReloaded";
/// Other settings are in the file that cannot be used.
pub const SETTINGS_REFUSED: &str = "SettingsRefused";

/// The reasons of events about connections that are no reasons of conditions.
pub const REASONS: [&str; 8] = [
    ACCOUNT_CHANGED,
    ACCOUNT_RENAMED,
    TOKEN_IN_USE_CHANGED,
    SAFE_TO_REVOKE,
    OUTPUT_WRITTEN,
    OUTPUT_DELETED,
    WORKLOAD_RESTARTED,
    OUTPUT_RELEASED,
];
