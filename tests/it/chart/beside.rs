//! Variables, volumes and mounts beside the chart's own: none is in the way of what the operator needs.

use super::*;

#[tokio::test]
async fn what_is_given_beside_the_charts_own_can_take_no_name_and_no_place_of_it() {
    let bundles = json!({ "settings": { "hosts": { "own.example.com": {
        "apiUrl": "https://own.example.com/api/v3",
        "clientCertificateSecret": { "name": "client" },
        "caBundleFrom": { "configMap": { "name": "roots", "key": "ca.pem" } },
    } } } });
    let (given, more) = (every_value().await, tempfile::Builder::new().suffix(".json").tempfile().unwrap());
    fs::write(more.path(), bundles.to_string()).unwrap();
    let files = ["--values", given.path().to_str().unwrap(), "--values", more.path().to_str().unwrap()];
    let manifests = rendered(&files);
    let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let values: Value = serde_json::from_slice(&fs::read(given.path()).unwrap()).unwrap();
    let own = |all: &Value, further: &str, field: &str| -> Vec<String> {
        let further = values[further].as_array().unwrap();
        let own = all.as_array().unwrap().iter().filter(|one| !further.contains(one));
        own.map(|one| one[field].as_str().unwrap().to_owned()).collect()
    };
    let (volumes, mounts) = (
        own(&pod["volumes"], "extraVolumes", "name"),
        own(&container["volumeMounts"], "extraVolumeMounts", "mountPath"),
    );
    let variables = own(&container["env"], "extraEnv", "name");
    assert_eq!(
        (volumes.len(), mounts.len(), variables.len()),
        (6, 6, 3),
        "{volumes:?} {mounts:?} {variables:?}"
    );
    let mut rows = Vec::new();
    for name in variables {
        rows.push((
            format!("extraEnv=[{{\"name\": {name:?}}}]"),
            format!("extraEnv: {name} is set by the chart"),
        ));
    }
    for name in volumes {
        let words = format!("extraVolumes: {name} is a volume of the chart");
        rows.push((format!("extraVolumes=[{{\"name\": {name:?}}}]"), words));
    }
    let dockerfile = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let program = "/github-pat-operator";
    assert!(dockerfile.contains(&format!("ENTRYPOINT [{program:?}]")), "{dockerfile}");
    let token = "/var/run/secrets/kubernetes.io/serviceaccount";
    let others = [
        (program.to_owned(), "where the image has the program"),
        (token.to_owned(), "where Kubernetes mounts the token of the operator"),
    ];
    let of_chart = mounts.into_iter().map(|own| (own, "where the chart mounts what the operator reads"));
    let mounted = |path: &str| format!("extraVolumeMounts=[{{\"name\": \"a\", \"mountPath\": {path:?}}}]");
    for (own, words) in of_chart.chain(others) {
        let above = own.rsplit_once('/').unwrap().0.to_owned();
        let paths = [
            own.clone(),
            format!("{own}/"),
            format!("{own}/more"),
            above,
            format!("/etc/../{own}"),
            own[1..].to_owned(),
        ];
        for path in paths.iter().filter(|path| !path.is_empty()) {
            rows.push((mounted(path), words.to_owned()));
        }
    }
    for above in ["/", "/var", "/var/run", "/var/run/secrets"] {
        rows.push((mounted(above), "extraVolumeMounts: ".to_owned() + above + " overlaps with "));
    }
    rows.push((mounted("/certificates-of-mine"), "extraVolumeMounts: a is no volume of the Pod".to_owned()));
    for (value, words) in rows {
        let output = template(&[&files[..], &["--set-json", &value]].concat());
        assert!(!output.status.success() && said(&output).contains(&words), "{value}: {}", said(&output));
    }
    let beside = [
        ("certificates", "/etc/github-pat-operator-of-mine"),
        ("settings", "/github-pat-operator-of-mine"),
        ("certificates", "/var/run/secrets/eks.amazonaws.com/serviceaccount"),
    ];
    for (name, path) in beside {
        let flag = format!("extraVolumeMounts=[{{\"name\": {name:?}, \"mountPath\": {path:?}}}]");
        let output = template(&[&files[..], &["--set-json", &flag]].concat());
        assert!(output.status.success(), "{flag}: {}", said(&output));
    }
    // A token with another audience takes the place of that of Kubernetes, and nothing else does.
    let mount = format!("extraVolumeMounts=[{{\"name\": \"own\", \"mountPath\": {token:?}}}]");
    for (source, is_taken) in [("\"projected\": {\"sources\": []}", true), ("\"emptyDir\": {}", false)] {
        let volume = format!("extraVolumes=[{{\"name\": \"own\", {source}}}]");
        let output = template(&["--set-json", &volume, "--set-json", &mount]);
        assert_eq!(output.status.success(), is_taken, "{volume}: {}", said(&output));
    }
}
