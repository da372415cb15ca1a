//! Rotation beside connections of others, and the token that a person hands over beside others that lie there.

use github_pat_operator::domain::token::{LegacyTokens, Token};
use github_simulator::{NewToken, TokenKind};
use kube::{ResourceExt, api::PostParams};
use serde_json::json;

use crate::{
    rotate::MARKER,
    terminal::Person,
    world::{Place, UNWATCHED, World, from, holds_no},
};

impl Place {
    /// Lets this user read and write connections, and write Secrets, but read none.
    async fn allow_to_write(&self, user: &str) {
        let connections = json!({
            "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
        });
        let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
        self.allow(user, json!([connections, secrets])).await;
    }
}

#[tokio::test]
async fn of_a_secret_that_several_connections_read_the_keys_of_others_stay() {
    let place = World::place("rotate");
    let tokens = [place.next("pair-a"), place.next("pair-b")];
    let data = json!({ "a": tokens[0], "b": tokens[1], "note": "of somebody" });
    let secret = from(json!({ "metadata": { "name": "pair-pat" }, "stringData": data }));
    let params = PostParams { field_manager: Some("kubectl-create".to_owned()), ..PostParams::default() };
    place.secrets().create(&params, &secret).await.unwrap();
    for key in ["a", "b"] {
        let spec = json!({ "secretRef": { "name": "pair-pat", "key": key } });
        place.connection(&format!("pair-{key}"), spec).await;
        place.until(&format!("pair-{key}"), "Ready").await;
    }
    let next = [place.next("pair-a"), place.next("pair-b")];
    for (key, token) in ["a", "b"].into_iter().zip(&next) {
        let ended = place.rotate(&format!("pair-{key}"), &["--in-place"], token).await;
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    for (key, expected) in [("a", next[0].as_str()), ("b", next[1].as_str()), ("note", "of somebody")] {
        assert_eq!(place.value("pair-pat", key).await.as_deref(), Some(expected), "{key}");
    }
    // Each key has its note.
    let noted = place.secrets().get("pair-pat").await.unwrap().metadata.annotations.unwrap();
    for (key, token) in ["a", "b"].into_iter().zip(&next) {
        let hash = Token::try_from(token.as_bytes()).unwrap().hashed();
        let annotation = format!("githubpat.dev/stored.{key}");
        assert_eq!(noted.get(&annotation), Some(&format!("{key}={hash}@simulated")), "{key}");
    }
}

#[tokio::test]
async fn the_secret_of_another_connection_is_neither_read_nor_written() {
    let place = World::place("rotate");
    let theirs = place.world.github.token(NewToken::classic("owner-only", "acme-ci").scopes(&["gist"]));
    place.left("owner-pat", &theirs).await;
    place.connection("owner", json!({ "require": { "scopes": ["gist"] } })).await;
    place.until("owner", "Ready").await;
    place.connected("taker").await;
    let shared = "connection owner reads Secret owner-pat too, and its token would be lost: nothing was written; kubectl github-pat rotate taker \
                  --secret NAME -n rotate stores yours in another Secret";
    let rows: [(&str, &[&str], &[&str], &str); 3] = [
        ("not named", &[], &["--secret", "owner-pat"], "there is a Secret owner-pat already"),
        ("stands by", &["owner-pat"], &[], shared),
        ("stands by and is chosen", &["owner-pat"], &["--secret", "owner-pat"], shared),
    ];
    for (row, standby, flags, said) in rows {
        let standbys: Vec<_> = standby.iter().map(|name| json!({ "name": name })).collect();
        place.change("taker", json!({ "spec": { "standby": standbys } })).await;
        if !standby.is_empty() {
            place.until_standby("taker", "ScopeMissing").await;
        }
        let ended = place.rotate("taker", flags, &place.next("taker")).await;
        assert!(ended.code == 3 && ended.err.contains(said), "{row}: {ended:?}");
        assert_eq!(place.value("owner-pat", "token").await.as_ref(), Some(&theirs), "{row}");
        let sources = [&["taker-pat"], standby].concat();
        assert_eq!(place.seen("taker").await.spec.sources().collect::<Vec<_>>(), sources, "{row}");
    }
    // Nor by who may not read it.
    place.allow_to_write("taker-writer").await;
    let blind = place.world.plane.user("taker-writer", None).unwrap();
    let ended = place.plugin_with(&blind, &["rotate", "taker"], place.next("taker").as_bytes()).await;
    assert!(ended.code == 3 && ended.err.contains(shared), "{ended:?}");
    assert_eq!(place.value("owner-pat", "token").await, Some(theirs));
}

#[tokio::test]
async fn a_standby_that_lacks_something_is_written_over_once_it_is_of_no_use_to_anybody() {
    let place = World::place("rotate");
    place.connected("lacks").await;
    let weak = place.world.github.token(NewToken::classic("lacks-weak", "acme-ci").scopes(&["gist"]));
    let secret = from(json!({ "metadata": { "name": "lacks-next" }, "stringData": { "token": weak } }));
    let params = PostParams { field_manager: Some("kubectl-create".to_owned()), ..PostParams::default() };
    place.secrets().create(&params, &secret).await.unwrap();
    place.change("lacks", json!({ "spec": { "standby": [{ "name": "lacks-next" }] } })).await;
    place.until_standby("lacks", "ScopeMissing").await;
    place.allow_to_write("lacks-writer").await;
    let admin = place.world.plane.admin_kubeconfig();
    let blind = place.world.plane.user("lacks-writer", None).unwrap();
    let next = place.next("lacks");
    let lacking = "Secret lacks-next holds another token, which does not meet what is demanded here and may be good for something else, \
                   which was put there before and is not in use yet: nothing was written; name another Secret for yours, or revoke that \
                   one, and kubectl github-pat rotate lacks -n rotate stores yours in its place";
    let hidden = "Secret lacks-next holds another token, which was put there before and is not in use yet: nothing was written; hand over \
                  that one, or name another Secret by --secret for yours: kubectl github-pat rotate lacks --secret NAME -n rotate stores it \
                  there";
    for (row, kubeconfig, input, said) in [
        ("another one is handed over", admin, next.as_str(), lacking),
        ("none is handed over", admin, "", lacking),
        ("by who may not read it", &blind, &next, hidden),
    ] {
        let ended = place.plugin_with(kubeconfig, &["rotate", "lacks"], input.as_bytes()).await;
        assert!(ended.code == 3 && ended.err.contains(said), "{row}: {ended:?}");
        assert_eq!(place.value("lacks-next", "token").await.as_ref(), Some(&weak), "{row}");
    }
    place.world.github.revoke("lacks-weak");
    place.until_standby("lacks", "BadCredentials").await;
    let ended = place.plugin_with(&blind, &["rotate", "lacks"], next.as_bytes()).await;
    assert_eq!(ended.code, 0, "one that is of no use holds nobody up: {ended:?}");
    place.is_over("lacks", &next).await;
}

#[tokio::test]
async fn a_token_that_is_handed_over_goes_before_one_that_was_left() {
    let place = World::place("rotate");
    place.connected("dead").await;
    let dead = place.world.github.token(NewToken::classic("dead-left", "acme-ci").scopes(&["repo"]));
    place.left("dead-pat-next", &dead).await;
    place.world.github.revoke("dead-left");
    let ended = place.rotate("dead", &[], "").await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("hand over another one"), "{}", ended.err);
    let next = place.next("dead");
    let ended = place.rotate("dead", &[], &next).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.value("dead-pat-next", "token").await.as_ref(), Some(&next));
    place.is_over("dead", &next).await;
}

#[tokio::test]
async fn a_token_that_is_handed_over_is_not_dropped_for_another_one() {
    let place = World::place("rotate");
    place.connected("drop").await;
    let (spare, handed) = (place.next("drop"), place.next("drop"));
    place.secret("drop-two", &spare).await;
    place.change("drop", json!({ "spec": { "standby": [{ "name": "drop-two" }] } })).await;
    place.stands_by("drop").await;
    let file = place.world.file("handed", &handed);
    for (flags, input) in [(&[] as &[&str], handed.as_str()), (&["--token-file", file.as_str()], "")] {
        let ended = place.rotate("drop", flags, input).await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.err.contains("another token than the one that you hand over"), "{}", ended.err);
        let next = "kubectl github-pat rotate drop -n rotate without a token goes on with that one";
        assert!(ended.err.contains(next), "{}", ended.err);
        holds_no(&ended.err, &handed);
        assert_eq!(place.seen("drop").await.spec.sources().collect::<Vec<_>>(), ["drop-pat", "drop-two"]);
    }
    std::fs::remove_file(file).unwrap();
    let ended = place.rotate("drop", &[], &spare).await;
    assert_eq!(ended.code, 0, "the token that stands by is the one that is handed over: {ended:?}");
    place.is_over("drop", &spare).await;
}

#[tokio::test]
async fn a_token_that_was_stored_and_is_not_looked_at_yet_is_not_written_over_by_another_good_one() {
    let place = World::place(UNWATCHED);
    place.allow_to_write("beside-writer").await;
    let admin = place.world.plane.admin_kubeconfig();
    let blind = place.world.plane.user("beside-writer", None).unwrap();
    let github = &place.world.github;
    let [old, one, other] = ["twice-old", "twice-one", "twice-other"]
        .map(|name| github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"])));
    let hash = |token: &str| Token::try_from(token.as_bytes()).unwrap().hashed().to_string();
    place.left("twice-pat", &old).await;
    place.connection("twice", json!({})).await;
    let used = json!({ "secretName": "twice-pat", "host": "simulated", "kind": "Classic", "hashedToken": hash(&old) });
    place.status("twice", json!({ "observedGeneration": 1, "conditions": [], "token": used })).await;
    // The test itself has made the connection, as a tool would.
    let flags = ["rotate", "twice", "--in-place", "--force", "--timeout", "1s", "--token-file"];
    let [first, second] = [&one, &other].map(|token| place.world.file("twice", token));
    for (kubeconfig, file, code, said) in [
        (admin, &first, 2, "the next token is in Secret twice-pat"),
        (
            admin,
            &second,
            3,
            "Secret twice-pat holds another good token, which was put there before and is not in use yet: nothing was written; \
             kubectl github-pat rotate twice --in-place --force -n unwatched, and without a token, goes on with that one, and yours can follow by a \
             rotation",
        ),
        (
            &blind,
            &second,
            3,
            "Secret twice-pat holds another token, which was put there before and is not in use yet: nothing was written; hand \
             over that one, wait until kubectl github-pat status twice -n unwatched shows that the operator has looked at it, or name another \
             Secret for yours",
        ),
        (&blind, &first, 2, "the next token is in Secret twice-pat"),
    ] {
        let ended = place.plugin_with(kubeconfig, &[&flags[..], &[file]].concat(), b"").await;
        assert!(ended.code == code && ended.err.contains(said), "{said}: {ended:?}");
        assert_eq!(place.value("twice-pat", "token").await.as_ref(), Some(&one), "{said}");
        assert_eq!(place.seen("twice").await.annotations().get(MARKER), Some(&hash(&one)), "{said}");
    }
    // One that is of no use holds nobody up.
    github.revoke("twice-one");
    let ended = place.plugin_with(admin, &[&flags[..], &[&second]].concat(), b"").await;
    assert!(ended.code == 2 && ended.err.contains("the next token is in Secret twice-pat"), "{ended:?}");
    assert_eq!(place.value("twice-pat", "token").await, Some(other));
}

#[tokio::test]
async fn a_token_of_before_2021_is_gone_on_with_and_not_written_over_where_the_host_takes_such_tokens() {
    let place = World::place(UNWATCHED);
    let github = &place.world.github;
    let made = |name: &str| github.token(NewToken::of(TokenKind::Legacy, name, "acme-ci"));
    let [old, one, other] = ["before-old", "before-one", "before-other"].map(made);
    let is_hex = one.len() == 40 && one.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hex, "it has the form of before 2021");
    let hash = |token: &str| Token::parse(token.as_bytes(), LegacyTokens::Allowed).unwrap().hashed();
    let settings =
        format!("hosts: [{{ name: simulated, apiUrl: '{}', legacyTokens: true }}]\n", github.url());
    let settings = place.world.file("before.yaml", &settings);
    let admin = place.world.plane.admin_kubeconfig();
    let run = async |words: &[&str], token: &str| {
        let flags = [words, &["--config", &settings]].concat();
        place.plugin_with(admin, &flags, token.as_bytes()).await
    };
    // Left by a run that was cut before the connection, which a dry run does not go on with.
    let noted = |token: &str| format!("{}@simulated", hash(token));
    place.stored("before-pat", &one, &noted(&one)).await;
    let connect = ["connect", "before", "--host", "simulated", "--timeout", "1s"];
    let ended = run(&connect, &other).await;
    assert!(ended.code == 3 && ended.err.contains("holds another good token"), "{ended:?}");
    let dry = [&connect[..], &["--dry-run", "server"]].concat();
    let ended = run(&dry, "").await;
    assert!(
        ended.code == 0 && ended.err.contains("going on with the token in Secret before-pat"),
        "{ended:?}"
    );

    place.stored("before-used-pat", &old, &noted(&old)).await;
    place.connection("before-used", json!({})).await;
    let used = json!({ "secretName": "before-used-pat", "host": "simulated", "kind": "Classic", "hashedToken": hash(&old) });
    place.status("before-used", json!({ "observedGeneration": 1, "conditions": [], "token": used })).await;
    let rotate = ["rotate", "before-used", "--in-place", "--force", "--timeout", "1s"];
    let ended = run(&rotate, &one).await;
    assert!(ended.code == 2 && ended.err.contains("the next token is in Secret"), "{ended:?}");
    let ended = run(&rotate, &other).await;
    assert!(ended.code == 3 && ended.err.contains("nothing was written"), "{ended:?}");
    // The same one goes on, also once the operator has seen it.
    let token = json!({ "secretName": "before-used-pat", "host": "simulated", "kind": "Classic", "hashedToken": hash(&one) });
    place.status("before-used", json!({ "observedGeneration": 1, "conditions": [], "token": token })).await;
    let ended = run(&rotate, &one).await;
    assert!(ended.code == 2 && ended.err.contains("going on with the rotation"), "{ended:?}");
    assert_eq!(place.value("before-used-pat", "token").await, Some(one));
}

#[tokio::test]
async fn a_good_token_of_which_the_operator_cannot_tell_is_not_written_over() {
    let place = World::place(UNWATCHED);
    let [old, one, other] = ["unknown-old", "unknown-one", "unknown-other"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci")));
    let known = |secret: &str, token: &str| {
        let hash = Token::try_from(token.as_bytes()).unwrap().hashed();
        json!({ "secretName": secret, "host": "simulated", "kind": "Classic", "hashedToken": hash })
    };
    place.left("unknown-pat", &old).await;
    place.left("unknown-two", &one).await;
    place.connection("unknown", json!({ "standby": [{ "name": "unknown-two" }] })).await;
    let used = known("unknown-pat", &old);
    let candidates = json!([
        { "secretName": "unknown-pat", "inUse": true, "usable": "True", "reason": "Accepted", "token": used },
        { "secretName": "unknown-two", "usable": "Unknown", "reason": "ServerError", "token": known("unknown-two", &one) },
    ]);
    let status =
        json!({ "observedGeneration": 1, "conditions": [], "token": used, "candidates": candidates });
    place.status("unknown", status).await;
    // The test itself has made the connection, as a tool would.
    let flags = ["--force", "--timeout", "1s"];
    let ended = place.rotate("unknown", &flags, &other).await;
    assert!(
        ended.code == 3 && ended.err.contains("Secret unknown-two holds another good token"),
        "{ended:?}"
    );
    // Who may not read the Secret knows of it by the status alone.
    place.allow_to_write("unknown-writer").await;
    let blind = place.world.plane.user("unknown-writer", None).unwrap();
    let arguments = ["rotate", "unknown", "--force", "--timeout", "1s"];
    let ended = place.plugin_with(&blind, &arguments, other.as_bytes()).await;
    let said = "Secret unknown-two holds another token, which was put there before and is not in use yet: nothing was written; hand over that one";
    assert!(ended.code == 3 && ended.err.contains(said), "{ended:?}");
    assert_eq!(place.value("unknown-two", "token").await.as_ref(), Some(&one));
    let ended = place.rotate("unknown", &flags, "").await;
    assert!(
        ended.code == 2 && ended.err.contains("going on with the token in Secret unknown-two"),
        "{ended:?}"
    );
    let preferred = place.seen("unknown").await.spec.secret_ref.name;
    assert_eq!((preferred.as_str(), place.value("unknown-two", "token").await), ("unknown-two", Some(one)));
}

#[tokio::test]
async fn of_a_rotation_that_has_ended_meanwhile_no_mark_is_put_back() {
    let place = World::place(UNWATCHED);
    let [old, one, other] = ["ended-old", "ended-one", "ended-other"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"])));
    let hash = |token: &str| Token::try_from(token.as_bytes()).unwrap().hashed().to_string();
    let status = |token: &str| {
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z",
        });
        let used = json!({ "secretName": "pat", "host": "simulated", "kind": "Classic", "hashedToken": hash(token) });
        json!({ "observedGeneration": 1, "conditions": [ready], "token": used })
    };
    for (name, is_over) in [("ended-not", false), ("ended", true)] {
        let secret = format!("{name}-pat");
        place.left(&secret, &old).await;
        place.connection(name, json!({})).await;
        place.status(name, status(&old)).await;
        place.change(name, json!({ "metadata": { "annotations": { MARKER: hash(&one) } } })).await;
        let admin = place.world.plane.admin_kubeconfig();
        let mut person = Person::at(&place, admin, &["rotate", name, "--in-place", "--force"]);
        person.reads("Paste the token").await;
        place.secret(&secret, "of somebody else").await;
        if is_over {
            place.status(name, status(&one)).await;
        }
        person.types(&format!("{other}\n")).await;
        assert_eq!(person.ends().await, 2, "{}", person.seen);
        let said =
            format!("somebody else has written Secret {secret} meanwhile, so nothing was written to it");
        assert!(person.seen.contains(&said), "{}", person.seen);
        let mark = place.seen(name).await.annotations().get(MARKER).cloned();
        assert_eq!(mark, Some(hash(&one)).filter(|_| !is_over), "{name}");
    }
}
