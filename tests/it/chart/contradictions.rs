//! Durations that contradict each other: Helm refuses those that the operator refuses, and no others.

use github_pat_operator::settings::RANGES;

use super::{
    bounds::{of_host, refusals, with},
    *,
};

/// What the operator says of each two durations that contradict each other. Helm has the duration in the place of `it`, and that of the
/// other setting after its name.
const LEASE: &str = "renewDeadline is wrong: it is not below leaseDuration";
const RETRY: &str = "retryPeriod is wrong: it is above half of renewDeadline";
const TRUST: &str = "trustFor is wrong: it is below heartbeat";
const TIMEOUT: &str = "connectTimeout is wrong: it is above timeout";

#[test]
fn the_operator_knows_no_more_durations_that_contradict_each_other_than_helm() {
    let durations = || RANGES.into_iter().filter(github_pat_operator::settings::Range::is_duration);
    let mut told = BTreeSet::new();
    let pairs = durations().flat_map(|one| durations().map(move |other| (one, other)));
    for (one, other) in pairs {
        for (first, second) in [
            (one.least, other.most),
            (one.most, other.least),
            (one.least, other.least),
            (one.most, other.most),
        ] {
            let seconds = |amount: u32| json!(format!("{}h{}s", amount / 3600, amount % 3600));
            let (_, mut file) = with(&one, &seconds(first));
            let (_, more) = with(&other, &seconds(second));
            for (key, value) in more.as_object().unwrap() {
                match file.get_mut(key).and_then(|listed| listed.get_mut(0)) {
                    Some(listed) => *listed = crate::world::merged(listed.clone(), value[0].clone()),
                    None => file[key] = value.clone(),
                }
            }
            let input = from_yaml::<SettingsInput>(&file.to_string()).unwrap();
            let Err(refused) = Settings::new(input, SettingsInput::default()) else { continue };
            let refused = refused.to_string();
            let known = [LEASE, RETRY, TRUST, TIMEOUT].into_iter().find(|words| refused.contains(words));
            assert!(known.is_some(), "the chart does not know: {file}: {refused}");
            told.extend(known);
        }
    }
    assert_eq!(told, [LEASE, RETRY, TRUST, TIMEOUT].into(), "all of them are met");
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn helm_refuses_durations_that_contradict_each_other_as_the_operator_does_and_names_both() {
    let same = |fields: Value| (fields.clone(), fields);
    let ghe = "https://ghe.example.com/api/v3";
    let host = |fields: Value| of_host(crate::world::merged(json!({ "apiUrl": ghe }), fields));
    let listed = |fields: Value| {
        same(json!({ "hosts": [crate::world::merged(json!({ "name": "github.com" }), fields)] }))
    };
    let rows = [
        // One beside the default of the other, just within and just beyond.
        (same(json!({ "leaseDuration": "11s" })), None),
        (same(json!({ "leaseDuration": "10s" })), Some((LEASE, "10s", "10s"))),
        (same(json!({ "renewDeadline": "14s" })), None),
        (same(json!({ "renewDeadline": "15s" })), Some((LEASE, "15s", "15s"))),
        (same(json!({ "renewDeadline": "4s" })), None),
        (same(json!({ "renewDeadline": "3s" })), Some((RETRY, "2s", "3s"))),
        (same(json!({ "retryPeriod": "5s" })), None),
        (same(json!({ "retryPeriod": "6s" })), Some((RETRY, "6s", "10s"))),
        (same(json!({ "trustFor": "1h" })), None),
        (same(json!({ "trustFor": "59m59s" })), Some((TRUST, "59m59s", "1h"))),
        (same(json!({ "heartbeat": "24h", "trustFor": null })), None),
        (host(json!({ "connectTimeout": "10s" })), None),
        (host(json!({ "connectTimeout": "11s" })), Some((TIMEOUT, "11s", "10s"))),
        // The default of this one gives way.
        (host(json!({ "timeout": "2s" })), None),
        // Both given.
        (same(json!({ "leaseDuration": "5s", "retryPeriod": "9s" })), Some((LEASE, "10s", "5s"))),
        (same(json!({ "leaseDuration": "60s", "renewDeadline": "30s", "retryPeriod": "15s" })), None),
        (
            same(json!({ "leaseDuration": "60s", "renewDeadline": "29s", "retryPeriod": "15s" })),
            Some((RETRY, "15s", "29s")),
        ),
        (same(json!({ "leaseDuration": "60s", "renewDeadline": "59s" })), None),
        (same(json!({ "leaseDuration": "60s", "renewDeadline": "60s" })), Some((LEASE, "60s", "60s"))),
        (same(json!({ "heartbeat": "2h", "trustFor": "2h" })), None),
        (same(json!({ "heartbeat": "2h", "trustFor": "119m" })), Some((TRUST, "119m", "2h"))),
        (host(json!({ "timeout": "2s", "connectTimeout": "2s" })), None),
        (host(json!({ "timeout": "2s", "connectTimeout": "3s" })), Some((TIMEOUT, "3s", "2s"))),
        (listed(json!({ "timeout": "2s", "connectTimeout": "3s" })), Some((TIMEOUT, "3s", "2s"))),
        // In other spellings.
        (same(json!({ "retryPeriod": "0h0m00005s" })), None),
        (same(json!({ "retryPeriod": "00006s" })), Some((RETRY, "00006s", "10s"))),
        (same(json!({ "heartbeat": "1h60m", "trustFor": "7200s" })), None),
        (same(json!({ "heartbeat": "1h59m61s", "trustFor": "7200s" })), Some((TRUST, "7200s", "1h59m61s"))),
        // Whether or not there is a Lease.
        (same(json!({ "leaderElection": false, "leaseDuration": "10s" })), Some((LEASE, "10s", "10s"))),
    ];
    for ((values, file), words) in rows {
        let [helm, operator] = refusals(&values, &file);
        let [of_helm, of_operator] = words.map_or_else(Default::default, |(words, it, other)| {
            [format!("{}, {other}", words.replace("it is", &format!("{it} is"))), words.to_owned()]
        });
        assert_eq!(operator.is_some(), words.is_some(), "the operator, {values}: {operator:?}");
        assert!(operator.unwrap_or_default().contains(&of_operator), "the operator, {values}");
        assert_eq!(helm.is_some(), words.is_some(), "Helm, {values}: {helm:?}");
        let helm = helm.unwrap_or_default();
        assert!(helm.contains(&of_helm), "Helm, {values}: {helm}");
        assert!(words.is_none() || helm.contains(", or "), "it says what to do: {helm}");
    }
}
