//! From one token to the next.

use github_pat_operator::{
    api::{GithubPatConnection, Phase},
    domain::token::Token,
};
use github_simulator::NewToken;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    terminal::Person,
    world::{Ended, Place, World, holds_no},
};

pub(crate) const MARKER: &str = "githubpat.dev/rotating-to";
pub(crate) const GIVEN_UP: &str = "githubpat.dev/given-up";

impl Place {
    /// A connection by the plugin with an output and without a hold-down, and its token.
    pub(crate) async fn connected(&self, name: &str) -> String {
        let token = self.next(name);
        let flags = [
            "connect",
            name,
            "--host",
            "simulated",
            "--scope",
            "repo",
            "--output",
            &format!("{name}-git:BasicAuth"),
        ];
        let ended = self.plugin_with(self.world.plane.admin_kubeconfig(), &flags, token.as_bytes()).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        self.change(name, json!({ "spec": { "holdDown": "0s", "interval": "10s" } })).await;
        token
    }

    /// A good token.
    pub(crate) fn next(&self, name: &str) -> String {
        self.world
            .github
            .token(NewToken::classic(&format!("{name}-{}", fastrand::u32(..)), "acme-ci").scopes(&["repo"]))
    }

    pub(crate) async fn change(&self, name: &str, patch: Value) {
        self.connections().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// As if a run had ended before the connection was told of the token that it has stored.
    pub(crate) async fn left(&self, name: &str, token: &str) {
        self.left_for("simulated", name, token).await;
    }

    /// The same for this host.
    pub(crate) async fn left_for(&self, host: &str, name: &str, token: &str) {
        let token_of = Token::try_from(token.as_bytes()).ok();
        let noted = token_of.map(|token| format!("{}@{host}", token.hashed()));
        self.stored(name, token, &noted.unwrap_or_default()).await;
    }

    /// The same with what the plugin has noted of it: its hash and its host.
    pub(crate) async fn stored(&self, name: &str, token: &str, noted: &str) {
        let noted = (!noted.is_empty()).then(|| format!("token={noted}"));
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": name, "annotations": { "githubpat.dev/stored.token": noted } },
            "stringData": { "token": token },
        });
        let params = PatchParams::apply("kubectl-github-pat");
        self.secrets().patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    pub(crate) async fn rotate(&self, name: &str, flags: &[&str], token: &str) -> Ended {
        let arguments = [&["rotate", name], flags].concat();
        self.plugin_with(self.world.plane.admin_kubeconfig(), &arguments, token.as_bytes()).await
    }

    pub(crate) async fn seen(&self, name: &str) -> GithubPatConnection {
        self.connections().get(name).await.unwrap()
    }

    /// The connection is over with its rotation to this token.
    pub(crate) async fn is_over(&self, name: &str, token: &str) {
        let seen = self.seen(name).await;
        let rotation = seen.status.as_ref().unwrap().rotation.clone().unwrap();
        let hashed = Token::try_from(token.as_bytes()).unwrap().hashed();
        assert_eq!((rotation.new_token.hashed_token, rotation.phase), (hashed, Phase::SafeToRevoke));
        assert_eq!(self.value(&format!("{name}-git"), "password").await.as_deref(), Some(token));
        assert_eq!(seen.annotations().get(MARKER), None, "nothing is left of the run");
        assert_eq!(seen.annotations().get(GIVEN_UP), None, "nothing is left of the run");
    }
}

fn candidates(seen: &GithubPatConnection) -> Vec<&str> {
    seen.spec.sources().collect()
}

#[tokio::test]
async fn the_next_token_takes_over_and_the_page_to_revoke_the_old_one_is_told() {
    let place = World::place("rotate");
    let old = place.connected("ci").await;
    let next = place.next("ci");
    let ended = place.rotate("ci", &[], &next).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("SafeToRevoke: every output holds the new token; "), "{}", ended.out);
    assert!(
        ended.out.contains("\n  revoke the old token on         http")
            && ended.out.contains("/settings/tokens\n"),
        "{}",
        ended.out
    );
    assert!(ended.err.contains("the next token is in Secret ci-pat-next"), "{}", ended.err);
    assert!(
        ended.err.contains("Ctrl-C ends that, and kubectl github-pat rotate ci -n rotate goes on with it"),
        "{}",
        ended.err
    );
    let last = ended.err.lines().last().unwrap();
    assert!(
        last.contains(" SafeToRevoke every output holds the new token; "),
        "the phases are told: {}",
        ended.err
    );
    for token in [&old, &next] {
        holds_no(&format!("{}{}", ended.out, ended.err), token);
    }
    assert_eq!(candidates(&place.seen("ci").await), ["ci-pat-next", "ci-pat"]);
    place.is_over("ci", &next).await;

    // The next one takes the place of the old one, which stands by.
    let third = place.next("ci");
    let ended = place.rotate("ci", &[], &third).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(candidates(&place.seen("ci").await), ["ci-pat", "ci-pat-next"]);
    assert_eq!(place.value("ci-pat", "token").await.as_ref(), Some(&third));
    place.is_over("ci", &third).await;

    let same = place.rotate("ci", &[], &third).await;
    assert_eq!(same.code, 3, "{same:?}");
    assert!(same.err.contains("is the one in use of ci already"), "{}", same.err);
    let next = "make another one, and hand it to kubectl github-pat rotate ci -n rotate";
    assert!(same.err.contains(next), "{}", same.err);
}

#[tokio::test]
async fn the_end_of_an_earlier_rotation_is_not_taken_for_that_of_one_begun_by_hand() {
    let place = World::place("rotate");
    place.connected("hand").await;
    let next = place.next("hand");
    assert_eq!(place.rotate("hand", &["--in-place"], &next).await.code, 0);
    let third = place.next("hand");
    let admin = place.world.plane.admin_kubeconfig();
    let mut person = Person::at(&place, admin, &["wait", "hand", "--for", "SafeToRevoke"]);
    person.reads("SafeToRevoke").await;
    place.secret("hand-pat", &third).await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    place.is_over("hand", &third).await;
}

#[tokio::test]
async fn the_end_of_an_earlier_rotation_is_not_taken_for_that_of_one_that_is_held_back() {
    let place = World::place("rotate");
    place.connected("held").await;
    assert_eq!(place.rotate("held", &[], &place.next("held")).await.code, 0);
    place.secret("held-pat", &place.next("held")).await;
    let swapped = json!({ "secretRef": { "name": "held-pat" }, "standby": [{ "name": "held-pat-next" }], "holdDown": "1h" });
    place.change("held", json!({ "spec": swapped })).await;
    let ended = place.plugin(&["wait", "held", "--for", "SafeToRevoke", "--timeout", "7s"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (2, ""), "the one in use is not to be revoked: {ended:?}");
    let words = "the token in Secret held-pat is proven; it comes into use once the present one has been in use for 1h";
    assert!(ended.err.contains(words), "{}", ended.err);
}

#[tokio::test]
async fn a_secret_that_cannot_take_the_next_token_is_told_before_the_token_is_judged() {
    let place = World::place("rotate");
    let old = place.connected("fixed").await;
    let fixed = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "fixed-by" }, "immutable": true,
        "stringData": { "token": "of an earlier time" },
    });
    place
        .secrets()
        .patch("fixed-by", &PatchParams::apply("kubectl-edit"), &Patch::Apply(fixed))
        .await
        .unwrap();
    place.change("fixed", json!({ "spec": { "standby": [{ "name": "fixed-by" }] } })).await;
    let next = place.world.github.token(NewToken::classic("fixed-next", "acme-ci").scopes(&["repo"]));
    let rows: [(&[&str], &str); 2] = [
        (
            &[],
            "Secret fixed-by is immutable, so that it can take no other token: delete it, or name another one by --secret",
        ),
        (
            &["--secret", "fixed-pat"],
            "Secret fixed-pat holds the token in use: --in-place stores the next one over it",
        ),
    ];
    for (flags, said) in rows {
        let ended = place.rotate("fixed", flags, &next).await;
        assert!(ended.code == 3 && ended.err.contains(said), "{ended:?}");
    }
    let calls = place.world.github.calls();
    assert!(
        calls.iter().all(|call| call.token.as_deref() != Some("fixed-next")),
        "nobody was asked about it"
    );
    assert_eq!(place.value("fixed-pat", "token").await, Some(old));
}

#[tokio::test]
async fn a_connection_that_is_deleted_while_it_is_followed_is_no_wrong_usage() {
    let place = World::place("rotate");
    place.connected("deleted").await;
    let admin = place.world.plane.admin_kubeconfig();
    let mut person = Person::at(&place, admin, &["wait", "deleted", "--for", "SafeToRevoke"]);
    person.reads("no token of this connection was replaced yet").await;
    place.connections().delete("deleted", &DeleteParams::default()).await.unwrap();
    let said =
        "connection deleted was deleted meanwhile; kubectl github-pat list -n rotate shows which there are";
    person.reads(said).await;
    assert_eq!(person.ends().await, 2, "{}", person.seen);
}

#[tokio::test]
async fn a_next_token_that_is_not_usable_changes_nothing() {
    let place = World::place("rotate");
    let old = place.connected("bad").await;
    let before = place.seen("bad").await;
    let lacking = place.world.github.token(NewToken::classic("bad-lacking", "acme-ci"));
    for (token, code) in [(lacking.as_str(), 1), ("nonsense", 1), ("", 1)] {
        let ended = place.rotate("bad", &[], token).await;
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{ended:?}");
        assert!(ended.err.contains("nothing was written"), "{}", ended.err);
    }
    let after = place.seen("bad").await;
    assert_eq!(
        (after.metadata.generation, after.annotations()),
        (before.metadata.generation, before.annotations())
    );
    assert_eq!(place.names("bad").await, ["bad", "bad-git", "bad-pat"]);
    assert_eq!(place.value("bad-git", "password").await, Some(old));
}

#[tokio::test]
async fn what_was_stored_or_begun_needs_no_token_again() {
    let place = World::place("rotate");
    place.connected("kept").await;
    let next = place.next("kept");
    place.left("kept-pat-next", &next).await;
    let ended = place.rotate("kept", &[], "").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("going on with the token in Secret kept-pat-next"), "{}", ended.err);
    place.is_over("kept", &next).await;

    // As if it had ended afterwards, while the hold-down lasts.
    place.change("kept", json!({ "spec": { "holdDown": "4s" } })).await;
    let third = place.next("kept");
    let ended = place.rotate("kept", &["--timeout", "1s"], &third).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("kubectl github-pat rotate kept -n rotate goes on with it"), "{}", ended.err);
    let ended = place.rotate("kept", &[], "").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("going on with the rotation of kept that was begun"), "{}", ended.err);
    place.is_over("kept", &third).await;

    // As if it had ended right before it took its mark away, and the person brings the same token again.
    let hashed = Token::try_from(third.as_bytes()).unwrap().hashed();
    place.change("kept", json!({ "metadata": { "annotations": { MARKER: hashed } } })).await;
    let ended = place.rotate("kept", &[], &third).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    place.is_over("kept", &third).await;
}

#[tokio::test]
async fn a_usable_token_that_stands_by_is_the_next_one_and_a_chosen_secret_takes_another() {
    let place = World::place("rotate");
    place.connected("spare").await;
    let (spare, chosen) = (place.next("spare"), place.next("spare"));
    place.secret("spare-two", &spare).await;
    place.change("spare", json!({ "spec": { "standby": [{ "name": "spare-two" }] } })).await;
    place.stands_by("spare").await;
    let ended = place.rotate("spare", &["--secret", "spare-three"], &chosen).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(candidates(&place.seen("spare").await), ["spare-three", "spare-pat", "spare-two"]);
    place.is_over("spare", &chosen).await;
    let ended = place.rotate("spare", &[], "").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.err.contains("a usable token stands by in Secret spare-two: it is the next one"),
        "{}",
        ended.err
    );
    place.is_over("spare", &spare).await;
}

#[tokio::test]
async fn what_a_tool_syncs_is_left_to_it_and_can_be_rotated_in_place() {
    let place = World::place("rotate");
    let old = place.connected("synced").await;
    let connection = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "synced" },
        "spec": { "secretRef": { "name": "synced-pat" } },
    });
    let params = PatchParams::apply("argocd-controller").force();
    place.connections().patch("synced", &params, &Patch::Apply(connection)).await.unwrap();
    let next = place.next("synced");
    let ended = place.rotate("synced", &[], &next).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("written by argocd-controller, which would put it back"), "{}", ended.err);
    assert_eq!(place.names("synced").await, ["synced", "synced-git", "synced-pat"]);
    assert_eq!(place.value("synced-pat", "token").await, Some(old));
    let ended = place.rotate("synced", &["--in-place"], &next).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(candidates(&place.seen("synced").await), ["synced-pat"]);
    place.is_over("synced", &next).await;

    place.secret("synced-pat", &next).await;
    let ended = place.rotate("synced", &["--in-place"], &place.next("synced")).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.err.contains("Secret synced-pat is written by test, which would put back"),
        "{}",
        ended.err
    );
}
