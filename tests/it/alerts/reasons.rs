//! Which reasons the alerts name, and from how many days on they tell that a token ends: the chart says what the code says.

use github_pat_operator::domain::{
    Reason,
    notice::{DAYS, Level},
    reason::{Dead, Severity},
};
use serde_json::{Value, json};

use super::read;

/// The alerts of connections that are not Ready: for a token that has ended, for one that GitHub refuses, and for all others.
const NOT_READY: [&str; 3] =
    ["GithubPatTokenExpired", "GithubPatTokenRefused", "GithubPatConnectionNotUsable"];

/// The words of all matchers that name reasons.
fn named(text: &str) -> Vec<&str> {
    let matchers = ["reason=\"", "reason=~\"", "reason!~\""];
    let words = matchers.iter().flat_map(|matcher| text.split(matcher).skip(1));
    words.flat_map(|rest| rest.split(['"', '\\']).next().unwrap().split('|')).collect()
}

#[test]
fn the_alerts_name_the_reasons_that_say_that_a_token_is_dead_and_have_the_days_of_the_notices() {
    let text = read("charts/github-pat-operator/files/alerts.yaml");
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    let values: Value = serde_saphyr::from_str(&read("charts/github-pat-operator/values.yaml")).unwrap();
    let values = values["metrics"]["alerts"].as_object().unwrap();
    let named_by = |alert: &str| {
        let mut all = file["alerts"].as_array().unwrap().iter();
        named(all.find(|of| of["alert"] == alert).unwrap()["notReady"].as_str().unwrap())
    };
    let [ended, refused, others] = NOT_READY;
    for reason in Reason::ALL.iter().filter(|reason| reason.severity() == Severity::Mend) {
        let told: Vec<_> =
            [ended, refused].into_iter().filter(|alert| named_by(alert).contains(&reason.as_str())).collect();
        let expected = match reason.dead() {
            Some(Dead::Ended) => vec![ended],
            Some(Dead::Refused | Dead::Held) => vec![refused],
            None => vec![],
        };
        assert_eq!(told, expected, "{reason:?}");
        let alert = told.first().unwrap_or(&others);
        assert_eq!(values[*alert]["severity"], json!(Level::of(*reason)), "{reason:?}");
    }
    let template = read("charts/github-pat-operator/templates/_alerts.tpl");
    for reason in Reason::ALL.iter().filter(|reason| reason.dead().is_some()) {
        assert_eq!(reason.severity(), Severity::Mend, "{reason:?}");
        let named = named(&text).into_iter().filter(|word| *word == reason.as_str());
        assert_eq!(named.count(), 1, "{reason:?} stands in one alert");
        assert!(!template.contains(reason.as_str()), "{reason:?} stands in alerts.yaml alone");
    }
    let words = [named(&text), named(&template)].concat();
    let unknown: Vec<_> = words.iter().filter(|word| word.parse::<Reason>().is_err()).collect();
    assert!(words.len() >= 5 && unknown.is_empty(), "no reasons: {unknown:?}, of {words:?}");

    let of_ends = values.iter().filter(|(name, _)| name.starts_with("GithubPatTokenExpires"));
    let mut of_ends: Vec<_> =
        of_ends.map(|(_, of)| (of["severity"].clone(), of["threshold"].clone())).collect();
    of_ends.sort_by_key(|(_, days)| days.as_i64());
    assert_eq!(of_ends, DAYS.map(|(level, days)| (json!(level), json!(days))));
}
