//! What of the tokens of a cluster somebody should look at.

use github_pat_operator::{
    domain::token::{LegacyTokens, Token},
    settings::documents,
};
use github_simulator::{NewToken, TokenKind};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    rights::until_allowed,
    world::{Place, UNWATCHED, World, from, holds_no, run},
};

fn hashed(token: &str) -> String {
    Token::try_from(token.as_bytes()).unwrap().hashed().to_string()
}

/// Three connections, of which two share a token, and Secrets that nobody looks after; gives the tokens.
async fn arranged(place: &Place) -> [String; 4] {
    let github = &place.world.github;
    let soon = Timestamp::now().checked_add(SignedDuration::from_hours(24 * 90)).unwrap();
    let shared =
        github.token(NewToken::classic("audit-shared", "acme-audit").scopes(&["repo", "gist"]).expires(soon));
    let endless = github.token(NewToken::fine_grained("audit-endless", "acme-audit"));
    let stray = github.token(NewToken::classic("audit-stray", "acme-stray"));
    let packed = github.token(NewToken::fine_grained("audit-packed", "acme-stray"));
    for (name, token) in [("one", &shared), ("two", &shared), ("three", &endless)] {
        place.secret(&format!("{name}-pat"), token).await;
    }
    let standby = github.token(
        NewToken::classic("audit-standby", "acme-audit").scopes(&["repo", "gist", "workflow"]).expires(soon),
    );
    place.secret("one-pat-next", &standby).await;
    let standby = json!([{ "name": "one-pat-next" }]);
    place.connection("one", json!({ "require": { "scopes": ["repo"] }, "standby": standby })).await;
    place.connection("two", json!({})).await;
    let publish = json!([{ "secretName": "three-env", "format": "Env" }]);
    place.connection("three", json!({ "publish": publish })).await;
    for name in ["one", "two", "three"] {
        place.until(name, "Ready").await;
    }
    place.stands_by("one").await;
    let data = json!({
        "stray": { "token": stray, "COPY": shared, "note": "no token" },
        "packed": { "url": format!("https://acme:{packed}@github.com/acme/app") },
        "other": { "password": "hunter2" },
    });
    for (name, data) in data.as_object().unwrap() {
        let secret =
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data });
        place.secrets().patch(name, &PatchParams::apply("test"), &Patch::Apply(secret)).await.unwrap();
    }
    [shared, endless, stray, packed]
}

#[tokio::test]
async fn an_audit_names_what_is_shared_endless_too_mighty_or_looked_after_by_nobody_and_shows_no_token() {
    let place = World::place("audit");
    let tokens = arranged(&place).await;
    let [shared, endless, stray, packed] = tokens.each_ref().map(|token| hashed(token));
    let text = place.plugin(&["audit"]).await;
    assert_eq!((text.code, text.err.as_str()), (1, ""), "{}", text.out);
    for expected in [
        "3 connections, 3 tokens of 1 accounts\n".to_owned(),
        format!("share\n  {shared}  audit/one, audit/two\n"),
        "on simulated, 3 tokens  audit/one, audit/three, audit/two\n".to_owned(),
        "never expire\n  audit/three  Secret three-pat\n".to_owned(),
        "than are demanded\n  audit/one  Secret one-pat       gist\n  audit/one  Secret one-pat-next  gist, workflow\n".to_owned(),
        format!("\n  audit/stray, key token  classic personal access token       {stray}\n"),
        format!(
            "\n  audit/stray, key COPY   classic personal access token       {shared}  the same token as of audit/one, audit/two\n"
        ),
        format!("\n  audit/packed, key url   fine-grained personal access token  {packed}\n"),
        "\nkubectl github-pat audit -o plan -n audit prints".to_owned(),
    ] {
        assert!(text.out.contains(&expected), "{expected:?} is not in\n{}", text.out);
    }
    for nothing in ["audit/other", "three-env", &endless] {
        assert!(!text.out.contains(nothing), "{nothing:?} is in\n{}", text.out);
    }
    let json = place.plugin(&["audit", "-o", "json"]).await;
    let audit: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&audit["connections"], audit["uncovered"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(audit["sharedTokens"][0]["connections"][1]["name"], "two");
    let plan = place.plugin(&["audit", "-o", "plan"]).await;
    for token in &tokens {
        holds_no(&format!("{}{}{}", text.out, json.out, plan.out), token);
    }

    let connections: Vec<Value> = documents(&plan.out).unwrap();
    let named: Vec<_> =
        connections.iter().map(|it| (&it["metadata"]["name"], &it["spec"]["secretRef"]["key"])).collect();
    assert_eq!(
        named,
        [(&json!("stray"), &json!("COPY")), (&json!("stray-token"), &json!("token"))],
        "{}",
        plan.out
    );
    assert!(
        plan.out.contains("# Secret audit/packed, key url has a fine-grained personal access token"),
        "{}",
        plan.out
    );
    for planned in &connections {
        let name = planned["metadata"]["name"].as_str().unwrap();
        let made = place.connections().patch(name, &PatchParams::apply("test"), &Patch::Apply(planned)).await;
        made.unwrap_or_else(|error| panic!("{planned} cannot be applied: {error}"));
    }
    let rest = place.plugin(&["audit", "-o", "json"]).await;
    let rest: Value = serde_json::from_str(&rest.out).unwrap();
    assert_eq!(rest["uncovered"].as_array().unwrap().len(), 1, "what was planned is looked after");
}

#[tokio::test]
async fn who_may_not_list_secrets_is_told_where_nobody_looked() {
    let place = World::place("audit-blind");
    let looks =
        json!([{ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["list"] }]);
    place.allow("auditor", looks).await;
    let token = place.world.github.token(
        NewToken::classic("blind", "acme-blind")
            .expires(Timestamp::now().checked_add(SignedDuration::from_hours(999)).unwrap()),
    );
    place.secret("blind", &token).await;
    let auditor = place.world.plane.user("auditor", None).unwrap();
    let ended = place.plugin_with(&auditor, &["audit"], b"").await;
    assert_eq!(ended.code, 2, "nobody can tell: {ended:?}");
    assert!(
        ended.out.ends_with("Namespaces whose Secrets you may not list\n  audit-blind\n"),
        "{}",
        ended.out
    );
    let ended = place.plugin_with(&auditor, &["audit", "--no-secrets"], b"").await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "0 connections, 0 tokens of 0 accounts\n"));
    let everywhere = run(&["audit", "-A"], &[("KUBECONFIG", auditor.to_str().unwrap())]).await;
    assert_eq!(everywhere.code, 2, "{everywhere:?}");
    assert!(everywhere.err.contains("you may not list connections"), "{}", everywhere.err);
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap().to_owned();
    let everywhere = run(&["audit", "-A", "-o", "json"], &[("KUBECONFIG", &admin)]).await;
    let audit: Value = serde_json::from_str(&everywhere.out).unwrap();
    let uncovered = audit["uncovered"].as_array().unwrap();
    assert!(
        uncovered
            .iter()
            .any(|found| found["namespace"] == "audit-blind"
                && found["hashedToken"] == hashed(&token).as_str())
    );
}

/// Lets the user do this in the whole cluster.
async fn allow_everywhere(place: &Place, user: &str, rules: Value) {
    let (roles, bindings) =
        (Api::<ClusterRole>::all(place.client.clone()), Api::<ClusterRoleBinding>::all(place.client.clone()));
    let role = from(json!({ "metadata": { "name": user }, "rules": &rules }));
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding = from(json!({
        "metadata": { "name": user },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
    }));
    bindings.create(&PostParams::default(), &binding).await.unwrap();
    until_allowed(place, user, None, &rules).await;
}

#[tokio::test]
async fn who_may_not_list_all_secrets_is_shown_each_namespace_or_told_which_are_left_out() {
    let place = World::place("audit-half");
    let token = place.world.github.token(NewToken::classic("half-stray", "acme-half"));
    place.secret("stray", &token).await;
    let connections =
        json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["list"] });
    let namespaces = json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"] });
    let secrets = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }]);
    for (user, rules) in
        [("sees-names", json!([connections, namespaces])), ("sees-no-names", json!([connections]))]
    {
        allow_everywhere(&place, user, rules).await;
        place.allow(user, secrets.clone()).await;
    }
    let audit = async |user: &str| {
        let kubeconfig = place.world.plane.user(user, None).unwrap();
        let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
        let [text, json, plan] = ["text", "json", "plan"]
            .map(|output| async move { run(&["audit", "-A", "-o", output], &variables).await });
        let (text, json, plan) = (text.await, json.await, plan.await);
        let read: Value = serde_json::from_str(&json.out).unwrap();
        (text, read, plan)
    };
    let is_found = |audit: &Value| {
        audit["uncovered"].as_array().unwrap().iter().any(|found| found["namespace"] == "audit-half")
    };
    let (text, read, plan) = audit("sees-names").await;
    assert!(is_found(&read), "a namespace without a connection is looked at: {}", text.out);
    assert_eq!((text.code, &read["namespacesUnknown"]), (1, &json!(false)));
    assert!(read["notListed"].as_array().unwrap().contains(&json!("default")), "{read}");
    assert!(plan.out.contains("# Namespace default was not looked at"), "{}", plan.out);
    let (text, read, plan) = audit("sees-no-names").await;
    assert!(!is_found(&read) && read["namespacesUnknown"] == json!(true), "{read}");
    assert_ne!(text.code, 0, "{}", text.out);
    assert!(
        text.out.contains("\nNamespaces without a connection, since you may list neither"),
        "{}",
        text.out
    );
    assert!(plan.out.contains("# Namespaces without a connection were not looked at"), "{}", plan.out);
}

#[tokio::test]
async fn what_may_be_a_token_of_before_2021_or_a_commit_is_named_where_a_host_takes_such_tokens() {
    let place = World::place(UNWATCHED);
    let [known, other] = ["audit-known", "audit-other"]
        .map(|name| place.world.github.token(NewToken::of(TokenKind::Legacy, name, "acme-ci")));
    let hash = |token: &str| Token::parse(token.as_bytes(), LegacyTokens::Allowed).unwrap().hashed();
    place.secret("audit-known-pat", &known).await;
    place.connection("audit-known", json!({})).await;
    let token = json!({ "secretName": "audit-known-pat", "host": "simulated", "kind": "Classic", "hashedToken": hash(&known) });
    place.status("audit-known", json!({ "observedGeneration": 1, "conditions": [], "token": token })).await;
    place.secret("audit-copy", &known).await;
    place.secret("audit-commit", &other).await;
    let url = place.world.github.url();
    let settings = format!("hosts: [{{ name: simulated, apiUrl: '{url}', legacyTokens: true }}]\n");
    let settings = place.world.file("audit-legacy.yaml", &settings);
    let named = |audit: &Value, list: &str| {
        let all = audit[list].as_array().cloned().unwrap_or_default();
        let names = all.iter().map(|found| found["secretName"].as_str().unwrap().to_owned());
        names.filter(|name| name.starts_with("audit-")).collect::<Vec<_>>()
    };
    for (flags, possible) in [(&[][..], &[][..]), (&["--config", &settings], &["audit-commit"])] {
        let ended = place.plugin(&[&["audit", "-o", "json"], flags].concat()).await;
        let audit: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(named(&audit, "uncovered"), ["audit-copy"], "a connection has the same: {}", ended.out);
        assert_eq!(named(&audit, "possible"), possible, "{}", ended.out);
        let text = place.plugin(&[&["audit"], flags].concat()).await.out;
        let plan = place.plugin(&[&["audit", "-o", "plan"], flags].concat()).await.out;
        let row = format!("\n  unwatched/audit-commit, key token  {}\n", hash(&other));
        assert_eq!(text.contains(&row), !possible.is_empty(), "{text}");
        let comment = "# Secret unwatched/audit-commit, key token has 40 hexadecimal digits";
        assert_eq!(plan.contains(comment), !possible.is_empty(), "{plan}");
        let config = flags.get(1).map(|file| format!(" --config {file}")).unwrap_or_default();
        let next = format!("\nkubectl github-pat audit -o plan{config} -n unwatched prints connections");
        assert!(text.contains(&next), "{text}");
        for token in [&known, &other] {
            holds_no(&format!("{}{text}{plan}", ended.out), token);
        }
    }
}
