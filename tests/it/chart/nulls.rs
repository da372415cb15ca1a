//! Values that are null, for which Helm drops what the chart has by default.

use std::thread;

use super::*;

/// The path of each value, and of all that is below it.
fn paths(values: &Value, above: &str) -> Vec<String> {
    let below = values.as_object().into_iter().flatten();
    let all = below.flat_map(|(name, value)| {
        let path = format!("{above}{name}");
        let below = paths(value, &format!("{path}."));
        [path].into_iter().chain(below)
    });
    all.collect()
}

/// What is wrong with how Helm takes null for this value, with these in effect.
fn wrong(path: &str, with: &str) -> Option<String> {
    let output = template(&["--values", with, "--set-json", &format!("{path}=null")]);
    let words = said(&output);
    let name = path.rsplit('.').next().unwrap_or(path);
    let pointer = format!("at '/{}'", path.replace('.', "/"));
    let by_schema = words.contains(&format!("missing property '{name}'")) || words.contains(&pointer);
    let by_template = words.contains("execution error at") && words.contains(name);
    (!output.status.success() && !by_schema && !by_template).then(|| format!("{path}: {words}"))
}

/// Those of these paths that Helm does not take and does not refuse by name either, with everything turned on.
fn unnamed(paths: &[String]) -> Vec<String> {
    let on = json!({
        "grant": { "namespaces": ["a"] },
        "restartWorkloads": true,
        "waitingPods": { "enabled": true },
        "networkPolicy": { "enabled": true },
        "metrics": {
            "serviceMonitor": true,
            "prometheusRule": true,
            "dashboard": true,
            "tls": { "secretName": "tls" },
            "authentication": { "enabled": true },
        },
        "settings": {
            "consumers": true,
            "tracesEndpoint": "http://collector:4318",
            "hosts": { "a": { "apiUrl": "https://a.example.com/api/v3" } },
            "sinks": { "a": { "url": "https://a.example.com" } },
        },
    });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    fs::write(file.path(), on.to_string()).unwrap();
    let with = file.path().to_str().unwrap();
    thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(4));
        let parts: Vec<_> = parts
            .map(|part| {
                scope.spawn(move || part.iter().filter_map(|path| wrong(path, with)).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn given() -> Value {
    from_yaml(&fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap()
}

#[test]
fn a_value_that_is_null_is_left_out_or_refused_by_name() {
    let names: Vec<_> = given().as_object().unwrap().keys().cloned().collect();
    assert!(names.len() > 35, "{names:?}");
    assert_eq!(unnamed(&names), [""; 0]);
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn so_is_each_field_of_one() {
    let paths = paths(&given(), "");
    assert!(paths.len() > 200, "{paths:?}");
    assert_eq!(unnamed(&paths), [""; 0]);
}
