use axum::body::Body;
use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::{
    api::{DEFAULT_HOST, StatusDigest},
    cluster::{connections::Connection, object::ObjectKey, spec::StoredSpec},
};

/// The metrics of an operator that knows these connections.
pub(in super::super) fn of(connections: &[Connection], per_connection: bool) -> Metrics {
    // Several TLS users in one process: the first one installs the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let index = Arc::new(Index::default());
    for connection in connections {
        index.saw_connection(connection.clone());
    }
    let settings = crate::settings::Settings::new(Default::default(), Default::default()).unwrap();
    let (prober, _) = Prober::new(crate::github::Github::new(&settings).unwrap(), Vec::<(&str, _)>::new());
    let view = View {
        index,
        prober,
        requests: Requests::default(),
        hosts: [DEFAULT_HOST.to_owned()].into(),
        per_connection,
        stalled_for: Box::new(|| None),
    };
    Metrics::new(Registry::default(), view)
}

/// A connection that is well, and whose token ends.
fn well(namespace: &str, name: &str) -> Connection {
    let conditions = [
        ("Ready", "Ready"),
        ("SecretResolved", "Resolved"),
        ("Authenticated", "Accepted"),
        ("RequirementsMet", "RequirementsMet"),
        ("NotExpiring", "NotExpiring"),
        ("Published", "Published"),
    ];
    let conditions = conditions.map(|(type_, reason)| {
        json!({ "type": type_, "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z" })
    });
    let token = json!({
        "secretName": "pat", "host": DEFAULT_HOST, "kind": "FineGrained", "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "expiresAt": "2027-03-01T10:00:00Z", "checkedAt": "2026-03-01T10:00:00Z",
    });
    let status = json!({ "observedGeneration": 1, "conditions": conditions, "token": token });
    let status = serde_json::from_value::<crate::api::GithubPatConnectionStatus>(status).unwrap();
    assert!(status.token.is_some());
    Connection {
        key: ObjectKey::new(namespace, name),
        uid: format!("{namespace}-{name}").into(),
        resource_version: "1".into(),
        generation: Some(1),
        deleting: false,
        requested: None,
        spec: StoredSpec::from(json!({ "secretRef": { "name": "pat" } })),
        status: Some(StatusDigest::from(status).without_memory()),
    }
}

/// The pieces of an answer, in OpenMetrics.
async fn pieces(metrics: &Metrics) -> Vec<axum::body::Bytes> {
    let headers = [(header::ACCEPT, "application/openmetrics-text".parse().unwrap())].into_iter().collect();
    let pieces = Body::into_data_stream(metrics.answer(&headers).into_body());
    pieces.map(Result::unwrap).collect().await
}

async fn text(metrics: &Metrics) -> String {
    String::from_utf8(pieces(metrics).await.concat()).unwrap()
}

#[tokio::test]
async fn ten_thousand_connections_make_less_than_4_mib_in_small_pieces() {
    let connections: Vec<_> = (0..10_000)
        .map(|number| well(&format!("team-{:03}", number % 500), &format!("ci-{number:05}")))
        .collect();
    let metrics = of(&connections, true);
    let pieces = pieces(&metrics).await;
    let (size, largest) = (
        pieces.iter().map(|piece| piece.len()).sum::<usize>(),
        pieces.iter().map(|piece| piece.len()).max().unwrap(),
    );
    assert!(size < 4 << 20, "{size}");
    assert!(largest < 64 << 10, "{largest}");
    let text = String::from_utf8(pieces.concat()).unwrap();
    for family in ["github_pat_connection_condition{", "github_pat_token_expiration_timestamp_seconds{"] {
        assert_eq!(text.matches(family).count(), 10_000, "{family}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_name_with_a_quote_or_a_break_ends_no_label() {
    // The API server takes no such name; what it may take one day must not break a scrape.
    let text = text(&of(&[well("a", "b\"} 1\nc\\d")], true)).await;
    assert!(text.contains(r#"github_pat_connection_info{namespace="a",name="b\"} 1\nc\\d",host="#), "{text}");
}

#[tokio::test]
async fn more_readers_than_there_is_room_for_are_told_so_and_room_comes_back() {
    let connections: Vec<_> = (0..2000).map(|number| well("a", &format!("ci-{number}"))).collect();
    let metrics = of(&connections, true);
    let none = HeaderMap::new();
    let slow: Vec<_> = (0..AT_ONCE).map(|_| metrics.answer(&none)).collect();
    assert!(slow.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(metrics.answer(&none).status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(slow);
    while metrics.room.available_permits() < AT_ONCE {
        tokio::task::yield_now().await;
    }
    assert!(text(&metrics).await.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_status_is_pending_and_one_that_is_being_deleted_is_not_shown() {
    let fresh = Connection { status: None, ..well("a", "fresh") };
    let leaving = Connection { deleting: true, ..well("a", "leaving") };
    let text = text(&of(&[fresh, leaving], true)).await;
    let pending = r#"{namespace="a",name="fresh",condition="Ready",status="Unknown",reason="Pending"} 1"#;
    assert!(text.contains(pending), "{text}");
    assert!(!text.contains("name=\"leaving\""), "{text}");
    assert!(!text.contains("expiration_timestamp_seconds{"), "{text}");
}

#[tokio::test]
async fn the_watch_of_secrets_does_not_age_where_there_are_no_connections() {
    let requests = Requests::default();
    let answers = tower::service_fn(async |_| {
        Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
    });
    let client = requests.around(kube::Client::new(answers, "default"));
    let watch =
        http::Request::get("/api/v1/namespaces/a/secrets?watch=true").body(kube::client::Body::empty());
    client.send(watch.unwrap()).await.unwrap();
    for (connections, is_shown) in [(Vec::new(), false), (vec![well("a", "b")], true)] {
        let index = Arc::new(Index::default());
        connections.into_iter().for_each(|connection| drop(index.saw_connection(connection)));
        let own = Own { index, requests: requests.clone(), stalled_for: Box::new(|| None) };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(own));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert_eq!(text.contains("github_pat_watch_age_seconds{resource=\"secrets\"}"), is_shown, "{text}");
    }
}
