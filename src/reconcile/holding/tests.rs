use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::{Value, json};

use super::{super::tests::context, *};
use crate::{
    cluster::{index::Index, secrets::SecretEntry},
    domain::{token::Token, version::Version},
};

fn token(letter: &str) -> HashedToken {
    let text = ["ghp_", &letter.repeat(36)].concat();
    Token::try_from(text.as_bytes()).unwrap().describe().hashed
}

#[test]
fn a_connection_of_others_has_a_token_in_its_outputs_and_until_its_own_change_from_it_is_over() {
    let of =
        |letter| serde_json::json!({ "secretName": "pat", "kind": "Classic", "hashedToken": token(letter) });
    let rotating = |phase: &str, others: Option<i64>| {
        serde_json::json!({ "rotation": {
            "phase": phase, "oldToken": of("o"), "newToken": of("n"), "startedAt": "2026-01-01T00:00:00Z",
            "message": "", "otherConnections": others,
        }})
    };
    let serving = |name: &str| {
        serde_json::json!({ "outputs": [
            { "secretName": "two", "format": "Opaque", "currentName": name },
        ]})
    };
    let using = |letter| {
        let mut status = serving("two");
        status["token"] = serde_json::json!({
            "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": token(letter),
        });
        status
    };
    let (plain, version) = ("one", "two-0123456789");
    let rows = [
        ("nothing", None, serde_json::json!({}), false),
        ("an output", Some(plain), serde_json::json!({}), true),
        ("a version of which nobody knows better", Some(version), serde_json::json!({}), true),
        ("the present version", Some(version), serving(version), true),
        ("an earlier version", Some(version), serving("two-aaaaaaaaaa"), false),
        ("Pods that run with it", None, rotating("Restarting", None), true),
        ("others that are waited for", None, rotating("WaitingForConsumers", Some(1)), false),
        ("a change that is over", None, rotating("SafeToRevoke", None), false),
        ("a change of which it does not tell yet", None, using("o"), true),
        ("another token", None, using("n"), false),
    ];
    for (name, output, status, expected) in rows {
        let status: Status = serde_json::from_value(status).unwrap();
        let outputs =
            |uid: &str| -> Vec<_> { output.iter().map(|output| ((*output).into(), uid.into())).collect() };
        assert_eq!(has("uid", status.clone(), token("o"), &outputs("uid")), expected, "{name}");
        assert!(output.is_none() || !has("uid", status, token("o"), &outputs("another")), "{name}");
    }
}

/// How an API server answers who lists the connections of a namespace.
#[derive(Clone)]
enum Answer {
    Lists(Vec<Value>),
    Fails,
    Hangs,
}

/// An operator with a selector, and the namespaces of which the API server was asked.
struct World {
    ctx: Context,
    answers: Arc<Mutex<BTreeMap<&'static str, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// What happens while a list is read.
    meanwhile: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>,
}

impl World {
    fn new(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> World {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<BTreeMap<_, _>>()));
        let (asked, meanwhile) =
            <(Arc<Mutex<Vec<String>>>, Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>)>::default();
        let shared = (answers.clone(), asked.clone(), meanwhile.clone());
        let ctx = context(move |_, path| {
            let (answers, asked, meanwhile) = shared.clone();
            async move {
                let namespace = path.split('/').nth(5).unwrap().to_owned();
                let answer = answers.lock().unwrap().get(&*namespace).cloned();
                asked.lock().unwrap().push(namespace);
                if let Some(meanwhile) = meanwhile.get() {
                    meanwhile();
                }
                match answer.unwrap_or(Answer::Lists(Vec::new())) {
                    Answer::Hangs => std::future::pending().await,
                    Answer::Fails => (500, json!({ "kind": "Status", "status": "Failure", "code": 500 })),
                    Answer::Lists(items) => {
                        let kind = "GithubPatConnectionList";
                        (
                            200,
                            json!({ "apiVersion": "githubpat.dev/v1alpha1", "kind": kind, "metadata": {}, "items": items }),
                        )
                    }
                }
            }
        });
        ctx.index.secrets_listed(&Scope::All);
        World { ctx, answers, asked, meanwhile }
    }

    fn answer(&self, namespace: &'static str, answer: Answer) {
        self.answers.lock().unwrap().insert(namespace, answer);
    }

    /// Who is found to have the old token beside the connection `team-a/first`.
    async fn found(&self) -> (Holders, Duration) {
        let (connection, _) = read(&listed("team-a", "first", "1", rotating("SafeToRevoke")));
        looked(&connection, [token("o"), token("n")], &self.ctx).await
    }

    /// The namespaces that were asked about since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A connection as the API server sends it; its uid is its name.
fn listed(namespace: &str, name: &str, version: &str, status: Value) -> Value {
    json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": { "name": name, "namespace": namespace, "uid": name, "resourceVersion": version },
        "spec": { "secretRef": { "name": "pat" } }, "status": status,
    })
}

/// The same as the index keeps it.
fn read(listed: &Value) -> (Connection, Status) {
    let text = |field: &str| listed["metadata"][field].as_str().unwrap();
    let status: Status = serde_json::from_value(listed["status"].clone()).unwrap();
    let connection = Connection {
        key: ObjectKey::new(text("namespace"), text("name")),
        uid: text("uid").into(),
        resource_version: text("resourceVersion").into(),
        generation: Some(1),
        deleting: false,
        shown: None,
        requested: None,
        spec: listed["spec"].clone().into(),
        status: Some(StatusDigest::from(status.clone())),
    };
    (connection, status)
}

/// The status in this phase of the change from the token o to the token n.
fn rotating(phase: &str) -> Value {
    let of = |letter| json!({ "secretName": "pat", "kind": "Classic", "hashedToken": token(letter) });
    let rotation = json!({
        "phase": phase, "oldToken": of("o"), "newToken": of("n"), "startedAt": "2026-01-01T00:00:00Z", "message": "",
    });
    json!({ "outputs": [{ "secretName": "out", "format": "Opaque" }], "rotation": rotation })
}

/// Has the index know an output with the old token of the connection with this uid.
fn publish(index: &Index, namespace: &str, uid: &str) {
    write(index, namespace, uid, "o", "9");
}

/// The same with this token, in this version.
fn write(index: &Index, namespace: &str, uid: &str, letter: &str, version: &str) {
    let entry = SecretEntry {
        version: Version { uid: "s".into(), resource_version: version.into() },
        bound_to: Some(uid.into()),
        is_output: true,
        heir: None,
        format: None,
        token: Some(token(letter).leading()),
        further: None,
        leaving: None,
    };
    index.saw_secret(&ObjectKey::new(namespace, "out"), entry);
}

fn beside(names: &[&str]) -> Holders {
    Holders { beside: names.iter().map(|name| (*name).to_owned()).collect(), ..Holders::default() }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_tells_nothing_keeps_what_was_known_of_it_and_nobody_from_the_others() {
    let of = |name: &str| listed("b", name, "1", rotating("Restarting"));
    let own = Answer::Lists(vec![listed("team-a", "second", "1", rotating("Restarting"))]);
    let world =
        World::new([("team-a", own), ("a", Answer::Fails), ("b", Answer::Lists(vec![of("x"), of("y")]))]);
    for namespace in ["a", "b"] {
        publish(&world.ctx.index, namespace, "somebody");
    }
    let (found, left) = world.found().await;
    assert_eq!(found, Holders { elsewhere: 2, is_partial: true, ..beside(&["second"]) });
    assert_eq!(left, SHORTEST);
    assert_eq!(world.asked(), ["team-a", "a", "b"], "its own is first");
    assert_eq!(world.found().await.0, found);
    assert_eq!(world.asked(), ["a"]);

    tokio::time::advance(SHORTEST).await;
    world.answer("b", Answer::Fails);
    assert_eq!(world.found().await.0, found, "as it was known last");
    world.answer("a", Answer::Lists(vec![of("z")]));
    tokio::time::advance(SHORTEST).await;
    assert_eq!(world.found().await.0, Holders { elsewhere: 3, ..found });
    world.answer("b", Answer::Lists(vec![of("x")]));
    assert_eq!(world.found().await.0, Holders { elsewhere: 2, ..beside(&["second"]) });
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_never_answer_take_no_more_than_a_part_of_a_pass_and_are_asked_again_after_the_pause()
{
    let names = ["a", "b", "c", "d", "e", "f"];
    let own = Answer::Lists(vec![listed("team-a", "second", "1", rotating("Restarting"))]);
    let world = World::new(names.map(|name| (name, Answer::Hangs)).into_iter().chain([("team-a", own)]));
    for namespace in names {
        publish(&world.ctx.index, namespace, "somebody");
    }
    let mut next = rotating("SafeToRevoke");
    next["rotation"]["publishedAt"] = json!(Timestamp::now());
    let (connection, next) = read(&listed("team-a", "first", "1", next));
    let begun = Instant::now();
    let (found, again) = of_others(&connection, [&Status::default(), &next], &world.ctx).await.unwrap();
    assert!(begun.elapsed() <= LISTING + Duration::from_millis(100), "{:?}", begun.elapsed());
    assert_eq!((found, again), (Holders { is_partial: true, ..beside(&["second"]) }, SHORTEST));
    let long = Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let mut later = next.clone();
    later.rotation.as_mut().unwrap().published_at = Some(crate::api::time(long));
    let (_, again) = of_others(&connection, [&Status::default(), &later], &world.ctx).await.unwrap();
    assert_eq!(again, Duration::from_secs(60), "ever later");
    for name in names {
        world.answer(name, Answer::Lists(Vec::new()));
    }
    world.answer("team-a", Answer::Lists(vec![listed("team-a", "first", "1", rotating("Restarting"))]));
    tokio::time::advance(SHORTEST * 2).await;
    assert_eq!(of_others(&connection, [&Status::default(), &next], &world.ctx).await, None);
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_never_answer_keep_no_other_from_being_asked_about() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let of = |name: &'static str| Answer::Lists(vec![listed(name, "second", "1", rotating("Restarting"))]);
    let world = World::new(["a", "b", "c", "d"].map(|name| (name, Answer::Hangs)));
    for name in ["e", "f"] {
        world.answer(name, of(name));
    }
    for namespace in names {
        publish(&world.ctx.index, namespace, "somebody");
    }
    let mut found = Vec::new();
    for _ in 0..6 {
        found.push(world.found().await.0.elsewhere);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert!(found.contains(&2), "{found:?}: {:?}", world.asked());
}

#[tokio::test(start_paused = true)]
async fn the_next_look_comes_once_the_last_answer_is_old_and_one_namespace_has_one_list_at_a_time() {
    let second = Answer::Lists(vec![listed("team-a", "second", "1", rotating("Restarting"))]);
    let world = World::new([
        ("team-a", second),
        ("b", Answer::Lists(vec![listed("b", "x", "1", rotating("Restarting"))])),
    ]);
    let (connection, next) = read(&listed("team-a", "first", "1", rotating("SafeToRevoke")));
    let look = async || of_others(&connection, [&Status::default(), &next], &world.ctx).await.unwrap();
    for seconds in [10, 20, 40, 60] {
        assert_eq!(look().await.1.as_secs(), seconds);
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }
    assert_eq!(world.asked().len(), 4);
    look().await;
    publish(&world.ctx.index, "b", "somebody");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(look().await.1.as_secs(), 10, "what has a second left does not have it look in a second");

    tokio::time::advance(Duration::from_secs(60)).await;
    world.asked();
    let turn = world.ctx.elsewhere.turn("b");
    let (found, _) = look().await;
    assert_eq!(found, Holders { elsewhere: 1, is_partial: true, ..beside(&["second"]) });
    drop(turn);
    let consumers = world.ctx.consumers.turn("b");
    assert!(!look().await.0.is_partial, "who lists consumers is in nobody's way");
    drop(consumers);
    assert_eq!(world.asked(), ["team-a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_connection_at_all_nobody_looks_again_before_an_output_comes() {
    let second = Answer::Lists(vec![listed("team-a", "second", "1", rotating("Restarting"))]);
    let world = World::new([("team-a", second)]);
    publish(&world.ctx.index, "forged", "somebody");
    world.found().await;
    assert_eq!(world.asked(), ["team-a", "forged"]);
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(60)).await;
        world.found().await;
        assert_eq!(world.asked(), ["team-a"]);
    }
    world.ctx.index.lost_secret(&ObjectKey::new("forged", "out"), &"s".into());
    publish(&world.ctx.index, "forged", "somebody-else");
    world.found().await;
    assert_eq!(world.asked(), ["forged"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_over_while_the_others_are_looked_at_is_counted() {
    let second = listed("team-a", "second", "5", rotating("Restarting"));
    let world = World::new([("team-a", Answer::Lists(vec![second.clone()]))]);
    publish(&world.ctx.index, "team-a", "second");
    let index = world.ctx.index.clone();
    let comes = move || drop(index.saw_connection(read(&second).0));
    assert!(world.meanwhile.set(Box::new(comes)).is_ok());
    assert_eq!(world.found().await.0, beside(&["second"]));
    assert_eq!(world.asked(), ["team-a"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_connection_that_the_index_has_in_a_later_state_the_index_tells_and_of_itself_nobody() {
    let all = ["first", "second", "mute"].map(|name| listed("team-a", name, "5", rotating("Restarting")));
    let mut all = all.to_vec();
    all[2]["status"].as_object_mut().unwrap().remove("outputs");
    let world = World::new([("team-a", Answer::Lists(all.clone()))]);
    for known in &all {
        world.ctx.index.saw_connection(read(known).0);
    }
    assert_eq!(world.found().await.0, beside(&["second"]), "and nobody who publishes nothing");
    world.ctx.index.saw_connection(read(&listed("team-a", "second", "6", rotating("SafeToRevoke"))).0);
    assert_eq!(world.found().await.0, Holders::default());
    assert_eq!(world.asked(), ["team-a"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_the_new_token_in_the_outputs_and_waits_for_pods_in_another_namespace_is_counted() {
    let of = |phase: &str| Answer::Lists(vec![listed("b", "x", "1", rotating(phase))]);
    let elsewhere = Holders { elsewhere: 1, ..Holders::default() };
    // Seen while it had the old one; its next token is not the same.
    for letter in ["n", "m"] {
        let world = World::new([("b", of("Publishing"))]);
        publish(&world.ctx.index, "b", "x");
        assert_eq!(world.found().await.0, elsewhere);
        world.answer("b", of("Restarting"));
        write(&world.ctx.index, "b", "x", letter, "10");
        assert_eq!(world.found().await.0, elsewhere, "{letter}");
        world.answer("b", of("SafeToRevoke"));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(world.found().await.0, Holders::default(), "{letter}");
        world.asked();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(world.found().await.0, Holders::default(), "{letter}");
        let expected: &[&str] = if letter == "n" { &["b"] } else { &[] };
        assert_eq!(world.asked(), expected, "nobody there has either");
    }
    // Not seen before.
    let world = World::new([("b", of("Restarting"))]);
    write(&world.ctx.index, "b", "x", "n", "9");
    assert_eq!(world.found().await.0, elsewhere);
}
