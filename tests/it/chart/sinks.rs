//! What the chart makes of sinks: the settings, the secret where they name it, and the rights to keep what was told.

use std::collections::BTreeSet;

use super::{
    rights::{granted, used},
    *,
};
use crate::sinks::receiver::Receiver;

#[tokio::test]
async fn the_secret_and_the_certificates_of_a_sink_are_where_the_settings_name_them() {
    let values = every_value().await;
    let manifests = rendered(&["--values", values.path().to_str().unwrap()]);
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&manifests, directory.path());
    let names: Vec<_> = settings.sinks.all.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!((names, settings.sinks.config_map.as_str()), (vec!["bus", "ops"], "all-pats-sinks"));
    let (bus, ops) = (&settings.sinks.all[0], &settings.sinks.all[1]);
    assert_eq!((bus.ca_bundle.len(), ops.ca_bundle.len(), &bus.secret_file), (0, 1, &None));
    let text = of_kind(&manifests, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap();
    let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
    let named = |list: &Value, name: &str| {
        list.as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
    };
    let mount = named(&pod["containers"][0]["volumeMounts"], "sink-a92c36e6");
    assert!(
        text.contains(&format!("secretFile: {}/secret\n", mount["mountPath"].as_str().unwrap())),
        "{text}"
    );
    assert_eq!(mount.get("subPath"), None, "the file would stay as it was when the Secret changes");
    let secret = json!({ "secretName": "hook", "items": [{ "key": "secret", "path": "secret" }] });
    assert_eq!(named(&pod["volumes"], "sink-a92c36e6")["secret"], secret);
    let flag = "settings.sinks.ops=null";
    let without = rendered(&["--values", values.path().to_str().unwrap(), "--set", flag]);
    assert_eq!(self::settings(&without, directory.path()).sinks.all.len(), 1);
}

#[tokio::test]
async fn the_rights_to_keep_what_was_told_come_with_the_sinks_and_each_is_used() {
    let world = World::with(Options { audit: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let receiver = Receiver::start().await;
    let sinks = format!("settings.sinks={}", json!({ "ops": { "url": receiver.url("/") } }));
    let flags = ["--set-json", &sinks, "--set", "grant.namespaces={team-a}"];
    let manifests = rendered(&flags);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let more: BTreeSet<_> =
        granted(&manifests).difference(&granted(&rendered(&flags[2..]))).cloned().collect();
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let list = json!([{ "name": "ops", "url": receiver.url("/") }]);
    let text = format!("{}leaseNamespace: {RELEASE}\nsinks: {list}\n", world.settings());
    let start = async || {
        let operator = world.unready_operator(kubeconfig.clone(), &text, &[]);
        operator.wait_until_ready().await;
        operator
    };
    let first = start().await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "SecretNotFound").await;
    receiver.until("/", |messages| messages.len() == 1).await;
    first.stop().await;
    let second = start().await;
    world.secret("ci", "").await;
    receiver.until("/", |messages| messages.len() == 2).await;
    second.stop().await;
    let used = used(&world, &granted(&manifests));
    assert_eq!((more.len(), more.difference(&used).count()), (3, 0), "{more:?} {used:?}");

    // The policy holds it to that ConfigMap, whatever RBAC grants.
    let user = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let client = Client::try_from(
        kube::Config::from_custom_kubeconfig(
            kube::config::Kubeconfig::read_from(user).unwrap(),
            &kube::config::KubeConfigOptions::default(),
        )
        .await
        .unwrap(),
    )
    .unwrap();
    let other = Api::<k8s_openapi::api::core::v1::ConfigMap>::namespaced(client, RELEASE);
    let made = from(json!({ "metadata": { "name": "other" } }));
    let refused = other.create(&PostParams::default(), &made).await.unwrap_err().to_string();
    assert!(refused.contains("does not CREATE /configmaps"), "{refused}");
}
