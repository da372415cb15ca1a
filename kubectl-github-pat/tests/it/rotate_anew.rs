//! A rotation that was begun, and a token that takes the place of the one to which it was.

use std::time::Duration;

use github_pat_operator::{
    api::{ConditionStatus, GithubPatConnection},
    domain::token::Token,
};
use github_simulator::NewToken;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use crate::{
    rotate::{GIVEN_UP, MARKER},
    terminal::Person,
    world::{Place, SOON, World},
};

fn hash(token: &str) -> String {
    Token::try_from(token.as_bytes()).unwrap().hashed().to_string()
}

impl Place {
    /// A connection whose second rotation, to this token, was begun and waits for the hold-down.
    pub(crate) async fn begun(&self, name: &str, next: &str) {
        self.connected(name).await;
        let ended = self.rotate(name, &[], &self.next(name)).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        self.change(name, json!({ "spec": { "holdDown": "1h" } })).await;
        let ended = self.rotate(name, &["--timeout", "1s"], next).await;
        assert_eq!(ended.code, 2, "{ended:?}");
        self.until_judged(name, ConditionStatus::True).await;
    }

    /// Returns once the operator says so of the token that the connection prefers.
    pub(crate) async fn until_judged(&self, name: &str, usable: ConditionStatus) {
        let secret = format!("{name}-pat");
        let is_so = move |seen: Option<&GithubPatConnection>| {
            let status = seen.filter(|seen| seen.is_judged()).and_then(|seen| seen.status.as_ref());
            let mut all = status.into_iter().flat_map(|status| &status.candidates);
            all.any(|one| one.secret_name == secret && one.usable == usable)
        };
        let waited = tokio::time::timeout(SOON, await_condition(self.connections(), name, is_so)).await;
        assert!(waited.is_ok(), "{name} did not become {usable:?}: {:?}", self.seen(name).await.status);
    }

    /// The rotation goes to this token now, and to its end once there is no hold-down.
    pub(crate) async fn goes_to(&self, name: &str, next: &str) {
        assert_eq!(self.value(&format!("{name}-pat"), "token").await.as_deref(), Some(next), "{name}");
        assert_eq!(self.seen(name).await.annotations().get(MARKER), Some(&hash(next)), "{name}");
        self.change(name, json!({ "spec": { "holdDown": "0s" } })).await;
        let ended = self.rotate(name, &[], "").await;
        assert_eq!(ended.code, 0, "{name}: {ended:?}");
        self.is_over(name, next).await;
    }
}

#[tokio::test]
async fn another_token_takes_the_place_of_a_next_one_that_github_refuses() {
    let place = World::place("rotate");
    let refused = place.world.github.token(NewToken::classic("anew-refused", "acme-ci").scopes(&["repo"]));
    place.begun("anew-bad", &refused).await;
    place.world.github.revoke("anew-refused");
    place.until_judged("anew-bad", ConditionStatus::False).await;
    let ended = place.rotate("anew-bad", &[], "").await;
    let next = "kubectl github-pat rotate anew-bad --anew -n rotate takes another one in its place";
    assert!(ended.code == 1 && ended.err.contains(next), "{ended:?}");
    let other = place.next("anew-bad");
    let ended = place.rotate("anew-bad", &["--timeout", "1s"], &other).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    // It is not gone back to if it is mended.
    assert_eq!(place.seen("anew-bad").await.annotations().get(GIVEN_UP), Some(&hash(&refused)));
    place.goes_to("anew-bad", &other).await;
}

#[tokio::test]
async fn another_token_takes_the_place_of_a_next_one_whose_secret_was_deleted() {
    let place = World::place("rotate");
    for (name, is_same) in [("anew-gone", false), ("anew-back", true)] {
        let lost = place.next(name);
        place.begun(name, &lost).await;
        place.secrets().delete(&format!("{name}-pat"), &DeleteParams::default()).await.unwrap();
        let ended = place.rotate(name, &[], "").await;
        assert!(ended.code == 1 && ended.err.contains("TokenEmpty"), "it is asked for: {ended:?}");
        let next = if is_same { lost } else { place.next(name) };
        let ended = place.rotate(name, &["--timeout", "1s"], &next).await;
        assert_eq!(ended.code, 2, "{ended:?}");
        place.goes_to(name, &next).await;
    }
}

#[tokio::test]
async fn the_lost_secret_of_a_next_token_in_use_is_told_to_who_may_not_read_secrets() {
    let place = World::place("rotate");
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("vanished-writer", json!([connections, secrets])).await;
    let blind = place.world.plane.user("vanished-writer", None).unwrap();
    // The old token is in an output of another connection, which keeps the rotation from its end.
    let old = place.connected("vanished").await;
    place.left("vanished-too-pat", &old).await;
    let publish = json!({ "publish": [{ "secretName": "vanished-too-git", "format": "BasicAuth" }] });
    place.connection("vanished-too", publish).await;
    place.until("vanished-too", "Ready").await;
    let lost = place.next("vanished");
    let mut person = Person::at(&place, &blind, &["rotate", "vanished"]);
    person.reads("Paste the token").await;
    person.types(&format!("{lost}\n")).await;
    person.reads("WaitingForConsumers").await;
    place.secrets().delete("vanished-pat-next", &DeleteParams::default()).await.unwrap();
    person.reads("SecretNotFound").await;
    person.reads("kubectl github-pat rotate vanished --anew -n rotate takes another one in its place").await;
    assert_eq!(person.ends().await, 1, "{}", person.seen);

    let ended = place.plugin_with(&blind, &["rotate", "vanished"], b"").await;
    assert!(ended.code == 1 && ended.err.contains("TokenEmpty"), "it is asked for: {ended:?}");
    let next = place.next("vanished");
    let ended = place.plugin_with(&blind, &["rotate", "vanished"], next.as_bytes()).await;
    assert!(ended.code == 0 && ended.err.contains("the next token is in Secret vanished-pat"), "{ended:?}");
    place.is_over("vanished", &next).await;
}

#[tokio::test]
async fn another_token_takes_the_place_of_a_good_next_one_if_the_person_says_so() {
    let place = World::place("rotate");
    let leaked = place.next("anew-said");
    place.begun("anew-said", &leaked).await;
    let next = place.next("anew-said");
    let ended = place.rotate("anew-said", &["--timeout", "1s"], &next).await;
    let said = "kubectl github-pat rotate anew-said --anew -n rotate rotates to yours in its place";
    assert!(ended.code == 3 && ended.err.contains(said), "{ended:?}");
    assert_eq!(place.value("anew-said-pat", "token").await, Some(leaked));
    let ended = place.rotate("anew-said", &["--anew", "--timeout", "1s"], &next).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    place.goes_to("anew-said", &next).await;
}

#[tokio::test]
async fn a_token_in_use_whose_secret_was_deleted_is_put_back() {
    let place = World::place("rotate");
    let token = place.connected("put-back").await;
    let refused = place.rotate("put-back", &["--in-place"], &token).await;
    assert!(
        refused.code == 3 && refused.err.contains("is the one in use of put-back already"),
        "{refused:?}"
    );
    place.secrets().delete("put-back-pat", &DeleteParams::default()).await.unwrap();
    let refused = place.rotate("put-back", &[], &token).await;
    let next = "its Secret put-back-pat was deleted: kubectl github-pat rotate put-back --in-place -n rotate puts it back";
    assert!(refused.code == 3 && refused.err.contains(next), "{refused:?}");
    assert_eq!(place.names("put-back-pat").await, [""; 0]);
    let ended = place.rotate("put-back", &["--in-place"], &token).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.value("put-back-pat", "token").await.as_ref(), Some(&token));
    place.until("put-back", "Ready").await;
    assert_eq!(place.seen("put-back").await.annotations().get(MARKER), None);

    // The person may also name the Secret.
    let named = ["--secret", "put-back-pat"];
    let refused = place.rotate("put-back", &named, &token).await;
    let said = "Secret put-back-pat holds the token in use: --in-place stores the next one over it";
    assert!(refused.code == 3 && refused.err.contains(said), "{refused:?}");
    place.secrets().delete("put-back-pat", &DeleteParams::default()).await.unwrap();
    let ended = place.rotate("put-back", &named, &token).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.value("put-back-pat", "token").await.as_ref(), Some(&token));
}

#[tokio::test]
async fn a_spec_that_somebody_has_put_back_prefers_the_next_token_once_more() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    let next = place.next("undone");
    place.begun("undone", &next).await;
    let mut person = Person::at(&place, admin, &["rotate", "undone"]);
    person.reads("the token in Secret undone-pat is proven; it comes into use once").await;
    let put_back =
        json!({ "secretRef": { "name": "undone-pat-next" }, "standby": [{ "name": "undone-pat" }] });
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let put_back = Patch::Merge(json!({ "spec": put_back }));
    place.connections().patch("undone", &params, &put_back).await.unwrap();
    person
        .reads("the token in Secret undone-pat is proven, and Secret undone-pat-next is preferred to it")
        .await;
    drop(person);
    let waits_in_vain = place.rotate("undone", &["--in-place"], "").await;
    let said = "a rotation to the token in Secret undone-pat was begun, and somebody has changed spec.secretRef, so that it does not come into \
                use: kubectl github-pat rotate undone -n rotate prefers that Secret once more, or hand the same token to kubectl github-pat \
                rotate undone --in-place -n rotate";
    assert!(waits_in_vain.code == 3 && waits_in_vain.err.contains(said), "{waits_in_vain:?}");
    let other = place.next("undone");
    let refused = place.rotate("undone", &["--in-place"], &other).await;
    let said = "another token than the one that you hand over comes next, since a rotation was begun: nothing was written";
    assert!(refused.code == 3 && refused.err.contains(said), "{refused:?}");
    assert_ne!(place.value("undone-pat-next", "token").await.as_ref(), Some(&other));
    assert_eq!(place.seen("undone").await.annotations().get(MARKER), Some(&hash(&next)));
    let ended = place.rotate("undone", &["--timeout", "1s"], "").await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let said =
        "going on with the rotation of undone that was begun: Secret undone-pat is preferred once more";
    assert!(ended.err.contains(said), "{ended:?}");
    assert_eq!(place.seen("undone").await.spec.secret_ref.name, "undone-pat");
    place.goes_to("undone", &next).await;
}

#[tokio::test]
async fn whoever_follows_a_rotation_is_told_that_another_token_has_come_into_use() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    // Overwritten by hand, and put behind the former one by hand, once it was in use. Another connection holds the old token, which keeps
    // the first rotation from its end.
    for (name, is_overwritten) in [("overtaken", true), ("turned", false)] {
        let old = place.connected(name).await;
        let too = format!("{name}-too");
        place.left(&format!("{too}-pat"), &old).await;
        let publish = json!({ "publish": [{ "secretName": format!("{too}-git"), "format": "BasicAuth" }] });
        place.connection(&too, publish).await;
        place.until(&too, "Ready").await;
        let next = place.next(name);
        let mut person = Person::at(&place, admin, &["rotate", name]);
        person.reads("Paste the token").await;
        person.types(&format!("{next}\n")).await;
        person.reads("WaitingForConsumers").await;
        // The API server tells whole seconds of when the rotation was begun.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let secrets = [format!("{name}-pat"), format!("{name}-pat-next")];
        let said = if is_overwritten {
            place.secret(&secrets[1], &place.next(name)).await;
            "another token has come into use since, and no Secret of the connection holds its own"
        } else {
            let turned = json!({ "secretRef": { "name": secrets[0] }, "standby": [{ "name": secrets[1] }] });
            place.change(name, json!({ "spec": turned })).await;
            "the token that is in use again has replaced its own"
        };
        person
            .reads(&format!(
                "the rotation of connection {name} that was begun has no end any more, since {said}"
            ))
            .await;
        assert_eq!(person.ends().await, 2, "{}", person.seen);
    }
}

#[tokio::test]
async fn whoever_follows_a_rotation_is_told_that_another_one_was_begun_in_its_place() {
    let place = World::place("rotate");
    let admin = place.world.plane.admin_kubeconfig();
    place.begun("outrun", &place.next("outrun")).await;
    let mut person = Person::at(&place, admin, &["rotate", "outrun"]);
    person.reads("it comes into use once").await;
    let other = place.next("outrun");
    let ended = place.rotate("outrun", &["--anew", "--timeout", "1s"], &other).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let said = "another rotation of connection outrun was begun meanwhile";
    person.reads(said).await;
    assert_eq!(person.ends().await, 2, "{}", person.seen);
    place.goes_to("outrun", &other).await;
}
