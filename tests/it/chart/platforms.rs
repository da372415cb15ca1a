//! What other platforms and clusters want of the Pod and its objects.

use super::*;

/// What takes off the pinned user and group, as OpenShift wants it.
const ANY_USER: [&str; 2] = ["--set", "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null"];

#[test]
fn a_pod_has_the_time_that_the_operator_takes_to_end() {
    for (seconds, is_taken) in [(0, false), (9, false), (10, true), (3600, true)] {
        let value = format!("terminationGracePeriodSeconds={seconds}");
        let output = template(&["--set", &value]);
        assert_eq!(output.status.success(), is_taken, "{value}: {}", said(&output));
        assert!(is_taken || said(&output).contains("minimum: got"), "{value}: {}", said(&output));
    }
}

#[tokio::test]
async fn what_is_given_for_the_pod_stands_in_it() {
    let file = every_value().await;
    let values: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    let manifests = rendered(&["--values", file.path().to_str().unwrap()]);
    let deployment = &of_kind(&manifests, "Deployment")["spec"];
    let pod = &deployment["template"]["spec"];
    for name in [
        "hostAliases",
        "dnsConfig",
        "topologySpreadConstraints",
        "imagePullSecrets",
        "affinity",
        "tolerations",
        "nodeSelector",
        "priorityClassName",
        "terminationGracePeriodSeconds",
    ] {
        assert!(!values[name].is_null(), "{name}");
        assert_eq!(pod[name], values[name], "{name}");
    }
    let image = |field: &str| values["image"][field].as_str().unwrap().to_owned();
    let by_digest = format!("{}@{}", image("repository"), image("digest"));
    assert_eq!(pod["containers"][0]["image"], by_digest, "the digest outweighs the tag");
    let by_tag = rendered(&["--set", "image.tag=next"]);
    let of_tag = &of_kind(&by_tag, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(of_tag["image"], "github-pat-operator:next");
    // Helm merges these with the defaults.
    for place in ["/requests/cpu", "/limits/memory"] {
        let given = values["resources"].pointer(place);
        assert_eq!(
            (given.is_some(), pod["containers"][0]["resources"].pointer(place)),
            (true, given),
            "{place}"
        );
    }
    assert_eq!(pod["containers"][0]["imagePullPolicy"], values["image"]["pullPolicy"]);
    let marks = &deployment["template"]["metadata"];
    assert_eq!((&marks["labels"]["team"], &marks["annotations"]["note"]), (&json!("a"), &json!("b")));
    assert_eq!(pod["securityContext"]["fsGroup"], values["podSecurityContext"]["fsGroup"]);
    let container = &pod["containers"][0];
    let of_pod = |name: &str, field: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": field } } });
    let mut env = vec![
        of_pod("POD_NAMESPACE", "metadata.namespace"),
        of_pod("POD_NAME", "metadata.name"),
        of_pod("POD_UID", "metadata.uid"),
    ];
    env.extend(values["extraEnv"].as_array().unwrap().clone());
    assert_eq!(container["env"], json!(env));
    assert_eq!(container["securityContext"]["privileged"], values["securityContext"]["privileged"]);
    let proxy = json!({ "name": "proxy-c96806cc", "secret": { "secretName": "egress", "items": [{ "key": "login", "path": "credentials" }] } });
    let sink = json!({ "name": "sink-a92c36e6", "secret": { "secretName": "hook", "items": [{ "key": "secret", "path": "secret" }] } });
    let items = ["tls.crt", "tls.key"].map(|name| json!({ "key": name, "path": name }));
    let tls = json!({ "name": "metrics-tls", "secret": { "secretName": "metrics-tls", "items": items } });
    assert_eq!(
        pod["volumes"].as_array().unwrap()[1..],
        [tls, proxy, sink, values["extraVolumes"][0].clone()]
    );
    assert_eq!(container["volumeMounts"][1]["name"], "metrics-tls");
    assert_eq!(container["volumeMounts"][2]["name"], "proxy-c96806cc");
    assert_eq!(container["volumeMounts"][3]["name"], "sink-a92c36e6");
    assert_eq!(container["volumeMounts"][4], values["extraVolumeMounts"][0]);
    let account = of_kind(&manifests, "ServiceAccount");
    assert_eq!(account["metadata"]["annotations"], json!({ "owner": "platform", "note": "c" }));
}

/// Values with which the chart makes one object of each kind that it can make, but for a PodMonitor.
const EVERYTHING: [&str; 9] = [
    "networkPolicy.enabled=true",
    "metrics.serviceMonitor=true",
    "metrics.prometheusRule=true",
    "metrics.dashboard=true",
    "metrics.tls.secretName=metrics-tls",
    "metrics.authentication.enabled=true",
    "metrics.authentication.tokenSecret.name=scraper",
    "grant.namespaces={a}",
    "waitingPods.enabled=true",
];

/// The same as flags, and these.
fn everything<'a>(more: &[&'a str]) -> Vec<&'a str> {
    EVERYTHING.iter().flat_map(|value| ["--set", value]).chain(more.iter().copied()).collect()
}

#[test]
fn common_annotations_stand_on_every_object_and_replace_none_of_the_charts_own() {
    let more = ["--set", "commonAnnotations.owner=platform,serviceAccount.annotations.note=c"];
    let pods = ["--set", "metrics.serviceMonitor=false,metrics.podMonitor=true"];
    let manifests = [rendered(&everything(&more)), rendered(&everything(&[more, pods].concat()))].concat();
    for manifest in &manifests {
        let mut expected = json!({ "owner": "platform" });
        match manifest["kind"].as_str().unwrap() {
            "CustomResourceDefinition" => expected["helm.sh/resource-policy"] = json!("keep"),
            "ServiceAccount" => expected["note"] = json!("c"),
            _ => {}
        }
        let (kind, metadata) = (&manifest["kind"], &manifest["metadata"]);
        assert_eq!(metadata["annotations"], expected, "{kind} {}", metadata["name"]);
    }
    let kinds: std::collections::BTreeSet<_> =
        manifests.iter().map(|manifest| manifest["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 18, "{kinds:?}");
}

#[test]
fn further_objects_come_with_the_release_and_see_its_name() {
    let object =
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "{{ .Release.Name }}-more" } });
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ .Release.Namespace }}-too }";
    let manifests = rendered(&["--set-json", &format!("extraObjects={}", json!([object, text]))]);
    assert_eq!(of_kind(&manifests, "Secret")["metadata"]["name"], format!("{RELEASE}-more"));
    let added = manifests.iter().find(|manifest| manifest["metadata"]["name"] == format!("{RELEASE}-too"));
    assert_eq!(added.unwrap()["kind"], "ConfigMap");
    assert_eq!(manifests.len(), rendered(&[]).len() + 2);
}

#[test]
fn null_takes_off_a_field_of_a_security_context_or_all_of_it() {
    let pinned = json!({
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": { "type": "RuntimeDefault" },
    });
    let of_openshift = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    let strict = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
    });
    let rows = [
        (vec![], &pinned, &strict),
        (ANY_USER.to_vec(), &of_openshift, &strict),
        (vec!["--set", "podSecurityContext=null,securityContext=null"], &Value::Null, &Value::Null),
    ];
    for (flags, of_pod, of_container) in rows {
        let manifests = rendered(&flags);
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
        let found = (&pod["securityContext"], &pod["containers"][0]["securityContext"]);
        assert_eq!(found, (of_pod, of_container), "{flags:?}");
    }
}

#[tokio::test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
async fn the_pod_is_admitted_where_pod_security_is_restricted() {
    let world = World::start().await;
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace: Namespace = from(json!({ "metadata": { "name": RELEASE, "labels": labels } }));
    Api::<Namespace>::all(world.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let pods = Api::<Pod>::namespaced(world.client.clone(), RELEASE);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    for flags in [Vec::new(), ANY_USER.to_vec()] {
        let manifests = rendered(&flags);
        apply(&world.client, of_kind(&manifests, "ServiceAccount"), false).await;
        let spec = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
        let mut pod: Pod = Pod { metadata: named("operator"), spec: from(spec.clone()), ..Pod::default() };
        pods.create(&dry, &pod).await.unwrap();

        pod.spec.as_mut().unwrap().containers[0].security_context = None;
        let refused = pods.create(&dry, &pod).await.unwrap_err().to_string();
        assert!(refused.contains("PodSecurity"), "the namespace is guarded: {refused}");
    }
}

#[test]
fn common_labels_stand_on_every_object_and_on_the_pod_and_replace_none_of_the_charts_own() {
    let labels =
        json!({ "team": "a", "app.kubernetes.io/name": "mine", "app.kubernetes.io/version": "mine" });
    let (flag, of_pod) = (format!("commonLabels={labels}"), "podLabels={\"team\": \"b\"}");
    let manifests = rendered(&everything(&["--set-json", &flag, "--set-json", of_pod]));
    let plain = rendered(&everything(&[]));
    assert_eq!(manifests.len(), plain.len());
    for (manifest, plain) in manifests.iter().zip(&plain) {
        let mut expected = plain["metadata"]["labels"].clone();
        expected["team"] = json!("a");
        assert_eq!(manifest["metadata"]["labels"], expected, "{}", manifest["kind"]);
    }
    let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&pod["team"], &pod["app.kubernetes.io/name"]), (&json!("b"), &json!(RELEASE)));
}

#[test]
fn the_rights_go_to_the_service_account_that_the_pod_has() {
    let rows = [
        (vec![], Some(RELEASE), RELEASE),
        (vec!["--set", "serviceAccount.name=pats"], Some("pats"), "pats"),
        (vec!["--set", "serviceAccount.create=false,serviceAccount.name=pats"], None, "pats"),
    ];
    for (flags, made, used) in rows {
        let manifests = rendered(&flags);
        let account = manifests.iter().find(|manifest| manifest["kind"] == "ServiceAccount");
        assert_eq!(account.map(|account| &account["metadata"]["name"]), made.map(Value::from).as_ref());
        assert_eq!(of_kind(&manifests, "ClusterRoleBinding")["subjects"][0]["name"], used, "{flags:?}");
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], used, "{flags:?}");
    }
}

#[test]
fn helm_takes_the_values_that_the_pages_show() {
    let mut taken = Vec::new();
    for page in ["docs/platforms.md", "docs/settings.md", "docs/getting-started.md", "docs/monitoring.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let blocks = text.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        let are_values = |block: &&str| !block.starts_with("apiVersion:") && !block.starts_with("hosts:");
        for block in blocks.filter(are_values) {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), block.replace('…', "MIIB")).unwrap();
            let output = template(&["--values", file.path().to_str().unwrap()]);
            assert!(output.status.success(), "{page}: {block}\n{}", said(&output));
            taken.push(block.split(':').next().unwrap().to_owned());
        }
    }
    assert_eq!(
        taken,
        [
            "podSecurityContext",
            "settings",
            "hostAliases",
            "extraVolumes",
            "networkPolicy",
            "settings",
            "settings",
            "settings",
            "settings",
            "metrics"
        ]
    );
}
