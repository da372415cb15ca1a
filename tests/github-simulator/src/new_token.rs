//! A token to be made: whose, of which kind, and what it may do.

use crate::{refusal::Refused, token::TokenKind};
use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};

/// The client id of `gh`, which `X-OAuth-Client-Id` shows for its tokens (recorded answers).
const GH_CLIENT_ID: &str = "178c6fc778ccc68e1d6a";

/// A token that [`Simulator::token`](crate::Simulator::token) is to make.
///
/// Without further words it has no scopes, never expires, and gets a random text.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub(crate) name: String,
    pub(crate) login: String,
    pub(crate) kind: TokenKind,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) layout: Layout,
    pub(crate) client_id: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) owner: Option<String>,
    pub(crate) permissions: Vec<(String, String)>,
    /// `None` is every repository of the resource owner.
    pub(crate) repositories: Option<Vec<String>>,
    pub(crate) lifetime_days: Option<u32>,
}

/// How `GitHub-Authentication-Token-Expiration` writes the instant.
///
/// Recorded answers have both for fine-grained tokens, and `Utc` for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryLayout<'a> {
    /// `2026-02-19 19:55:13 UTC`.
    Utc,
    /// `2026-05-16 11:52:29 +0200`: the local time of a place, and its offset as sign, two digits of hours, two of minutes.
    Offset(&'a str),
}

/// A checked [`ExpiryLayout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Utc,
    Offset(Offset),
}

/// Where the text of a token comes from.
#[derive(Clone)]
pub(crate) enum Origin {
    Random,
    Seed(u64),
    Text(String),
}

impl NewToken {
    /// A personal access token (classic).
    pub fn classic(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::Classic, name, login)
    }

    /// A fine-grained personal access token.
    pub fn fine_grained(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::FineGrained, name, login)
    }

    /// A user token of an OAuth app, by default of `gh`.
    pub fn oauth(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::OAuth, name, login)
    }

    /// A user access token of a GitHub App.
    pub fn app_user(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::AppUser, name, login)
    }

    /// An installation token of a GitHub App; `login` is the app's bot account.
    pub fn installation(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::Installation, name, login)
    }

    /// A refresh token of a GitHub App, which authenticates nothing.
    pub fn refresh(name: &str, login: &str) -> NewToken {
        NewToken::of(TokenKind::Refresh, name, login)
    }

    /// A token of any kind.
    pub fn of(kind: TokenKind, name: &str, login: &str) -> NewToken {
        let client_id = match kind {
            TokenKind::OAuth => Some(GH_CLIENT_ID.to_owned()),
            TokenKind::AppUser => Some("Iv23liSimulatedApp01".to_owned()),
            _ => None,
        };
        NewToken {
            name: name.to_owned(),
            login: login.to_owned(),
            kind,
            scopes: Vec::new(),
            expires: None,
            layout: Layout::Utc,
            client_id,
            origin: Origin::Random,
            owner: None,
            permissions: Vec::new(),
            repositories: None,
            lifetime_days: None,
        }
    }

    /// With these scopes. They are sent sorted, as GitHub does today, and otherwise as given.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&str]) -> NewToken {
        self.scopes = sorted(scopes.iter().map(|scope| (*scope).to_owned()));
        self
    }

    /// Good until this instant of the simulator's clock.
    #[must_use]
    pub fn expires(mut self, at: Timestamp) -> NewToken {
        self.expires = Some(at);
        self
    }

    /// Made for so many days: it expires then, unless [`expires`](Self::expires) says when, and policies on lifetimes go by it.
    /// Without it a token was made for the time from its making to its expiry.
    #[must_use]
    pub fn lifetime_days(mut self, days: u32) -> NewToken {
        self.lifetime_days = Some(days);
        self
    }

    /// Made for the resources of this organization or account, for fine-grained tokens. Without it they are made for those of
    /// the account itself.
    ///
    /// It is good for an organization only as long as its user is a member.
    #[must_use]
    pub fn owner(mut self, name: &str) -> NewToken {
        self.owner = Some(name.to_owned());
        self
    }

    /// With these permissions, `("contents", "read")`, for fine-grained tokens. `metadata` is always there to read.
    #[must_use]
    pub fn permissions(mut self, pairs: &[(&str, &str)]) -> NewToken {
        self.permissions =
            pairs.iter().map(|(key, level)| ((*key).to_owned(), (*level).to_owned())).collect();
        self
    }

    /// For these repositories of its resource owner alone, `owner/name`, for fine-grained tokens. Without it for all.
    #[must_use]
    pub fn repositories(mut self, names: &[&str]) -> NewToken {
        self.repositories = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// With its expiry written in this layout.
    ///
    /// # Panics
    ///
    /// If the offset is not like `+0200`.
    #[must_use]
    #[track_caller]
    pub fn layout(mut self, layout: ExpiryLayout<'_>) -> NewToken {
        self.layout = crate::refusal::accepted(Layout::parse(layout));
        self
    }

    /// With this `X-OAuth-Client-Id`, for tokens of apps.
    #[must_use]
    pub fn client_id(mut self, id: &str) -> NewToken {
        self.client_id = Some(id.to_owned());
        self
    }

    /// With a text that is the same in every run.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> NewToken {
        self.origin = Origin::Seed(seed);
        self
    }

    /// With exactly this text, for example one that another simulator made.
    #[must_use]
    pub fn text(mut self, text: &str) -> NewToken {
        self.origin = Origin::Text(text.to_owned());
        self
    }
}

impl std::fmt::Debug for Origin {
    /// Never the text.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Origin::Random => "Random",
            Origin::Seed(_) => "Seed",
            Origin::Text(_) => "Text",
        })
    }
}

impl Layout {
    pub(crate) fn parse(layout: ExpiryLayout<'_>) -> Result<Layout, Refused> {
        let ExpiryLayout::Offset(text) = layout else { return Ok(Layout::Utc) };
        let refused =
            || Refused::new("expiryLayout", format!("`{text}` is neither UTC nor an offset like +0200"));
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", digits)) => (1, digits),
            Some(("-", digits)) => (-1, digits),
            _ => return Err(refused()),
        };
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let number: i32 = digits.parse().map_err(|_| refused())?;
        let (hours, minutes) = (number.div_euclid(100), number.rem_euclid(100));
        let seconds =
            hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60)).saturating_mul(sign);
        Offset::from_seconds(seconds).map(Layout::Offset).map_err(|_| refused())
    }

    /// The value of the header.
    pub(crate) fn write(self, at: Timestamp) -> String {
        match self {
            Layout::Utc => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Layout::Offset(offset) => {
                at.to_zoned(TimeZone::fixed(offset)).strftime("%Y-%m-%d %H:%M:%S %z").to_string()
            }
        }
    }
}

/// Scopes in the order in which GitHub lists them today (recorded answers), each once.
pub(crate) fn sorted(scopes: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut scopes: Vec<String> = scopes.into_iter().collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_written_in_both_recorded_layouts() {
        let at: Timestamp = "2026-05-16T09:52:29Z".parse().unwrap();
        let rows = [
            (ExpiryLayout::Utc, "2026-05-16 09:52:29 UTC"),
            (ExpiryLayout::Offset("+0200"), "2026-05-16 11:52:29 +0200"),
            (ExpiryLayout::Offset("+0000"), "2026-05-16 09:52:29 +0000"),
            (ExpiryLayout::Offset("-0330"), "2026-05-16 06:22:29 -0330"),
        ];
        for (layout, expected) in rows {
            assert_eq!(Layout::parse(layout).unwrap().write(at), expected);
        }
    }

    #[test]
    fn an_offset_of_another_form_is_refused_with_the_name_of_the_field() {
        for text in ["", "0200", "+2", "+02:00", "+9900", "CEST"] {
            let refused = Layout::parse(ExpiryLayout::Offset(text)).unwrap_err();
            assert!(refused.to_string().contains("expiryLayout"), "{refused}");
        }
    }
}
