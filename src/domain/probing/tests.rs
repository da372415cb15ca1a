//! What the tests of the rules share.

use super::*;

/// As the settings have them if nobody sets any.
pub(crate) const LIMITS_OF_TESTS: Limits = Limits {
    confirm_after: SignedDuration::from_mins(1),
    minimum_interval: SignedDuration::from_mins(1),
    incident_hold: SignedDuration::from_mins(30),
    failed_logins_per_hour: 30,
    failed_logins_per_namespace: 6,
    points_per_minute: 600,
    concurrency: 16,
    account_share: 2000,
};

/// A question about token number so-and-so, which was never accepted.
pub(crate) fn question_of(number: usize, namespace: &str) -> Question {
    let token = Token::try_from(format!("{}_{number:036}", "ghp").as_bytes()).unwrap();
    Question {
        hashed: token.hashed(),
        token,
        probe: Probe::Identity,
        urgency: Urgency::New,
        namespace: namespace.into(),
        accepted_before: false,
        condemned: false,
        account: None,
    }
}

/// The number of its token.
pub(crate) fn number(question: &Question) -> usize {
    question.token.expose()[4..].parse().unwrap()
}
