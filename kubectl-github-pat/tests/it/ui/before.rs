//! What the forms tell before a person makes a token, and the rotation that was begun before.

use github_pat_operator::domain::token::Token;
use github_simulator::NewToken;
use kube::api::{DeleteParams, Patch, PatchParams};
use reqwest::StatusCode;
use serde_json::json;

use super::{Page, forms::open};
use crate::world::{World, holds_no};

#[tokio::test]
async fn a_rotation_that_was_begun_is_left_for_another_token_by_the_form_too() {
    let place = World::place("ui");
    let page = open(&place).await;
    let [used, before, first, second, third] = ["used", "before", "first", "second", "third"]
        .map(|name| place.world.github.token(NewToken::classic(&format!("left-{name}"), "acme-ci")));
    let made = [("name", "left"), ("namespace", "ui"), ("host", "simulated"), ("token", &used)];
    let made = page.post("/connect", &made).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    place.until("left", "Ready").await;
    let path = "/connections/ui/left/rotate";
    let begun = page.post(path, &[("token", &before)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    page.until("/connections/ui/left", "SafeToRevoke, begun ").await;
    page.until(path, "The next token goes to Secret left-pat,").await;
    // The page takes its mark away a moment after the end.
    let is_forgotten = |seen: Option<&github_pat_operator::api::GithubPatConnection>| {
        seen.is_some_and(|seen| !kube::ResourceExt::annotations(seen).contains_key(crate::rotate::MARKER))
    };
    let forgotten = kube::runtime::wait::await_condition(place.connections(), "left", is_forgotten);
    tokio::time::timeout(crate::world::SOON, forgotten).await.unwrap().unwrap();
    let begun = page.post(path, &[("token", &first)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let shown = page.until(path, "A rotation was begun and is not over").await.text;
    assert!(!shown.contains("name=\"token\""), "{shown}");
    let (_, link) = shown.split_once(&format!("href=\"{path}?anew=")).unwrap();
    let link = format!("{path}?anew={}", link.split_once('"').unwrap().0);
    let hash = |token: &str| Token::try_from(token.as_bytes()).unwrap().hashed().to_string();
    let refused = page.post(path, &[("token", &second)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(place.value("left-pat", "token").await.as_deref(), Some(&*first));
    let form = page.get(&link).await.text;
    let given_up = |form: &str, token: &str| {
        let field = form.split_once("name=\"anew\" value=\"").unwrap().1.split_once('"').unwrap().0;
        field.replace("&#43;", "+").replace("&#61;", "=").replace("&#47;", "/") == hash(token)
    };
    assert!(given_up(&form, &first) && form.contains("name=\"token\""), "{form}");
    let first = hash(&first);
    let begun = page.post(path, &[("anew", &first), ("token", &second)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    assert_eq!(place.value("left-pat", "token").await.as_deref(), Some(&*second));
    // A page that was opened before gives up, and goes on with, no other rotation than the one that it has shown.
    let late = page.post(path, &[("anew", &first), ("token", &third)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", late.text);
    assert!(late.text.contains("is over, or another one was begun since"), "{}", late.text);
    let late = page.post(path, &[("next", &first)]).await;
    assert!(late.text.contains("another token comes next"), "{}", late.text);
    assert_eq!(place.value("left-pat", "token").await.as_deref(), Some(&*second));
    // Of a Secret that was deleted nobody has to say so.
    place.secrets().delete("left-pat", &DeleteParams::default()).await.unwrap();
    let form = page.get(path).await.text;
    assert!(form.contains("The next token goes to Secret left-pat"), "{form}");
    let begun = page.post(path, &[("token", &third)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    assert_eq!(place.value("left-pat", "token").await, Some(third));
}

#[tokio::test]
async fn what_stands_in_the_way_of_the_next_token_is_told_before_it_is_pasted() {
    let place = World::place("ui");
    let page = open(&place).await;
    let token = place.world.github.token(NewToken::classic("tooled", "acme-ci"));
    place.secret("tooled-pat", &token).await;
    // The test itself makes the connection, as a tool would.
    place.connection("tooled", json!({})).await;
    place.until("tooled", "Ready").await;
    let path = "/connections/ui/tooled/rotate";
    let commands = ["--in-place", "--force"].map(|flag| format!("kubectl github-pat rotate tooled {flag}"));
    let shown = page.get(path).await.text;
    let said = "which would put it back";
    assert!(shown.contains(said) && commands.iter().all(|next| shown.contains(next)), "{shown}");
    let in_place = page.get(&format!("{path}?in_place=yes")).await.text;
    let said = "Secret tooled-pat is written by test, which would put back what was there";
    assert!(in_place.contains(said), "{in_place}");
    let theirs = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "tooled-pat-too" }, "stringData": { "token": "theirs" } });
    let params = PatchParams::apply("kubectl-create");
    place.secrets().patch("tooled-pat-too", &params, &Patch::Apply(theirs)).await.unwrap();
    let spec = json!({ "name": "freed", "namespace": "ui", "host": "simulated", "token": token });
    let fields: Vec<_> = spec
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let made = page.post("/connect", &fields).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let foreign = page.get("/connections/ui/freed/rotate?secret=tooled-pat-too").await.text;
    let said = "there is a Secret tooled-pat-too already, which connection freed does not name: name another one under Another Secret";
    assert!(foreign.contains(said), "{foreign}");
    let free = page.get("/connections/ui/freed/rotate?secret=of-nobody").await.text;
    let said = "The next token goes to Secret of-nobody";
    assert!(free.contains(said) && !free.contains("there is a Secret"), "{free}");
}

#[tokio::test]
async fn a_form_says_what_a_token_is_worth_that_an_earlier_run_has_left() {
    let place = World::place("ui");
    let github = &place.world.github;
    let page = open(&place).await;
    let made = |name: &str, scopes: &[&str]| github.token(NewToken::classic(name, "acme-ci").scopes(scopes));
    let used = made("worth-used", &["repo"]);
    let fields = [("namespace", "ui"), ("host", "simulated"), ("kind", ""), ("scope", "repo")];
    let connect = async |name: &str, more: &[(&str, &str)]| {
        page.post("/connect", &[&fields[..], &[("name", name)], more].concat()).await
    };
    let first = connect("worth", &[("token", &used)]).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    let required = "spellcheck=\"false\" required aria-describedby=\"token-note\"";
    let enough = "send the form without a token to go on with that one";
    for (row, scopes, is_revoked, said) in [
        ("good", ["repo"], false, enough),
        ("dead", ["repo"], true, "that is of no use any more: yours takes its place"),
        ("weak", ["gist"], false, "which does not meet what is demanded here"),
    ] {
        let token = made(&format!("worth-{row}"), &scopes);
        if is_revoked {
            github.revoke(&format!("worth-{row}"));
        }
        place.left("worth-pat-next", &token).await;
        let secret = format!("worth-{row}-pat");
        place.left(&secret, &token).await;
        let rotate = page.get("/connections/ui/worth/rotate").await.text;
        let open = connect(&format!("worth-{row}"), &[("step", "form")]).await.text;
        let without = match row {
            "good" => open.clone(),
            _ => connect(&format!("worth-{row}"), &[("token", "")]).await.text,
        };
        for text in [&rotate, &open, &without] {
            assert!(text.contains(said), "{row}: {text}");
            assert_eq!(text.contains(required), row != "good", "{row}: {text}");
            assert_eq!(text.contains(enough), row == "good", "{row}: {text}");
            holds_no(text, &token);
        }
    }
    // Who may not read Secrets is told that there is one.
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("ui-blind", json!([connections, secrets])).await;
    let blind = Page::open(&place, &place.world.plane.user("ui-blind", None).unwrap(), &["-n", "ui"]).await;
    let open = [&fields[..], &[("name", "worth-good"), ("step", "form")]].concat();
    let open = blind.post("/connect", &open).await.text;
    let rotate = blind.get("/connections/ui/worth/rotate").await.text;
    for (text, secret) in [(&open, "worth-good-pat"), (&rotate, "worth-pat-next")] {
        let said = format!("Secret {secret} holds a token, which was put there before and is not in use yet");
        assert!(text.contains(&said) && text.contains(required), "{text}");
    }
}

#[tokio::test]
async fn the_token_that_the_page_has_shown_is_the_one_that_comes_next() {
    let place = World::place("ui");
    let page = open(&place).await;
    let tokens = ["used", "one", "two"]
        .map(|name| place.world.github.token(NewToken::classic(&format!("shown-{name}"), "acme-ci")));
    let made = [("name", "shown"), ("namespace", "ui"), ("host", "simulated"), ("token", tokens[0].as_str())];
    let made = page.post("/connect", &made).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    place.secret("shown-one", &tokens[1]).await;
    place.secret("shown-two", &tokens[2]).await;
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let patch = json!({ "spec": { "standby": [{ "name": "shown-one" }, { "name": "shown-two" }] } });
    place.connections().patch("shown", &params, &Patch::Merge(patch)).await.unwrap();
    let path = "/connections/ui/shown/rotate";
    page.until(path, "A usable token stands by in Secret shown-one").await;
    let chosen = page.until(&format!("{path}?secret=shown-two"), "stands by in Secret shown-two").await.text;
    assert!(
        chosen.contains("name=\"secret\" value=\"shown-two\"") && chosen.contains("name=\"next\""),
        "{chosen}"
    );
    let [_, one, two] = tokens.map(|token| Token::try_from(token.as_bytes()).unwrap().hashed().to_string());
    let refused = page.post(path, &[("secret", "shown-two"), ("next", &one)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert!(refused.text.contains("another token comes next than the one"), "{}", refused.text);
    let preferred = async || place.connections().get("shown").await.unwrap().spec.secret_ref.name;
    assert_eq!(preferred().await, "shown-pat");
    let begun = page.post(path, &[("secret", "shown-two"), ("next", &two)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    assert_eq!(preferred().await, "shown-two");
}
