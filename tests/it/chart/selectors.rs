//! A release for the connections with some labels.

use super::*;

#[test]
fn the_selector_of_the_values_is_that_of_the_settings_and_of_the_warning_and_loosens_no_policy() {
    let selector = json!({
        "matchLabels": { "example.com/owner": "a", "team": "" },
        "matchExpressions": [
            { "key": "tier", "operator": "In", "values": ["a", "b"] },
            { "key": "tier", "operator": "NotIn", "values": ["c", "d"] },
            { "key": "stage", "operator": "Exists" },
            { "key": "legacy", "operator": "DoesNotExist" },
        ],
    });
    let flag = format!("selector={selector}");
    let manifests = rendered(&["--set-json", &flag]);
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&manifests, directory.path());
    let expected = "example.com/owner=a,team=,tier in (a,b),tier notin (c,d),stage,!legacy";
    assert_eq!(settings.selector.unwrap().as_str(), expected);
    // By the Lease of the release its replicas take turns, whatever they select.
    assert_eq!(settings.lease.unwrap().name, RELEASE);
    let constraints = |name: &str| {
        let name = format!("{RELEASE}-{name}");
        let policy = manifests.iter().find(|manifest| manifest["metadata"]["name"] == name.as_str()).unwrap();
        policy["spec"]["matchConstraints"]["objectSelector"].clone()
    };
    assert_eq!(constraints("not-granted"), selector);
    // A label comes later, without a change of the spec, so these are for all.
    assert_eq!([constraints("secret-access"), constraints("workload-access")], [Value::Null, Value::Null]);

    let without = rendered(&[]);
    let annotations = |manifests: &[Value]| {
        of_kind(manifests, "Deployment")["spec"]["template"]["metadata"]["annotations"].clone()
    };
    assert_ne!(annotations(&manifests), annotations(&without), "it needs another Pod");
    let text = of_kind(&without, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap();
    assert!(!text.contains("selector"), "{text}");
}

#[test]
fn a_selector_that_the_operator_would_not_take_is_refused() {
    let rows = [
        (json!({ "team": "infra" }), "'team' not allowed"),
        (json!({ "matchLabels": { "a b": "c" } }), "'a b' not allowed"),
        (json!({ "matchLabels": { "a": "b c" } }), "/selector/matchLabels/a"),
        (json!({ "matchExpressions": [{ "key": "a", "operator": "In" }] }), "missing property 'values'"),
        (json!({ "matchExpressions": [{ "key": "a", "operator": "In", "values": [] }] }), "minItems"),
        (
            json!({ "matchExpressions": [{ "key": "a", "operator": "Exists", "values": ["b"] }] }),
            "/selector/matchExpressions/0",
        ),
        (json!({ "matchExpressions": [{ "key": "a", "operator": "Gt", "values": ["1"] }] }), "operator"),
        (
            json!({ "matchExpressions": [{ "key": "-a", "operator": "Exists" }] }),
            "/selector/matchExpressions/0/key",
        ),
    ];
    for (selector, words) in rows {
        let output = template(&["--set-json", &format!("selector={selector}")]);
        assert!(!output.status.success() && said(&output).contains(words), "{selector}: {}", said(&output));
    }
}
