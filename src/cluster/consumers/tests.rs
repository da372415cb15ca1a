//! Which objects name an output.

use kube::client::Body;
use serde_json::json;

use super::*;

fn found(kind: &str, object: serde_json::Value) -> Vec<(String, Use)> {
    let source = SOURCES.iter().find(|source| source.kind == kind).unwrap();
    let object: Object = serde_json::from_value(object).unwrap();
    uses(source, &object).into_iter().map(|used| (used.output, used.used)).collect()
}

#[test]
fn each_way_to_name_a_secret_is_seen() {
    let pod = json!({
        "initContainers": [{ "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "name": "one", "key": "k" } } },
            { "name": "B", "value": "plain" }, { "name": "C", "valueFrom": { "fieldRef": { "fieldPath": "x" } } }] }],
        "containers": [
            { "envFrom": [{ "secretRef": { "name": "two" } }, { "configMapRef": { "name": "none" } }] },
            { "volumeMounts": [{ "name": "whole", "mountPath": "/a" }, { "name": "part", "mountPath": "/b", "subPath": "token" }] },
        ],
        "volumes": [
            { "name": "whole", "secret": { "secretName": "three" } },
            { "name": "part", "secret": { "secretName": "four" } },
            { "name": "mixed", "projected": { "sources": [{ "secret": { "name": "five" } }, { "configMap": { "name": "none" } }] } },
            { "name": "other", "emptyDir": {} },
        ],
        "imagePullSecrets": [{ "name": "six" }],
        "restartPolicy": "Always",
    });
    let expected = [
        ("five", Use::Volume),
        ("four", Use::AtStart),
        ("one", Use::AtStart),
        ("six", Use::Pull),
        ("three", Use::Volume),
        ("two", Use::AtStart),
    ]
    .map(|(name, used)| (name.to_owned(), used));
    let template = json!({ "spec": pod });
    let rows = [
        ("Pod", json!({ "metadata": { "name": "web" }, "spec": pod })),
        (
            "Deployment",
            json!({ "metadata": { "name": "web" }, "spec": { "replicas": 2, "template": template } }),
        ),
        ("StatefulSet", json!({ "metadata": { "name": "web" }, "spec": { "template": template } })),
        ("CronJob", json!({ "spec": { "jobTemplate": { "spec": { "template": template } } } })),
        ("Job", json!({ "spec": { "suspend": true, "template": template } })),
        ("ReplicaSet", json!({ "spec": { "replicas": 0, "template": template } })),
        ("ControllerRevision", json!({ "data": { "spec": { "template": template } }, "revision": 1 })),
    ];
    for (kind, object) in rows {
        assert_eq!(found(kind, object), expected, "{kind}");
    }
    let ended = json!({ "metadata": { "name": "web" }, "spec": pod, "status": { "phase": "Succeeded" } });
    assert_eq!(found("Pod", ended), []);
    for (condition, status, names) in
        [("Complete", "True", 0), ("Failed", "True", 0), ("Suspended", "True", 6)]
    {
        let status = json!({ "conditions": [{ "type": condition, "status": status }] });
        let job = json!({ "spec": { "template": template }, "status": status });
        assert_eq!(found("Job", job).len(), names, "{condition}");
    }
    assert_eq!(found("ControllerRevision", json!({ "data": ["of another controller"] })), []);
    let account = json!({ "imagePullSecrets": [{ "name": "out" }], "secrets": null });
    assert_eq!(found("ServiceAccount", account), [("out".to_owned(), Use::Pull)]);
    // Tekton takes the Secrets of a ServiceAccount: <https://tekton.dev/docs/pipelines/auth/>.
    let account = json!({ "secrets": [{ "name": "git" }], "imagePullSecrets": [{ "name": "out" }] });
    let both = ["out", "git"].map(|name| (name.to_owned(), Use::Pull));
    assert_eq!(BTreeSet::from_iter(found("ServiceAccount", account)), BTreeSet::from(both));
    let cut = json!({ "spec": {
        "containers": [
            { "volumeMounts": [{ "name": "part", "mountPath": "/a", "subPathExpr": "$(NAME)" }] },
        ],
        "ephemeralContainers": [
            { "envFrom": [{ "secretRef": { "name": "debug" } }] },
        ],
        "volumes": [{ "name": "part", "secret": { "secretName": "out" } }],
    } });
    let at_start = ["debug", "out"].map(|name| (name.to_owned(), Use::AtStart));
    assert_eq!(found("Pod", cut), at_start);
    let repository =
        json!({ "spec": { "url": "https://github.com/acme/app", "secretRef": { "name": "out" } } });
    assert_eq!(found("GitRepository", repository), [("out".to_owned(), Use::Reference)]);
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_given_up() {
    let server = tower::service_fn(|_: http::Request<Body>| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let page =
            json!({ "metadata": { "continue": "more" }, "items": [{ "metadata": { "name": "web" } }] });
        Ok::<_, kube::Error>(http::Response::new(Body::from(page.to_string().into_bytes())))
    });
    let started = tokio::time::Instant::now();
    let found = consumers(&Client::new(server, "ns"), "ns", |_| true).await;
    assert!(matches!(found, Ok(None)), "{found:?}");
    assert_eq!(started.elapsed(), LISTING);
}

#[tokio::test]
async fn a_custom_resource_that_cannot_be_listed_hides_no_other() {
    for (broken, code, expected) in [
        ("gitrepositories", 500, Some(vec!["gitrepositories"])),
        ("gitrepositories", 404, Some(vec![])),
        ("pods", 500, None),
    ] {
        let server = tower::service_fn(move |request: http::Request<Body>| async move {
            let path = request.uri().path();
            let (status, page) = if path.ends_with(broken) {
                (
                    code,
                    json!({ "kind": "Status", "status": "Failure", "message": "conversion webhook", "code": code }),
                )
            } else {
                let spec = json!({ "imagePullSecrets": [{ "name": "out" }] });
                let items = if path.ends_with("/pods") {
                    vec![json!({ "metadata": { "name": "web" }, "spec": spec })]
                } else {
                    vec![]
                };
                (200, json!({ "metadata": {}, "items": items }))
            };
            let body = Body::from(page.to_string().into_bytes());
            Ok::<_, kube::Error>(http::Response::builder().status(status).body(body).unwrap())
        });
        let found = consumers(&Client::new(server, "ns"), "ns", |_| true).await;
        let found = found.ok().flatten().map(|found| (found.all.len(), found.unread));
        assert_eq!(found, expected.map(|unread| (1, unread)), "{broken} {code}");
    }
}

#[test]
fn a_pod_is_as_old_as_the_first_of_its_containers_that_may_have_handed_the_output_on() {
    let status = json!({
        "initContainerStatuses": [
            { "name": "other", "state": { "terminated": { "startedAt": "2026-01-01T00:00:00Z" } } },
            { "name": "clone", "state": { "terminated": { "startedAt": "2026-01-01T00:00:01Z" } } },
            { "name": "cut", "state": { "terminated": { "startedAt": "2026-01-01T00:00:02Z" } } },
        ],
        "containerStatuses": [
            { "name": "a", "state": { "running": { "startedAt": "2026-01-01T00:00:09Z" } } },
            { "name": "b", "state": { "running": { "startedAt": "2026-01-01T00:00:05Z" } } },
            { "name": "c", "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
        ],
    });
    let pod = json!({
        "initContainers": [
            { "name": "other" },
            { "name": "clone", "envFrom": [{ "secretRef": { "name": "env" } }] },
            { "name": "cut", "volumeMounts": [{ "name": "v", "mountPath": "/t", "subPath": "token" }] },
        ],
        "volumes": [{ "name": "v", "projected": { "sources": [{ "secret": { "name": "file" } }] } }],
    });
    let (status, pod): (Status, PodSpec) =
        (serde_json::from_value(status).unwrap(), serde_json::from_value(pod).unwrap());
    for (output, second) in [("env", 1), ("file", 2), ("of-others", 5)] {
        let expected = format!("2026-01-01T00:00:0{second}Z").parse().unwrap();
        assert_eq!(started(&status, &pod, output), Some(expected), "{output}");
    }
    assert_eq!(started(&Status::default(), &pod, "env"), None);
}

#[test]
fn only_a_pod_was_there_before() {
    let source = |kind: &str| SOURCES.iter().find(|source| source.kind == kind).unwrap();
    let pod = json!({ "volumes": [{ "name": "v", "secret": { "secretName": "out" } }] });
    let status = json!({ "startTime": "2026-01-01T00:00:00Z", "active": 1 });
    for (kind, spec, expected) in [
        ("Pod", pod.clone(), Some("2026-01-01T00:00:00Z".parse().unwrap())),
        ("Job", json!({ "template": { "spec": pod } }), None),
    ] {
        let object = serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap();
        let taken_on: Vec<_> = uses(source(kind), &object).iter().map(|used| used.taken_on).collect();
        assert_eq!(taken_on, [expected], "{kind}");
    }
}
