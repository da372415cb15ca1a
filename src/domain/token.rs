//! What a GitHub token looks like; `recognise` has what people store in its place.
//!
//! Only a [`Token`] is ever sent to GitHub and only a [`Token`] is ever hashed, so whatever else a Secret holds cannot leave
//! the process. No message here holds any part of what was read.

mod placeholder;
mod recognise;
mod within;

use std::{fmt, num::NonZeroU64};

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Finding, Reason};
use placeholder::placeholder;
use recognise::{malformed, recognise};

/// The longest value that is looked at, in bytes: far above every known token, far below what servers take as a header.
const LONGEST: usize = 4096;
/// The shortest part after the prefix that counts as a token. Known tokens have 36 and more; below 20 a value could be
/// guessed from its hash, so it is not hashed and not sent.
const SHORTEST_BODY: usize = 20;
/// How long classic tokens are, and those of apps until 2026.
const CLASSIC_LENGTH: usize = 40;
/// How long fine-grained tokens are.
const FINE_GRAINED_LENGTH: usize = 93;
/// The length of a piece of a token from which on it is not shown, in characters.
const QUOTED: usize = 12;
/// A Secret for Docker has base64 in its data, which the API has in base64 again.
const NESTED: u8 = 2;

// https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
/// A kind of GitHub token, told by its prefix: Classic (ghp_) and FineGrained (github_pat_) personal access tokens, tokens of an
/// OAuth app or of `gh auth login` (OAuth, gho_), of a GitHub App for a user (AppUser, ghu_) and for an installation
/// (AppInstallation, ghs_).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TokenKind {
    /// Personal access token (classic), `ghp_`.
    Classic,
    /// Fine-grained personal access token, `github_pat_`.
    FineGrained,
    /// Token that an OAuth app or `gh auth login` got for a user, `gho_`.
    OAuth,
    /// Token that a GitHub App got for a user, `ghu_`.
    AppUser,
    /// Token of an installation of a GitHub App, also `GITHUB_TOKEN` of a workflow, `ghs_`.
    AppInstallation,
}

impl TokenKind {
    /// How people call it.
    pub const fn words(self) -> &'static str {
        match self {
            TokenKind::Classic => "classic personal access token",
            TokenKind::FineGrained => "fine-grained personal access token",
            TokenKind::OAuth => "token of an OAuth app",
            TokenKind::AppUser => "user token of a GitHub App",
            TokenKind::AppInstallation => "token of a GitHub App installation",
        }
    }

    /// The word in a status.
    pub const fn as_str(self) -> &'static str {
        match self {
            TokenKind::Classic => "Classic",
            TokenKind::FineGrained => "FineGrained",
            TokenKind::OAuth => "OAuth",
            TokenKind::AppUser => "AppUser",
            TokenKind::AppInstallation => "AppInstallation",
        }
    }

    /// True if tokens of this kind carry classic scopes.
    pub const fn has_scopes(self) -> bool {
        matches!(self, TokenKind::Classic | TokenKind::OAuth)
    }
}

/// Whether 40 hexadecimal digits are taken for a token: the form that tokens had before 2021, and that commits have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegacyTokens {
    /// They are not, so they are sent nowhere.
    #[default]
    Refused,
    /// They are classic tokens, since an administrator has said so of the host.
    Allowed,
}

const PREFIXES: &[(&str, TokenKind)] = &[
    ("ghp_", TokenKind::Classic),
    ("github_pat_", TokenKind::FineGrained),
    ("gho_", TokenKind::OAuth),
    ("ghu_", TokenKind::AppUser),
    ("ghs_", TokenKind::AppInstallation),
];

/// A text of the form of a GitHub token. Its `Debug` shows the kind only.
#[derive(Clone)]
pub struct Token {
    text: SecretString,
    kind: TokenKind,
    trailing_newline: bool,
}

/// The base64 SHA-256 of a token, which GitHub's audit log calls `hashed_token`.
///
/// Source: <https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/reviewing-audit-logs-for-your-enterprise/identifying-audit-log-events-performed-by-an-access-token>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", inline)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    /// The 32 bytes of the SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if a token with this hash stands in the text.
    pub fn is_in(&self, text: &[u8]) -> bool {
        words(text)
            .any(|word| word.len() >= SHORTEST_BODY && <[u8; 32]>::from(Sha256::digest(word)) == self.0)
    }

    /// The first eight of them, which tell tokens apart where room is scarce.
    pub fn leading(&self) -> NonZeroU64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        NonZeroU64::new(u64::from_be_bytes([a, b, c, d, e, f, g, h])).unwrap_or(NonZeroU64::MAX)
    }
}

/// The words of a text that may be tokens: letters, digits and underscores. Those of apps may have dots and dashes too.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let parts = text.split(move |byte| !is_part(byte) && !b".-".contains(byte));
    parts.flat_map(move |part| {
        let is_whole = Token::try_from(part).is_ok();
        part.split(move |byte| !is_whole && !is_part(byte))
    })
}

/// The 44 characters of base64, as GitHub's audit log has them.
impl fmt::Display for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl From<HashedToken> for String {
    fn from(hashed: HashedToken) -> String {
        hashed.to_string()
    }
}

impl TryFrom<String> for HashedToken {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(HashedToken).ok_or("not the base64 of a SHA-256")
    }
}

/// Why a token may have been cut or mistyped: said, never judged, since GitHub asks to treat tokens as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Flaw {
    /// Its length is not that of any known token of its kind.
    Length,
    /// Its checksum does not match.
    Checksum,
}

impl Flaw {
    /// The flaw as a clause.
    pub const fn words(self) -> &'static str {
        match self {
            Flaw::Length => "its length is unusual, it may have been cut",
            Flaw::Checksum => "its checksum does not match, it may have been mistyped",
        }
    }
}

/// What is known of a token without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its kind, from the prefix.
    pub kind: TokenKind,
    /// Its hash.
    pub hashed: HashedToken,
    /// True if the value in the Secret ended in a newline, which some consumers would send along.
    pub trailing_newline: bool,
    /// Whether its shape differs from what is known of its kind.
    pub flaw: Option<Flaw>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.kind)
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Token {}

impl TryFrom<&[u8]> for Token {
    type Error = Finding;

    /// The token that these bytes are, one trailing newline aside.
    ///
    /// # Errors
    ///
    /// What else the bytes are, and what to store instead.
    fn try_from(bytes: &[u8]) -> Result<Self, Finding> {
        Token::parse(bytes, LegacyTokens::Refused)
    }
}

impl Token {
    /// The token that these bytes are, one trailing newline aside.
    ///
    /// # Errors
    ///
    /// What else the bytes are, and what to store instead.
    pub fn parse(bytes: &[u8], legacy: LegacyTokens) -> Result<Self, Finding> {
        if bytes.len() > LONGEST {
            return Err(malformed(
                "the value is longer than 4 KiB, which no token is: store the token alone",
            ));
        }
        if bytes.starts_with(b"\xEF\xBB\xBF")
            || bytes.starts_with(b"\xFF\xFE")
            || bytes.starts_with(b"\xFE\xFF")
        {
            return Err(malformed(
                "the value begins with a byte order mark: save it without one, as plain ASCII",
            ));
        }
        let text = str::from_utf8(bytes).ok();
        let Some(text) = text.filter(|text| text.is_ascii()) else {
            // Dots and ellipses of what is hidden or left out.
            let hidden = text.and_then(placeholder);
            let message = "the value has bytes outside ASCII, which no token has: copy the token again";
            return Err(hidden.unwrap_or_else(|| malformed(message)));
        };
        let (text, trailing_newline) = match text.strip_suffix('\n') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let kind = match recognise(text) {
            Err(finding) if finding.reason == Reason::LegacyToken && legacy == LegacyTokens::Allowed => {
                TokenKind::Classic
            }
            recognised => recognised?,
        };
        Ok(Token { text: SecretString::from(text), kind, trailing_newline })
    }

    /// What no token is: formats write whatever there is so that it comes back as it was.
    #[cfg(test)]
    pub(super) fn of_any_text(text: &str) -> Self {
        Token { text: SecretString::from(text), kind: TokenKind::Classic, trailing_newline: false }
    }

    /// Its kind, from the prefix.
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// True if it has the form of before 2021, so that only some hosts may see it.
    pub fn is_legacy(&self) -> bool {
        !PREFIXES.iter().any(|(prefix, _)| self.expose().starts_with(prefix))
    }

    /// True if the value in the Secret ended in a newline, which some consumers would send along.
    pub const fn trailing_newline(&self) -> bool {
        self.trailing_newline
    }

    /// The text itself: only for the request to GitHub and for the outputs.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// True if the text has the beginning of a token in it, wherever: it must not be repeated.
    pub fn stands_in(text: &str) -> bool {
        PREFIXES.iter().any(|(prefix, _)| text.contains(prefix)) || text.contains("ghr_")
    }

    /// True if the text has any twelve characters of the token in a row, plainly, in base64, or in base64 within base64 as in a
    /// Secret for Docker: who repeats what was sent must not bring it into a status or log.
    pub fn shows_in(&self, text: &str) -> bool {
        shows(self.expose().as_bytes(), text.as_bytes(), NESTED)
    }

    /// What is known of it without its bytes.
    pub fn describe(&self) -> Description {
        Description {
            kind: self.kind,
            hashed: self.hashed(),
            trailing_newline: self.trailing_newline,
            flaw: self.flaw(),
        }
    }

    /// Its hash, safe to show: a token of at least 20 random characters cannot be guessed from it.
    pub fn hashed(&self) -> HashedToken {
        HashedToken(Sha256::digest(self.expose()).into())
    }

    /// Whether its shape differs from what is known of its kind.
    ///
    /// Nothing is known of the form of before 2021 but its length. Lengths and checksums: <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>;
    /// the checksum of fine-grained tokens is not documented. Installation tokens vary in length since 2026.
    pub fn flaw(&self) -> Option<Flaw> {
        let text = self.expose();
        if self.is_legacy() {
            return None;
        }
        let (expected, matches) = match self.kind {
            TokenKind::FineGrained => (FINE_GRAINED_LENGTH, fine_grained_checksum_matches(text)),
            TokenKind::AppInstallation if text.len() != CLASSIC_LENGTH => return None,
            _ => (CLASSIC_LENGTH, classic_checksum_matches(text)),
        };
        if text.len() != expected {
            return Some(Flaw::Length);
        }
        (!matches).then_some(Flaw::Checksum)
    }
}

/// The parts of the text that begin like a token and are long enough to be one.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| is_long_enough(word))
}

/// True if it begins like a token and is long enough to be one.
fn is_long_enough(text: &str) -> bool {
    PREFIXES
        .iter()
        .any(|(prefix, _)| text.strip_prefix(prefix).is_some_and(|body| body.len() >= SHORTEST_BODY))
}

/// True if the text has twelve bytes of the secret in a row, or has them in base64 that is nested no deeper than this.
fn shows(secret: &[u8], text: &[u8], nested: u8) -> bool {
    let in_base64 = || {
        let runs = text.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/-_".contains(byte));
        let long = runs.filter(|run| run.len() >= QUOTED);
        // Where a quotation begins in the middle, its base64 begins at one of four places.
        long.flat_map(|run| (0..4).filter_map(|skipped| decoded(run.get(skipped..)?)))
            .any(|decoded| shows(secret, &decoded, nested.saturating_sub(1)))
    };
    secret.windows(QUOTED).any(|part| text.windows(QUOTED).any(|window| window == part))
        || (nested > 0 && in_base64())
}

/// The bytes that this stands for in base64 of either alphabet, without what may follow the last whole group.
fn decoded(run: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let whole = run.len().saturating_sub(run.len() % 4);
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let groups: Zeroizing<Vec<u8>> = Zeroizing::new(run.get(..whole)?.iter().map(standard).collect());
    BASE64_STANDARD.decode(&*groups).ok().map(Zeroizing::new)
}

/// CRC-32 of what stands between prefix and checksum, in base62, six digits.
fn classic_checksum_matches(text: &str) -> bool {
    let Some((body, checksum)) =
        text.get(4..).and_then(|rest| rest.split_at_checked(rest.len().saturating_sub(6)))
    else {
        return false;
    };
    base62(crc32fast::hash(body.as_bytes())) == checksum
}

fn base62(number: u32) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = number;
    let mut digits = ['0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get((rest % 62) as usize).copied().map_or('0', char::from);
        rest /= 62;
    }
    digits.iter().collect()
}

/// The first eight base32 characters of the SHA-256 of the first 77 bytes stand at 77..85.
fn fine_grained_checksum_matches(text: &str) -> bool {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (Some(head), Some(checksum)) = (text.get(..77), text.get(77..85)) else { return false };
    let digest = Sha256::digest(head);
    let bits = digest.iter().take(5).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let expected = (0..8_u32).rev().filter_map(|place| {
        let digit = usize::try_from((bits >> place.saturating_mul(5)) & 31).ok()?;
        ALPHABET.get(digit).copied()
    });
    checksum.bytes().eq(expected)
}

#[cfg(test)]
mod tests;
