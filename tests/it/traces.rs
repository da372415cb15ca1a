//! What the operator tells a collector of OpenTelemetry, and what becomes of it while that does not listen.

use std::{collections::HashSet, time::Duration};

use github_simulator::NewToken;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as Any,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    sinks::receiver::{Behaviour, Receiver},
    world::{SOON, World, free_address},
};

const PATH: &str = "/v1/traces";

/// The spans that were posted so far.
pub(crate) fn spans(receiver: &Receiver) -> Vec<Span> {
    let posted = receiver.requests().into_iter().filter(|request| request.path == PATH);
    let requests = posted.map(|request| {
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        ExportTraceServiceRequest::decode(request.body()).unwrap()
    });
    let of_resources = requests.flat_map(|request| request.resource_spans);
    let of_resources = of_resources.inspect(|spans| {
        let attributes = &spans.resource.as_ref().unwrap().attributes;
        assert!(attributes.iter().any(|attribute| attribute.key == "service.name"), "{attributes:?}");
    });
    of_resources.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect()
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(format!("{number} as a number")),
        other => panic!("{name} is {other:?}"),
    }
}

/// The spans, once this holds of them.
async fn until(receiver: &Receiver, what: &str, holds: impl Fn(&[Span]) -> bool) -> Vec<Span> {
    let told = async {
        loop {
            let spans = spans(receiver);
            if holds(&spans) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, told).await;
    waited.unwrap_or_else(|_| {
        let names: Vec<_> = spans(receiver).iter().map(|span| span.name.clone()).collect();
        panic!("{what} was not told: {names:?}")
    })
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_trace_tells_each_step_and_a_question_is_linked_to_all_for_whom_it_was_asked() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let token = world.github.token(NewToken::classic("shared", "acme-ci"));
    for name in ["one", "two"] {
        world.secret(name, &token).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "publish": publish, "interval": "24h" })).await;
    }
    // Long enough for both to ask before there is an answer.
    world.github.latency(Duration::from_secs(2));
    let traces = format!("tracesEndpoint: {}\nlogFormat: json\nlogFilter: debug\n", receiver.url(""));
    let operator = world.operator_with_settings(&(world.settings() + &traces)).await;
    for name in ["one", "two"] {
        world.ready(name, "True", "Ready").await;
    }
    // Steps are sent before that of which they are a part.
    let whole = |spans: &[Span]| {
        let is_known = |id: &[u8]| spans.iter().any(|span| span.span_id == id);
        ["one", "two"].iter().all(|name| {
            let connection = format!("team-a/{name}");
            let mut roots =
                spans.iter().filter(|span| attribute(span, "connection") == Some(connection.clone()));
            roots.any(|root| {
                let names: HashSet<_> = spans
                    .iter()
                    .filter(|span| span.parent_span_id == root.span_id)
                    .map(|span| &*span.name)
                    .collect();
                names.is_superset(&["read Secret", "decide", "publish", "report"].into())
            })
        }) && spans
            .iter()
            .any(|span| span.name == "ask GitHub" && span.links.iter().all(|link| is_known(&link.span_id)))
            && spans.iter().all(|span| span.parent_span_id.is_empty() || is_known(&span.parent_span_id))
    };
    let spans = until(&receiver, "a whole reconcile of both", whole).await;
    assert_eq!(world.asked("shared"), 1);
    let asked: Vec<_> = spans.iter().filter(|span| span.name == "ask GitHub").collect();
    let [question] = asked[..] else { panic!("{asked:?}") };
    let told = ["host", "probe", "status", "class"].map(|name| attribute(question, name).unwrap());
    assert_eq!(told, ["simulated", "Identity", "200 as a number", "Granted"]);
    assert!(attribute(question, "request_id").is_some_and(|id| !id.is_empty()));
    assert_eq!(question.kind, SpanKind::Client as i32);
    assert_eq!(attribute(question, "target"), None, "nothing that is the same for all");
    assert!(question.parent_span_id.is_empty(), "it is for several, and so of none");
    let root = |id: &[u8]| spans.iter().find(|span| span.span_id == id).unwrap();
    let asking: HashSet<_> =
        question.links.iter().map(|link| attribute(root(&link.span_id), "connection").unwrap()).collect();
    assert_eq!(asking, ["team-a/one", "team-a/two"].map(str::to_owned).into());
    for span in &spans {
        let is_root = ["reconcile", "ask GitHub"].contains(&&*span.name);
        assert_eq!(span.parent_span_id.is_empty(), is_root, "{}", span.name);
        assert!(is_root || root(&span.parent_span_id).trace_id == span.trace_id, "{}", span.name);
    }

    let log = operator.stop().await;
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<_> = lines.filter(|line| line["trace_id"].is_string()).collect();
    let answered = told.iter().find(|line| line["message"] == "question answered").unwrap();
    assert_eq!(answered["trace_id"], hex(&question.trace_id));
    assert_eq!(answered["span_id"], hex(&question.span_id));
    let changed = told.iter().find(|line| line["connection"] == "team-a/one").unwrap();
    let known: HashSet<_> = spans.iter().map(|span| hex(&span.trace_id)).collect();
    assert!(known.contains(changed["trace_id"].as_str().unwrap()), "{changed}");
}

#[tokio::test]
async fn a_collector_that_is_not_there_or_never_answers_delays_and_harms_nothing() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.behave(PATH, [Behaviour::Stall; 100]);
    for (number, endpoint) in [format!("http://{}", free_address()), receiver.url("")].iter().enumerate() {
        let settings = format!("{}tracesEndpoint: {endpoint}\nlogFormat: json\n", world.settings());
        let operator = world.operator_with_settings(&settings).await;
        let name = format!("ci-{number}");
        world.secret(&name, &world.github.token(NewToken::classic(&name, "acme-ci"))).await;
        world.connection(&name, json!({})).await;
        world.ready(&name, "True", "Ready").await;
        if number == 0 {
            operator.until_logged("traces cannot be sent, and are dropped until they can").await;
        }
        let begun = tokio::time::Instant::now();
        let log = operator.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        assert!(log.matches("traces cannot be sent").count() <= 1, "{log}");
    }
}
