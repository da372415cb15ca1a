//! A release for the connections with some labels.

use github_pat_operator::api::GithubPatConnection;

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

#[test]
fn the_notes_have_a_connection_with_the_labels_that_this_release_looks_after() {
    let labels = json!({ "example.com/own": "true", "tier": "x" });
    let demands =
        json!([{ "key": "stage", "operator": "Exists" }, { "key": "old", "operator": "DoesNotExist" }]);
    let rows = [
        (json!({}), None),
        (json!({ "matchLabels": labels }), Some("match example.com/own=true,tier=x.")),
        (json!({ "matchExpressions": demands }), Some("match stage,!old: give ci-bot such labels.")),
        (
            json!({ "matchLabels": labels, "matchExpressions": demands }),
            Some("tier=x,stage,!old: give ci-bot such labels beside those below."),
        ),
    ];
    for (selector, words) in rows {
        let (chart, flag) = (chart(), format!("selector={selector}"));
        let install = ["install", RELEASE, chart.to_str().unwrap(), "--dry-run=client", "--set-json", &flag];
        let output = said(&helm(&install));
        let notes = output.split("NOTES:").nth(1).unwrap();
        let manifest = notes.split("<<END\n").nth(1).unwrap().split("END\n").next().unwrap();
        let connection: GithubPatConnection = from_yaml(manifest).unwrap();
        assert_eq!(json!(connection.metadata.labels), selector["matchLabels"], "{notes}");
        assert_eq!(notes.contains("whose labels"), words.is_some(), "{notes}");
        assert!(notes.contains(words.unwrap_or_default()), "{notes}");
    }
}
