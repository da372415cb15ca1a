//! Connections that several people make at once, and what a person is asked for and told to tick.

use std::{path::Path, time::Duration};

use github_simulator::NewToken;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::{
    terminal::Person,
    wire::{Wire, wire},
    world::{SOON, World},
};

#[tokio::test]
async fn of_two_who_connect_at_once_one_does_and_the_other_writes_nothing() {
    let place = World::place("connect");
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("connect-writer", json!([connections, secrets])).await;
    let blind = place.world.plane.user("connect-writer", None).unwrap();
    let (kubeconfig, hold) = wire(&place).await;
    for (name, other) in [("both-read", place.world.plane.admin_kubeconfig()), ("one-reads", &blind)] {
        let [one, two] = ["1", "2"].map(|number| {
            place.world.github.token(NewToken::classic(&format!("{name}-{number}"), "acme-ci"))
        });
        let flags = ["connect", name, "--host", "simulated", "--kind", "classic"];
        let mut first = Person::at(&place, &kubeconfig, &flags);
        let mut second = Person::at(&place, other, &flags);
        for person in [&mut first, &mut second] {
            person.reads("Paste the token").await;
        }
        // The answer to what stores the token is kept, so that the connection is not made yet.
        hold.send(Wire::Deaf(4)).unwrap();
        first.types(&format!("{one}\n")).await;
        let secret = format!("{name}-pat");
        let stored = async {
            while place.value(&secret, "token").await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, stored).await.unwrap();
        second.types(&format!("{two}\n")).await;
        assert_eq!(second.ends().await, 3, "{name}: {}", second.seen);
        let said = "which was put there before and is not in use yet: nothing was written";
        assert!(second.seen.contains(said), "{name}: {}", second.seen);
        assert_eq!(place.value(&secret, "token").await.as_ref(), Some(&one), "{name}");
        assert_eq!(place.names(name).await, [secret], "{name}");
        hold.send(Wire::Open).unwrap();
        assert_eq!(first.ends().await, 0, "{name}: {}", first.seen);
        let seen = place.seen(name).await;
        let reads: Vec<_> = seen.spec.sources().collect();
        assert_eq!(reads, [format!("{name}-pat")], "{name}");
    }
}

#[tokio::test]
async fn of_a_fine_grained_token_permissions_and_repositories_are_asked_for_and_what_to_tick_is_told() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    let token = place.world.github.token(NewToken::fine_grained("ticked", "acme-ci"));
    let mut person = Person::at(&place, admin, &["connect", "ticked", "--host", "simulated"]);
    for (question, answer) in [
        ("Which kind of token, classic or fine-grained?", "fine-grained"),
        ("Which permissions must it have, as in contents=write,issues=read? Nothing for none:", "contents"),
        ("Which permissions must it have", "contents=write, issues=read"),
        ("On which repositories, as in acme/app,acme/lib? Nothing for none:", "acme/app acme/lib"),
        ("Which Secrets shall workloads read, as in ci-bot-git:BasicAuth? Nothing for none:", ""),
    ] {
        person.reads(question).await;
        person.types(&format!("{answer}\n")).await;
    }
    person.reads("Make a token on").await;
    person.reads("/settings/personal-access-tokens/new?").await;
    person.reads("contents=write").await;
    person
        .reads(
            "GitHub's form may ignore the values in its address, so choose acme as the resource owner, select the repositories acme/app, \
             acme/lib, tick the permissions contents: write, issues: read",
        )
        .await;
    person.reads("Paste the token").await;
    person.types(&format!("{token}\n")).await;
    // Each demand has its line.
    person.reads("Repository acme/app").await;
    person.reads("Repository acme/lib").await;
    person.reads("Permission contents: write").await;
    person.reads("nothing was written").await;
    person.types("\u{3}").await;
    assert_eq!(person.ends().await, 130, "{}", person.seen);
    assert_eq!(place.names("ticked").await, [""; 0]);
}

#[tokio::test]
async fn a_left_token_is_shown_to_no_other_host_and_is_not_lost_to_other_demands() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    let made = |name: &str, scopes: &[&str]| {
        place.world.github.token(NewToken::classic(name, "acme-ci").scopes(scopes))
    };
    let [elsewhere, other] =
        [("stored-elsewhere", "repo"), ("stored-later", "repo")].map(|(name, scope)| made(name, &[scope]));
    let file = place.world.file("later", &other);
    let run = async |name: &str| {
        let flags = [
            "connect",
            name,
            "--host",
            "simulated",
            "--kind",
            "classic",
            "--scope",
            "repo",
            "--token-file",
            &file,
        ];
        place.plugin_with(admin, &flags, b"").await
    };
    place.left_for("github.com", "one-pat", &elsewhere).await;
    let ended = run("one").await;
    assert!(ended.code == 3 && ended.err.contains("or name another Secret for yours"), "{ended:?}");
    assert_eq!(
        place
            .world
            .github
            .calls()
            .iter()
            .filter(|call| call.token.as_deref() == Some("stored-elsewhere"))
            .count(),
        0
    );
    assert_eq!(place.value("one-pat", "token").await.as_ref(), Some(&elsewhere));

    let weak = made("stored-weak", &["gist"]);
    place.left("two-pat", &weak).await;
    let ended = run("two").await;
    let said = "which does not meet what is demanded here and may be good for something else";
    assert!(ended.code == 3 && ended.err.contains(said), "{ended:?}");
    assert_eq!(place.value("two-pat", "token").await.as_ref(), Some(&weak));
    place.world.github.revoke("stored-weak");
    let ended = run("two").await;
    assert_eq!(ended.code, 0, "one that is of no use holds nobody up: {ended:?}");
    assert_eq!(place.value("two-pat", "token").await.as_ref(), Some(&other));
}

#[tokio::test]
async fn of_two_runs_that_were_cut_with_two_keys_of_one_secret_neither_token_is_written_over() {
    let place = World::place("connect");
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("keys-writer", json!([connections, secrets])).await;
    let (admin, blind) =
        (place.world.plane.admin_kubeconfig(), place.world.plane.user("keys-writer", None).unwrap());
    let made = |name: &str| place.world.github.token(NewToken::classic(name, "acme-ci"));
    let [first, second, third] = ["keys-1", "keys-2", "keys-3"].map(made);
    let run = async |kubeconfig: &Path, key: &str, token: &str| {
        let name = format!("keys-{key}");
        let flags = ["connect", &name, "--host", "simulated", "--secret", "keys-pat", "--key", key];
        place.plugin_with(kubeconfig, &flags, token.as_bytes()).await
    };
    place.connection("keys", json!({ "secretRef": { "name": "of-another" } })).await;
    place.close("githubpatconnections", &["keys", "keys-a", "keys-b"]).await;
    for (key, token) in [("a", &first), ("b", &second)] {
        let ended = run(admin, key, token).await;
        assert_eq!(ended.code, 2, "{ended:?}");
    }
    for kubeconfig in [&*blind, admin] {
        let ended = run(kubeconfig, "a", &third).await;
        assert!(ended.code == 3 && ended.err.contains("which was put there before"), "{ended:?}");
        assert_eq!(place.value("keys-pat", "a").await.as_ref(), Some(&first));
    }
    place.open("githubpatconnections", "keys").await;
    let ended = run(admin, "a", "").await;
    assert!(ended.code == 0 && ended.err.contains("going on with the token in Secret keys-pat"), "{ended:?}");
    assert_eq!(place.value("keys-pat", "b").await, Some(second));
}

#[tokio::test]
async fn an_output_whose_name_a_secret_of_others_has_is_refused_before_anything_is_written() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    let token = place.world.github.token(NewToken::classic("taken", "acme-ci"));
    let connections = json!({
        "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"] });
    place.allow("taken-writer", json!([connections, secrets])).await;
    let blind = place.world.plane.user("taken-writer", None).unwrap();
    place.secret("of-others", "theirs").await;
    let flags = ["connect", "taken", "--host", "simulated", "--output", "of-others:BasicAuth"];
    let said = "there is a Secret of-others in namespace connect already, which is no output of connection taken, so the operator would leave \
                it alone: nothing was written; give the output another name, or kubectl annotate secret of-others \
                githubpat.dev/adopt=taken -n connect lets the connection take it over";
    for more in [&[] as &[&str], &["--dry-run", "server"]] {
        let ended = place.plugin_with(admin, &[&flags[..], more].concat(), token.as_bytes()).await;
        assert!(
            (ended.code, ended.out.as_str()) == (3, "") && ended.err.contains(said),
            "{more:?}: {ended:?}"
        );
        assert_eq!(place.names("taken").await, [""; 0], "{more:?}");
    }
    // Who may not read it hears of it by the operator, and what says how to go on.
    let ended =
        place.plugin_with(&blind, &[&flags[..], &["--timeout", "5s"]].concat(), token.as_bytes()).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.contains("ForeignSecret"), "{ended:?}");
    let next = "only a person can help: kubectl github-pat status taken -n connect says how";
    assert!(ended.err.contains(next) && !ended.err.contains("github-pat wait"), "{ended:?}");

    let given = json!({ "metadata": { "annotations": { "githubpat.dev/adopt": "taken-given" } } });
    place.secret("given", "theirs").await;
    place.secrets().patch("given", &PatchParams::default(), &Patch::Merge(given)).await.unwrap();
    let flags = ["connect", "taken-given", "--host", "simulated", "--output", "given:BasicAuth"];
    let ended = place.plugin_with(admin, &flags, token.as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.value("given", "password").await, Some(token));
}

#[tokio::test]
async fn the_end_of_the_input_at_an_empty_prompt_gives_up() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    for (prompt, more) in
        [("Which kind of token", &[] as &[&str]), ("Paste the token", &["--kind", "classic"])]
    {
        let mut person =
            Person::at(&place, admin, &[&["connect", "ctrl-d", "--host", "simulated"], more].concat());
        person.reads(prompt).await;
        person.types("\u{4}").await;
        assert_eq!(person.ends().await, 130, "{prompt}: {}", person.seen);
        assert!(person.seen.contains("interrupted; nothing was written"), "{prompt}: {}", person.seen);
        assert_eq!(place.names("ctrl-d").await, [""; 0], "{prompt}");
    }
}

#[tokio::test]
async fn who_reads_a_secret_that_is_there_already_is_named() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    let token = place.world.github.token(NewToken::classic("read", "acme-ci"));
    place.secret("read-pat", &token).await;
    place.connection("reader", json!({ "secretRef": { "name": "read-pat" } })).await;
    let ended = place.plugin_with(admin, &["connect", "read", "--host", "simulated"], token.as_bytes()).await;
    let said = "there is a Secret read-pat in namespace connect already, which connection reader reads, and it is not overwritten: name \
                another one by --secret";
    assert!(ended.code == 3 && ended.err.contains(said), "{ended:?}");
}
