//! Posts one message to one sink. It follows no redirect: a signed message is for whom the settings name, and nobody else.

use std::{fmt::Write, fs, path::Path, time::Duration};

use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use ring::hmac;

use super::message::Message;
use crate::{
    http::{self, CONNECT_TIMEOUT, Trust, cause},
    settings::{self, unread},
};

/// By which GitHub signs its own: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
/// For how long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What keeps a sink from being told anything at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare TLS for sink {sink}: {source}")]
pub struct Error {
    /// The name of the sink.
    sink: String,
    /// Why.
    source: reqwest::Error,
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sink has it.
    Delivered,
    /// The sink will never take this one, as its status says.
    Refused(u16),
    /// It is to be sent again.
    Failed(String),
}

/// The way to one sink.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) settings: settings::Sink,
    client: Client,
}

impl Sender {
    pub(super) fn new(settings: &settings::Sink) -> Result<Self, Error> {
        let failed = |source| Error { sink: settings.name.clone(), source };
        let trust = match settings.url.scheme() {
            "http" => Trust::Plain,
            _ => Trust::With(&settings.ca_bundle),
        };
        let builder =
            http::client(trust, CONNECT_TIMEOUT, settings.timeout.unsigned_abs()).map_err(failed)?;
        let client = builder.pool_idle_timeout(IDLE).build().map_err(failed)?;
        Ok(Sender { settings: settings.clone(), client })
    }

    pub(super) async fn send(&self, message: &Message) -> Outcome {
        let (type_, body) = message.body(self.settings.format);
        let Ok(body) = body else { return Outcome::Refused(0) };
        let mut request = self.client.post(self.settings.url.clone()).header(CONTENT_TYPE, type_);
        if let Some(file) = &self.settings.secret_file {
            // Read anew each time, so that another secret is used from the next message on.
            match signature(file, &body) {
                Ok(signature) => request = request.header(SIGNATURE, signature),
                Err(cause) => return Outcome::Failed(format!("secretFile {}: {cause}", file.display())),
            }
        }
        match request.body(body).send().await {
            Ok(response) => judged(response.status()),
            Err(error) => Outcome::Failed(cause(&error.without_url(), "it")),
        }
    }
}

/// What a status means. What a person may mend at the receiver is sent again; what is wrong with this message is not.
fn judged(status: StatusCode) -> Outcome {
    match status {
        status if status.is_success() => Outcome::Delivered,
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(status.as_u16()),
        status if status.is_redirection() => Outcome::Failed(format!(
            "it answered {}: redirects are not followed, so give the URL that it leads to",
            status.as_u16()
        )),
        status => Outcome::Failed(format!("it answered {}", status.as_u16())),
    }
}

/// The signature of the body by the secret in the file, without a line break at its end.
fn signature(file: &Path, body: &[u8]) -> Result<String, String> {
    let text = fs::read(file).map_err(|error| unread(&error))?;
    let secret = text.strip_suffix(b"\n").unwrap_or(&text);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.is_empty() {
        return Err("it is empty: put the secret into it that the receiver knows".to_owned());
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    let mut signature = "sha256=".to_owned();
    for byte in tag.as_ref() {
        // Writing to a String does not fail.
        let _ = write!(signature, "{byte:02x}");
    }
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_github_signs_its_own() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The example of GitHub's page on validating deliveries.
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        for text in
            ["It's a Secret to Everybody", "It's a Secret to Everybody\n", "It's a Secret to Everybody\r\n"]
        {
            fs::write(file.path(), text).unwrap();
            assert_eq!(signature(file.path(), b"Hello, World!").unwrap(), expected);
        }
        fs::write(file.path(), "\n").unwrap();
        assert!(signature(file.path(), b"").unwrap_err().starts_with("it is empty"));
        assert!(signature(Path::new("/nowhere"), b"").unwrap_err().starts_with("there is no such file"));
    }

    #[test]
    fn only_what_no_repetition_can_mend_is_given_up() {
        for status in [200, 202, 204] {
            assert_eq!(judged(StatusCode::from_u16(status).unwrap()), Outcome::Delivered);
        }
        for status in [400, 410, 413, 422] {
            assert_eq!(judged(StatusCode::from_u16(status).unwrap()), Outcome::Refused(status));
        }
        for status in [301, 307, 401, 403, 404, 408, 429, 500, 502, 503] {
            let outcome = judged(StatusCode::from_u16(status).unwrap());
            assert!(matches!(outcome, Outcome::Failed(_)), "{status}: {outcome:?}");
        }
    }
}
