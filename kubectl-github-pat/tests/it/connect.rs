//! From a token in a person's hands to a connection that the operator has judged.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use github_simulator::{NewToken, Outage};
use serde_json::{Value, json};

use crate::{
    terminal::Person,
    wire::{Wire, wire},
    world::{SOON, UNWATCHED, World, holds_no},
};

#[tokio::test]
async fn a_person_answers_pastes_and_is_done_and_the_token_is_never_shown() {
    let place = World::place("connect");
    let admin = place.world.plane.admin_kubeconfig();
    let lacking = place.world.github.token(NewToken::classic("person-lacking", "acme-ci").scopes(&["gist"]));
    let token = place.world.github.token(NewToken::classic("person", "acme-ci").scopes(&["repo"]));
    let flags = ["connect", "person", "--host", "simulated", "--open"];
    let mut person = Person::with(&place, admin, &flags, &[("BROWSER", "/no/such/browser")]);
    person.reads("Which kind of token, classic or fine-grained?").await;
    person.types("oauth\n").await;
    person.reads("write classic or fine-grained").await;
    person.reads("Which kind of token").await;
    person.types("classic\n").await;
    person.reads("Which scopes must it have").await;
    let misplaced = place.world.github.token(NewToken::classic("misplaced-answer", "acme-ci"));
    person.types(&format!("{misplaced}\n")).await;
    person.reads("that looks like a token, which is asked for later").await;
    person.reads("Which scopes must it have").await;
    person.types("repo\n").await;
    person.reads("Which Secrets shall workloads read").await;
    person.types("person-git:BasicAuth\n").await;
    person.reads("Make a token on").await;
    person.reads("/settings/tokens/new?scopes=repo&description=connect%2Fperson").await;
    person.reads("/no/such/browser cannot be run, so open the page by hand, or set BROWSER").await;
    person.reads("Paste the token").await;
    assert!(!person.is_shown(), "the terminal would show what is typed");
    person.types(&format!("nonsense\u{15}{lacking}x\u{7f}\n")).await;
    person.reads("lacks the scope repo").await;
    person.reads("nothing was written").await;
    assert_eq!(place.names("person").await, [""; 0]);
    person.reads("Paste the token").await;
    person.types(&format!("{token}\n")).await;
    person.reads("Secret person-pat and connection person are written").await;
    person.reads("person in connect:").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    assert!(person.seen.contains("\u{1b}[32musable\u{1b}[0m"), "a terminal has colours: {}", person.seen);
    assert!(person.is_shown(), "the terminal is as it was");
    holds_no(&person.seen, &token);
    holds_no(&person.seen, &lacking);
    assert_eq!(place.value("person-pat", "token").await, Some(token.clone()));
    assert_eq!(place.value("person-git", "password").await, Some(token));
    let connection = place.seen("person").await.metadata;
    let secret = place.secrets().get("person-pat").await.unwrap().metadata;
    for (metadata, written_by) in [(connection, "kubectl-github-pat"), (secret, "kubectl-github-pat/token")] {
        let fields = metadata.managed_fields.unwrap().into_iter();
        let by_us = fields.filter(|entry| entry.manager.as_deref() == Some(written_by));
        let how: Vec<_> = by_us.filter_map(|entry| entry.operation).collect();
        assert_eq!(how, ["Apply"], "{written_by} writes by server-side apply");
    }

    let opened = place.world.file("opened", "");
    let browser = place.world.file("browser", &format!("#!/bin/sh\nprintf %s \"$1\" > {opened}\n"));
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let flags = ["connect", "gives-up", "--host", "simulated", "--scope", "repo", "--open"];
    // The first that can be run, with the page where %s stands.
    let browsers = format!("/no/such/browser:{browser} %s --last");
    let mut person = Person::with(&place, admin, &flags, &[("BROWSER", &browsers)]);
    person.reads("Paste the token").await;
    let opening = tokio::time::timeout(SOON, async {
        while !std::fs::read_to_string(&opened).unwrap().ends_with("description=connect%2Fgives-up") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    opening.await.unwrap();
    let children = format!("/proc/{0}/task/{0}/children", person.id());
    let waited_for = tokio::time::timeout(SOON, async {
        while !std::fs::read_to_string(&children).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited_for.await.is_ok(), "a browser that has ended is left as a zombie");
    person.types("abc\u{3}").await;
    assert_eq!((person.ends().await, person.is_shown()), (130, true), "{}", person.seen);
    assert_eq!(place.names("gives-up").await, [""; 0]);
}

#[tokio::test]
async fn a_token_that_is_not_usable_writes_nothing() {
    let place = World::place("connect");
    let github = &place.world.github;
    let good = github.token(NewToken::classic("bad-good", "acme-ci").scopes(&["repo"]));
    let revoked = github.token(NewToken::classic("bad-revoked", "acme-ci").scopes(&["repo"]));
    github.revoke("bad-revoked");
    let silent = github.token(NewToken::classic("bad-silent", "acme-ci").scopes(&["repo"]));
    github.script("bad-silent", vec![github_simulator::Reply::error(503, "unavailable", "")]);
    let rows: [(&str, String, &[&str], i32, &str); 8] = [
        ("nothing", String::new(), &[], 1, "TokenEmpty"),
        ("something else", "hunter2".to_owned(), &[], 1, "NotAToken"),
        ("a token and more", format!("Bearer {good}"), &[], 1, "TokenMalformed"),
        ("a revoked one", revoked, &[], 1, "BadCredentials"),
        ("one without the scope", good.clone(), &["--scope", "admin:org"], 1, "ScopeMissing"),
        ("one of another account", good.clone(), &["--account", "acme-docs"], 1, "AnotherAccount"),
        ("one of another kind", good.clone(), &["--kind", "fine-grained"], 1, "KindNotAllowed"),
        ("one of which GitHub says nothing", silent, &[], 2, "ServerError"),
    ];
    let admin = place.world.plane.admin_kubeconfig();
    for (row, input, flags, code, reason) in rows {
        let arguments =
            [&["connect", "bad", "--host", "simulated", "--output", "bad-git:BasicAuth"], flags].concat();
        let ended = place.plugin_with(admin, &arguments, input.as_bytes()).await;
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{row}: {ended:?}");
        assert!(
            ended.err.contains(reason) && ended.err.contains("nothing was written"),
            "{row}: {}",
            ended.err
        );
        let explained = format!("\n  kubectl github-pat explain {reason} says more\n");
        assert_eq!(ended.err.contains(&explained), code == 1, "{row}: {}", ended.err);
        let later = "the same command a little later asks GitHub once more";
        assert_eq!(ended.err.contains(later), code == 2, "{row}: {}", ended.err);
        if input.len() > 20 {
            holds_no(&ended.err, &input);
        }
        assert_eq!(place.names("bad").await, [""; 0], "{row}");
    }
}

#[tokio::test]
async fn flags_files_and_pipes_do_without_questions() {
    let place = World::place("connect");
    let (github, admin) = (&place.world.github, place.world.plane.admin_kubeconfig());
    let token = github.token(NewToken::classic("piped", "acme-ci").scopes(&["repo"]));
    let flags = [
        "connect",
        "piped",
        "--host",
        "simulated",
        "--scope",
        "repo",
        "--output",
        "piped-env:opaque",
        "-o",
        "json",
    ];
    let ended = place.plugin_with(admin, &flags, format!("{token}\n").as_bytes()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let connection: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(connection["status"]["outputs"][0]["secretName"], "piped-env");
    holds_no(&(ended.out + &ended.err), &token);
    assert_eq!(place.value("piped-pat", "token").await, Some(token.clone()), "without the line end");

    let again = place.plugin_with(admin, &flags, token.as_bytes()).await;
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.err.contains("kubectl github-pat status piped -n connect shows it"), "{}", again.err);

    let file = place.world.file("token", &token);
    let arguments = [
        "connect",
        "filed",
        "--host",
        "simulated",
        "--token-file",
        &file,
        "--secret",
        "filed",
        "--key",
        "pat.txt",
    ];
    let ended = place.plugin(&arguments).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("filed in connect: usable"), "{}", ended.out);
    assert_eq!(place.value("filed", "pat.txt").await, Some(token.clone()));

    let manifest = format!(
        "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: {{ name: whole, labels: {{ team: infra }} }}\n\
         spec:\n  host: simulated\n  secretRef: {{ name: whole }}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{ name: whole }}\nstringData: {{ token: {token} }}\n"
    );
    let manifest = place.world.file("whole.yaml", &manifest);
    let ended = place.plugin(&["connect", "whole", "-f", &manifest]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let made = place.connections().get("whole").await.unwrap();
    assert_eq!(made.metadata.labels.unwrap()["team"], "infra");
    let ended = place.plugin(&["connect", "other", "-f", &manifest]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("no connection other: name one of whole"), "{}", ended.err);
    let without = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: { name: eaten }\n\
                   spec: { host: simulated, secretRef: { name: eaten } }\n";
    let ended = place.plugin_with(admin, &["connect", "eaten", "-f", "-"], without.as_bytes()).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("standard input has the manifest, so the token cannot"), "{}", ended.err);
    let ended = place.plugin(&["connect", "whole", "-f", &manifest, "--scope", "repo"]).await;
    assert!(ended.code == 3 && ended.err.contains("cannot be used with"), "{ended:?}");
}

#[tokio::test]
async fn a_secret_of_others_is_not_touched_and_one_of_an_interrupted_run_is() {
    let place = World::place("connect");
    let (github, admin) = (&place.world.github, place.world.plane.admin_kubeconfig());
    let token = github.token(NewToken::classic("kept", "acme-ci"));
    place.secret("kept-pat", "of somebody else").await;
    let ended = place.plugin_with(admin, &["connect", "kept", "--host", "simulated"], token.as_bytes()).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("there is a Secret kept-pat in namespace connect already"), "{}", ended.err);
    assert!(ended.err.contains("name another one by --secret"), "{}", ended.err);
    assert_eq!(place.value("kept-pat", "token").await.as_deref(), Some("of somebody else"));
    let manifest = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: { name: kept }\n\
                    spec: { host: simulated, secretRef: { name: kept-pat } }\n";
    let manifest = place.world.file("kept.yaml", manifest);
    let ended = place.plugin_with(admin, &["connect", "kept", "-f", &manifest], token.as_bytes()).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("name another one in spec.secretRef of the manifest"), "{}", ended.err);

    // The connection of a first run is gone, as if the run had ended between the two writes.
    let first = github.token(NewToken::classic("cut-1", "acme-ci"));
    let flags = ["connect", "cut", "--host", "simulated"];
    assert_eq!(place.plugin_with(admin, &flags, first.as_bytes()).await.code, 0);
    place.connections().delete("cut", &kube::api::DeleteParams::default()).await.unwrap();
    let second = github.token(NewToken::classic("cut-2", "acme-ci"));
    let ended = place.plugin_with(admin, &flags, second.as_bytes()).await;
    assert_eq!((ended.code, place.value("cut-pat", "token").await.as_ref()), (3, Some(&first)), "{ended:?}");
    let said = "Secret cut-pat holds another good token, which was put there before and is not in use yet: nothing was written; \
                kubectl github-pat connect cut -n connect with the same values, and without a token, goes on with that one, and yours can \
                follow by a rotation";
    assert!(ended.err.contains(said), "{ended:?}");
    // A dry run says what the real one would.
    let dry = [&flags[..], &["--dry-run", "server"]].concat();
    let ended = place.plugin_with(admin, &dry, second.as_bytes()).await;
    assert!((ended.code, ended.out.as_str()) == (3, "") && ended.err.contains(said), "{ended:?}");
    let mut person =
        Person::at(&place, admin, &[&flags[..], &["--kind", "classic", "--dry-run", "server"]].concat());
    person.reads("going on with the token in Secret cut-pat").await;
    person.reads("would write Secret cut-pat").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    assert!(!person.seen.contains("Paste the token"), "it is not asked for again: {}", person.seen);
    let ended = place.plugin_with(admin, &flags, b"").await;
    assert_eq!((ended.code, place.value("cut-pat", "token").await.as_ref()), (0, Some(&first)), "{ended:?}");
    assert!(ended.err.contains("going on with the token in Secret cut-pat"), "{ended:?}");
    // One that is of no use holds nobody up.
    place.connections().delete("cut", &kube::api::DeleteParams::default()).await.unwrap();
    github.revoke("cut-1");
    let ended = place.plugin_with(admin, &flags, b"").await;
    assert!(
        ended.code == 1 && ended.err.contains("hand over another one, which takes its place"),
        "{ended:?}"
    );
    let ended = place.plugin_with(admin, &flags, second.as_bytes()).await;
    assert_eq!((ended.code, place.value("cut-pat", "token").await), (0, Some(second)), "{ended:?}");
    let flags = ["connect", "cut-too", "--host", "simulated", "--secret", "cut-pat"];
    let ended = place.plugin_with(admin, &flags, first.as_bytes()).await;
    assert_eq!(ended.code, 3, "it is another connection's now: {ended:?}");
}

#[tokio::test]
async fn what_came_while_a_person_made_a_token_is_not_written_over() {
    let place = World::place("connect");
    let (github, admin) = (&place.world.github, place.world.plane.admin_kubeconfig());
    let [first, second] = ["late-1", "late-2"].map(|name| github.token(NewToken::classic(name, "acme-ci")));
    for name in ["late", "later"] {
        let flags = ["connect", name, "--host", "simulated", "--kind", "classic"];
        let mut person = Person::at(&place, admin, &flags);
        person.reads("Paste the token").await;
        if name == "late" {
            let other = place.plugin_with(admin, &flags, first.as_bytes()).await;
            assert_eq!(other.code, 0, "{other:?}");
        } else {
            place.secret("later-pat", &first).await;
        }
        person.types(&format!("{second}\n")).await;
        assert_eq!(person.ends().await, 3, "{}", person.seen);
        assert!(person.seen.contains(" already"), "{}", person.seen);
        assert_eq!(place.value(&format!("{name}-pat"), "token").await.as_ref(), Some(&first));
    }
    assert_eq!(place.names("later").await, ["later-pat"]);
}

#[tokio::test]
async fn a_connection_that_somebody_makes_in_the_last_moment_is_told_with_where_the_token_is() {
    let place = World::place("connect");
    let (kubeconfig, hold) = wire(&place).await;
    let token = place.world.github.token(NewToken::classic("beaten", "acme-ci"));
    let flags = ["connect", "beaten", "--host", "simulated", "--kind", "classic"];
    let mut person = Person::at(&place, &kubeconfig, &flags);
    person.reads("Paste the token").await;
    // Before the Secret is made it is asked once more whether there is a connection or a Secret, and whether both may be made.
    hold.send(Wire::Deaf(4)).unwrap();
    person.types(&format!("{token}\n")).await;
    let stored = async {
        while place.value("beaten-pat", "token").await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, stored).await.unwrap();
    place.connection("beaten", json!({})).await;
    hold.send(Wire::Open).unwrap();
    assert_eq!(person.ends().await, 2, "{}", person.seen);
    let said = "somebody else has made connection beaten meanwhile, and your token is in Secret beaten-pat: kubectl github-pat status beaten \
                -n connect shows which token it uses";
    assert!(person.seen.contains(said), "{}", person.seen);
    holds_no(&person.seen, &token);
}

#[tokio::test]
async fn whoever_ends_it_from_outside_while_it_asks_gets_the_terminal_back() {
    let place = World::place(UNWATCHED);
    let admin = place.world.plane.admin_kubeconfig();
    for (signal, code) in [("-HUP", 129), ("-INT", 130), ("-QUIT", 131), ("-TERM", 143)] {
        let flags = ["connect", "ended", "--host", "simulated", "--kind", "classic"];
        let mut person = Person::at(&place, admin, &flags);
        person.reads("Paste the token").await;
        assert!(!person.is_shown());
        person.types("half of a to").await;
        let sent = std::process::Command::new("kill").args([signal, &person.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(person.ends().await, code, "{signal}: {}", person.seen);
        assert!(person.is_shown(), "{signal}: the terminal is as it was");
        assert!(person.seen.contains("interrupted; nothing was written"), "{signal}: {}", person.seen);
        assert!(!person.seen.contains("half"), "{signal}: {}", person.seen);
    }
}

#[tokio::test]
async fn while_it_waits_the_token_is_in_no_file_argument_or_variable() {
    let place = World::place(UNWATCHED);
    let admin = place.world.plane.admin_kubeconfig();
    let token = place.world.github.token(NewToken::fine_grained("searched", "acme-ci"));
    let flags = ["connect", "searched", "--host", "simulated", "--kind", "fine-grained", "--timeout", "2s"];
    let mut person = Person::at(&place, admin, &flags);
    person.reads("Paste the token").await;
    person.types(&format!("{token}\n")).await;
    person.reads("waiting for the operator").await;
    person.is_silent_about(&place, &token);
    person
        .reads("the operator did not agree in time: kubectl github-pat wait searched -n unwatched goes on waiting")
        .await;
    assert_eq!(person.ends().await, 2, "{}", person.seen);
    holds_no(&person.seen, &token);
    person.left_nothing_of(&place, &token);
}

#[tokio::test]
async fn a_host_that_is_down_leaves_it_open_and_an_unknown_one_is_told() {
    let place = World::place("connect");
    let github = github_simulator::Simulator::start().await.unwrap();
    let token = github.token(NewToken::classic("down", "acme-ci"));
    github.outage(Some(Outage::Status(503)));
    let settings = format!("hosts: [{{ name: down, apiUrl: '{}' }}]\n", github.url());
    let settings = place.world.file("down.yaml", &settings);
    let admin = place.world.plane.admin_kubeconfig();
    let flags = ["connect", "down", "--host", "down", "--config", &settings];
    let ended = place.plugin_with(admin, &flags, token.as_bytes()).await;
    assert_eq!((ended.code, place.names("down").await.len()), (2, 0), "{ended:?}");
    let flags = [&flags[..], &["--kind", "classic", "--dry-run", "server"]].concat();
    let mut person = Person::at(&place, admin, &flags);
    person.reads("Paste the token").await;
    person.types(&format!("{token}\n")).await;
    person.reads("nothing was written, since nobody can tell yet: paste it again").await;
    person.reads("Paste the token").await;
    github.outage(None);
    person.types(&format!("{token}\n")).await;
    person.reads("would write Secret down-pat").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    let ended = place.plugin_with(admin, &["connect", "down", "--host", "nowhere"], token.as_bytes()).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.err.contains("there is no host nowhere in the settings: name one of github.com, simulated"),
        "{}",
        ended.err
    );
}
