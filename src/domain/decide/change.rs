//! One change of one Secret, and what all changes together are for.

use jiff::Timestamp;

use super::super::{
    output::{Output, Payload},
    version::Version,
};
use super::Found;

/// One change of one Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// To be made; nothing of that name was there.
    Create {
        /// What it shall be.
        output: Output,
        /// Type and data.
        payload: Payload,
    },
    /// To hold something else.
    Replace {
        /// What it shall be.
        output: Output,
        /// The state that is replaced.
        version: Version,
        /// Type and data.
        payload: Payload,
    },
    /// To be deleted, and made anew once it is gone.
    Recreate {
        /// What it shall be.
        output: Output,
        /// The state that goes.
        version: Version,
        /// Type and data.
        payload: Payload,
    },
    /// To go.
    Delete {
        /// Its name.
        name: String,
        /// The state that goes.
        version: Version,
    },
    /// To belong to nobody: the spec has it as one to read from now, so it must not go with the connection.
    Release {
        /// Its name.
        name: String,
        /// The state that is released.
        version: Version,
    },
}

impl Change {
    /// The change that deletes a Secret, if it may be deleted.
    pub(super) fn deletion(found: &Found) -> Option<Change> {
        match found {
            Found::Ours { name, version, .. } => {
                Some(Change::Delete { name: name.clone(), version: version.clone() })
            }
            Found::Leaving { .. } | Found::Bound { .. } | Found::Adoptable { .. } | Found::Foreign { .. } => {
                None
            }
        }
    }

    /// The Secret that it changes.
    pub fn name(&self) -> &str {
        match self {
            Change::Create { output, .. }
            | Change::Replace { output, .. }
            | Change::Recreate { output, .. } => &output.secret_name,
            Change::Delete { name, .. } | Change::Release { name, .. } => name,
        }
    }

    /// The state that it changes; `None` if nothing was there.
    pub const fn version(&self) -> Option<&Version> {
        match self {
            Change::Create { .. } => None,
            Change::Replace { version, .. }
            | Change::Recreate { version, .. }
            | Change::Delete { version, .. }
            | Change::Release { version, .. } => Some(version),
        }
    }

    /// True if the Secret holds a token afterwards.
    pub const fn writes(&self) -> bool {
        matches!(self, Change::Create { .. } | Change::Replace { .. } | Change::Recreate { .. })
    }

    /// What it does, as the log names it.
    pub const fn verb(&self) -> &'static str {
        match self {
            Change::Create { .. } => "create",
            Change::Replace { .. } => "replace",
            Change::Recreate { .. } => "recreate",
            Change::Delete { .. } => "delete",
            Change::Release { .. } => "release",
        }
    }
}

/// What the outputs are meant to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// None is asked for.
    NothingRequested,
    /// They shall hold the token.
    Write,
    /// They stay as they are: the token is not proven, or something speaks against it.
    Keep,
    /// They stay as they are until this instant; then those that hold the token go.
    WithdrawAt(Timestamp),
    /// Those that hold the token go, or all of them if there is no token any more.
    Withdraw,
}
