//! The forms, as a browser sends them.

use github_pat_operator::api::{GithubPatConnection, Phase};
use github_simulator::{NewToken, TokenKind};
use kube::api::{Patch, PatchParams};
use reqwest::{Method, StatusCode, header::LOCATION};
use serde_json::json;

use super::{Answer, Page};
use crate::world::{Place, World, holds_no};

impl Page {
    /// What a form of the page has in it for this.
    async fn form_token(&self) -> String {
        let text = self.get("/connect").await.text;
        text.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// Sends these fields as the page's own form.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = ("form", self.form_token().await);
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.append_pair(form.0, &form.1).extend_pairs(fields).finish();
        Answer::of(self.send(Method::POST, path, &[], &body).await).await
    }
}

pub(super) async fn open(place: &Place) -> Page {
    Page::open(place, place.world.plane.admin_kubeconfig(), &[]).await
}

#[tokio::test]
async fn a_token_is_judged_before_anything_is_written_and_shown_nowhere() {
    let place = World::place("ui");
    let github = &place.world.github;
    let page = open(&place).await;
    let empty = page.get("/connect?namespace=ui").await.text;
    assert!(
        empty.contains("name=\"namespace\" value=\"ui\"") && empty.contains("<option>simulated</option>"),
        "{empty}"
    );
    let fields = [
        ("name", "form"),
        ("namespace", "ui"),
        ("host", "simulated"),
        ("kind", "classic"),
        ("scope", " repo, read:packages "),
        ("output", "form-git:BasicAuth"),
    ];
    let shown = page.post("/connect", &[&fields[..], &[("step", "form")]].concat()).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert!(
        shown.text.contains("/settings/tokens/new?scopes=repo%2Cread%3Apackages&#38;description=ui%2Fform"),
        "{}",
        shown.text
    );

    let lacking = github.token(NewToken::classic("form-lacking", "acme-ci").scopes(&["gist"]));
    let rows = [
        ("no token", String::new(), "paste the token"),
        ("something else", "hunter2".to_owned(), "NotAToken"),
        ("one that lacks a scope", lacking.clone(), "lacks the scopes repo, read:packages"),
    ];
    for (row, token, expected) in rows {
        let answer = page.post("/connect", &[&fields[..], &[("token", &token)]].concat()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{row}");
        assert!(answer.text.contains(expected), "{row}: {expected} is not in {}", answer.text);
        assert!(
            answer.text.contains("name=\"scope\" value=\"repo, read:packages\""),
            "{row}: what was typed stays"
        );
        assert!(
            answer.text.contains(
                "<input type=\"password\" name=\"token\" autocomplete=\"one-time-code\" spellcheck=\"false\" required"
            ),
            "{row}"
        );
        assert_eq!(place.names("form").await, [""; 0], "{row}");
        if token.len() > 20 {
            holds_no(&answer.text, &token);
            page.is_silent_about(&token);
        }
    }
    let token = github.token(NewToken::classic("form-good", "acme-ci").scopes(&["repo", "read:packages"]));
    // Where it does not belong it is not repeated either.
    for field in ["name", "namespace", "scope", "account", "output", "secret", "key", "host", "kind"] {
        let mut wrong = fields.to_vec();
        wrong.retain(|(name, _)| *name != field);
        let answer =
            page.post("/connect", &[&wrong[..], &[(field, &token), ("token", &lacking)]].concat()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
        holds_no(&answer.text, &token);
        holds_no(&answer.text, &lacking);
        assert_eq!(place.names("form").await, [""; 0], "{field}");
    }
    let made = page.post("/connect", &[&fields[..], &[("token", &format!(" {token}\n"))]].concat()).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    assert_eq!(
        (made.status, &made.headers[LOCATION]),
        (StatusCode::SEE_OTHER, &"/connections/ui/form".parse().unwrap()),
        "{}",
        made.text
    );
    place.until("form", "Ready").await;
    let shown = page.until("/connections/ui/form", "<b>usable</b>").await.text;
    holds_no(&shown, &token);
    assert_eq!(place.value("form-pat", "token").await, Some(token.clone()));
    assert_eq!(place.value("form-git", "password").await, Some(token.clone()));
    page.is_silent_about(&token);
    let again = page.post("/connect", &[&fields[..], &[("token", &token)]].concat()).await;
    assert!(again.text.contains("there is a connection form in namespace ui already"), "{}", again.text);
}

#[tokio::test]
async fn a_token_that_an_earlier_run_has_left_is_offered_and_not_written_over() {
    let place = World::place("ui");
    let page = open(&place).await;
    let [left, other] = ["behind-left", "behind-other"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    place.left("behind-pat", &left).await;
    let fields = [("name", "behind"), ("namespace", "ui"), ("host", "simulated"), ("kind", "")];
    let refused = page.post("/connect", &[&fields[..], &[("token", &other)]].concat()).await;
    let said = "Secret behind-pat holds another good token";
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains(said),
        "{}",
        refused.text
    );
    assert_eq!(place.value("behind-pat", "token").await.as_ref(), Some(&left));
    let shown = page.post("/connect", &[&fields[..], &[("step", "form")]].concat()).await.text;
    let said = "An earlier run has left a token in Secret behind-pat: send the form without a token to go on with that one.";
    assert!(shown.contains(said) && !shown.contains("spellcheck=\"false\" required aria"), "{shown}");
    let made = page.post("/connect", &[&fields[..], &[("token", "")]].concat()).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    assert_eq!(place.value("behind-pat", "token").await.as_ref(), Some(&left));
    for token in [&left, &other] {
        holds_no(&format!("{}{shown}{}", refused.text, made.text), token);
    }
}

#[tokio::test]
async fn a_token_in_an_address_is_refused_and_repeated_nowhere() {
    let place = World::place("ui");
    let classic = place.world.github.token(NewToken::classic("addressed", "acme-ci"));
    let fine_grained = place.world.github.token(NewToken::fine_grained("addressed-too", "acme-ci"));
    let page = open(&place).await;
    for token in [classic, fine_grained] {
        let encoded = token.replace('_', "%5F");
        for path in [
            format!("/?name={token}"),
            format!("/?login={encoded}&page=1"),
            format!("/?expires={token}"),
            format!("/?page={token}"),
            format!("/?{token}=x"),
            format!("/?unknown={token}"),
            format!("/connections/ui/{token}"),
            format!("/connections/{encoded}/x"),
            format!("/connections/ui/{token}/rotate"),
            format!("/connect?namespace={token}"),
            format!("/{token}"),
            format!("/events?version={token}"),
            format!("/api/v1/connections?login={token}"),
            format!("/api/v1/connections/ui/{token}"),
        ] {
            let answer = page.get(&path).await;
            let path = path.replace(&token, "TOKEN").replace(&encoded, "TOKEN");
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
            assert!(answer.text.contains("A token is no part of an address"), "{path}: {}", answer.text);
            let kind =
                if path.starts_with("/api/") { "application/json" } else { "text/html; charset=utf-8" };
            assert_eq!(answer.headers["content-type"], kind, "{path}");
            holds_no(&format!("{answer:?}"), &token);
        }
    }
}

#[tokio::test]
async fn the_next_token_goes_through_the_form_to_safe_to_revoke() {
    let place = World::place("ui");
    let github = &place.world.github;
    let old = github.token(NewToken::classic("turn-old", "acme-ci").scopes(&["repo"]));
    let page = open(&place).await;
    let fields = [
        ("name", "turn"),
        ("namespace", "ui"),
        ("host", "simulated"),
        ("scope", "repo"),
        ("output", "turn-git:BasicAuth"),
    ];
    let made = page.post("/connect", &[&fields[..], &[("token", &old)]].concat()).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "spec": { "holdDown": "0s", "interval": "10s" } }));
    place.connections().patch("turn", &params, &patch).await.unwrap();
    place.until("turn", "Ready").await;
    let path = "/connections/ui/turn/rotate";
    let form = page.get(path).await.text;
    assert!(
        form.contains("The next token goes to Secret turn-pat-next")
            && form.contains("/settings/tokens/new?scopes=repo")
            && form.contains("name=\"token\" autocomplete=\"one-time-code\" spellcheck=\"false\" required"),
        "{form}"
    );
    let bad = github.token(NewToken::classic("turn-bad", "acme-ci").scopes(&["gist"]));
    for (row, token, expected) in [
        ("none", "", "paste the next token"),
        ("bad", bad.as_str(), "ScopeMissing"),
        ("the same", old.as_str(), "is the one in use of turn already"),
    ] {
        let answer = page.post(path, &[("token", token)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{row}");
        assert!(answer.text.contains(expected), "{row}: {}", answer.text);
        assert_eq!(place.value("turn-pat-next", "token").await, None, "{row}");
        if !token.is_empty() {
            holds_no(&answer.text, token);
        }
    }
    let next = github.token(NewToken::classic("turn-next", "acme-ci").scopes(&["repo"]));
    let begun = page.post(path, &[("token", &next)]).await;
    assert_eq!(
        (begun.status, &begun.headers[LOCATION]),
        (StatusCode::SEE_OTHER, &"/connections/ui/turn".parse().unwrap()),
        "{}",
        begun.text
    );
    let shown = page.until("/connections/ui/turn", "SafeToRevoke, begun ").await.text;
    assert!(shown.contains(">Last rotation</h2>"), "{shown}");
    holds_no(&shown, &next);
    page.is_silent_about(&next);
    let connection = place.until("turn", "Ready").await;
    assert_eq!(connection.status.unwrap().rotation.unwrap().phase, Phase::SafeToRevoke);
    assert_eq!(connection.spec.secret_ref.name, "turn-pat-next");
    assert_eq!(place.value("turn-git", "password").await, Some(next));
    let again = page.until(path, "The next token goes to Secret turn-pat").await.text;
    assert!(!again.contains("A rotation was begun"), "it is over: {again}");
}

#[tokio::test]
async fn a_pasted_token_is_not_dropped_for_one_that_stands_by_since() {
    let place = World::place("ui");
    let [used, spare, pasted] = ["used", "spare", "pasted"]
        .map(|name| place.world.github.token(NewToken::classic(&format!("since-{name}"), "acme-ci")));
    place.secret("since-pat", &used).await;
    place.secret("since-two", &spare).await;
    place.connection("since", json!({ "standby": [{ "name": "since-two" }] })).await;
    place.stands_by("since").await;
    let page = open(&place).await;
    let answer = page.post("/connections/ui/since/rotate", &[("token", &pasted)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert!(answer.text.contains("another token than the one that you hand over"), "{}", answer.text);
    holds_no(&answer.text, &pasted);
    assert_eq!(place.connections().get("since").await.unwrap().spec.secret_ref.name, "since-pat");
}

#[tokio::test]
async fn who_may_write_in_one_namespace_connects_and_rotates_there_and_nowhere_else() {
    let place = World::place("ui");
    let verbs = json!(["get", "list", "watch", "create", "patch"]);
    place
        .allow(
            "ui-tenant",
            json!([
                { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": verbs },
                { "apiGroups": [""], "resources": ["secrets"], "verbs": verbs },
            ]),
        )
        .await;
    let tenant = place.world.plane.user("ui-tenant", None).unwrap();
    let page = Page::open(&place, &tenant, &["-n", "ui"]).await;
    let [first, next] = ["tenant-first", "tenant-next"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    let fields = [("name", "tenant"), ("host", "simulated"), ("token", first.as_str())];
    let elsewhere = page.post("/connect", &[&fields[..], &[("namespace", "unwatched")]].concat()).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", elsewhere.text);
    assert!(elsewhere.text.contains("you may not "), "{}", elsewhere.text);
    assert!(page.get("/connect?namespace=unwatched").await.text.contains("You may not patch"));
    assert!(!page.get("/connect?namespace=ui").await.text.contains("You may not"));
    let made = page.post("/connect", &[&fields[..], &[("namespace", "ui")]].concat()).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    place.until("tenant", "Ready").await;
    let begun = page.post("/connections/ui/tenant/rotate", &[("token", &next)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    assert_eq!(place.value("tenant-pat-next", "token").await.as_deref(), Some(next.as_str()));
    assert_eq!(World::place("unwatched").names("tenant").await, [""; 0]);
    page.is_silent_about(&first);
    page.is_silent_about(&next);
}

#[tokio::test]
async fn a_form_of_another_page_and_a_user_without_rights_write_nothing() {
    let place = World::place("ui");
    let token = place.world.github.token(NewToken::classic("csrf", "acme-ci"));
    let page = open(&place).await;
    let own = page.form_token().await;
    let origin = format!("http://{}", page.host);
    let body = |form: &str| format!("form={form}&name=csrf&namespace=ui&host=simulated&token={token}");
    let rows: [(&str, &[(&str, &str)], String); 7] = [
        ("no form token", &[], body("")),
        ("another form token", &[], body(&own.replace(own.chars().next().unwrap(), "!"))),
        ("no origin", &[("origin", "")], body(&own)),
        ("another origin", &[("origin", "http://evil.example")], body(&own)),
        ("a page without an origin", &[("origin", "null")], body(&own)),
        ("no cookie", &[("cookie", "")], body(&own)),
        ("another site", &[("sec-fetch-site", "cross-site"), ("origin", &origin)], body(&own)),
    ];
    let used = place.world.github.token(NewToken::classic("guarded", "acme-ci"));
    place.secret("guarded-pat", &used).await;
    place.connection("guarded", json!({})).await;
    let before = place.until("guarded", "Ready").await;
    for path in ["/connect", "/connections/ui/guarded/rotate"] {
        for (row, headers, body) in &rows {
            let answer = Answer::of(page.send(Method::POST, path, headers, body).await).await;
            assert_eq!(answer.status.as_u16(), 403, "{path} {row}: {answer:?}");
            holds_no(&answer.text, &token);
        }
        let plain = page.send(Method::POST, path, &[("content-type", "text/plain")], &body(&own)).await;
        assert_eq!(plain.status().as_u16(), 415, "{path}: {plain:?}");
        let query = page.ask(Method::GET, &format!("{path}?{}", body(&own)), &[]).await;
        assert_eq!(query.status().as_u16(), 400, "{path} takes no token from an address: {query:?}");
        let tokenless = body(&own).replace(&token, "");
        let query = page.ask(Method::GET, &format!("{path}?{tokenless}"), &[]).await;
        assert_eq!(query.status().as_u16(), 200, "{path} shows its form: {query:?}");
    }
    let after = place.connections().get("guarded").await.unwrap();
    let told = |it: &GithubPatConnection| (it.metadata.generation, it.metadata.annotations.clone());
    assert_eq!(told(&after), told(&before));
    assert_eq!(place.names("guarded").await, ["guarded", "guarded-pat"]);
    assert_eq!(place.value("guarded-pat", "token").await, Some(used));
    let huge = page.send(Method::POST, "/connect", &[], &"x".repeat(100_000)).await;
    assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(place.names("csrf").await, [""; 0]);

    let looks = json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] });
    place.allow("ui-looker", json!([looks])).await;
    place.connection("looked-at", json!({})).await;
    let looker = place.world.plane.user("ui-looker", None).unwrap();
    let page = Page::open(&place, &looker, &["-n", "ui"]).await;
    for path in ["/connections/ui/looked-at", "/connections/ui/looked-at/rotate", "/connect"] {
        let text = page.get(path).await.text;
        assert!(
            text.contains(
                "You may not patch githubpatconnections in namespace ui, so you can look and not write"
            ),
            "{path}: {text}"
        );
    }
    let asked = |name: &str| {
        place.world.github.calls().iter().filter(|call| call.token.as_deref() == Some(name)).count()
    };
    let refused = page
        .post("/connect", &[("name", "csrf"), ("namespace", "ui"), ("host", "simulated"), ("token", &token)])
        .await;
    assert!(refused.text.contains("you may not write connection csrf"), "{}", refused.text);
    holds_no(&refused.text, &token);
    assert_eq!(
        (asked("csrf"), place.names("csrf").await),
        (0, vec![]),
        "nobody was asked, and nothing is written"
    );
    let changes = json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "patch"] });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"] });
    place.allow("ui-changer", json!([changes, secrets])).await;
    let changer = place.world.plane.user("ui-changer", None).unwrap();
    let page = Page::open(&place, &changer, &["-n", "ui"]).await;
    let text = page.get("/connect").await.text;
    assert!(text.contains("You may not create githubpatconnections in namespace ui"), "{text}");
    // The next token would go to a new Secret, also where the connection names one that is not there.
    place.connection("looked-by", json!({ "standby": [{ "name": "looked-by-next" }] })).await;
    let in_place = "/connections/ui/looked-at/rotate?in_place=yes";
    for path in [
        "/connections/ui/looked-at",
        "/connections/ui/looked-at/rotate",
        in_place,
        "/connections/ui/looked-by",
        "/connections/ui/looked-by/rotate",
    ] {
        let text = page.get(path).await.text;
        assert!(text.contains("You may not create secrets in namespace ui"), "{path}: {text}");
    }
    // One that is there needs no right to create.
    let there = place.world.github.token(NewToken::classic("looked-at", "acme-ci"));
    place.secret("looked-at-pat", &there).await;
    place.until("looked-at", "Ready").await;
    let text = page.get(in_place).await.text;
    assert!(!text.contains("You may not"), "{text}");
    // Nor does one in which the operator sees no token.
    place.secret("emptied-pat", "").await;
    place.connection("emptied", json!({})).await;
    place.until("emptied", "TokenEmpty").await;
    let text = page.get("/connections/ui/emptied/rotate?in_place=yes").await.text;
    assert!(
        text.contains("The next token goes to Secret emptied-pat") && !text.contains("You may not"),
        "{text}"
    );
    place.change("emptied", json!({ "spec": { "standby": [{ "name": "emptied-next" }] } })).await;
    let text = page.get("/connections/ui/emptied").await.text;
    assert!(text.contains("You may not create secrets in namespace ui"), "the next one is not there: {text}");
    place.secret("emptied-next", "").await;
    let text = page.get("/connections/ui/emptied").await.text;
    assert!(text.contains("Rotate its token") && !text.contains("You may not"), "{text}");
    let listed: serde_json::Value =
        serde_json::from_str(&page.until("/api/v1/connections?name=looked", "looked-by").await.text).unwrap();
    assert_eq!(listed["total"], 2, "{listed}");
}

#[tokio::test]
async fn a_token_of_before_2021_is_shown_and_stored_in_no_other_field_where_a_host_takes_such_tokens() {
    let place = World::place("ui");
    let token = place.world.github.token(NewToken::of(TokenKind::Legacy, "legacy-form", "acme-ci"));
    let url = place.world.github.url();
    let settings = format!("hosts: [{{ name: simulated, apiUrl: '{url}', legacyTokens: true }}]\n");
    let settings = place.world.file("legacy-form.yaml", &settings);
    let admin = place.world.plane.admin_kubeconfig();
    let page = Page::open(&place, admin, &["--config", &settings]).await;
    for field in ["name", "secret", "key", "account", "scope", "output", "namespace", "host"] {
        let fields =
            [("name", "legacy-form"), ("namespace", "ui"), ("host", "simulated"), ("token", &*token)];
        let fields = fields.into_iter().filter(|(name, _)| *name != field).chain([(field, &*token)]);
        let answer = page.post("/connect", &fields.collect::<Vec<_>>()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let said = format!("what looks like a token stands in the field {field}, where it does not belong");
        assert!(answer.text.contains(&said), "{field}: {}", answer.text.replace(&token, "TOKEN"));
        holds_no(&answer.text, &token);
    }
    let used = place.world.github.token(NewToken::classic("legacy-rotated", "acme-ci"));
    let made = [("name", "legacy-rotated"), ("namespace", "ui"), ("host", "simulated"), ("token", &*used)];
    let made = page.post("/connect", &made).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    for field in ["secret", "anew", "next", "in_place"] {
        let fields = [("token", ""), (field, &*token)];
        let answer = page.post("/connections/ui/legacy-rotated/rotate", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let said = format!("what looks like a token stands in the field {field}, where it does not belong");
        assert!(answer.text.contains(&said), "{field}: {}", answer.text.replace(&token, "TOKEN"));
        holds_no(&answer.text, &token);
    }
    for path in [
        format!("/?login={token}"),
        format!("/connections/ui/{token}"),
        format!("/connect?namespace={token}"),
    ] {
        let answer = page.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text.replace(&token, "TOKEN"));
        holds_no(&answer.text, &token);
    }
    let asked = place.world.plane.audit_text().unwrap();
    assert!(asked.contains("/githubpatconnections/legacy-rotated"), "the API server was asked about it");
    holds_no(&asked, &token);
    assert!(page.get("/page.js").await.text.contains("[0-9a-f]{40}"), "the filter knows it too");
    assert_eq!(place.names("legacy-form").await, [""; 0]);
    assert_eq!(place.names("legacy-rotated").await, ["legacy-rotated", "legacy-rotated-pat"]);
    // Where no host takes such tokens it may be the name of a commit.
    let page = open(&place).await;
    assert!(!page.get("/page.js").await.text.contains("[0-9a-f]{40}"));
    assert_eq!(page.get(&format!("/?name={token}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_may_write_one_connection_and_its_secrets_alone_is_not_told_that_they_may_not() {
    let place = World::place("ui");
    let used = place.world.github.token(NewToken::classic("one-used", "acme-ci"));
    place.secret("one-pat", &used).await;
    let connection = json!({ "host": "simulated", "secretRef": { "name": "one-pat" } });
    let connection = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "one" }, "spec": connection,
    });
    let params = PatchParams::apply("kubectl-create");
    place.connections().patch("one", &params, &Patch::Apply(connection)).await.unwrap();
    place.until("one", "Ready").await;
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs });
    let looks = rule("githubpat.dev", "githubpatconnections", &["get", "list", "watch"]);
    let mut changes = rule("githubpat.dev", "githubpatconnections", &["patch"]);
    changes["resourceNames"] = json!(["one"]);
    let mut stores = rule("", "secrets", &["patch", "create"]);
    stores["resourceNames"] = json!(["one-pat-next"]);
    place.allow("ui-one", json!([looks, changes, stores])).await;
    let page = Page::open(&place, &place.world.plane.user("ui-one", None).unwrap(), &["-n", "ui"]).await;
    for path in ["/connections/ui/one", "/connections/ui/one/rotate"] {
        let text = page.get(path).await.text;
        assert!(!text.to_lowercase().contains("you may not"), "{path}: {text}");
    }
    let text = page.get("/connections/ui/one/rotate?secret=one-pat-other").await.text;
    assert!(text.contains("You may not patch secrets in namespace ui"), "{text}");
    place.connection("another", json!({})).await;
    let text = page.get("/connections/ui/another").await.text;
    assert!(text.contains("You may not patch githubpatconnections in namespace ui"), "{text}");
}
