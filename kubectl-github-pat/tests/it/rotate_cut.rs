//! A run that is cut off at a state that the cluster shows, or between two writes, and gone on with by another one.

use futures::StreamExt;
use github_pat_operator::{
    api::{GithubPatConnection, Phase},
    domain::token::{HashedToken, Token},
};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::Secret,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::wait::{Condition, await_condition},
};
use serde_json::{Value, json};

use crate::{
    rotate::{GIVEN_UP, MARKER},
    terminal::Person,
    wire::{LATE, Wire, wire},
    world::{Place, SOON, UNWATCHED, World, from},
};

/// What the cluster shows of a rotation once a run has come so far.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum State {
    Asked,
    Marked,
    Stored,
    Used,
    Published,
    Safe,
}

fn hashed(token: &str) -> HashedToken {
    Token::try_from(token.as_bytes()).unwrap().hashed()
}

fn is_marked(seen: &GithubPatConnection) -> bool {
    seen.annotations().contains_key(MARKER)
}

/// True if the Secret has this token under the key.
fn holds(key: &'static str, token: &str) -> impl Condition<Secret> {
    let token = token.as_bytes().to_vec();
    move |seen: Option<&Secret>| {
        let value = seen.and_then(|seen| seen.data.as_ref()?.get(key));
        value.is_some_and(|value| value.0 == token)
    }
}

impl Place {
    /// Returns once the rotation of the connection to this token, in this Secret, is so far.
    async fn until_state(&self, state: State, name: &str, secret: &str, token: &str) {
        let next = hashed(token);
        let connection = |is_so: Box<dyn Fn(&GithubPatConnection) -> bool + Send>| {
            let is_so = move |seen: Option<&GithubPatConnection>| seen.is_some_and(&is_so);
            await_condition(self.connections(), name, is_so)
        };
        let waited = async {
            match state {
                State::Asked => {}
                State::Marked => {
                    connection(Box::new(is_marked)).await.unwrap();
                }
                State::Stored => {
                    await_condition(self.secrets(), secret, holds("token", token)).await.unwrap();
                }
                State::Published => {
                    let output = format!("{name}-git");
                    await_condition(self.secrets(), &output, holds("password", token)).await.unwrap();
                }
                State::Used => {
                    let is_so = move |seen: &GithubPatConnection| {
                        let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
                        token.is_some_and(|token| token.hashed_token == next)
                    };
                    connection(Box::new(is_so)).await.unwrap();
                }
                State::Safe => {
                    let is_so = move |seen: &GithubPatConnection| {
                        let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
                        rotation.is_some_and(|it| {
                            it.phase == Phase::SafeToRevoke && it.new_token.hashed_token == next
                        })
                    };
                    connection(Box::new(is_so)).await.unwrap();
                }
            }
        };
        let waited = tokio::time::timeout(SOON, waited).await;
        assert!(waited.is_ok(), "{name} did not become {state:?}");
    }

    /// Lets no write of objects of these names pass but in a dry run. There is one of the first name.
    pub(crate) async fn close(&self, resource: &str, names: &[&str]) {
        let policies = Api::<ValidatingAdmissionPolicy>::all(self.client.clone());
        let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(self.client.clone());
        let (group, version) = if resource == "secrets" { ("", "v1") } else { ("githubpat.dev", "v1alpha1") };
        let expression =
            format!("has(request.dryRun) && request.dryRun || !(object.metadata.name in {})", json!(names));
        let policy = json!({ "metadata": { "name": names[0] }, "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": ["CREATE", "UPDATE"],
            }] },
            "validations": [{ "expression": expression, "message": "closed" }],
        } });
        let namespace = json!({ "matchLabels": { "kubernetes.io/metadata.name": self.namespace } });
        let binding = json!({ "metadata": { "name": names[0] }, "spec": {
            "policyName": names[0], "validationActions": ["Deny"], "matchResources": { "namespaceSelector": namespace },
        } });
        policies.create(&PostParams::default(), &from(policy)).await.unwrap();
        bindings.create(&PostParams::default(), &from(binding)).await.unwrap();
        self.until_writable(resource, names[0], false).await;
    }

    /// Lets them pass again.
    pub(crate) async fn open(&self, resource: &str, name: &str) {
        let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(self.client.clone());
        bindings.delete(name, &DeleteParams::default()).await.unwrap();
        self.until_writable(resource, name, true).await;
    }

    /// The API server takes a moment to act upon a policy, and no watch tells when it does.
    async fn until_writable(&self, resource: &str, name: &str, is_open: bool) {
        let waited = tokio::time::timeout(SOON, async {
            loop {
                let labels = json!({ "gate": fastrand::u32(..).to_string() });
                let (patch, params) =
                    (Patch::Merge(json!({ "metadata": { "labels": labels } })), PatchParams::default());
                let written = match resource {
                    "secrets" => self.secrets().patch_metadata(name, &params, &patch).await.map(|_| ()),
                    _ => self.connections().patch_metadata(name, &params, &patch).await.map(|_| ()),
                };
                match written {
                    Ok(()) if is_open => return,
                    Ok(()) => {}
                    Err(kube::Error::Api(status)) if status.code == 422 && !is_open => return,
                    // The operator writes it too.
                    Err(kube::Error::Api(status)) if [409, 422, 429].contains(&status.code) => {}
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        });
        assert!(waited.await.is_ok(), "{name} is not open: {is_open}");
    }
}

#[tokio::test]
async fn interrupted_at_any_point_it_goes_on() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    let states = [State::Asked, State::Marked, State::Stored, State::Used, State::Published, State::Safe];
    let ways = [("cut", "pat-next", &[] as &[&str]), ("cut-there", "pat", &["--in-place"])];
    let rounds = ways.iter().flat_map(|way| states.map(|state| (way, state)));
    let rounds = rounds.map(async |(&(way, secret, flags), state)| {
        let name = format!("{way}-{state:?}").to_lowercase();
        let secret = format!("{name}-{secret}");
        let old = place.connected(&name).await;
        let next = place.next(&name);
        let mut person = Person::at(&place, admin, &[&["rotate", &name], flags].concat());
        person.reads("Paste the token").await;
        if state != State::Asked {
            person.types(&format!("{next}\n")).await;
        }
        place.until_state(state, &name, &secret, &next).await;
        drop(person);
        let held = place.value(&format!("{name}-git"), "password").await;
        assert!(
            held.as_ref().is_some_and(|held| [&old, &next].contains(&held)),
            "{name}: an output has neither"
        );
        let is_stored = place.value(&secret, "token").await.as_ref() == Some(&next);
        assert!(is_stored || state < State::Stored, "{name}");
        // A run that was over before it was cut off leaves nothing to go on with.
        let seen = place.seen(&name).await;
        let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
        let is_safe = rotation
            .is_some_and(|it| it.phase == Phase::SafeToRevoke && it.new_token.hashed_token == hashed(&next));
        if is_marked(&seen) || !is_safe {
            let ended = place.rotate(&name, flags, if is_stored { "" } else { &next }).await;
            assert_eq!(ended.code, 0, "{name}: {ended:?}");
        }
        place.is_over(&name, &next).await;
    });
    futures::stream::iter(rounds).buffer_unordered(4).collect::<()>().await;
}

#[tokio::test]
async fn cut_between_two_writes_it_goes_on() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    let old = place.connected("gate").await;
    let (next, token) = (place.next("gate"), place.next("gate-2"));
    place.close("githubpatconnections", &["gate", "gate-2"]).await;
    // In place the mark comes first.
    let ended = place.rotate("gate", &["--in-place"], &next).await;
    assert_eq!((ended.code, place.value("gate-pat", "token").await), (2, Some(old)), "{ended:?}");
    let ended = place.rotate("gate", &[], &next).await;
    assert_eq!(
        (ended.code, place.value("gate-pat-next", "token").await.as_ref()),
        (2, Some(&next)),
        "{ended:?}"
    );
    let connect = ["connect", "gate-2", "--host", "simulated"];
    let ended = place.plugin_with(admin, &connect, token.as_bytes()).await;
    assert_eq!((ended.code, place.names("gate-2").await), (2, vec!["gate-2-pat".to_owned()]), "{ended:?}");
    place.open("githubpatconnections", "gate").await;
    let ended = place.rotate("gate", &[], "").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    place.is_over("gate", &next).await;
    let ended = place.plugin_with(admin, &connect, token.as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");

    // It goes again with what has failed.
    let third = place.next("gate");
    place.close("secrets", &["gate-pat-next"]).await;
    let ended = place.rotate("gate", &["--in-place"], &third).await;
    assert_eq!((ended.code, place.value("gate-pat-next", "token").await), (2, Some(next)), "{ended:?}");
    assert!(!is_marked(&place.seen("gate").await));
    place.open("secrets", "gate-pat-next").await;
    let ended = place.rotate("gate", &["--in-place"], "").await;
    assert!(ended.code == 1 && ended.err.contains("TokenEmpty"), "the token is asked for: {ended:?}");
    assert!(!ended.err.contains("going on with"), "{ended:?}");
    let ended = place.rotate("gate", &["--in-place"], &third).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    place.is_over("gate", &third).await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_gone_on_with() {
    let place = World::place("rotate");
    let (kubeconfig, hold) = wire(&place).await;
    // In place the mark is written before the token.
    for (name, secret, flags, is_marked_first) in [
        ("lost-there", "lost-there-pat", &["--in-place"] as &[&str], true),
        ("lost", "lost-pat-next", &[], false),
    ] {
        place.connected(name).await;
        let next = place.next(name);
        let mut person = Person::at(&place, &kubeconfig, &[&["rotate", name], flags].concat());
        person.reads("Paste the token").await;
        hold.send(if is_marked_first { Wire::Late(3 * LATE) } else { Wire::Deaf(0) }).unwrap();
        person.types(&format!("{next}\n")).await;
        if is_marked_first {
            // The operator may write the connection first, so that the mark is written anew. Its answer is on its way then, and comes.
            place.until_state(State::Marked, name, secret, &next).await;
            hold.send(Wire::Deaf(0)).unwrap();
        }
        place.until_state(State::Stored, name, secret, &next).await;
        hold.send(Wire::Cut).unwrap();
        assert_eq!(person.ends().await, 2, "{}", person.seen);
        assert!(!person.seen.contains("the next token is in"), "{}", person.seen);
        hold.send(Wire::Open).unwrap();
        let ended = place.rotate(name, flags, "").await;
        assert_eq!(ended.code, 0, "{name}: {ended:?}");
        place.is_over(name, &next).await;
    }
}

#[tokio::test]
async fn a_token_that_was_given_up_is_not_gone_back_to_where_the_run_was_cut_before_it_stored_another() {
    let place = World::place("rotate");
    let (kubeconfig, hold) = wire(&place).await;
    let leaked = place.next("cut-anew");
    place.begun("cut-anew", &leaked).await;
    let next = place.next("cut-anew");
    let mut person = Person::at(&place, &kubeconfig, &["rotate", "cut-anew", "--anew"]);
    person.reads("Paste the token").await;
    hold.send(Wire::Late(3 * LATE)).unwrap();
    person.types(&format!("{next}\n")).await;
    let mark = hashed(&next).to_string();
    let is_so = move |seen: Option<&GithubPatConnection>| {
        seen.is_some_and(|seen| seen.annotations().get(MARKER) == Some(&mark))
    };
    let marked = await_condition(place.connections(), "cut-anew", is_so);
    tokio::time::timeout(SOON, marked).await.unwrap().unwrap();
    hold.send(Wire::Cut).unwrap();
    assert_eq!(person.ends().await, 2, "{}", person.seen);
    assert_eq!(place.value("cut-anew-pat", "token").await.as_ref(), Some(&leaked));
    let ended = place.rotate("cut-anew", &[], "").await;
    assert!(ended.code == 1 && ended.err.contains("TokenEmpty"), "another one is asked for: {ended:?}");
    assert!(!ended.err.contains("going on with"), "{ended:?}");
    let seen = place.seen("cut-anew").await;
    assert_eq!(seen.annotations().get(GIVEN_UP), Some(&hashed(&leaked).to_string()));
    let ended = place.rotate("cut-anew", &["--timeout", "1s"], &next).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    place.goes_to("cut-anew", &next).await;
}

#[tokio::test]
async fn a_token_that_was_given_up_is_not_gone_back_to_where_another_one_goes_to_a_secret_of_its_own() {
    let place = World::place("rotate");
    let leaked = place.next("cut-else");
    place.begun("cut-else", &leaked).await;
    let next = place.next("cut-else");
    place.close("secrets", &["cut-else-pat", "cut-else-other"]).await;
    let ended = place.rotate("cut-else", &["--anew", "--secret", "cut-else-other"], &next).await;
    assert!(ended.code == 2 && !ended.err.contains("the next token is in"), "{ended:?}");
    let seen = place.seen("cut-else").await;
    let marks = [MARKER, GIVEN_UP].map(|name| seen.annotations().get(name).cloned());
    assert_eq!(marks, [(); 2].map(|()| Some(hashed(&leaked).to_string())));
    place.open("secrets", "cut-else-pat").await;
    let ended = place.rotate("cut-else", &[], "").await;
    assert!(ended.code == 1 && ended.err.contains("TokenEmpty"), "another one is asked for: {ended:?}");
    assert!(!ended.err.contains("going on with"), "{ended:?}");
    let ended = place.rotate("cut-else", &["--timeout", "1s"], &next).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    place.goes_to("cut-else", &next).await;
}

#[tokio::test]
async fn of_two_who_rotate_at_once_one_does_and_the_other_writes_nothing() {
    let place = World::place("rotate");
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("rotate-writer", json!([connections, secrets])).await;
    // One who may read Secrets, and one who may not.
    let users = [
        ("two", place.world.plane.admin_kubeconfig().to_path_buf()),
        ("blind", place.world.plane.user("rotate-writer", None).unwrap()),
    ];
    let rows: [(&str, &str, &[&str]); 3] =
        [("there", "pat", &["--in-place"]), ("new", "pat-next", &[]), ("idle", "by", &[])];
    let pairs = users.iter().flat_map(|user| rows.iter().map(move |row| (user, row)));
    let pairs = pairs.map(async |((who, user), (row, secret, flags))| {
        let name = format!("{who}-{row}");
        let (name, secret) = (name.as_str(), format!("{name}-{secret}"));
        place.connected(name).await;
        if *row == "idle" {
            place.left(&secret, "of an earlier time").await;
            place.change(name, json!({ "spec": { "standby": [{ "name": secret }] } })).await;
        }
        let [one, other] = [place.next(name), place.next(name)];
        let arguments = [&["rotate", name], *flags].concat();
        let [mut first, mut second] = [(); 2].map(|()| Person::at(&place, user, &arguments));
        for person in [&mut first, &mut second] {
            person.reads("Paste the token").await;
        }
        first.types(&format!("{one}\n")).await;
        first.reads(&format!("the next token is in Secret {secret}")).await;
        second.types(&format!("{other}\n")).await;
        let code = second.ends().await;
        assert!([2, 3].contains(&code), "{name}: {}", second.seen);
        assert!(!second.seen.contains("the next token is in"), "{name}: {}", second.seen);
        assert_eq!(first.ends().await, 0, "{name}: {}", first.seen);
        assert_eq!(place.value(&secret, "token").await, Some(one.clone()), "{name}");
        let seen = place.seen(name).await;
        let rotation = seen.status.as_ref().unwrap().rotation.clone().unwrap();
        let is_safe =
            rotation.phase == Phase::SafeToRevoke && rotation.new_token.hashed_token == hashed(&one);
        assert!(is_safe, "{name}: {rotation:?}");
        assert_eq!(place.value(&format!("{name}-git"), "password").await, Some(one.clone()), "{name}");
        assert_eq!(seen.annotations().get(MARKER), None, "{name}");
    });
    futures::stream::iter(pairs).buffer_unordered(3).collect::<()>().await;
}

#[tokio::test]
async fn a_label_of_the_secret_takes_no_token_from_a_person_and_another_value_is_not_written_over() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    for (name, written) in [
        (
            "labelled",
            json!({ "metadata": { "labels": { "reloaded": "yes" }, "annotations": { "seen": "yes" } } }),
        ),
        ("valued", json!({ "stringData": { "token": "of somebody else" } })),
        ("keyed", json!({ "stringData": { "other": "of somebody else" } })),
    ] {
        place.connected(name).await;
        let secret = format!("{name}-by");
        place.left(&secret, "of an earlier time").await;
        place.change(name, json!({ "spec": { "standby": [{ "name": secret }] } })).await;
        let next = place.next(name);
        let mut person = Person::at(&place, admin, &["rotate", name]);
        person.reads("Paste the token").await;
        let params = PatchParams::default();
        place.secrets().patch(&secret, &params, &Patch::Merge(written)).await.unwrap();
        person.types(&format!("{next}\n")).await;
        let code = person.ends().await;
        let value = place.value(&secret, "token").await;
        if name == "valued" {
            assert_eq!((code, value.as_deref()), (2, Some("of somebody else")), "{}", person.seen);
            let said = "somebody else has written Secret valued-by meanwhile, so nothing was written to it: kubectl github-pat rotate valued \
                        -n rotate looks at it anew";
            assert!(person.seen.contains(said), "{}", person.seen);
        } else {
            assert_eq!((code, value), (0, Some(next)), "{name}: {}", person.seen);
        }
    }
}

#[tokio::test]
async fn what_was_stored_and_not_looked_at_yet_needs_no_token_again() {
    let place = World::place(UNWATCHED);
    let [old, next] = ["old", "next"].map(|name| place.next(name));
    place.secret("idle-pat", &old).await;
    let rows: [(&str, &[&str], &str, Value); 2] = [
        ("fresh", &["--in-place"], "fresh-pat", json!([])),
        ("idle", &[], "idle-two", json!([{ "name": "idle-two" }])),
    ];
    for (name, flags, secret, standby) in rows {
        place.left(secret, &next).await;
        place.connection(name, json!({ "standby": standby })).await;
        let token = json!({
            "secretName": format!("{name}-pat"), "host": "simulated", "kind": "Classic", "hashedToken": hashed(&old),
        });
        place.status(name, json!({ "observedGeneration": 1, "conditions": [], "token": token })).await;
        // The test itself has made the connection, as a tool would.
        let ended = place.rotate(name, &[flags, &["--force", "--timeout", "1s"]].concat(), "").await;
        assert!(ended.err.contains(&format!("going on with the token in Secret {secret}")), "{ended:?}");
        assert_eq!(ended.code, 2, "nobody looks after it: {ended:?}");
        assert!(is_marked(&place.seen(name).await), "{name}");
    }
}
