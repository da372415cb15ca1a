//! Three users: who may nothing, who may look, and who may write in one namespace.

use std::time::Duration;

use github_simulator::NewToken;
use k8s_openapi::api::{
    authorization::v1::SubjectAccessReview,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    terminal::Person,
    world::{Place, SOON, World, from, holds_no},
};

impl Place {
    /// Lets the user do this in the namespace.
    pub(crate) async fn allow(&self, user: &str, rules: serde_json::Value) {
        let (roles, bindings) = (
            Api::<Role>::namespaced(self.client.clone(), self.namespace),
            Api::<RoleBinding>::namespaced(self.client.clone(), self.namespace),
        );
        let role = from(json!({ "metadata": { "name": user }, "rules": &rules }));
        roles.create(&PostParams::default(), &role).await.unwrap();
        let binding = from(json!({
            "metadata": { "name": user },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        }));
        bindings.create(&PostParams::default(), &binding).await.unwrap();
        until_allowed(self, user, Some(self.namespace), &rules).await;
    }
}

/// Waits until the API server lets the user do all of this: its authorizer hears of a binding a moment after it stands.
pub(crate) async fn until_allowed(place: &Place, user: &str, namespace: Option<&str>, rules: &Value) {
    let reviews = Api::<SubjectAccessReview>::all(place.client.clone());
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    for rule in rules.as_array().unwrap() {
        let [groups, resources, verbs] = ["apiGroups", "resources", "verbs"].map(|field| texts(&rule[field]));
        for (resource, verb) in
            resources.iter().flat_map(|resource| verbs.iter().map(move |verb| (resource, verb)))
        {
            let name = rule.pointer("/resourceNames/0");
            let review: SubjectAccessReview = from(json!({ "metadata": {}, "spec": {
                "user": user,
                "resourceAttributes": {
                    "namespace": namespace, "group": groups[0], "resource": resource, "name": name, "verb": verb,
                },
            } }));
            let deadline = tokio::time::Instant::now() + SOON;
            while !reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed {
                assert!(tokio::time::Instant::now() < deadline, "{user} may never {verb} {resource}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[tokio::test]
async fn each_user_may_do_what_the_cluster_lets_them_and_is_told_what_not_before_a_token_is_asked_for() {
    let place = World::place("rights");
    let connections = |verbs: serde_json::Value| json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": verbs });
    let looks = connections(json!(["get", "list", "watch"]));
    place.allow("viewer", json!([looks])).await;
    let writes = connections(json!(["get", "list", "watch", "create", "patch", "update"]));
    // Secrets can be written and not read.
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("editor", json!([writes, secrets])).await;
    let half = connections(json!(["get", "list", "watch", "create", "patch"]));
    place.allow("half", json!([half])).await;
    let user = |name: &str| place.world.plane.user(name, None).unwrap();
    let token = place.world.github.token(NewToken::classic("rights", "acme-ci"));
    let flags = ["connect", "ci", "--host", "simulated"];
    let rows = [
        ("nobody", "you may not read connection ci in namespace rights"),
        ("viewer", "you may not write connection ci"),
        ("half", "you may not write Secret ci-pat"),
    ];
    for (name, expected) in rows {
        let ended = place.plugin_with(&user(name), &flags, token.as_bytes()).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{name}: {ended:?}");
        assert!(
            ended.err.contains(expected) && ended.err.contains("kubectl auth can-i --list"),
            "{name}: {}",
            ended.err
        );
        holds_no(&ended.err, &token);
        assert_eq!(place.names("ci").await, [""; 0], "{name}");
    }
    let asked =
        place.world.github.calls().iter().filter(|call| call.token.as_deref() == Some("rights")).count();
    assert_eq!(asked, 0, "nobody was asked about the token");
    let ended = place.plugin_with(&user("editor"), &flags, token.as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    // Without the right to read Secrets, none of others is overwritten either.
    place.secret("held-pat", "of somebody else").await;
    let taken = "there is a Secret held-pat already, and it is not overwritten, since it was not there before or you may not read what is in it: name another one";
    let flags = ["connect", "held", "--host", "simulated"];
    let held = place.plugin_with(&user("editor"), &flags, token.as_bytes()).await;
    assert!(held.code == 3 && held.err.contains(taken), "{held:?}");
    assert_eq!(place.value("held-pat", "token").await.as_deref(), Some("of somebody else"));
    let next = place.world.github.token(NewToken::classic("rights-next", "acme-ci"));
    let flags = ["rotate", "ci", "--secret", "held-pat"];
    let held = place.plugin_with(&user("editor"), &flags, next.as_bytes()).await;
    assert!(held.code == 3 && held.err.contains(taken), "{held:?}");
    let rotated = place.plugin_with(&user("editor"), &["rotate", "ci"], next.as_bytes()).await;
    assert_eq!(
        (rotated.code, place.value("ci-pat-next", "token").await),
        (0, Some(next.clone())),
        "{rotated:?}"
    );
    // Nor does a tool that syncs lose what it has written where nobody may look, while a person does.
    let [third, fourth] =
        ["third", "fourth"].map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    let editor = user("editor");
    place.change("ci", json!({ "spec": { "holdDown": "0s" } })).await;
    for (field, tool) in [("data", "external-secrets"), ("stringData", "argocd")] {
        let value = if field == "data" { "c3luY2Vk" } else { "synced" };
        let synced = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "ci-pat" }, field: { "token": value } });
        place.secrets().delete("ci-pat", &DeleteParams::default()).await.unwrap();
        place
            .secrets()
            .patch("ci-pat", &PatchParams::apply(tool).force(), &Patch::Apply(synced))
            .await
            .unwrap();
        let held = place.plugin_with(&editor, &["rotate", "ci"], third.as_bytes()).await;
        let written = format!("Secret ci-pat is written by {tool}, which would put back what was there");
        assert!(held.code == 3 && held.err.contains(&written), "{held:?}");
        assert_eq!(place.value("ci-pat", "token").await.as_deref(), Some("synced"), "{tool}");
    }
    let forced = place.plugin_with(&editor, &["rotate", "ci", "--force"], third.as_bytes()).await;
    assert_eq!((forced.code, place.value("ci-pat", "token").await), (0, Some(third)), "{forced:?}");
    let by_hand = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "ci-pat-next" }, "data": { "token": "YnkgaGFuZA==" } });
    let params = PatchParams::apply("kubectl-edit").force();
    place.secrets().patch("ci-pat-next", &params, &Patch::Apply(by_hand)).await.unwrap();
    let rotated = place.plugin_with(&editor, &["rotate", "ci"], fourth.as_bytes()).await;
    assert_eq!((rotated.code, place.value("ci-pat-next", "token").await), (0, Some(fourth)), "{rotated:?}");
    let rotated = place.plugin_with(&user("viewer"), &["rotate", "ci"], next.as_bytes()).await;
    assert!(rotated.code == 2 && rotated.err.contains("you may not change connection ci"), "{rotated:?}");

    // What an interrupted run has left needs no reading to be told from what is of others.
    let gated = place.world.github.token(NewToken::classic("rights-gated", "acme-ci"));
    place.change("ci", json!({ "spec": { "holdDown": "0s", "standby": [] } })).await;
    let name = place.connections().get("ci").await.unwrap().spec.secret_ref.name;
    let next = format!("{name}-next");
    place.close("githubpatconnections", &["ci", "ci-left"]).await;
    let cut = place.plugin_with(&editor, &["rotate", "ci"], gated.as_bytes()).await;
    assert_eq!((cut.code, place.value(&next, "token").await.as_ref()), (2, Some(&gated)), "{cut:?}");
    let next_step = format!(
        "the token is in Secret {next} already: kubectl github-pat rotate ci -n rights goes on with it, with the same token if you may not \
         read that Secret"
    );
    assert!(cut.err.contains(&next_step), "{cut:?}");
    let connect = ["connect", "ci-left", "--host", "simulated"];
    let cut = place.plugin_with(&editor, &connect, token.as_bytes()).await;
    assert_eq!((cut.code, place.names("ci-left").await), (2, vec!["ci-left-pat".to_owned()]), "{cut:?}");
    let next_step = "the token is in Secret ci-left-pat already: kubectl github-pat connect ci-left -n rights with the same values goes on \
                     with it, and asks for it once more if you may not read that Secret";
    assert!(cut.err.contains(next_step), "{cut:?}");
    // It is not written over by another token either.
    let other = place.world.github.token(NewToken::classic("rights-other", "acme-ci"));
    let held = "holds another token, which was put there before and is not in use yet: nothing was written; hand over that \
                one, or name another Secret";
    for (arguments, secret, kept) in
        [(&["rotate", "ci"] as &[&str], next.as_str(), &gated), (&connect, "ci-left-pat", &token)]
    {
        let refused = place.plugin_with(&editor, arguments, other.as_bytes()).await;
        assert!(refused.code == 3 && refused.err.contains(&format!("Secret {secret} {held}")), "{refused:?}");
        assert_eq!(place.value(secret, "token").await.as_ref(), Some(kept), "{secret}");
    }
    place.open("githubpatconnections", "ci").await;
    let rotated = place.plugin_with(&editor, &["rotate", "ci"], gated.as_bytes()).await;
    assert_eq!((rotated.code, place.value(&next, "token").await), (0, Some(gated)), "{rotated:?}");
    let connected = place.plugin_with(&editor, &connect, token.as_bytes()).await;
    assert_eq!(connected.code, 0, "{connected:?}");

    let shown = place.plugin_with(&user("viewer"), &["status", "ci"], b"").await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let listed = place.plugin_with(&user("viewer"), &["list"], b"").await;
    assert!(listed.code == 0 && listed.out.contains("\nci "), "{listed:?}");
    let waited = place.plugin_with(&user("viewer"), &["wait", "ci"], b"").await;
    assert_eq!(waited.code, 0, "{waited:?}");
}

#[tokio::test]
async fn at_a_terminal_each_of_three_users_gets_as_far_as_their_rights_and_no_token_is_seen() {
    let place = World::place("rights");
    let connections = |verbs: Value| json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": verbs });
    place.allow("seer", json!([connections(json!(["get", "list", "watch"]))])).await;
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place
        .allow("writer", json!([connections(json!(["get", "list", "watch", "create", "patch"])), secrets]))
        .await;
    let user = |name: &str| place.world.plane.user(name, None).unwrap();
    let [first, next] =
        ["terminal-1", "terminal-2"].map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    let connect = ["connect", "seat", "--host", "simulated", "--kind", "classic"];
    for (name, expected) in [
        ("stranger", "you may not read connection seat in namespace rights"),
        ("seer", "you may not write connection seat"),
    ] {
        let mut person = Person::at(&place, &user(name), &connect);
        assert_eq!(person.ends().await, 2, "{name}: {}", person.seen);
        assert!(person.seen.contains(expected), "{name}: {}", person.seen);
        assert!(!person.seen.contains("Paste the token"), "{name} is not asked in vain: {}", person.seen);
        assert_eq!(place.names("seat").await, [""; 0], "{name}");
    }
    // Nor does anybody answer questions in vain.
    let writer = user("writer");
    for (user, host, code, expected) in [
        (&user("stranger"), "simulated", 2, "you may not read connection seat in namespace rights"),
        (&user("seer"), "simulated", 2, "you may not write connection seat"),
        (&writer, "nowhere", 3, "there is no host nowhere in the settings"),
    ] {
        let mut person = Person::at(&place, user, &["connect", "seat", "--host", host]);
        assert_eq!(person.ends().await, code, "{host}: {}", person.seen);
        assert!(person.seen.contains(expected), "{host}: {}", person.seen);
        assert!(!person.seen.contains("Which kind of token"), "{host}: {}", person.seen);
    }
    let mut person = Person::at(&place, &writer, &connect);
    person.reads("Paste the token").await;
    assert!(!person.is_shown());
    person.types(&format!("{first}\n")).await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    holds_no(&person.seen, &first);
    place.change("seat", json!({ "spec": { "holdDown": "0s", "interval": "10s" } })).await;

    for (name, expected) in [
        ("stranger", "you may not read connection seat in namespace rights"),
        ("seer", "you may not change connection seat"),
    ] {
        let mut person = Person::at(&place, &user(name), &["rotate", "seat"]);
        assert_eq!(person.ends().await, 2, "{name}: {}", person.seen);
        assert!(person.seen.contains(expected), "{name}: {}", person.seen);
        assert!(!person.seen.contains("Paste the token"), "{name} is not asked in vain: {}", person.seen);
    }
    let mut person = Person::at(&place, &writer, &["rotate", "seat"]);
    person.reads("Paste the token").await;
    assert!(!person.is_shown());
    person.types(&format!("{next}\n")).await;
    person.reads("waiting until the old token is safe to revoke").await;
    person.is_silent_about(&place, &next);
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    for token in [&first, &next] {
        holds_no(&person.seen, token);
    }
    assert_eq!(place.value("seat-pat-next", "token").await, Some(next));
    let mut person = Person::at(&place, &user("seer"), &["status", "seat"]);
    assert_eq!(person.ends().await, 0, "{}", person.seen);
}

#[tokio::test]
async fn who_may_not_watch_is_told_before_anything_is_written() {
    let place = World::place("rights");
    let [used, next] = ["unseen-used", "unseen-next"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    place.secret("unseen-pat", &used).await;
    place.connection("unseen", json!({})).await;
    place.until("unseen", "Ready").await;
    let before = place.names("unseen").await;
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"] });
    for (user, verbs, verb) in [
        ("blinker", json!(["get", "list", "create", "patch"]), "watch"),
        ("lister", json!(["get", "watch", "create", "patch"]), "list"),
    ] {
        let connections =
            json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": verbs });
        place.allow(user, json!([connections, secrets])).await;
        let kubeconfig = place.world.plane.user(user, None).unwrap();
        for (words, name) in [
            (&["connect", "unseen-too", "--host", "simulated", "--kind", "classic"] as &[&str], "unseen-too"),
            (
                &["connect", "unseen-too", "--host", "simulated", "--kind", "classic", "--dry-run", "server"],
                "unseen-too",
            ),
            (&["rotate", "unseen", "--force"], "unseen"),
        ] {
            let mut person = Person::at(&place, &kubeconfig, words);
            assert_eq!(person.ends().await, 2, "{user}: {}", person.seen);
            let said = format!("you may not {verb} connection {name} in namespace rights");
            assert!(person.seen.contains(&said), "{user}: {}", person.seen);
            assert!(!person.seen.contains("Paste the token"), "{user}: {}", person.seen);
            let ended = place.plugin_with(&kubeconfig, words, next.as_bytes()).await;
            assert!(ended.code == 2 && ended.err.contains(&said), "{user}: {ended:?}");
            assert_eq!(place.names("unseen").await, before, "{user}");
        }
    }
}
