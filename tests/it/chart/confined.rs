//! The policy that confines the operator, evaluated by itself: what it says of each change, without an API server. `policies` tries
//! the same on one, and the policies that ask whether somebody may read a Secret there alone.

use kube_cel::{AdmissionRequest, GroupVersionResource, VapEvaluator, VapExpression};

use super::*;

/// Its expressions but for those with optional fields, which the evaluator does not read, and how many those are, with these values.
fn confined(values: &[&str]) -> (Vec<VapExpression>, usize) {
    let manifests = rendered(values);
    let name = format!("{RELEASE}-confined");
    let is_it = |manifest: &&Value| {
        manifest["kind"] == "ValidatingAdmissionPolicy" && manifest["metadata"]["name"] == *name
    };
    let spec = &manifests.iter().find(is_it).unwrap()["spec"];
    let text = |of: &Value, field: &str| of[field].as_str().map(str::to_owned);
    let variables: Vec<_> = spec["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| (text(variable, "name").unwrap(), text(variable, "expression").unwrap()))
        .collect();
    // The evaluator knows no variables, so each stands as what it is; later ones are made of earlier ones. It escapes the keys of labels
    // as if they were fields.
    let whole = |expression: String| {
        let whole = variables.iter().rev().fold(expression, |whole, (name, expression)| {
            whole.replace(&format!("variables.{name}"), &format!("({expression})"))
        });
        ["githubpat.dev/connection-uid", "githubpat.dev/adopt"].iter().fold(whole, |whole, key| {
            let escaped = key.replace('.', "__dot__").replace('/', "__slash__").replace('-', "__dash__");
            whole.replace(&format!("'{key}'"), &format!("'{escaped}'"))
        })
    };
    let validations = spec["validations"].as_array().unwrap();
    let read = validations.iter().map(|validation| VapExpression {
        expression: whole(text(validation, "expression").unwrap()),
        message: text(validation, "message"),
        message_expression: text(validation, "messageExpression").map(&whole),
    });
    let read: Vec<_> = read.filter(|read| !read.expression.contains(".?")).collect();
    let left = validations.len() - read.len();
    assert!(read.iter().all(|read| !read.expression.contains("variables.")), "a variable that nobody knows");
    (read, left)
}

/// What it says against this change by the operator.
fn said(policy: &[VapExpression], change: &str, object: Value, old: Value) -> Vec<String> {
    let mut words = change.split(' ');
    let (operation, namespace) = (words.next().unwrap(), words.next().unwrap());
    let (group, resource) = words.next().unwrap().split_once('/').unwrap();
    let evaluator = VapEvaluator::builder().object(object).request(AdmissionRequest {
        operation: operation.to_owned(),
        namespace: namespace.to_owned(),
        resource: GroupVersionResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
        },
        ..AdmissionRequest::default()
    });
    let evaluator = if old.is_null() { evaluator } else { evaluator.old_object(old) };
    let results = evaluator.build().evaluate(policy);
    results.into_iter().filter(|result| !result.passed).map(|result| result.message.unwrap()).collect()
}

#[test]
fn the_policy_that_confines_the_operator_lets_it_do_its_work_and_nothing_else() {
    let (policy, left) = confined(&[]);
    assert_eq!((policy.len(), left), (4, 1), "those that are left out are tried on the API server alone");
    let secret = |type_: &str, metadata: Value| json!({ "metadata": metadata, "type": type_ });
    let ours = || json!({ "labels": { "githubpat.dev/connection-uid": "u" } });
    let bound = || json!({ "ownerReferences": [{ "kind": "GithubPatConnection" }] });
    let adopted = json!({ "annotations": { "githubpat.dev/adopt": "ci" } });
    let named = |name: &str| json!({ "metadata": { "name": name } });
    let account_token = "kubernetes.io/service-account-token";
    let status = "UPDATE team-a githubpat.dev/githubpatconnections/status";
    let lease = |verb: &str, place: &str| format!("{verb} {place} coordination.k8s.io/leases");
    let rows = [
        ("CREATE team-a /secrets", secret("Opaque", ours()), Value::Null, None),
        ("CREATE team-a /secrets", secret("Opaque", json!({})), Value::Null, Some("creates only Secrets")),
        ("CREATE team-a /secrets", secret(account_token, ours()), Value::Null, Some(account_token)),
        ("UPDATE team-a /secrets", secret("Opaque", ours()), secret("Opaque", ours()), None),
        ("UPDATE team-a /secrets", secret("Opaque", ours()), secret("Opaque", adopted), None),
        (
            "UPDATE team-a /secrets",
            secret("Opaque", ours()),
            secret("Opaque", json!({})),
            Some("changes and"),
        ),
        ("UPDATE team-a /secrets", secret("Opaque", json!({})), secret("Opaque", bound()), None),
        ("UPDATE team-a /secrets", secret("Opaque", ours()), secret("Opaque", bound()), Some("changes and")),
        ("DELETE team-a /secrets", Value::Null, secret("Opaque", bound()), Some("changes and deletes")),
        ("DELETE team-a /secrets", Value::Null, secret("Opaque", ours()), None),
        ("DELETE team-a /secrets", Value::Null, secret("Opaque", json!({})), Some("changes and deletes")),
        (status, named("ci"), named("ci"), None),
        (
            "UPDATE team-a githubpat.dev/githubpatconnections",
            named("ci"),
            named("ci"),
            Some("does not UPDATE"),
        ),
        ("CREATE team-a events.k8s.io/events", named("e"), Value::Null, None),
        ("DELETE team-a events.k8s.io/events", Value::Null, named("e"), Some("does not DELETE")),
        (&lease("UPDATE", RELEASE), named(RELEASE), named(RELEASE), None),
        (&lease("UPDATE", RELEASE), named("other"), named("other"), Some("does not UPDATE")),
        (&lease("UPDATE", "team-a"), named(RELEASE), named(RELEASE), Some("does not UPDATE")),
        (&lease("DELETE", RELEASE), Value::Null, named(RELEASE), Some("does not DELETE")),
        ("CREATE team-a /pods", named("p"), Value::Null, Some("does not CREATE /pods")),
        (
            "CREATE team-a rbac.authorization.k8s.io/rolebindings",
            named("r"),
            Value::Null,
            Some("does not CREATE"),
        ),
    ];
    for (change, object, old, refused) in rows {
        let said = said(&policy, change, object.clone(), old);
        match refused {
            Some(words) => assert!(said.len() == 1 && said[0].contains(words), "{change} {object}: {said:?}"),
            None => assert_eq!(said, [""; 0], "{change} {object}"),
        }
    }
}

#[test]
fn each_value_that_gives_the_operator_more_to_do_lets_it_do_that_and_nothing_else() {
    let kept = format!("{RELEASE}-sinks");
    let of_release = |verb: &str| format!("{verb} {RELEASE} /configmaps");
    let in_team = |what: &str| what.replacen(' ', " team-a ", 1);
    let waiting = [
        ("UPDATE /pods", true),
        ("CREATE /pods", false),
        ("DELETE /pods", false),
        ("CREATE /pods/binding", false),
    ];
    let restarting = [
        ("UPDATE apps/deployments", true),
        ("UPDATE apps/statefulsets", true),
        ("UPDATE apps/replicasets", false),
        ("DELETE apps/deployments", false),
    ];
    let telling = [
        (of_release("UPDATE"), &*kept, true),
        (of_release("CREATE"), &kept, true),
        (of_release("DELETE"), &kept, false),
        (of_release("UPDATE"), "other", false),
        (in_team("UPDATE /configmaps"), &kept, false),
    ];
    let named = |(change, is_allowed): (&str, bool)| (in_team(change), "a", is_allowed);
    let rows = [
        ("waitingPods.enabled=true,waitingPods.addGate=false", 2, waiting.map(named).to_vec()),
        ("restartWorkloads=true", 2, restarting.map(named).to_vec()),
        ("settings.sinks.a.url=https://sink.example", 1, telling.to_vec()),
    ];
    let (without, _) = confined(&[]);
    for (value, left_out, changes) in rows {
        let (policy, left) = confined(&["--set", value]);
        assert_eq!(
            (policy.len(), left),
            (4, left_out),
            "those that are left out are tried on the API server alone"
        );
        for (change, name, is_allowed) in changes {
            let object = || json!({ "metadata": { "name": name }, "spec": { "template": { "metadata": {}, "spec": {} } } });
            let refused = said(&policy, &change, object(), object());
            assert_eq!(refused.is_empty(), is_allowed, "{value} {change} {name}: {refused:?}");
            let refused = said(&without, &change, object(), object());
            assert!(refused.len() == 1 && refused[0].contains("does not"), "{change} {name}: {refused:?}");
        }
    }
}

/// Each value that gives the operator more to change, and the most that it may.
const MORE: [&str; 4] = [
    "settings.leaderElection=false",
    "waitingPods.enabled=true,waitingPods.addGate=false",
    "restartWorkloads=true",
    "settings.sinks.a.url=https://sink.example",
];
/// Of these Kubernetes asks no policy; `policies` tries it.
const UNASKED: [&str; 2] =
    ["authentication.k8s.io/tokenreviews", "authorization.k8s.io/subjectaccessreviews"];

/// The rights to write that the roles grant, as group, resource and operation of an admission request.
fn written(values: &[&str]) -> BTreeSet<[String; 2]> {
    let rights = rights::granted(&rendered(values)).into_iter();
    let operation = |verb: &str| match verb {
        "create" => Some("CREATE"),
        "update" | "patch" => Some("UPDATE"),
        "delete" => Some("DELETE"),
        "get" | "list" | "watch" => None,
        other => panic!("{other}"),
    };
    let writes = rights.filter_map(|(_, [group, resource, verb])| {
        Some([format!("{group}/{resource}"), operation(&verb)?.to_owned()])
    });
    writes.filter(|[resource, _]| !UNASKED.contains(&&**resource)).collect()
}

/// What the policy lets the operator change, of what it names and what these name, where the operator does it.
fn allowed(values: &[&str], resources: &BTreeSet<String>) -> BTreeSet<[String; 2]> {
    let (policy, _) = confined(values);
    let words = policy[0].expression.split('\'').skip(1).step_by(2);
    let named: BTreeSet<_> = words
        .filter(|word| word.contains('/') && !word.starts_with("githubpat.dev/") || word.contains("/status"))
        .chain(resources.iter().map(String::as_str))
        .collect();
    let marked = json!({ "githubpat.dev/connection-uid": "u" });
    let mut allowed = BTreeSet::new();
    for resource in named {
        let name = if resource == "/configmaps" { format!("{RELEASE}-sinks") } else { RELEASE.to_owned() };
        let object = json!({ "metadata": { "name": name, "labels": marked }, "spec": { "template": { "metadata": {} } } });
        // What is connected to is a subresource.
        let connect = resource.ends_with("/exec").then_some("CONNECT");
        for operation in ["CREATE", "UPDATE", "DELETE"].into_iter().chain(connect) {
            let change = format!("{operation} {RELEASE} {resource}");
            let (object, old) = match operation {
                "CREATE" => (object.clone(), Value::Null),
                "DELETE" => (Value::Null, object.clone()),
                _ => (object.clone(), object.clone()),
            };
            if said(&policy[..1], &change, object, old).is_empty() {
                allowed.insert([resource.to_owned(), operation.to_owned()]);
            }
        }
    }
    allowed
}

#[test]
fn the_policy_lets_the_operator_change_what_its_roles_let_it_change_and_nothing_more() {
    let all = MORE.join(",").replace("settings.leaderElection=false,", "");
    let every: BTreeSet<_> = written(&["--set", "grant.namespaces={team-a}", "--set", &all])
        .into_iter()
        .map(|[resource, _]| resource)
        .chain(["/pods", "/pods/binding", "/pods/exec", "/serviceaccounts/token"].map(str::to_owned))
        .collect();
    for more in ["settings.trustFor=48h", &all].into_iter().chain(MORE) {
        let values = ["--set", "grant.namespaces={team-a}", "--set", more];
        assert_eq!(allowed(&values, &every), written(&values), "{more}");
    }
}
