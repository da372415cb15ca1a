//! Why a wish of a test or of the admin endpoint cannot be met.

/// One sentence that names the field which is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}.")]
pub(crate) struct Refused {
    field: &'static str,
    why: String,
}

impl Refused {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Refused {
        Refused { field, why: why.into() }
    }

    pub(crate) fn no_token(name: &str) -> Refused {
        Refused::new("token", format!("there is no token named `{name}`"))
    }

    pub(crate) fn no_organization(name: &str) -> Refused {
        Refused::new("organization", format!("there is no organization named `{name}`"))
    }

    pub(crate) fn no_repository(name: &str) -> Refused {
        Refused::new("repository", format!("there is no repository named `{name}`"))
    }

    pub(crate) fn no_account(login: &str) -> Refused {
        Refused::new("login", format!("there is no account `{login}`"))
    }
}

/// What was asked for, or a failed test at the line that asked for the impossible.
#[track_caller]
#[expect(clippy::panic, reason = "a test that names what does not exist must fail where it does so")]
pub(crate) fn accepted<T>(outcome: Result<T, Refused>) -> T {
    match outcome {
        Ok(value) => value,
        Err(refused) => panic!("{refused}"),
    }
}
