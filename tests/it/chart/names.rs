//! Names that YAML reads as something else than a text.

use super::*;
use crate::release::documents;

/// A name that is a text in any case.
const PLAIN: &str = "zzz";

/// What Helm makes of the chart where everything that can be named has this name.
fn all_named(name: &str, more: Value) -> Output {
    let key = json!({ "name": name, "key": name });
    let host = json!({
        "apiUrl": "https://a.example.com",
        "caBundleFrom": { "configMap": key },
        "clientCertificateSecret": { "name": name },
        "proxy": { "url": "http://proxy", "credentialsSecret": key },
    });
    let sink = json!({ "url": "https://b.example.com", "secret": key, "namespaces": [name], "labels": { "a": name } });
    let readers = json!([{ "name": name, "namespace": name }]);
    let values = json!({
        "nameOverride": name,
        "serviceAccount": { "name": name },
        "priorityClassName": name,
        "imagePullSecrets": [{ "name": name }],
        "commonLabels": { "a": name },
        "commonAnnotations": { "a": name },
        "podLabels": { "b": name },
        "podAnnotations": { "b": name },
        "nodeSelector": { "a": name },
        "selector": { "matchLabels": { "a": name } },
        "waitingPods": { "enabled": true },
        "networkPolicy": { "enabled": true },
        "settings": { "hosts": { "a": host }, "sinks": { "b": sink } },
        "metrics": {
            "podMonitor": true, "prometheusRule": true, "dashboard": true,
            "tls": { "secretName": name, "serverName": name, "ca": key },
            "authentication": { "enabled": true, "readers": readers, "tokenSecret": key },
            "monitorLabels": { "c": name }, "dashboardLabels": { "c": name }, "alertLabels": { "c": name },
            "alerts": { "GithubPatOperatorDown": { "severity": name } },
        },
    });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    fs::write(file.path(), crate::world::merged(values, more).to_string()).unwrap();
    let (chart, values) = (chart(), file.path().to_str().unwrap());
    helm(&["template", name, chart.to_str().unwrap(), "--namespace", name, "--values", values])
}

/// The manifests, with the settings as they are read, and without their checksum.
fn manifests(output: &Output) -> Value {
    let mut all = documents(output);
    for manifest in &mut all {
        if let Some(settings) = manifest.pointer_mut("/data/settings.yaml") {
            *settings = from_yaml(settings.as_str().unwrap()).unwrap();
        }
        if let Some(annotations) = manifest.pointer_mut("/spec/template/metadata/annotations") {
            annotations.as_object_mut().unwrap().remove("checksum/settings");
        }
    }
    Value::from(all)
}

/// The same with another name.
fn renamed(value: Value, name: &str) -> Value {
    match value {
        Value::String(text) => text.replace(PLAIN, name).into(),
        Value::Array(items) => items.into_iter().map(|item| renamed(item, name)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(field, value)| (field, renamed(value, name))).collect()
        }
        other => other,
    }
}

#[test]
fn a_name_that_yaml_would_not_read_as_a_text_stays_one_in_every_manifest() {
    let modes: [fn(&str) -> Value; 3] = [
        |name| json!({ "grant": { "namespaces": [name] } }),
        |name| json!({ "watchNamespaces": [name] }),
        |_| json!({ "shards": 2, "grant": { "allNamespaces": true } }),
    ];
    for more in modes {
        let plain = manifests(&all_named(PLAIN, more(PLAIN)));
        for name in ["123", "1e3", "0x1f", "on", "y", "null", "true", "2024-01-01"] {
            let output = all_named(name, more(name));
            // Helm reads YAML 1.1, in which a word may be none that is a text here.
            if from_yaml::<Value>(name).unwrap().is_string() {
                let text = String::from_utf8_lossy(&output.stdout);
                let ends = [format!(": {name}"), format!("- {name}")];
                let bare = text.lines().filter(|line| ends.iter().any(|end| line.ends_with(end)));
                assert_eq!(bare.collect::<Vec<_>>(), [""; 0], "{name}: {}", more(name));
            }
            assert_eq!(manifests(&output), renamed(plain.clone(), name), "{}", more(name));
        }
    }
}
