//! What a text is: a kind of token, or what else and what to store instead.
//!
//! No sentence has any part of the text in it.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    super::{Finding, Reason},
    PREFIXES, SHORTEST_BODY, TokenKind,
};

/// The kind of token that the text is, or what it is instead.
pub(super) fn recognise(text: &str) -> Result<TokenKind, Finding> {
    if text.is_empty() {
        return Err(Finding::new(Reason::TokenEmpty, "the value is empty: store the token in it"));
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
        return Ok(*kind);
    }
    if text.starts_with("ghr_") {
        return Err(Finding::new(
            Reason::RefreshToken,
            "the value is a refresh token of a GitHub App, which cannot be used to sign in: store a personal access token",
        ));
    }
    if text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Finding::new(
            Reason::LegacyToken,
            "the value is 40 hexadecimal digits, which may be a token from before 2021 or a commit and is never sent: \
             make a new token",
        ));
    }
    Err(around(text))
}

/// Letters, digits and the underscore; app tokens also hold a JWT since 2026, with dots and hyphens.
///
/// Source: <https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available>
const fn belongs(kind: TokenKind, byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte == b'_'
        || (matches!(kind, TokenKind::AppInstallation | TokenKind::AppUser) && matches!(byte, b'.' | b'-'))
}

/// What stands around or inside a token, for a text that is none.
fn around(text: &str) -> Finding {
    let lower = text.to_ascii_lowercase();
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Finding::new(
            Reason::TokenEmpty,
            "the value is nothing but white space: store the token in it",
        );
    }
    let joined: String = text.split_whitespace().collect();
    if is_doubly_encoded(&joined) {
        return malformed(
            "the value is a token encoded in base64 twice: put it under stringData, or encode it once",
        );
    }
    if text.ends_with('\r') || text.contains("\r\n") {
        return malformed("the value has a Windows line end (CR LF): save it without one");
    }
    if text.contains('\n') {
        return malformed("the value has more than one line: store the token alone");
    }
    if trimmed.starts_with(['"', '\'']) || trimmed.ends_with(['"', '\'']) {
        return malformed("the value has quotes around it: store it without them");
    }
    if lower.starts_with("bearer ") || lower.starts_with("token ") || lower.starts_with("basic ") {
        return malformed(
            "the value begins with the name of an authorization scheme, as in \"Bearer \": store the token alone",
        );
    }
    if text.starts_with('{') || text.starts_with('[') {
        return malformed("the value is JSON: store the token alone, or name the key that holds it");
    }
    if lower.starts_with("https://") || lower.starts_with("http://") {
        return malformed("the value is a URL: store the token alone");
    }
    let tokenlike = |part: &str| PREFIXES.iter().any(|(prefix, _)| part.starts_with(prefix));
    if trimmed.len() < text.len() && tokenlike(trimmed) && !trimmed.contains(char::is_whitespace) {
        return malformed("the value has white space around the token: store the token alone");
    }
    if text.contains(char::is_whitespace) && tokenlike(trimmed) {
        return malformed("the value has white space inside the token: copy the token again, in one piece");
    }
    if text.split([':', '=']).skip(1).map(str::trim).any(tokenlike) {
        return malformed(
            "the value has a name before the token, as in user:token or NAME=token: store the token alone",
        );
    }
    if tokenlike(text) {
        return malformed(
            "the value begins like a token and has characters that no token has: copy the token again",
        );
    }
    Finding::new(
        Reason::NotAToken,
        "the value is no GitHub token, which begins with ghp_ or github_pat_; it was not sent anywhere: \
         check the name and the key of the Secret",
    )
}

fn is_doubly_encoded(text: &str) -> bool {
    let decoded = BASE64_STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|inner| recognise_prefix(&inner))
}

fn recognise_prefix(text: &str) -> bool {
    PREFIXES.iter().any(|(prefix, _)| text.starts_with(prefix))
}

pub(super) fn malformed(message: &str) -> Finding {
    Finding::new(Reason::TokenMalformed, message)
}
