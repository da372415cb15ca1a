//! Authorities and client certificates that stand in other objects: the Pod sees them where its settings name them.

use std::collections::BTreeMap;

use super::*;

/// Hosts and sinks with each kind of source.
fn values() -> [String; 2] {
    let host = |name: &str, from: Value| json!({ "apiUrl": format!("https://{name}.example.com/api/v3"), "caBundleFrom": from });
    let mut private = host("d", json!({ "secret": { "name": "of-d", "key": "ca.crt" } }));
    private["clientCertificateSecret"] = json!({ "name": "client" });
    private["proxy"] =
        json!({ "url": "http://proxy:3128", "credentialsSecret": { "name": "egress", "key": "login" } });
    let signer =
        json!({ "signerName": "example.com/mine", "labelSelector": { "matchLabels": { "a": "b" } } });
    let hosts = json!({
        "a": { "apiUrl": "https://a.example.com/api/v3" },
        "b": host("b", json!({ "configMap": { "name": "of-b", "key": "bundle.pem" } })),
        "c": host("c", json!({ "clusterTrustBundle": { "name": "of-c" } })),
        "d": private,
        "e": host("e", json!({ "clusterTrustBundle": signer })),
    });
    let from = json!({ "configMap": { "name": "of-ops", "key": "ca.crt" } });
    let sinks = json!({ "ops": { "url": "https://hooks.example.com", "caBundleFrom": from } });
    ["--set-json".to_owned(), format!("settings={}", json!({ "hosts": hosts, "sinks": sinks }))]
}

/// What a Pod of the Deployment sees of the objects below a folder, and the settings that it has then.
fn seen(manifests: &[Value], objects: &BTreeMap<(&str, &str), &str>, folder: &Path) -> Settings {
    let pod = &of_kind(manifests, "Deployment")["spec"]["template"]["spec"];
    let volumes = pod["volumes"].as_array().unwrap();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mut text = of_kind(manifests, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap().to_owned();
    assert_eq!(volumes.len(), mounts.len());
    for mount in mounts.iter().filter(|mount| mount["name"] != "settings") {
        assert_eq!((mount.get("subPath"), &mount["readOnly"]), (None, &json!(true)), "{mount}");
        let path = mount["mountPath"].as_str().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        let place = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(&place).unwrap();
        let write = |name: &str, key: &str, file: &str| {
            fs::write(place.join(file), objects[&(name, key)]).unwrap();
        };
        let items = |source: &Value, name: &str| {
            for item in source["items"].as_array().unwrap() {
                write(name, item["key"].as_str().unwrap(), item["path"].as_str().unwrap());
            }
        };
        match volume.get("secret") {
            Some(secret) => items(secret, secret["secretName"].as_str().unwrap()),
            None => {
                let [source] = volume["projected"]["sources"].as_array().unwrap().as_slice() else {
                    panic!("{volume}")
                };
                match source.get("clusterTrustBundle") {
                    Some(bundle) => {
                        let name = bundle.get("name").or(bundle.get("signerName")).unwrap();
                        write(name.as_str().unwrap(), "", bundle["path"].as_str().unwrap());
                    }
                    None => {
                        let source = source.get("configMap").or(source.get("secret")).unwrap();
                        items(source, source["name"].as_str().unwrap());
                    }
                }
            }
        }
        text = text.replace(&format!(" {path}/"), &format!(" {}/", place.display()));
    }
    Settings::new(SettingsInput::default(), from_yaml(&text).unwrap()).unwrap()
}

#[tokio::test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
async fn the_pod_sees_authorities_and_client_certificates_where_its_settings_name_them() {
    let github = Simulator::start_mutual_tls().await.unwrap();
    let (ca, (certificate, key)) = (github.ca_pem().unwrap(), github.client_pem().unwrap());
    let objects = BTreeMap::from([
        (("of-b", "bundle.pem"), ca),
        (("of-c", ""), ca),
        (("of-d", "ca.crt"), ca),
        (("example.com/mine", ""), ca),
        (("of-ops", "ca.crt"), ca),
        (("client", "tls.crt"), certificate),
        (("client", "tls.key"), key),
        (("egress", "login"), "bot:x"),
    ]);
    let values = values();
    let manifests = rendered(&values.each_ref().map(String::as_str));
    let folder = tempfile::tempdir().unwrap();
    let settings = seen(&manifests, &objects, folder.path());
    let of = |name: &str| {
        let host = settings.host(name).unwrap();
        (host.ca_bundle.len(), host.client_certificate.is_some(), host.proxy.is_some())
    };
    let expected = [
        ("a", (0, false, false)),
        ("b", (1, false, false)),
        ("c", (1, false, false)),
        ("d", (1, true, true)),
        ("e", (1, false, false)),
    ];
    for (name, expected) in expected {
        assert_eq!(of(name), expected, "{name}");
    }
    assert_eq!(settings.sinks.all[0].ca_bundle.len(), 1);
    // Another object needs no other Pod.
    let checksum = |key: &str| {
        let from = json!({ "configMap": { "name": "of-b", "key": key } });
        let host = json!({ "apiUrl": "https://b.example.com/api/v3", "caBundleFrom": from });
        let manifests = rendered(&["--set-json", &format!("settings.hosts.b={host}")]);
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["metadata"]["annotations"];
        pod["checksum/settings"].clone()
    };
    assert_eq!(checksum("one"), checksum("two"));

    let world = World::start().await;
    world.namespace(RELEASE).await;
    for manifest in &manifests {
        apply(&world.client, manifest, true).await;
    }
}

/// The volume below each folder of the Pod, but for the one of the settings.
fn volumes(hosts: &Value, sinks: &Value) -> BTreeMap<String, Value> {
    let settings = format!("settings={}", json!({ "hosts": hosts, "sinks": sinks }));
    let manifests = rendered(&["--set-json", &settings]);
    let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
    let volume = |name: &Value| {
        let mut volumes = pod["volumes"].as_array().unwrap().iter();
        volumes.find(|volume| volume["name"] == *name).unwrap().clone()
    };
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap().iter();
    let mounts = mounts.filter(|mount| mount["name"] != "settings");
    mounts.map(|mount| (mount["mountPath"].as_str().unwrap().to_owned(), volume(&mount["name"]))).collect()
}

/// A Pod that runs has the volumes of before, while the kubelet already brings it the settings of after.
#[test]
fn a_host_or_sink_has_folders_that_no_other_one_ever_has() {
    let key = |of: &str, name: &str| json!({ "name": format!("{of}-{name}"), "key": "a" });
    let host = |name: &str| {
        json!({
            "apiUrl": format!("https://{name}.example.com/api/v3"),
            "caBundleFrom": { "secret": key("roots", name) },
            "clientCertificateSecret": { "name": format!("client-{name}") },
            "proxy": { "url": "http://proxy:3128", "credentialsSecret": key("egress", name) },
        })
    };
    let sink = |name: &str| {
        let from = json!({ "configMap": key("roots", name) });
        json!({ "url": "https://hooks.example.com", "secret": key("hook", name), "caBundleFrom": from })
    };
    let map = |names: &[&str], one: &dyn Fn(&str) -> Value| -> Value {
        names.iter().map(|name| ((*name).to_owned(), one(name))).collect::<serde_json::Map<_, _>>().into()
    };
    let all = volumes(&map(&["a", "b", "c.d"], &host), &map(&["a", "b", "c"], &sink));
    assert_eq!(all.len(), 3 * 3 + 3 * 2);
    let listed = |name: &str| {
        let mut host = host(name);
        host["name"] = json!(name);
        host
    };
    let rows = [
        (map(&["b"], &host), map(&["c"], &sink)),
        (map(&["b", "c.d"], &host), map(&["b", "c"], &sink)),
        (map(&["a", "c.d"], &host), map(&["a", "c"], &sink)),
        (json!([listed("c.d"), listed("a")]), map(&["b"], &sink)),
    ];
    for (hosts, sinks) in rows {
        let some = volumes(&hosts, &sinks);
        let count = hosts.as_object().map_or(2, serde_json::Map::len);
        assert_eq!(some.len(), 3 * count + 2 * sinks.as_object().unwrap().len());
        for (folder, volume) in some {
            assert_eq!(all.get(&folder), Some(&volume), "{folder}");
        }
    }
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn authorities_come_from_one_place() {
    let rows = [
        (json!({ "configMap": { "name": "a" } }), "missing property 'key'"),
        (json!({ "path": "/etc/ca.pem" }), "'path' not allowed"),
        (json!({}), "/caBundleFrom': minProperties"),
        (
            json!({ "configMap": { "name": "a", "key": "b" }, "secret": { "name": "a", "key": "b" } }),
            "/caBundleFrom': maxProperties",
        ),
        (json!({ "clusterTrustBundle": {} }), "/clusterTrustBundle': minProperties"),
        (json!({ "clusterTrustBundle": { "name": "a", "signerName": "b/c" } }), "/clusterTrustBundle"),
        (json!({ "clusterTrustBundle": { "labelSelector": {} } }), "/clusterTrustBundle"),
        // It would match nothing, and the Pod would not start.
        (json!({ "clusterTrustBundle": { "signerName": "b/c" } }), "/clusterTrustBundle"),
        (
            json!({ "clusterTrustBundle": { "signerName": "b/c", "labelSelector": null } }),
            "/clusterTrustBundle/labelSelector",
        ),
    ];
    for (from, words) in rows {
        for (part, mut entry) in
            [("hosts", json!({ "apiUrl": "https://a" })), ("sinks", json!({ "url": "https://a" }))]
        {
            entry["caBundleFrom"] = from.clone();
            let output = template(&["--set-json", &format!("settings.{part}.a={entry}")]);
            assert!(!output.status.success(), "{entry}");
            assert!(said(&output).contains(words), "{entry}: {}", said(&output));
            entry["caBundleFrom"] = json!({ "secret": { "name": "a", "key": "b" } });
            entry["caBundle"] = json!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----");
            let output = template(&["--set-json", &format!("settings.{part}.a={entry}")]);
            let both = format!("settings.{part}.a: give caBundle or caBundleFrom");
            assert!(said(&output).contains(&both), "{}", said(&output));
        }
    }
    let all = json!({ "signerName": "b/c", "labelSelector": {} });
    let host =
        json!({ "apiUrl": "https://a.example.com", "caBundleFrom": { "clusterTrustBundle": all.clone() } });
    let volumes = volumes(&json!({ "a": host }), &json!({}));
    assert_eq!(volumes.len(), 1);
    for volume in volumes.values() {
        let mut bundle = volume["projected"]["sources"][0]["clusterTrustBundle"].clone();
        assert_eq!(bundle.as_object_mut().unwrap().remove("path"), Some(json!("ca.pem")));
        assert_eq!(bundle, all, "an empty selector takes all of the signer");
    }
}

#[test]
fn what_is_mounted_has_the_name_and_the_key_that_an_object_can_have() {
    let longest = "a".repeat(254);
    let names = ["", "A B", "A", "a..b", "-a", "a.", "a/b", &longest];
    let keys = ["", "../x", "..", ".", "..x", "a/b", "a b", &longest];
    let wrong = names.map(|name| (name, "key", "name")).into_iter().chain(keys.map(|key| ("a", key, "key")));
    let good = [("a", "ca.crt", ""), ("a.b-1", ".dockerconfigjson", ""), ("1a", "A_b-.c..d", "")];
    for (name, key, refused) in wrong.chain(good) {
        let of = json!({ "name": name, "key": key });
        let host = json!({
            "apiUrl": "https://a.example.com",
            "caBundleFrom": { "configMap": of },
            "clientCertificateSecret": { "name": name },
            "proxy": { "url": "http://p", "credentialsSecret": of },
        });
        let sink = json!({ "url": "https://a", "caBundleFrom": { "secret": of }, "secret": of });
        let flag = format!("settings={}", json!({ "hosts": { "a": host }, "sinks": { "a": sink } }));
        let output = template(&["--set-json", &flag]);
        assert_eq!(output.status.success(), refused.is_empty(), "{name:?} {key:?}: {}", said(&output));
        if refused.is_empty() {
            continue;
        }
        let with_key = [
            "hosts/a/caBundleFrom/configMap",
            "hosts/a/proxy/credentialsSecret",
            "sinks/a/caBundleFrom/secret",
            "sinks/a/secret",
        ];
        let with_name = (refused == "name").then_some("hosts/a/clientCertificateSecret");
        for place in with_key.into_iter().chain(with_name) {
            let words = format!("at '/settings/{place}/{refused}'");
            assert!(said(&output).contains(&words), "{name:?} {key:?}: {words}: {}", said(&output));
        }
    }
}

#[test]
fn trust_bundles_are_refused_where_helm_sees_that_the_cluster_has_none() {
    let host = json!({ "apiUrl": "https://a.example.com", "caBundleFrom": { "clusterTrustBundle": { "name": "a" } } });
    let flag = format!("settings.hosts.a={host}");
    // Of the cluster that is there Helm knows every kind.
    let rows: [(&[&str], bool); 4] = [
        (&[], true),
        (&["v1/Pod"], false),
        (&["v1/Pod", "certificates.k8s.io/v1/ClusterTrustBundle"], true),
        (&["v1/Pod", "certificates.k8s.io/v1beta1/ClusterTrustBundle"], true),
    ];
    for (kinds, is_taken) in rows {
        let kinds: Vec<&str> = kinds.iter().flat_map(|kind| ["--api-versions", kind]).collect();
        let output = template(&[&["--set-json", &flag], &kinds[..]].concat());
        assert_eq!(output.status.success(), is_taken, "{kinds:?}: {}", said(&output));
        let words = "settings.hosts.a.caBundleFrom: this cluster, v1.";
        assert!(is_taken || said(&output).contains(words), "{}", said(&output));
    }
}
