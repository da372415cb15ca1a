//! The container registry: basic credentials for a token that pulls an image.
//!
//! Its 403 means what the REST API says with 401. Sources: dragonflydb/dragonfly#4997 for the request, openai/tart#277 and
//! oras-project/oras#1161 for dead credentials, Bossett/bsky-feeds#155 for a right that is missing, docker/login-action#331 for
//! fine-grained tokens.

use crate::{
    account::Token,
    answer::{Answer, Manner},
    inventory::Inventory,
    policy::Touch,
    question::Question,
    repository::Visibility,
    scope,
};
use serde_json::{Value, json};

/// What came in `Authorization`.
pub(crate) enum Login<'a> {
    Nobody,
    Dead,
    Live(&'a Token),
}

impl Inventory {
    /// A token for the image in the parameter `scope`, or a refusal.
    pub(crate) fn exchange(&self, question: &Question, login: &Login<'_>) -> Answer {
        let scope = decoded(question.parameter("scope").unwrap_or_default());
        let Some((name, actions)) = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'))
        else {
            return refusal(400, "UNSUPPORTED", "the scope is not like repository:owner/name:pull");
        };
        let package = self.package(name);
        let token = match login {
            Login::Nobody if package == Some(Visibility::Public) && actions == "pull" => return granted(),
            Login::Nobody => return refusal(401, "UNAUTHORIZED", "authentication required"),
            Login::Dead => return denied(),
            Login::Live(token) => token,
        };
        if !token.kind.has_scopes() || !scope::include(&token.scopes, "read:packages") {
            return denied();
        }
        let owner = name.split('/').next().unwrap_or_default();
        let touch =
            if package == Some(Visibility::Public) { Touch::PublicRepository } else { Touch::Organization };
        let refused = self.breach(owner, token, touch).is_some();
        if actions != "pull" || refused || !self.pulls(name, &token.login) {
            return refusal(403, "DENIED", "requested access to the resource is denied");
        }
        granted()
    }
}

/// An opaque text, which no registry knows.
fn granted() -> Answer {
    written(200, &json!({"token": "simulated registry token"}))
}

fn denied() -> Answer {
    refusal(403, "DENIED", "denied")
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    written(status, &json!({"errors": [{"code": code, "message": message}]}))
}

fn written(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: body.to_string(), manner: Manner::Whole }
}

/// `%3A` is a colon: <https://www.rfc-editor.org/rfc/rfc3986#section-2.1>.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.split_at_checked(2).and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest)))
        {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_with_and_without_escapes() {
        let rows = [
            ("repository%3Aacme%2Fapp%3Apull", "repository:acme/app:pull"),
            ("repository:acme/app:pull", "repository:acme/app:pull"),
            ("100%", "100%"),
            ("%zz", "%zz"),
        ];
        for (text, expected) in rows {
            assert_eq!(decoded(text), expected);
        }
    }
}
