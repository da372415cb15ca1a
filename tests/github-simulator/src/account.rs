//! Accounts and their tokens.

use crate::{budget::Budget, grant::Grant, new_token::Layout, token::TokenKind};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

pub(crate) struct Account {
    pub(crate) id: u32,
    pub(crate) login: String,
    pub(crate) suspended: bool,
    pub(crate) budget: Budget,
}

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) login: String,
    pub(crate) kind: TokenKind,
    pub(crate) text: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Option<Timestamp>,
    /// How far ahead of every answer the expiry is that the header names, whatever the real one.
    pub(crate) claimed_expiry: Option<SignedDuration>,
    pub(crate) layout: Layout,
    pub(crate) client_id: Option<String>,
    /// What a fine-grained token was granted; others have no use for it.
    pub(crate) grant: Grant,
    /// Organizations with single sign-on for which it was authorised, in lower case.
    pub(crate) authorized: BTreeSet<String>,
    /// The number at the end of its page in the settings.
    pub(crate) id: u32,
    pub(crate) created: Timestamp,
    /// How long it was made for, if that is not told by its expiry.
    pub(crate) lifetime_days: Option<u32>,
    pub(crate) revoked: bool,
}

impl Token {
    /// Whether it authenticates anything at this instant.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.kind != TokenKind::Refresh && self.expires.is_none_or(|at| now < at)
    }

    /// Whether it was made for more than so many days, or for ever.
    pub(crate) fn lives_longer_than(&self, days: u32) -> bool {
        match (self.lifetime_days, self.expires) {
            (Some(lifetime), _) => lifetime > days,
            (None, None) => true,
            (None, Some(at)) => at.duration_since(self.created) > self::days(days),
        }
    }
}

pub(crate) fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(count).saturating_mul(24))
}
