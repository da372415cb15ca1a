//! Whose token a connection had before, if it was not this account's. It is noted until another token of the same account is
//! stored, or until `spec.expect` names the account.

use jiff::Timestamp;

use crate::{
    api::{PreviousAccount, StatusSummary, TokenStatus, time},
    domain::requirement::Expectation,
};

/// Whose token it was before; nothing if it was this account's, of the same login. While the account of the present token is not
/// known, the one that was known last.
pub(super) fn previous(
    summary: Option<&StatusSummary>,
    token: &TokenStatus,
    expectation: &Expectation,
    now: Timestamp,
) -> Option<Box<PreviousAccount>> {
    // The same id is another account on another host.
    let before = summary?.token.as_deref().filter(|before| before.host == token.host)?;
    let noted = || before.previous_account.clone();
    let ended = |(login, user_id): (&str, i64)| {
        let until = time(now);
        Some(Box::new(PreviousAccount { login: login.to_owned(), user_id, until }))
    };
    let Some(account) = account(token) else {
        return self::account(before).map_or_else(noted, ended);
    };
    let previous = match self::account(before) {
        Some(same) if same == account => noted().filter(|_| before.hashed_token == token.hashed_token),
        Some(other) => ended(other),
        None => noted().filter(|known| (known.login.as_str(), known.user_id) != account),
    };
    previous.filter(|previous| !is_named(expectation, account, previous))
}

/// The account of the token, if it has one and it is known.
fn account(token: &TokenStatus) -> Option<(&str, i64)> {
    token.login.as_deref().zip(token.user_id)
}

/// True if the spec names the account, so that the change is meant. An id names it under any login.
fn is_named(expectation: &Expectation, (login, id): (&str, i64), previous: &PreviousAccount) -> bool {
    match (&expectation.login, expectation.user_id) {
        (Some(named), _) => named.eq_ignore_ascii_case(login),
        (None, Some(named)) => named == id && previous.user_id != id,
        (None, None) => false,
    }
}

/// What was noted of the account of the token, and whether only its login is another one.
pub(super) fn noted(token: &TokenStatus) -> Option<(&PreviousAccount, bool)> {
    let (_, id) = account(token)?;
    let previous = token.previous_account.as_deref()?;
    Some((previous, previous.user_id == id))
}

/// The note, as the end of the sentence that names the account. The same words each time.
pub(super) fn note(token: &TokenStatus) -> Option<String> {
    let (PreviousAccount { login, user_id, until }, is_renamed) = noted(token)?;
    let until = until.0;
    Some(if is_renamed {
        format!("; the login of this account was {login} until {until}")
    } else {
        format!(
            "; until {until} it was the token of {login} (id {user_id}): if this change is not meant, store a token of that \
             account, else name the new one in spec.expect"
        )
    })
}
