//! What other platforms and clusters want of the Pod and its objects.

use super::*;

/// What takes off the pinned user and group, as OpenShift wants it.
const ANY_USER: [&str; 2] = ["--set", "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null"];

#[tokio::test]
async fn what_is_given_for_the_pod_stands_in_it() {
    let file = every_value().await;
    let values: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    let manifests = rendered(&["--values", file.path().to_str().unwrap()]);
    let deployment = &of_kind(&manifests, "Deployment")["spec"];
    let pod = &deployment["template"]["spec"];
    for name in ["hostAliases", "dnsConfig", "topologySpreadConstraints"] {
        assert_eq!(pod[name], values[name], "{name}");
    }
    assert_eq!(pod["securityContext"]["fsGroup"], values["podSecurityContext"]["fsGroup"]);
    let container = &pod["containers"][0];
    assert_eq!(container["env"], values["extraEnv"]);
    assert_eq!(container["securityContext"]["privileged"], values["securityContext"]["privileged"]);
    let proxy = json!({ "name": "proxy-1", "secret": { "secretName": "egress", "items": [{ "key": "login", "path": "credentials" }] } });
    assert_eq!(pod["volumes"].as_array().unwrap()[1..], [proxy, values["extraVolumes"][0].clone()]);
    assert_eq!(container["volumeMounts"][1]["name"], "proxy-1");
    assert_eq!(container["volumeMounts"][2], values["extraVolumeMounts"][0]);
    let account = of_kind(&manifests, "ServiceAccount");
    assert_eq!(account["metadata"]["annotations"], values["serviceAccount"]["annotations"]);
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
    let manifests = rendered(&["--set-json", &flag, "--set-json", of_pod]);
    let plain = rendered(&[]);
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
    for page in ["docs/platforms.md", "docs/settings.md", "docs/getting-started.md"] {
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
        ["podSecurityContext", "settings", "hostAliases", "extraVolumes", "settings", "settings"]
    );
}
