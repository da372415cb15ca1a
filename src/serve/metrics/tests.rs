use std::{collections::VecDeque, pin::pin};

use axum::body::Body;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::{
    api::{DEFAULT_HOST, StatusDigest},
    cluster::{
        connections::Connection,
        object::ObjectKey,
        scope::{Scope, SecretScope},
        spec::StoredSpec,
        transport::transport,
    },
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
    let (_, github) = tokio::sync::watch::channel(Arc::new(crate::github::Github::new(&settings).unwrap()));
    let (prober, _) = Prober::new(github, settings.limited_hosts());
    let view = View {
        index,
        prober,
        requests: Requests::default(),
        per_connection: Box::new(move || per_connection),
        labels: Vec::new(),
        stalled_for: Box::new(|| None),
    };
    Metrics::new(Registry::default(), view)
}

/// A connection that is well, and whose token ends.
fn well(namespace: &str, name: &str) -> Connection {
    saying(namespace, name, WELL)
}

const WELL: [(&str, &str, &str); 6] = [
    ("Ready", "True", "Ready"),
    ("SecretResolved", "True", "Resolved"),
    ("Authenticated", "True", "Accepted"),
    ("RequirementsMet", "True", "RequirementsMet"),
    ("NotExpiring", "True", "NotExpiring"),
    ("Published", "True", "Published"),
];

/// A connection with these conditions, and a token that ends.
fn saying(namespace: &str, name: &str, conditions: [(&str, &str, &str); 6]) -> Connection {
    ending(namespace, name, conditions, Some("2027-03-01T10:00:00Z"))
}

/// The same with a token that ends then.
fn ending(
    namespace: &str,
    name: &str,
    conditions: [(&str, &str, &str); 6],
    ends: Option<&str>,
) -> Connection {
    let conditions = conditions.map(|(type_, status, reason)| {
        json!({ "type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z" })
    });
    let token = json!({
        "secretName": "pat", "host": DEFAULT_HOST, "kind": "FineGrained", "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "expiresAt": ends, "checkedAt": "2026-03-01T10:00:00Z",
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
        shown: None,
        requested: None,
        spec: StoredSpec::from(json!({ "secretRef": { "name": "pat" } })),
        status: Some(StatusDigest::from(status).without_memory()),
    }
}

/// The pieces of an answer, in OpenMetrics.
async fn pieces(metrics: &Metrics) -> Vec<axum::body::Bytes> {
    let headers = [(header::ACCEPT, "application/openmetrics-text".parse().unwrap())].into_iter().collect();
    let pieces = Body::into_data_stream(metrics.answer(&headers).await.into_body());
    pieces.map(Result::unwrap).collect().await
}

async fn text(metrics: &Metrics) -> String {
    String::from_utf8(pieces(metrics).await.concat()).unwrap()
}

#[tokio::test]
async fn ten_thousand_connections_make_less_than_4_mib_and_a_half_in_small_pieces() {
    ten_thousand("team", "ci", 4 << 20).await;
    // By names of 17 and 14 letters.
    ten_thousand("platform-team", "renovate", 9 << 19).await;
}

#[tokio::test]
async fn ten_thousand_connections_with_names_of_40_and_30_letters_make_less_than_6_mib() {
    ten_thousand(&"n".repeat(36), &"c".repeat(24), 6 << 20).await;
}

async fn ten_thousand(namespace: &str, name: &str, most: usize) {
    let connections: Vec<_> = (0..10_000)
        .map(|number| well(&format!("{namespace}-{:03}", number % 500), &format!("{name}-{number:05}")))
        .collect();
    let metrics = of(&connections, true);
    let pieces = pieces(&metrics).await;
    let (size, largest) = (
        pieces.iter().map(|piece| piece.len()).sum::<usize>(),
        pieces.iter().map(|piece| piece.len()).max().unwrap(),
    );
    assert!(size < most, "{size}");
    assert!(largest < 64 << 10, "{largest}");
    let text = String::from_utf8(pieces.concat()).unwrap();
    for family in ["github_pat_connection_condition{", "github_pat_token_expiration_timestamp_seconds{"] {
        assert_eq!(text.matches(family).count(), 10_000, "{family}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_refused_token_is_not_counted_as_one_that_ends() {
    let refused = [
        ("Ready", "False", "BadCredentials"),
        ("SecretResolved", "True", "Resolved"),
        ("Authenticated", "False", "BadCredentials"),
        ("RequirementsMet", "Unknown", "NotDetermined"),
        ("NotExpiring", "Unknown", "NotDetermined"),
        ("Published", "False", "Withdrawn"),
    ];
    let soon = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let ending_soon = |connection: Connection| {
        let spec = json!({ "secretRef": { "name": "pat" }, "require": { "expiry": { "expiresAt": soon } } });
        Connection { spec: StoredSpec::from(spec), ..connection }
    };
    let all = [ending_soon(well("a", "works")), ending_soon(saying("a", "refused", refused))];
    let text = text(&of(&all, true)).await;
    assert!(text.contains("github_pat_tokens_expiring{within=\"3d\"} 1\n"), "{text}");
}

#[tokio::test]
async fn a_token_ends_by_the_spec_where_that_is_earlier_or_alone() {
    let declaring = |name: &str, at: &str| {
        let spec = json!({ "secretRef": { "name": "pat" }, "require": { "expiry": { "expiresAt": at } } });
        Connection { spec: StoredSpec::from(spec), ..well("a", name) }
    };
    let alone = ending("a", "alone", WELL, None);
    let alone = Connection { status: alone.status, ..declaring("alone", "2026-01-02T00:00:00Z") };
    let none = Connection { status: None, ..declaring("no-token", "2026-01-01T00:00:00Z") };
    let (earlier, later) = ("2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z");
    let all = [declaring("earlier", earlier), alone, none, declaring("later", later)];
    let text = text(&of(&all, true)).await;
    let declared = "github_pat_token_declared_expiration_timestamp_seconds";
    assert!(text.contains(&format!("{declared}{{namespace=\"a\",name=\"earlier\"}} 1767225600\n")), "{text}");
    assert!(text.contains(&format!("{declared}{{namespace=\"a\",name=\"alone\"}} 1767312000\n")), "{text}");
    assert!(
        text.contains("github_pat_token_expiration_timestamp_seconds{namespace=\"a\",name=\"earlier\"}"),
        "what GitHub names stays"
    );
    assert!(!text.contains(&format!("{declared}{{namespace=\"a\",name=\"no-token\"}}")), "{text}");
    assert!(text.contains("github_pat_tokens_expired 2\n"), "{text}");
}

#[tokio::test]
async fn a_name_with_a_quote_or_a_break_ends_no_label() {
    // The API server takes no such name; what it may take one day must not break a scrape.
    let text = text(&of(&[well("a", "b\"} 1\nc\\d")], true)).await;
    assert!(text.contains(r#"github_pat_connection_info{namespace="a",name="b\"} 1\nc\\d",host="#), "{text}");
}

#[tokio::test]
async fn the_info_of_a_connection_names_the_one_organization_that_it_demands() {
    let demanding =
        json!({ "secretRef": { "name": "pat" }, "require": { "organizations": [{ "name": "Acme" }] } });
    let of_one = Connection { spec: StoredSpec::from(demanding), ..well("a", "one") };
    let text = text(&of(&[of_one, well("a", "none")], true)).await;
    let infos: Vec<_> = text.lines().filter(|line| line.starts_with("github_pat_connection_info{")).collect();
    let [none, one] = infos[..] else { panic!("{infos:?}") };
    assert!(one.contains("organization=\"acme\"") && !none.contains("organization"), "{infos:?}");
}

#[tokio::test]
async fn readers_who_take_nothing_keep_nobody_from_reading_and_get_no_answer_that_looks_whole() {
    let connections: Vec<_> = (0..2000).map(|number| well("a", &format!("ci-{number}"))).collect();
    let metrics = of(&connections, true);
    let none = HeaderMap::new();
    let mut slow = VecDeque::new();
    for _ in 0..room::AT_ONCE {
        slow.push_back(metrics.answer(&none).await);
    }
    assert!(slow.iter().all(|answer| answer.status() == StatusCode::OK));
    assert!(text(&metrics).await.ends_with("# EOF\n"));
    let first: Vec<_> = slow.pop_front().unwrap().into_body().into_data_stream().collect().await;
    assert!(first.last().unwrap().is_err(), "whoever had it for longest lost his place");
    let last: Vec<_> = slow.pop_back().unwrap().into_body().into_data_stream().collect().await;
    assert!(last.iter().all(Result::is_ok), "and nobody else");
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

/// An API server that answers every watch at once but those of the namespace `mute`, and what is counted of it.
struct Watched {
    requests: Requests,
    client: kube::Client,
    /// A watch came that is not answered.
    came: Arc<Notify>,
}

impl Watched {
    fn new() -> Self {
        let (requests, came) = (Requests::default(), Arc::new(Notify::new()));
        let coming = came.clone();
        let answers = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let coming = coming.clone();
            async move {
                if request.uri().path().contains("/mute/") {
                    coming.notify_one();
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
            }
        });
        let client = kube::Client::new(requests.around(transport(answers)), "default");
        Watched { requests, client, came }
    }

    async fn watch(&self, path: &str) {
        let watch = http::Request::get(format!("{path}?watch=true")).body(kube::client::Body::empty());
        self.client.send(watch.unwrap()).await.unwrap();
    }

    /// The age that is shown, in seconds.
    fn age(&self, index: &Arc<Index>) -> Option<f64> {
        let requests = self.requests.clone();
        let own = Own { index: index.clone(), requests, stalled_for: Box::new(|| None) };
        shown(own, "github_pat_watch_age_seconds{resource=\"secrets\"}")
    }

    /// The watch that is shown began between these instants. How long it takes to look is of no matter.
    #[track_caller]
    fn began(&self, index: &Arc<Index>, [from, until]: [Timestamp; 2]) {
        let seconds = |since: Timestamp| Timestamp::now().duration_since(since).as_secs_f64();
        let least = seconds(until);
        let age = self.age(index).unwrap();
        let most = seconds(from);
        assert!((least..=most).contains(&age), "{age} s, of {least} to {most}");
    }
}

/// The value that is shown of this series.
fn shown(own: Own, series: &str) -> Option<f64> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(own));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

#[test]
fn how_long_nothing_has_moved_is_shown_in_seconds() {
    for (stalled, expected) in [(None, 0.0), (Some(Duration::from_millis(61_500)), 61.5)] {
        let stalled_for = Box::new(move || stalled);
        let own = Own { index: Arc::default(), requests: Requests::default(), stalled_for };
        assert_eq!(shown(own, "github_pat_operator_stalled_seconds"), Some(expected));
    }
}

/// Does this; gives the instants before and after.
async fn during(done: impl Future<Output = ()>) -> [Timestamp; 2] {
    let before = Timestamp::now();
    done.await;
    [before, Timestamp::now()]
}

#[tokio::test]
async fn the_watch_of_secrets_ages_only_where_there_are_connections_and_a_grant() {
    let by_namespace = || Index::new(vec![Scope::All], SecretScope::Namespaced);
    let (everywhere, granted, revoked, awaited) =
        (Index::default(), by_namespace(), by_namespace(), by_namespace());
    let scope = Scope::Namespace("a".into());
    for index in [&everywhere, &granted, &revoked, &awaited] {
        index.saw_connection(well("a", "b"));
    }
    for index in [&granted, &revoked] {
        index.secrets_listed(&scope);
    }
    revoked.secrets_refused(&scope, None);
    let rows =
        [(Index::default(), false), (everywhere, true), (granted, true), (revoked, false), (awaited, false)];
    for (place, (index, is_shown)) in rows.into_iter().enumerate() {
        let watched = Watched::new();
        watched.watch("/api/v1/namespaces/a/secrets").await;
        assert_eq!(watched.age(&Arc::new(index)).is_some(), is_shown, "{place}");
    }
}

#[tokio::test]
async fn of_many_namespaces_the_watch_shows_that_is_not_answered() {
    let index = Arc::new(Index::new(vec![Scope::All], SecretScope::Namespaced));
    for namespace in ["dead", "well"] {
        index.saw_connection(well(namespace, "b"));
        index.secrets_listed(&Scope::Namespace(namespace.into()));
    }
    let watched = Watched::new();
    let dead = during(watched.watch("/api/v1/namespaces/dead/secrets")).await;
    watched.watch("/api/v1/namespaces/well/secrets").await;
    // Longer than a scrape takes, so that the one is told from the other.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let well = during(watched.watch("/api/v1/namespaces/well/secrets")).await;
    watched.began(&index, dead);

    index.secrets_refused(&Scope::Namespace("dead".into()), None);
    watched.began(&index, well);
    index.secrets_listed(&Scope::Namespace("dead".into()));
    watched.began(&index, well);
}

#[tokio::test]
async fn a_watch_that_is_never_answered_grows_old() {
    let index = Arc::new(Index::new(vec![Scope::All], SecretScope::Namespaced));
    index.saw_connection(well("mute", "b"));
    index.secrets_listed(&Scope::Namespace("mute".into()));
    let watched = Watched::new();
    let mut asked = pin!(watched.watch("/api/v1/namespaces/mute/secrets"));
    let sent = during(async {
        tokio::select! {
            () = &mut asked => unreachable!("it is never answered"),
            () = watched.came.notified() => {}
        }
    });
    let sent = sent.await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(futures::poll!(&mut asked).is_pending());
    watched.began(&index, sent);
}
