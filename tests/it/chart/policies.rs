//! The admission policies of the chart, on a real API server: what each kind of user may do with a connection, and what somebody who
//! holds the operator's ServiceAccount cannot do, whatever RBAC grants it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use github_pat_operator::{api::GithubPatConnection, domain::output::Format};
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    authorization::v1::SelfSubjectAccessReview,
    coordination::v1::Lease,
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::ClusterRoleBinding,
};
use kube::{Config, api::DeleteParams};

use super::*;

/// A world with everything of the chart in it, and the policies at work.
pub(super) async fn guarded(flags: &[&str]) -> World {
    let world = World::start().await;
    world.namespace(RELEASE).await;
    for manifest in &rendered(flags) {
        apply(&world.client, manifest, false).await;
    }
    world
}

/// API group, resource, names or none, verbs.
pub(super) type Right<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str]);

/// A user of the namespace who has these rights there.
pub(super) async fn user(world: &World, name: &str, rights: &[Right<'_>]) -> Client {
    allow(world, NAMESPACE, name, rights).await;
    world.plane.client_of(&world.plane.user(name, None).unwrap()).await.unwrap()
}

/// Gives the user these rights in a namespace.
async fn allow(world: &World, namespace: &str, name: &str, rights: &[Right<'_>]) {
    let rules: Vec<_> = rights
        .iter()
        .map(|(group, resource, names, verbs)| {
            json!({ "apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": verbs })
        })
        .collect();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules,
        "metadata": { "name": name, "namespace": namespace },
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name }],
    });
    for object in [role, binding] {
        apply(&world.client, &object, false).await;
    }
    let client = world.plane.client_of(&world.plane.user(name, None).unwrap()).await.unwrap();
    if let Some((group, resource, names, verbs)) = rights.last() {
        until_allowed(&client, json!({
            "namespace": namespace, "group": group, "resource": resource, "name": names.last(), "verb": verbs.last(),
        }))
        .await;
    }
}

/// Waits until this client has the right: the authorizer hears of a new Role a moment later.
async fn until_allowed(client: &Client, right: Value) {
    let reviews = Api::<SelfSubjectAccessReview>::all(client.clone());
    let review: SelfSubjectAccessReview = from(json!({ "spec": { "resourceAttributes": right } }));
    let is_allowed = async || {
        let reviewed = reviews.create(&PostParams::default(), &review).await.unwrap();
        reviewed.status.is_some_and(|status| status.allowed)
    };
    let allowed = tokio::time::timeout(SOON, async {
        while !is_allowed().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(allowed.await.is_ok(), "never allowed: {right}");
}

pub(super) fn connection(name: &str, spec: &Value) -> GithubPatConnection {
    from(json!({ "metadata": { "name": name }, "spec": spec }))
}

/// The sentence with which a policy refused it, if one did.
pub(super) fn refusal<T>(result: Result<T, kube::Error>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

/// Waits until the API server applies the policies: it learns of them a moment after they are made.
pub(super) async fn until_refused<T>(
    what: &str,
    attempt: impl AsyncFn() -> Result<T, kube::Error>,
) -> String {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        if let Some(sentence) = refusal(attempt().await) {
            return sentence;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} is never refused");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) const CONNECTIONS: (&str, &str, &[&str], &[&str]) =
    ("githubpat.dev", "githubpatconnections", &[], &["get", "create", "update", "patch", "delete"]);

#[tokio::test]
async fn who_names_a_secret_must_be_allowed_to_get_it() {
    let world = guarded(&[]).await;
    let nobody = user(&world, "nobody", &[CONNECTIONS]).await;
    let owner = user(&world, "owner", &[CONNECTIONS, ("", "secrets", &["ci", "out"], &["get"])]).await;
    let editor = user(&world, "editor", &[CONNECTIONS, ("", "secrets", &[], &["get"])]).await;
    let api = |client: &Client| Api::<GithubPatConnection>::namespaced(client.clone(), NAMESPACE);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let create = async |client: &Client, spec: &Value| {
        refusal(api(client).create(&dry, &connection("ci", spec)).await)
    };

    let plain = json!({ "secretRef": { "name": "ci" } });
    let refused =
        until_refused("a stranger", async || api(&nobody).create(&dry, &connection("ci", &plain)).await)
            .await;
    assert!(refused.contains("names the Secret ci, which you may not get"), "{refused}");
    let output =
        |name: &str| json!({ "secretName": name, "format": "DockerConfigJson", "registries": ["ghcr.io"] });
    let many = |count: usize| -> Value {
        let outputs: Vec<_> = (0..count).map(|number| output(&format!("out-{number}"))).collect();
        let standby: Vec<_> = (0..4).map(|number| json!({ "name": format!("next-{number}") })).collect();
        json!({ "secretRef": { "name": "ci" }, "publish": outputs, "standby": standby })
    };
    let mut taking = output("out");
    taking["extraEntriesFrom"] = json!({ "name": "theirs" });
    let rows = [
        ("its own Secret", plain.clone(), None),
        ("its own output", json!({ "secretRef": { "name": "ci" }, "publish": [output("out")] }), None),
        ("another source", json!({ "secretRef": { "name": "theirs" } }), Some("theirs")),
        (
            "a standby",
            json!({ "secretRef": { "name": "ci" }, "standby": [{ "name": "theirs" }] }),
            Some("theirs"),
        ),
        (
            "an output",
            json!({ "secretRef": { "name": "ci" }, "publish": [output("theirs")] }),
            Some("theirs"),
        ),
        ("entries", json!({ "secretRef": { "name": "ci" }, "publish": [taking] }), Some("theirs")),
        ("the last of many", many(16), Some("next-0")),
    ];
    for (name, spec, refused) in rows {
        let sentence = create(&owner, &spec).await;
        let expected =
            refused.map(|secret| format!("the spec names the Secret {secret}, which you may not get"));
        match (&sentence, expected) {
            (None, None) => {}
            (Some(sentence), Some(expected)) => assert!(sentence.contains(&expected), "{name}: {sentence}"),
            _ => panic!("{name}: {sentence:?}"),
        }
        assert_eq!(create(&editor, &spec).await, None, "{name}");
    }
    // As many as one policy can ask about, each by its name; and one more.
    let every: Vec<String> = (0..17)
        .map(|number| format!("out-{number}"))
        .chain((0..4).map(|number| format!("next-{number}")))
        .collect();
    let names: Vec<&str> = ["ci", "ci-extra"].into_iter().chain(every.iter().map(String::as_str)).collect();
    let careful = user(&world, "careful", &[CONNECTIONS, ("", "secrets", &names, &["get"])]).await;
    assert_eq!(create(&careful, &many(16)).await, None, "21 Secrets by name");
    let mut crowded = many(16);
    for output in crowded["publish"].as_array_mut().unwrap().iter_mut().take(6) {
        output["extraEntriesFrom"] = json!({ "name": "ci-extra" });
    }
    let sentence = create(&careful, &crowded).await.unwrap();
    assert!(sentence.contains("more than 26 Secrets"), "{sentence}");
    assert_eq!(create(&editor, &crowded).await, None);
    crowded["publish"][0].as_object_mut().unwrap().remove("extraEntriesFrom");
    assert_eq!(create(&careful, &crowded).await, None, "26 Secrets by name");

    // Somebody else's connection may be labelled and annotated, and its spec not changed.
    let theirs = json!({ "secretRef": { "name": "theirs" } });
    api(&editor).create(&PostParams::default(), &connection("theirs", &theirs)).await.unwrap();
    let patched = async |client: &Client, patch: Value| {
        refusal(api(client).patch("theirs", &PatchParams::default(), &Patch::Merge(patch)).await)
    };
    let annotated = json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": "now" } } });
    assert_eq!(patched(&nobody, annotated).await, None);
    let changed = json!({ "spec": { "interval": "1h" } });
    assert!(patched(&nobody, changed.clone()).await.unwrap().contains("the Secret theirs"));
    assert_eq!(patched(&editor, changed).await, None);
}

#[tokio::test]
async fn whoever_applies_a_connection_is_warned_that_the_operator_may_not_read_its_secret_yet() {
    let world = guarded(&[]).await;
    let warnings = async || -> Vec<String> {
        let url =
            format!("/apis/githubpat.dev/v1alpha1/namespaces/{NAMESPACE}/githubpatconnections?dryRun=All");
        let body = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci" },
            "spec": { "secretRef": { "name": "ci" } },
        });
        let request = http::Request::post(url).header("content-type", "application/json");
        let request = request.body(body.to_string().into_bytes().into()).unwrap();
        let response = world.client.send(request).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let warnings = response.headers().get_all("warning").iter();
        warnings.map(|warning| warning.to_str().unwrap().to_owned()).collect()
    };
    let command = format!(
        "kubectl create rolebinding {RELEASE} -n {NAMESPACE} --clusterrole={RELEASE}-secrets --serviceaccount={RELEASE}:{RELEASE}"
    );
    let deadline = tokio::time::Instant::now() + SOON;
    while !warnings().await.iter().any(|warning| warning.contains(&command)) {
        assert!(tokio::time::Instant::now() < deadline, "nobody is warned: {:?}", warnings().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": RELEASE, "namespace": NAMESPACE },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": format!("{RELEASE}-secrets"),
        },
        "subjects": [{ "kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE }],
    });
    apply(&world.client, &binding, false).await;
    while !warnings().await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "still warned: {:?}", warnings().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One of another namespace is not judged once more when that namespace is added.
#[tokio::test]
async fn connections_are_judged_in_all_namespaces_whichever_the_operator_keeps_to() {
    let world = World::start().await;
    for namespace in [RELEASE, "team-b"] {
        world.namespace(namespace).await;
    }
    let manifests = rendered(&["--set", "watchNamespaces={team-b}"]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let nobody = user(&world, "nobody", &[CONNECTIONS]).await;
    allow(&world, "team-b", "nobody", &[CONNECTIONS]).await;
    let owner = user(&world, "owner", &[CONNECTIONS, ("", "secrets", &["ci", "out"], &["get"])]).await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let plain = connection("ci", &json!({ "secretRef": { "name": "ci" } }));
    let workload = json!([{ "kind": "Deployment", "name": "app" }]);
    let output = json!([{ "secretName": "out", "format": "Opaque" }]);
    let restarting =
        connection("ci", &json!({ "secretRef": { "name": "ci" }, "publish": output, "restart": workload }));
    let create = async |client: &Client, namespace: &str, connection: &GithubPatConnection| {
        let connections = Api::<GithubPatConnection>::namespaced(client.clone(), namespace);
        connections.create(&dry, connection).await
    };
    until_refused("a stranger", async || create(&nobody, "team-b", &plain).await).await;
    until_refused("a workload", async || create(&owner, NAMESPACE, &restarting).await).await;
    let refused = refusal(create(&nobody, NAMESPACE, &plain).await).unwrap_or_default();
    assert!(refused.contains("names the Secret ci, which you may not get"), "{refused:?}");
    let refused = refusal(create(&owner, NAMESPACE, &restarting).await).unwrap_or_default();
    assert!(refused.contains("restart names the Deployment app, which you may not"), "{refused:?}");
    assert_eq!(refusal(create(&owner, NAMESPACE, &plain).await), None);
    assert!(
        manifests.iter().all(|manifest| manifest["metadata"]["name"] != format!("{RELEASE}-not-granted")),
        "the chart grants the namespaces that it keeps to, and of others a warning would be untrue"
    );
}

/// The operator's ServiceAccount, with every right that there is.
async fn stolen(world: &World) -> Client {
    let binding: ClusterRoleBinding = from(json!({
        "metadata": { "name": "too-much" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE }],
    }));
    Api::all(world.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let config: Config = world.plane.config(&kubeconfig).await.unwrap();
    world.plane.client(config).unwrap()
}

fn secret_of(name: &str, type_: &str, labels: &Value, annotations: &Value) -> Secret {
    let data = match type_ {
        "kubernetes.io/dockerconfigjson" => json!({ ".dockerconfigjson": "{}" }),
        "kubernetes.io/basic-auth" => json!({ "username": "a", "password": "b" }),
        _ => json!({ "a": "b" }),
    };
    from(json!({
        "metadata": { "name": name, "labels": labels, "annotations": annotations }, "type": type_, "stringData": data,
    }))
}

#[tokio::test]
async fn a_stolen_service_account_changes_nothing_but_what_the_operator_makes() {
    let world = guarded(&["--set", "restartWorkloads=true,waitingPods.enabled=true"]).await;
    let thief = stolen(&world).await;
    let (secrets, theirs) = (Api::<Secret>::namespaced(thief.clone(), NAMESPACE), world.secrets());
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let (ours, none) = (json!({ "githubpat.dev/connection-uid": "c" }), json!({}));
    let plain = secret_of("a", "Opaque", &none, &none);
    let sentence =
        until_refused("a Secret without our label", async || secrets.create(&dry, &plain).await).await;
    assert!(sentence.contains("creates only Secrets with the label"), "{sentence}");

    for type_ in types() {
        let made = secrets.create(&dry, &secret_of("a", &type_, &ours, &none)).await;
        assert_eq!(refusal(made), None, "{type_}");
    }
    for type_ in ["kubernetes.io/service-account-token", "kubernetes.io/tls", "example.com/own"] {
        let account = json!({ "kubernetes.io/service-account.name": "default" });
        let mut secret = secret_of("a", type_, &ours, &account);
        if type_ == "kubernetes.io/tls" {
            secret.string_data =
                Some([("tls.crt", ""), ("tls.key", "")].map(|(k, v)| (k.into(), v.into())).into());
        }
        let sentence = refusal(secrets.create(&dry, &secret).await).unwrap();
        assert!(sentence.contains(&format!("writes no Secret of the type {type_}")), "{type_}: {sentence}");
    }

    let marks = [
        ("of-others", &none, &none),
        ("output", &ours, &none),
        ("given", &none, &json!({ "githubpat.dev/adopt": "ci" })),
    ];
    let released = output_of_somebody(&world).await;
    let bound = bound(&world).await;
    for (name, labels, annotations) in marks {
        theirs.create(&PostParams::default(), &secret_of(name, "Opaque", labels, annotations)).await.unwrap();
    }
    let patch = async |name: &str, patch: Value| {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        refusal(secrets.patch(name, &params, &Patch::Merge(patch)).await)
    };
    let bytes = json!({ "stringData": { "a": "c" } });
    let label = json!({ "metadata": { "labels": ours }, "stringData": { "a": "c" } });
    let unlabel = json!({ "metadata": { "labels": { "githubpat.dev/connection-uid": null } } });
    let mut robbed = unlabel.clone();
    robbed["stringData"] = json!({ "a": "c" });
    let rows = [
        ("of-others", label.clone(), Some("changes and deletes only Secrets with the label")),
        ("output", bytes.clone(), None),
        ("output", unlabel, None),
        ("output", robbed, Some("only if it leaves the data as they are")),
        ("given", label.clone(), None),
        ("released", released.clone(), None),
        ("bound", bound, None),
        ("bound", label, Some("changes and deletes only Secrets with the label")),
        ("bound", bytes.clone(), Some("only if it leaves the data as they are")),
    ];
    let rows = rows.into_iter().chain(beside_a_release(&released));
    for (name, change, refused) in rows {
        let sentence = patch(name, change.clone()).await;
        assert_eq!(sentence.is_some(), refused.is_some(), "{name} {change}: {sentence:?}");
        assert!(sentence.unwrap_or_default().contains(refused.unwrap_or_default()), "{name} {change}");
    }
    let delete = async |name: &str| {
        refusal(secrets.delete(name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await)
    };
    for name in ["of-others", "bound"] {
        assert!(delete(name).await.unwrap().contains("changes and deletes only"), "{name}");
    }
    assert_eq!((delete("output").await, delete("given").await), (None, None));

    let map: ConfigMap = from(json!({ "metadata": { "name": "a" } }));
    let made = Api::<ConfigMap>::namespaced(thief.clone(), NAMESPACE).create(&dry, &map).await;
    assert!(refusal(made).unwrap().contains("does not CREATE /configmaps"));
    let mut binding = json!({ "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" } });
    binding["metadata"] = json!({ "name": "mine" });
    let made = Api::<ClusterRoleBinding>::all(thief.clone()).create(&dry, &from(binding)).await;
    assert!(refusal(made).unwrap().contains("does not CREATE rbac.authorization.k8s.io/clusterrolebindings"));
    let accounts = Api::<ServiceAccount>::namespaced(thief.clone(), RELEASE);
    let made = accounts.create_token_request(RELEASE, &PostParams::default(), &TokenRequest::default()).await;
    assert!(refusal(made).unwrap().contains("does not CREATE /serviceaccounts/token"));

    let leases = Api::<Lease>::namespaced(thief.clone(), RELEASE);
    for (name, refused) in [(RELEASE, false), ("other", true)] {
        let lease: Lease = from(json!({ "metadata": { "name": name } }));
        assert_eq!(refusal(leases.create(&dry, &lease).await).is_some(), refused, "{name}");
        let theirs = Api::<Lease>::namespaced(world.client.clone(), RELEASE);
        theirs.create(&PostParams::default(), &lease).await.unwrap();
        let held = Patch::Merge(json!({ "spec": { "holderIdentity": "thief" } }));
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        assert_eq!(refusal(leases.patch(name, &params, &held).await).is_some(), refused, "{name}");
        let gone = leases.delete(name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await;
        assert!(refusal(gone).is_some_and(|said| said.contains("does not DELETE")), "{name}");
    }

    of_some_kinds_no_policy_is_asked(&thief).await;
    restarts(&world, &thief).await;
    waiting::of_a_pod_only_our_gate_is_taken_off(&world, &thief).await;
    // Everybody else is left alone.
    let made = world.secrets().create(&dry, &secret_of("b", "example.com/own", &none, &none)).await;
    assert_eq!(refusal(made), None);
}

/// Kubernetes asks no policy about some kinds, as SECURITY.md says: RBAC alone keeps them from the operator. The reviews are the whole list
/// `excluded` of pkg/kubeapiserver/admission/exclusion/resources.go, the same in 1.33 and 1.37.
async fn of_some_kinds_no_policy_is_asked(thief: &Client) {
    let policy = |of_its_own: (&str, Value)| {
        let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"] }]);
        json!({ "matchConstraints": { "resourceRules": rules }, "reinvocationPolicy": "Never", of_its_own.0: of_its_own.1 })
    };
    let mutation = json!([{ "patchType": "JSONPatch", "jsonPatch": { "expression": "[JSONPatch{op: \"remove\", path: \"/spec/hostname\"}]" } }]);
    let path = json!({ "path": "/metrics", "verb": "get" });
    let (admission, login, rights) =
        ("admissionregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io");
    let mut validating = policy(("validations", json!([{ "expression": "true" }])));
    validating.as_object_mut().unwrap().remove("reinvocationPolicy");
    // Group, kind, spec, and whether the policy is asked.
    let rows = [
        (admission, "ValidatingAdmissionPolicy", validating, false),
        (
            admission,
            "ValidatingAdmissionPolicyBinding",
            json!({ "policyName": "mine", "validationActions": ["Warn"] }),
            false,
        ),
        (admission, "MutatingAdmissionPolicy", policy(("mutations", mutation)), false),
        (admission, "MutatingAdmissionPolicyBinding", json!({ "policyName": "mine" }), false),
        (admission, "ValidatingWebhookConfiguration", Value::Null, true),
        (admission, "MutatingWebhookConfiguration", Value::Null, true),
        (login, "TokenReview", json!({ "token": "made-up" }), false),
        (login, "SelfSubjectReview", Value::Null, false),
        (rights, "SubjectAccessReview", json!({ "user": "a", "nonResourceAttributes": path }), false),
        (rights, "SelfSubjectAccessReview", json!({ "nonResourceAttributes": path }), false),
        (rights, "SelfSubjectRulesReview", json!({ "namespace": NAMESPACE }), false),
        (
            rights,
            "LocalSubjectAccessReview",
            json!({ "user": "a", "resourceAttributes": { "namespace": NAMESPACE, "verb": "get", "resource": "pods" } }),
            false,
        ),
        ("", "Binding", Value::Null, true),
    ];
    for (group, kind, spec, is_asked) in rows {
        let gvk = GroupVersionKind::gvk(group, "v1", kind);
        let resource = match kind.strip_suffix("Policy") {
            Some(_) => ApiResource::from_gvk_with_plural(
                &gvk,
                &format!("{}ies", kind.to_lowercase().trim_end_matches('y')),
            ),
            None => ApiResource::from_gvk(&gvk),
        };
        let api: Api<DynamicObject> = match kind {
            "LocalSubjectAccessReview" | "Binding" => {
                Api::namespaced_with(thief.clone(), NAMESPACE, &resource)
            }
            _ => Api::all_with(thief.clone(), &resource),
        };
        let mut object = json!({
            "apiVersion": resource.api_version, "kind": kind, "metadata": { "name": "mine" }, "spec": spec,
        });
        if kind == "Binding" {
            object["target"] = json!({ "kind": "Node", "name": "a" });
        }
        let reviews = kind.ends_with("Review");
        if reviews {
            object["metadata"] = json!({});
        }
        let params = PostParams { dry_run: !reviews, ..PostParams::default() };
        let said = refusal(api.create(&params, &from(object)).await);
        let expected = format!("does not CREATE {group}/{}", resource.plural);
        assert_eq!(said.is_some(), is_asked, "{kind}: {said:?}");
        assert!(said.is_none_or(|said| said.contains(&expected)), "{expected}");
    }
}

/// Makes the output `released` with all marks that an output has, and some of others; gives what a release takes off it.
async fn output_of_somebody(world: &World) -> Value {
    let ours = ["connection", "format", "token-hash", "proven-at", "expires-at", "entries-token-hashes"];
    let lists = ["applied-labels", "applied-annotations"];
    let marks: Vec<_> = ours.iter().chain(&lists).map(|mark| format!("githubpat.dev/{mark}")).collect();
    let mut annotations: BTreeMap<_, _> = marks.iter().map(|mark| (&**mark, "a")).collect();
    annotations.insert("theirs", "1");
    let owner = |kind: &str, version: &str| json!({ "apiVersion": version, "kind": kind, "name": kind.to_lowercase(), "uid": kind });
    let theirs = owner("ConfigMap", "v1");
    let secret: Secret = from(json!({
        "metadata": {
            "name": "released",
            "labels": { "githubpat.dev/connection-uid": "c", "app.kubernetes.io/managed-by": "github-pat-operator", "theirs": "1" },
            "annotations": annotations,
            "ownerReferences": [theirs, owner("GithubPatConnection", "githubpat.dev/v1alpha1")],
        },
        "stringData": { "a": "b" },
    }));
    world.secrets().create(&PostParams::default(), &secret).await.unwrap();
    let taken: BTreeMap<_, Value> = marks.into_iter().map(|mark| (mark, Value::Null)).collect();
    json!({ "metadata": {
        "labels": { "githubpat.dev/connection-uid": null, "app.kubernetes.io/managed-by": null },
        "annotations": taken,
        "ownerReferences": [theirs],
    } })
}

/// Makes the Secret `bound`, which has lost its label and not its owner; gives what a release takes off it.
async fn bound(world: &World) -> Value {
    let owner = json!({ "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "name": "c", "uid": "c" });
    let annotations = json!({ "githubpat.dev/connection": "c" });
    let mut secret = secret_of("bound", "Opaque", &json!({}), &annotations);
    secret.metadata.owner_references = Some(vec![from(owner)]);
    world.secrets().create(&PostParams::default(), &secret).await.unwrap();
    json!({ "metadata": { "annotations": { "githubpat.dev/connection": null }, "ownerReferences": null } })
}

/// The same with something beside it that a release does not change.
fn beside_a_release(released: &Value) -> Vec<(&'static str, Value, Option<&'static str>)> {
    let owner = |kind: &str| json!([{ "apiVersion": "v1", "kind": kind, "name": "a", "uid": "gone" }]);
    let changes = [
        ("/metadata", "finalizers", json!(["example.com/never"])),
        ("/metadata", "ownerReferences", owner("Pod")),
        ("/metadata", "ownerReferences", json!([])),
        ("", "immutable", json!(true)),
        ("", "stringData", json!({ "a": "c" })),
        ("/metadata/labels", "theirs", json!("2")),
        ("/metadata/labels", "theirs", Value::Null),
        ("/metadata/labels", "more", json!("1")),
        ("/metadata/labels", "app.kubernetes.io/managed-by", json!("Helm")),
        ("/metadata/annotations", "theirs", json!("2")),
        ("/metadata/annotations", "theirs", Value::Null),
        ("/metadata/annotations", "githubpat.dev/adopt", json!("ci")),
        ("/metadata/annotations", "githubpat.dev/token-hash", json!("b")),
    ];
    let changed = |(place, field, value): (&str, &str, Value)| {
        let mut change = released.clone();
        change.pointer_mut(place).unwrap()[field] = value;
        ("released", change, Some("takes its label off a Secret only if it leaves the data as they are"))
    };
    changes.into_iter().map(changed).collect()
}

/// A workload is restarted by an annotation, and changed in no other way. The API server itself changes some of it then.
async fn restarts(world: &World, thief: &Client) {
    let template = json!({
        "metadata": { "labels": { "app": "a" }, "annotations": { "theirs": "1", "restart.githubpat.dev/old": "1" } },
        "spec": { "containers": [{ "name": "main", "image": "a" }] },
    });
    let mut wrong = Vec::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let workload: DynamicObject = from(json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": { "name": "a", "labels": { "app": "a" }, "annotations": { "theirs": "1" } },
            "spec": { "selector": { "matchLabels": { "app": "a" } }, "template": template },
        }));
        rights::workloads(world, kind).create(&PostParams::default(), &workload).await.unwrap();
        let gvk = GroupVersionKind::gvk("apps", "v1", kind);
        let workloads: Api<DynamicObject> =
            Api::namespaced_with(thief.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk));
        let own = OF_ONE_KIND.iter().filter(|(of, ..)| *of == kind).map(|(_, field, value)| (*field, *value));
        let refused = REFUSED.iter().copied().chain(own).map(|row| (row, false));
        let rows = RESTARTS.iter().copied().map(|row| (row, true)).chain(refused);
        for ((place, value), is_allowed) in rows {
            let value: Value = serde_json::from_str(value).unwrap();
            let change = place.rsplit('.').fold(value, |inner, field| json!({ field: inner }));
            let params = PatchParams { dry_run: true, ..PatchParams::default() };
            let sentence = refusal(workloads.patch("a", &params, &Patch::Merge(&change)).await);
            let is_as_told = match &sentence {
                None => is_allowed,
                Some(words) => !is_allowed && words.contains("changes nothing of a workload"),
            };
            if !is_as_told {
                wrong.push(format!("{kind} {change}: {sentence:?}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Where the operator changes a workload, and how.
const RESTARTS: [(&str, &str); 2] = [
    ("spec.template.metadata.annotations", r#"{ "restart.githubpat.dev/ci": "x" }"#),
    ("spec.template.metadata.annotations", r#"{ "restart.githubpat.dev/old": null }"#),
];

/// What nobody changes with its rights, in a workload of any kind.
const REFUSED: [(&str, &str); 21] = [
    ("metadata.labels", r#"{ "app.kubernetes.io/managed-by": "thief" }"#),
    ("metadata.labels", r#"{ "app": null }"#),
    ("metadata.annotations", r#"{ "inject.example.com/secret": "all" }"#),
    ("metadata.annotations", r#"{ "inject.example.com/empty": "" }"#),
    ("metadata.annotations", r#"{ "restart.githubpat.dev/ci": "x" }"#),
    ("metadata.annotations", r#"{ "theirs": "2" }"#),
    ("metadata.annotations", r#"{ "theirs": null }"#),
    ("metadata.annotations", "null"),
    ("metadata.finalizers", r#"["example.com/never"]"#),
    // The garbage collector deletes what has no owner any more.
    (
        "metadata.ownerReferences",
        r#"[{ "apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000" }]"#,
    ),
    ("spec.minReadySeconds", "10"),
    ("spec.revisionHistoryLimit", "0"),
    ("spec.template.metadata.annotations", r#"{ "inject.example.com/secret": "all" }"#),
    ("spec.template.metadata.annotations", r#"{ "inject.example.com/empty": "" }"#),
    ("spec.template.metadata.annotations", r#"{ "theirs": "2" }"#),
    ("spec.template.metadata.annotations", r#"{ "theirs": null }"#),
    ("spec.template.metadata.labels", r#"{ "role": "admin" }"#),
    ("spec.template.metadata.finalizers", r#"["example.com/never"]"#),
    ("spec.template.spec.hostNetwork", "true"),
    ("spec.template.spec.serviceAccountName", r#""admin""#),
    ("spec.template.spec.containers", r#"[{ "name": "main", "image": "theirs" }]"#),
];

/// The same in those of one kind.
const OF_ONE_KIND: [(&str, &str, &str); 11] = [
    ("Deployment", "metadata.annotations", r#"{ "deprecated.daemonset.template.generation": "7" }"#),
    ("Deployment", "spec.replicas", "7"),
    ("Deployment", "spec.paused", "true"),
    ("Deployment", "spec.strategy", r#"{ "type": "Recreate", "rollingUpdate": null }"#),
    ("Deployment", "spec.progressDeadlineSeconds", "601"),
    ("StatefulSet", "metadata.annotations", r#"{ "deprecated.daemonset.template.generation": "7" }"#),
    ("StatefulSet", "spec.replicas", "0"),
    ("StatefulSet", "spec.updateStrategy", r#"{ "type": "OnDelete", "rollingUpdate": null }"#),
    (
        "StatefulSet",
        "spec.persistentVolumeClaimRetentionPolicy",
        r#"{ "whenDeleted": "Delete", "whenScaled": "Delete" }"#,
    ),
    ("StatefulSet", "spec.ordinals", r#"{ "start": 3 }"#),
    ("DaemonSet", "spec.updateStrategy", r#"{ "type": "OnDelete", "rollingUpdate": null }"#),
];

/// The types of all Secrets that the operator makes.
fn types() -> BTreeSet<String> {
    Format::ALL.iter().map(|format| format.secret_type().to_owned()).collect()
}

#[test]
fn each_policy_can_be_turned_off_and_the_types_are_those_that_the_operator_makes() {
    let policies = |flags: &[&str]| -> BTreeSet<String> {
        let manifests = rendered(flags).into_iter();
        let policies = manifests.filter(|manifest| manifest["kind"] == "ValidatingAdmissionPolicy");
        policies
            .map(|policy| policy["metadata"]["name"].as_str().unwrap().replace(&format!("{RELEASE}-"), ""))
            .collect()
    };
    let all = policies(&[]);
    assert_eq!(all.len(), 4);
    let values = [
        ("requireSecretAccess", "secret-access"),
        ("requireWorkloadAccess", "workload-access"),
        ("warnUnlessGranted", "not-granted"),
        ("confineOperator", "confined"),
    ];
    for (value, policy) in values {
        let flag = format!("admissionPolicies.{value}=false");
        let without = policies(&["--set", &flag]);
        let gone: Vec<_> = all.difference(&without).collect();
        assert_eq!(gone, [policy], "{value}");
    }
    let manifests = rendered(&[]);
    let confined = manifests
        .iter()
        .find(|manifest| manifest["metadata"]["name"] == format!("{RELEASE}-confined"))
        .unwrap();
    let variables = confined["spec"]["variables"].as_array().unwrap();
    let own = variables.iter().find(|variable| variable["name"] == "ownTypes").unwrap()["expression"]
        .as_str()
        .unwrap();
    let own: BTreeSet<String> = serde_json::from_str(&own.replace('\'', "\"")).unwrap();
    assert_eq!(own, types());
}
