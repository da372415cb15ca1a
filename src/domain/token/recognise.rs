//! What a text is: a kind of token, or what else and what to store instead.
//!
//! No sentence has any part of the text in it.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    super::{Finding, Reason},
    CLASSIC_LENGTH, FINE_GRAINED_LENGTH, LegacyTokens, PREFIXES, SHORTEST_BODY, Token, TokenKind,
    is_long_enough,
    placeholder::placeholder,
    tokens,
};

impl Token {
    /// True if the text has a part that begins like a token and is as long as one; a file name such as `ghp_ci.txt` has none.
    pub fn may_be_in(text: &str) -> bool {
        let begins = |(prefix, _): &(&str, _)| {
            text.match_indices(prefix).any(|(place, _)| {
                let (before, rest) = text.split_at(place);
                let body = rest
                    .bytes()
                    .skip(prefix.len())
                    .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                    .take(SHORTEST_BODY);
                !before.ends_with(|letter: char| letter.is_ascii_alphanumeric())
                    && body.count() == SHORTEST_BODY
            })
        };
        PREFIXES.iter().any(begins) || text.split("ghr_").skip(1).any(|rest| rest.len() >= SHORTEST_BODY)
    }

    /// True if a word of the text is 40 hexadecimal digits, which may be a token of before 2021 or a commit: what it is depends on the host.
    pub fn legacy_may_be_in(text: &str) -> bool {
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').any(is_legacy)
    }

    /// What [`Token::may_be_in`] looks for, and [`Token::legacy_may_be_in`] where a host takes such tokens, as a regular expression for a
    /// program in another language, of which some look behind at nothing.
    pub fn pattern(legacy: LegacyTokens) -> String {
        let prefixes: Vec<_> = PREFIXES.iter().map(|(prefix, _)| *prefix).collect();
        let prefixes = prefixes.join("|");
        let known = format!(
            "(?:^|[^0-9A-Za-z])(?:{prefixes})[0-9A-Za-z_]{{{SHORTEST_BODY}}}|ghr_.{{{SHORTEST_BODY}}}"
        );
        match legacy {
            LegacyTokens::Refused => known,
            LegacyTokens::Allowed => {
                format!("{known}|(?:^|[^0-9A-Za-z_])[0-9a-f]{{{CLASSIC_LENGTH}}}(?:$|[^0-9A-Za-z_])")
            }
        }
    }
}

/// The kind of token that the text is, or what it is instead.
pub(super) fn recognise(text: &str) -> Result<TokenKind, Finding> {
    if text.is_empty() {
        return Err(Finding::new(Reason::TokenEmpty, "the value is empty: store the token in it"));
    }
    if let Some(finding) = placeholder(text) {
        return Err(finding);
    }
    for (prefix, kind) in PREFIXES {
        let Some(body) = text.strip_prefix(prefix) else { continue };
        if !body.bytes().all(|byte| belongs(*kind, byte)) {
            return Err(around(text));
        }
        if body.len() < SHORTEST_BODY {
            return Err(malformed(
                "the value begins like a token and is too short to be one: copy the whole token",
            ));
        }
        return match pasted_together(text) {
            Some((one, other)) => Err(several(one == other)),
            None => Ok(*kind),
        };
    }
    if text.starts_with("ghr_") {
        return Err(Finding::new(
            Reason::RefreshToken,
            "the value is a refresh token of a GitHub App, which cannot be used to sign in: store a personal access token",
        ));
    }
    if is_legacy(text) {
        return Err(Finding::new(
            Reason::LegacyToken,
            "the value is 40 hexadecimal digits, which may be a token from before 2021 or a commit, so it is not sent: \
             make a new token; if the host is an Enterprise Server with such tokens, an administrator can allow them there",
        ));
    }
    Err(around(text))
}

/// True for 40 hexadecimal digits, the form that tokens had before 2021, and that commits have.
pub(super) fn is_legacy(text: &str) -> bool {
    text.len() == CLASSIC_LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Letters, digits and the underscore; app tokens also hold a JWT since 2026, with dots and hyphens.
///
/// Source: <https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available>
const fn belongs(kind: TokenKind, byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte == b'_'
        || (matches!(kind, TokenKind::AppInstallation | TokenKind::AppUser) && matches!(byte, b'.' | b'-'))
}

/// The two tokens that were pasted with nothing between them: the same twice, or the first as long as tokens of its kind are.
fn pasted_together(text: &str) -> Option<(&str, &str)> {
    let parted = [text.len() / 2, CLASSIC_LENGTH, FINE_GRAINED_LENGTH].into_iter();
    parted.filter_map(|length| text.split_at_checked(length)).find(|(one, other)| {
        let is_one = one == other || matches!(one.len(), CLASSIC_LENGTH | FINE_GRAINED_LENGTH);
        is_one && is_long_enough(one) && is_long_enough(other)
    })
}

fn several(same: bool) -> Finding {
    malformed(if same {
        "the value holds the same token twice: store it once"
    } else {
        "the value holds more than one token: store the one that is meant, alone"
    })
}

/// What stands around or inside a token, for a text that is none.
fn around(text: &str) -> Finding {
    if text.trim().is_empty() {
        return Finding::new(
            Reason::TokenEmpty,
            "the value is nothing but white space: store the token in it",
        );
    }
    if let Some(sentence) = encoded(text).or_else(|| container(text)) {
        return malformed(sentence);
    }
    let found: Vec<_> = tokens(text).collect();
    if let [first, others @ ..] = found.as_slice()
        && !others.is_empty()
    {
        return several(others.iter().all(|other| other == first));
    }
    match close_to_the_token(text) {
        Some(sentence) => malformed(sentence),
        None => Finding::new(
            Reason::NotAToken,
            "the value is no GitHub token, which begins with ghp_ or github_pat_; it was not sent anywhere: \
             check the name and the key of the Secret",
        ),
    }
}

/// What the text is in base64, which the API has in base64 once more.
fn encoded(text: &str) -> Option<&'static str> {
    let joined = Zeroizing::new(text.split_whitespace().collect::<String>());
    let inner = Zeroizing::new(BASE64_STANDARD.decode(joined.as_bytes()).ok()?);
    let inner = std::str::from_utf8(&inner).ok()?;
    if begins_like_a_token(inner) {
        return Some(
            "the value is a token encoded in base64 twice: put it under stringData, or encode it once",
        );
    }
    tokens(inner).next()?;
    Some(
        "the value is a user name and a token in base64, as in the header of basic authentication or the auth of a Docker \
         configuration: store the token alone",
    )
}

/// What the text is, if it is of a form that has room for a token among other things.
fn container(text: &str) -> Option<&'static str> {
    let trimmed = text.trim();
    let bare = trimmed.trim_matches(|character: char| "<>(){}$ ".contains(character));
    if bare.len() < trimmed.len() && begins_like_a_token(bare) {
        return Some("the value has brackets around the token: store it without them");
    }
    if is_netrc(text) {
        return Some(
            "the value is an entry of a netrc file: store the token alone, which stands behind the word password",
        );
    }
    if is_json(trimmed) {
        return Some("the value is JSON: store the token alone, or name the key that holds it");
    }
    let lower = trimmed.to_ascii_lowercase();
    if text.contains("://") && tokens(text).next().is_some() {
        return Some("the value is a URL with a token in it: store the token alone, without the URL");
    }
    (lower.starts_with("https://") || lower.starts_with("http://"))
        .then_some("the value is a URL: store the token alone")
}

/// True if it begins and ends as JSON does: an object with a name in quotes, or a list.
fn is_json(text: &str) -> bool {
    let inner = |before, behind| {
        text.strip_prefix(before).and_then(|rest: &str| rest.strip_suffix(behind)).map(str::trim)
    };
    inner('{', '}').is_some_and(|inner| inner.is_empty() || inner.starts_with('"'))
        || inner('[', ']').is_some_and(|inner| inner.is_empty() || inner.starts_with(['"', '{', '[']))
}

/// True for `machine NAME login NAME password TOKEN`, on one line or several.
///
/// Source: <https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>
fn is_netrc(text: &str) -> bool {
    let mut words = text.split_whitespace();
    matches!(words.next(), Some("machine" | "default")) && words.any(|word| word == "password")
}

/// What stands directly before, behind or in the token, if there is one.
fn close_to_the_token(text: &str) -> Option<&'static str> {
    let (trimmed, lower) = (text.trim(), text.to_ascii_lowercase());
    if text.ends_with('\r') || text.contains("\r\n") {
        return Some("the value has a Windows line end (CR LF): save it without one");
    }
    if text.contains('\n') {
        return Some("the value has more than one line: store the token alone");
    }
    if trimmed.starts_with(['"', '\'', '`']) || trimmed.ends_with(['"', '\'', '`']) {
        return Some("the value has quotes around it: store it without them");
    }
    if lower.starts_with("bearer ") || lower.starts_with("token ") || lower.starts_with("basic ") {
        return Some(
            "the value begins with the name of an authorization scheme, as in \"Bearer \": store the token alone",
        );
    }
    if trimmed.len() < text.len() && begins_like_a_token(trimmed) && !trimmed.contains(char::is_whitespace) {
        return Some("the value has white space around the token: store the token alone");
    }
    if text.contains(char::is_whitespace) && begins_like_a_token(trimmed) {
        return Some("the value has white space inside the token: copy the token again, in one piece");
    }
    if text.split([':', '=']).skip(1).map(str::trim).any(begins_like_a_token) {
        return Some(
            "the value has a name before the token, as in user:token or NAME=token: store the token alone",
        );
    }
    begins_like_a_token(text)
        .then_some("the value begins like a token and has characters that no token has: copy the token again")
}

fn begins_like_a_token(text: &str) -> bool {
    PREFIXES.iter().any(|(prefix, _)| text.starts_with(prefix))
}

pub(super) fn malformed(message: &str) -> Finding {
    Finding::new(Reason::TokenMalformed, message)
}
