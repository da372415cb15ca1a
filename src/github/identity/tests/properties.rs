//! What no sequence of responses leads to, from the bytes of each to the conditions.

use proptest::prelude::*;

use super::*;
use crate::{
    api::ConditionStatus,
    domain::decide::{Observation, decide, tests::seen},
    status::{After, Before, Pass, next},
};

const BODIES: &[&str] = &[
    OCTOCAT,
    r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}"#,
    r#"{"message":"Bad credentials"}"#,
    r#"{"message":"Requires authentication","documentation_url":"https://docs.github.com/rest"}"#,
    r#"{"message":"Sorry. Your account was suspended.","documentation_url":"https://docs.github.com/rest"}"#,
    r#"{"message":"Sorry. Your account was suspended."}"#,
    r#"{"message":"Resource protected by organization SAML enforcement."}"#,
    r#"{"message":"API rate limit exceeded for user ID 1."}"#,
    r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest"}"#,
    UNICORN,
    "Bad credentials",
    "{}",
    "null",
    "",
];
const STATUSES: &[u16] =
    &[200, 200, 204, 301, 304, 400, 401, 401, 401, 403, 403, 403, 404, 418, 422, 429, 451, 500, 502, 503];
const HEADERS: &[&[(&str, &str)]] = &[MARK, MARK, EMPTY, SPENT, HTML];

#[derive(Clone, Copy, Debug)]
struct Said {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Seconds after the response before.
    after: i64,
}

fn said() -> impl Strategy<Value = Said> {
    let (status, headers, body) =
        (prop::sample::select(STATUSES), prop::sample::select(HEADERS), prop::sample::select(BODIES));
    (status, headers, body, 1..7200_i64).prop_map(|(status, headers, body, after)| Said {
        status,
        headers,
        body,
        after,
    })
}

impl Said {
    /// True of what may be one refusal of the token, whoever said it.
    fn may_refuse(self) -> bool {
        self.status == 401 || self.status == 403 && self.body.contains("suspended")
    }
}

fn hears(seen: Observation, said: Said) -> Observation {
    let second = seen.now.as_second() + said.after;
    seen.hears(second, reply(Classic, said.status, said.headers, said.body.as_bytes()))
}

/// `Authenticated` and `Ready` of a connection that demands nothing but a token that works.
fn conditions(seen: &Observation) -> [ConditionStatus; 2] {
    let decision = decide(seen);
    let pass = Pass {
        after: After::default(),
        seen,
        decision: &decision,
        stands: &[],
        others: &[],
        withdrawn_outputs: None,
        source: "Secret source",
        secret_name: "source",
        links: None,
        raised_from: None,
        standbys: None,
        web: None,
        handled_request: None,
    };
    let status = next(Before::default(), Some(1), &pass).unwrap();
    ["Authenticated", "Ready"].map(|name| status.condition(name).unwrap().status)
}

fn new() -> Observation {
    seen().with(|seen| seen.demand.outputs = Vec::new())
}

proptest! {
    #[test]
    fn no_token_is_called_bad_before_two_refusals_nor_ready_before_an_acceptance(
        all in prop::collection::vec(said(), 1..20),
    ) {
        let mut now = new();
        for (count, said) in (1..).zip(&all) {
            now = hears(now, *said);
            let before = all.iter().take(count);
            let [authenticated, ready] = conditions(&now);
            if before.clone().filter(|said| said.may_refuse()).count() < 2 {
                prop_assert_ne!(authenticated, ConditionStatus::False);
            }
            if before.clone().all(|said| said.status != 200) {
                prop_assert_ne!(authenticated, ConditionStatus::True);
                prop_assert_ne!(ready, ConditionStatus::True);
            }
        }
    }
}

#[test]
fn two_refusals_and_one_acceptance_are_enough() {
    let said = |status, body| Said { status, headers: MARK, body, after: 60 };
    let after = |all: &[Said]| conditions(&all.iter().fold(new(), |now, said| hears(now, *said)));
    let (good, bad, gone) = (said(200, BODIES[0]), said(401, BODIES[1]), said(403, BODIES[4]));
    assert_eq!(after(&[good]), [ConditionStatus::True; 2]);
    assert_eq!(after(&[good, bad, bad]), [ConditionStatus::False; 2]);
    assert_eq!(after(&[good, gone, gone]), [ConditionStatus::False; 2]);
    assert_ne!(after(&[good, bad, good, bad])[0], ConditionStatus::False, "not in a row");
}
