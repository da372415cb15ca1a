//! The chart on the oldest Kubernetes that it is tried on. `.ci/kubernetes-1.33` runs it, since that API server takes long to build.

use control_plane::Kubernetes;

use super::*;

fn version() -> &'static str {
    Program::OldestKubeApiserver.version().unwrap()
}

#[test]
fn the_page_for_beginners_has_the_versions_of_kubernetes_and_helm_that_the_tests_have() {
    let page = crate::docs::read("docs/getting-started.md");
    let told = |program: Program| program.version().unwrap().trim_start_matches('v').to_owned();
    let minor = |program: Program| told(program).rsplit_once('.').unwrap().0.to_owned();
    let kubernetes = (minor(Program::OldestKubeApiserver), minor(Program::KubeApiserver));
    let words = [
        format!("(the tests have {} and {})", kubernetes.0, kubernetes.1),
        format!("Helm (the tests have {})", told(Program::Helm)),
    ];
    assert!(words.iter().all(|words| page.contains(words)), "{words:?}");
}

#[tokio::test]
#[ignore = "builds another kube-apiserver; .ci/kubernetes-1.33 runs it"]
async fn kubernetes_1_33_takes_the_chart_and_a_token_is_published_there() {
    let world =
        World::with(Options { kubernetes: Kubernetes::Oldest, audit: true, ..Options::default() }).await;
    let told = world.client.apiserver_version().await.unwrap().git_version;
    assert_eq!(told, version());
    for namespace in [RELEASE, "team-b"] {
        world.namespace(namespace).await;
    }
    crate::alerts::define_monitors(&world).await;
    let given = every_value().await;
    // The one part of the chart that this Kubernetes does not have.
    let here = ["--kube-version", version(), "--set", "waitingPods.addGate=false"];
    schemas::kubeconform_takes_the_matrix(&world.client, &here).await;
    for flags in golden::matrix(given.path()) {
        let flags = [&flags.iter().map(String::as_str).collect::<Vec<_>>(), &here[..]].concat();
        for manifest in &rendered(&flags) {
            apply(&world.client, manifest, true).await;
        }
    }
    helm_refuses_what_is_too_new(&world);
    published(&world).await;
}

/// Helm asks the API server what it has.
fn helm_refuses_what_is_too_new(world: &World) {
    let kubeconfig = world.plane.user("installer", Some("system:masters")).unwrap();
    let chart = chart();
    let install = ["install", RELEASE, chart.to_str().unwrap(), "--namespace", RELEASE, "--dry-run=server"];
    let install =
        [&install[..], &["--kubeconfig", kubeconfig.to_str().unwrap(), "--set", "crds.enabled=false"]]
            .concat();
    let bundle = "settings.hosts.ghe={\"apiUrl\": \"https://ghe.example.com/api/v3\", \"caBundleFrom\": { \"clusterTrustBundle\": { \"name\": \"a\" } }}";
    let rows = [
        (
            vec!["--set", "waitingPods.enabled=true"],
            Some("waitingPods.addGate takes a MutatingAdmissionPolicy"),
        ),
        (vec!["--set", "waitingPods.enabled=true,waitingPods.addGate=false"], None),
        (vec!["--set-json", bundle], Some("settings.hosts.ghe.caBundleFrom: this cluster")),
        (vec![], None),
    ];
    for (values, refused) in rows {
        let output = helm(&[install.clone(), values.clone()].concat());
        assert_eq!(output.status.success(), refused.is_none(), "{values:?}: {}", said(&output));
        if let Some(words) = refused {
            assert!(said(&output).contains(words) && said(&output).contains(version()), "{}", said(&output));
        }
    }
}

/// With the rights and policies of the chart; and a Pod waits whose own template has the gate.
async fn published(world: &World) {
    let values = ["grant.namespaces={team-a}", "waitingPods.enabled=true", "waitingPods.addGate=false"];
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    for manifest in &rendered(&[&values[..], &["--kube-version", version()]].concat()) {
        apply(&world.client, manifest, false).await;
    }
    let account: k8s_openapi::api::core::v1::ServiceAccount =
        from(json!({ "metadata": { "name": "default" } }));
    Api::namespaced(world.client.clone(), NAMESPACE).create(&PostParams::default(), &account).await.unwrap();
    let pod: Pod = from(json!({
        "metadata": { "name": "builder", "annotations": { "githubpat.dev/wait-for": "ci" } },
        "spec": {
            "schedulingGates": [{ "name": "githubpat.dev/token" }], "containers": [{ "name": "main", "image": "builder" }],
        },
    }));
    let pods = Api::<Pod>::namespaced(world.client.clone(), NAMESPACE);
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let operator = world.operator_as(kubeconfig.clone(), &["--waiting-pods", "true"]).await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &token).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("ci", "True", "Ready").await;
    world.secret_until("out", |secret| holds(secret, &token)).await;
    let is_lifted = |found: Option<&Pod>| {
        found.is_some_and(|pod| pod.spec.as_ref().unwrap().scheduling_gates.iter().flatten().count() == 0)
    };
    tokio::time::timeout(SOON, await_condition(pods, "builder", is_lifted)).await.unwrap().unwrap();
    let log = operator.stop().await;
    assert!(!log.contains("cannot watch"), "{log}");
    releasing::releases(world, &kubeconfig).await;
}
