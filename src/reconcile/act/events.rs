//! What is told of a change of an output.

use crate::domain::{
    decide::Change,
    event::{Event, EventType, OUTPUT_DELETED, OUTPUT_RELEASED, OUTPUT_WRITTEN},
};

/// Why outputs are deleted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deletes {
    /// The token is of no use.
    Withdraws(&'static str),
    /// Nothing that is listed names the version.
    Unnamed,
    /// There are newer versions.
    Outdated,
    /// The spec names it no more.
    Former,
}

impl Deletes {
    fn of_type(self) -> EventType {
        match self {
            Deletes::Withdraws(_) => EventType::Warning,
            Deletes::Unnamed | Deletes::Outdated | Deletes::Former => EventType::Normal,
        }
    }

    /// The cause.
    fn since(self) -> String {
        match self {
            Deletes::Withdraws(cause) => format!("spec.onInvalid is Withdraw and {cause}"),
            Deletes::Unnamed => {
                "no object of the kinds that are listed names this earlier version any more".to_owned()
            }
            Deletes::Outdated => "enough newer versions of the output stand".to_owned(),
            Deletes::Former => "spec.publish no longer names it".to_owned(),
        }
    }
}

/// A change that was made.
pub(super) fn made(change: &Change, deletes: Deletes) -> Event {
    let name = change.name();
    let normal = |reason, message| Event::new(EventType::Normal, reason, message);
    match change {
        Change::Create { .. } => normal(OUTPUT_WRITTEN, format!("Secret {name} was created with the token")),
        Change::Replace { .. } => normal(OUTPUT_WRITTEN, format!("Secret {name} was updated with the token")),
        Change::Recreate { .. } => {
            normal(OUTPUT_WRITTEN, format!("Secret {name} was deleted and created anew with the token"))
        }
        Change::Delete { .. } => Event::new(
            deletes.of_type(),
            OUTPUT_DELETED,
            format!("Secret {name} was deleted, since {}", deletes.since()),
        ),
        Change::Release { .. } => normal(
            OUTPUT_RELEASED,
            format!(
                "Secret {name} is no output any more, since the spec has it as one to read from; it is kept"
            ),
        ),
    }
}

/// A deletion that is over once others have removed these finalizers.
pub(super) fn leaving(name: &str, finalizers: &[String], deletes: Deletes) -> Event {
    let (since, finalizers) = (deletes.since(), finalizers.join(", "));
    let message = format!(
        "Secret {name} is to go, since {since}, and does once its finalizers are removed: {finalizers}"
    );
    Event::new(deletes.of_type(), OUTPUT_DELETED, message)
}
