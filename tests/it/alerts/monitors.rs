//! What the operator of Prometheus is given: monitors and rules.

use std::{collections::BTreeSet, fs};

use control_plane::sources;
use serde_json::{Value, json};

use crate::{
    chart::{RELEASE, apply, of_kind, rendered},
    world::World,
};

#[test]
fn monitors_find_the_operator_and_leave_its_labels_alone() {
    let with = |monitor: &str| {
        let values =
            format!("metrics.{monitor}=true,metrics.interval=45s,metrics.monitorLabels.release=prometheus");
        rendered(&["--set", &values])
    };
    let manifests = [with("serviceMonitor"), with("podMonitor")].concat();
    let of = |kind| of_kind(&manifests, kind);
    let pod = &of("Deployment")["spec"]["template"];
    let container = &pod["spec"]["containers"][0]["ports"][0];
    let includes = |labels: &Value, selector: &Value| {
        selector.as_object().unwrap().iter().all(|(name, value)| labels[name] == *value)
    };
    let service = of("Service");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["name"]);
    assert!(includes(&pod["metadata"]["labels"], &service["spec"]["selector"]));
    let monitor = of("ServiceMonitor");
    assert!(includes(&service["metadata"]["labels"], &monitor["spec"]["selector"]["matchLabels"]));
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    let pods = of("PodMonitor");
    assert!(includes(&pod["metadata"]["labels"], &pods["spec"]["selector"]["matchLabels"]));
    assert_eq!(pods["spec"]["podMetricsEndpoints"][0]["port"], container["name"]);
    for (monitor, endpoints) in [(monitor, "endpoints"), (pods, "podMetricsEndpoints")] {
        let endpoint = &monitor["spec"][endpoints][0];
        assert_eq!(
            (&endpoint["path"], &endpoint["honorLabels"], &endpoint["interval"]),
            (&json!("/metrics"), &json!(true), &json!("45s"))
        );
        assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    }
    let without = rendered(&[]);
    let kinds: BTreeSet<_> = without.iter().map(|manifest| manifest["kind"].as_str().unwrap()).collect();
    for kind in ["Service", "ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert!(!kinds.contains(kind), "{kind} is made unasked");
    }
}

/// Has the API server know what the operator of Prometheus takes.
pub(crate) async fn define_monitors(world: &World) {
    let folder = sources::prometheus_operator_crds().unwrap();
    for kind in ["servicemonitors", "podmonitors", "prometheusrules"] {
        let text = fs::read_to_string(folder.join(format!("monitoring.coreos.com_{kind}.yaml"))).unwrap();
        world.plane.define(&serde_saphyr::from_str(&text).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn the_operator_of_prometheus_takes_the_monitors_and_rules_by_the_letter() {
    let world = World::start().await;
    world.namespace(RELEASE).await;
    define_monitors(&world).await;
    let monitors = [
        ["metrics.serviceMonitor=true", "metrics.prometheusRule=true"],
        ["metrics.podMonitor=true", "metrics.prometheusRule=true"],
    ];
    let more = [
        "metrics.tls.secretName=metrics-tls",
        "metrics.authentication.enabled=true",
        "metrics.authentication.tokenSecret.name=scraper",
        "metrics.interval=45s",
        "settings.connectionLabels={team}",
        "metrics.monitorLabels.release=prometheus",
    ];
    for values in monitors.iter().flat_map(|monitor| [monitor.to_vec(), [monitor.as_slice(), &more].concat()])
    {
        let flags: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
        let manifests = rendered(&flags);
        let of_prometheus =
            manifests.iter().filter(|manifest| manifest["apiVersion"] == "monitoring.coreos.com/v1");
        let applied: Vec<_> = of_prometheus.collect();
        assert_eq!(applied.len(), 2);
        for manifest in applied {
            apply(&world.client, manifest, true).await;
        }
    }
    let mut wrong = of_kind(&rendered(&["--set", monitors[0][0]]), "ServiceMonitor").clone();
    wrong["spec"]["endpoints"][0]["honorLabel"] = json!(true);
    let refused = tokio::spawn(async move { apply(&world.client, &wrong, true).await }).await;
    assert!(refused.is_err(), "what it does not know is refused");
}
