//! One call to the API server: within a deadline, and with its failure as a value.

use std::{future::Future, time::Duration};

/// How long one call may take. Longer is no use: the next look comes anyway.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No answer within the deadline.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
    /// The API server refused, or could not be reached.
    #[error("{}", plain(.0))]
    Kube(#[from] kube::Error),
}

impl Fault {
    /// The HTTP status of the API server's refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Fault::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// True if what the call was about has changed meanwhile: look again.
    pub fn is_outdated(&self) -> bool {
        matches!(self.code(), Some(404 | 409))
    }
}

/// Waits for the call, no longer than the deadline.
///
/// # Errors
///
/// What the API server refused, or that it did not answer in time.
pub async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::Late),
    }
}

/// What went wrong, in words that do not depend on the occasion. The API server's own sentence is not passed on: a webhook may
/// quote in it what it refused, and one that changes each time would be written to the status each time.
fn plain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.reason.is_empty() => {
            format!("the API server answered {} ({})", status.reason, status.code)
        }
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        _ => "the API server could not be reached, or its answer not be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends_after_five_seconds() {
        let started = tokio::time::Instant::now();
        let answer = within(std::future::pending::<kube::Result<()>>()).await;
        assert!(matches!(answer, Err(Fault::Late)));
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }

    #[test]
    fn the_words_of_the_api_server_are_not_passed_on() {
        let refused =
            kube::core::Status::failure("admission webhook says: secret", "Forbidden").with_code(403);
        let fault = Fault::from(kube::Error::Api(Box::new(refused)));
        assert_eq!(
            (fault.to_string().as_str(), fault.code()),
            ("the API server answered Forbidden (403)", Some(403))
        );
    }
}
