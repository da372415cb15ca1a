//! Texts of others, whoever they are, do nothing to the terminal of whoever reads them; and what colours a terminal gets.

use std::time::Duration;

use github_simulator::{NewToken, Simulator};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    terminal::Person,
    wire::{LATE, Wire, wire},
    world::{SOON, UNWATCHED, World, from, holds_no, run},
};

const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m<script>\u{202e}gpj\u{2066}\nforged: usable\u{200b}";

/// Fails if a terminal would act upon the text.
#[track_caller]
fn shown(text: &str) {
    let is_plain =
        |letter: char| letter == '\n' || !letter.is_control() && !('\u{200b}'..='\u{206f}').contains(&letter);
    assert!(text.chars().all(is_plain), "{text:?}");
    assert!(!text.contains("\nforged"), "{text}");
}

#[tokio::test]
async fn hostile_text_of_others_is_shown_as_text() {
    let place = World::place(UNWATCHED);
    place.connection("hostile", json!({})).await;
    let hostile = HOSTILE;
    let at = "2026-03-01T10:00:00Z";
    let status = json!({
        "observedGeneration": 1,
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "BadCredentials", "message": hostile, "lastTransitionTime": at,
        }],
        "token": {
            "secretName": hostile, "host": hostile, "kind": "Classic", "login": hostile, "userId": 7, "scopes": [hostile],
            "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": at,
        },
        "requirements": [{ "kind": "Repository", "name": hostile, "state": "NotMet", "reason": hostile, "on": hostile }],
        "candidates": [{ "secretName": hostile, "usable": "False", "reason": hostile, "message": hostile }],
        "consumers": {
            "observedAt": at, "counts": { hostile: 3 }, "objects": [{ "kind": hostile, "name": hostile }], "forbidden": [hostile],
        },
        "history": [{ "at": at, "ready": "False", "reason": hostile }],
        "links": { "createToken": hostile, "fillIn": hostile, "actOn": hostile },
    });
    place.status("hostile", status.clone()).await;
    let page = place.plugin(&["status", "hostile"]).await;
    shown(&page.out);
    assert!(
        page.out.contains("\\u{1b}]0;owned\\u{7}") && page.out.contains("<script>\\u{202e}gpj"),
        "{}",
        page.out
    );
    for arguments in
        [&["list", "-o", "wide"] as &[&str], &["status", "hostile", "-o", "yaml"], &["list", "-o", "yaml"]]
    {
        shown(&place.plugin(arguments).await.out);
    }
    let waited = place.plugin(&["wait", "hostile", "--timeout", "1s"]).await;
    shown(&waited.err);
    for output in ["text", "json", "plan"] {
        let audit = place.plugin(&["audit", "-o", output]).await;
        assert!(output == "plan" || audit.out.contains("owned"), "{audit:?}");
        shown(&(audit.out + &audit.err));
    }
    let json = place.plugin(&["status", "hostile", "-o", "json"]).await.out;
    shown(&json);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["message"], &json["login"]),
        (&json!(hostile), &json!(hostile)),
        "the value is the same"
    );
    let yaml = place.plugin(&["status", "hostile", "-o", "yaml"]).await.out;
    let yaml: Value = github_pat_operator::settings::from_yaml(&yaml).unwrap();
    assert_eq!(yaml["message"], json!(hostile));
}

#[tokio::test]
async fn how_far_a_rotation_is_is_told_as_text() {
    let place = World::place(UNWATCHED);
    let at = "2026-03-01T10:00:00Z";
    let [old, new] =
        ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="];
    place.connection("hostile-turn", json!({})).await;
    place
        .change("hostile-turn", json!({ "metadata": { "annotations": { crate::rotate::MARKER: new } } }))
        .await;
    let status = |phase: &str| {
        json!({
            "observedGeneration": 1,
            "conditions": [{ "type": "Ready", "status": "True", "reason": "Ready", "message": HOSTILE, "lastTransitionTime": at }],
            "token": { "secretName": HOSTILE, "host": HOSTILE, "kind": "Classic", "login": HOSTILE, "hashedToken": new, "checkedAt": at },
            "candidates": [{ "secretName": HOSTILE, "inUse": true, "usable": "True", "reason": HOSTILE, "message": HOSTILE }],
            "rotation": {
                "phase": phase, "startedAt": at, "message": HOSTILE, "revokeAt": HOSTILE,
                "oldToken": { "secretName": HOSTILE, "kind": "Classic", "hashedToken": old }, "newToken": { "secretName": HOSTILE, "kind": "Classic", "hashedToken": new },
            },
        })
    };
    for (phase, code) in [("Publishing", 2), ("SafeToRevoke", 0)] {
        place.status("hostile-turn", status(phase)).await;
        let ended = place.plugin(&["rotate", "hostile-turn", "--timeout", "2s"]).await;
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.err.contains("owned"), "the phase is told: {ended:?}");
        assert!(code == 2 || ended.out.contains("owned"), "and what is left to do: {ended:?}");
        shown(&ended.out);
        shown(&ended.err);
    }
}

#[tokio::test]
async fn the_api_server_and_the_command_line_are_quoted_as_text_and_never_with_a_token() {
    let place = World::place("hostile");
    let token = place.world.github.token(NewToken::classic("quoted", "acme-ci"));
    let policies = Api::<ValidatingAdmissionPolicy>::all(place.client.clone());
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(place.client.clone());
    let rule = |name: &str, resource: &str, message: &str| {
        let (group, version) = if resource == "secrets" { ("", "v1") } else { ("githubpat.dev", "v1alpha1") };
        let policy = json!({ "metadata": { "name": name }, "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": ["CREATE", "UPDATE"],
            }] },
            "validations": [{ "expression": format!("!object.metadata.name.startsWith('{name}')"), "messageExpression": json!(message).to_string() }],
        } });
        let binding = json!({ "metadata": { "name": name }, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "hostile" } } },
        } });
        (from::<ValidatingAdmissionPolicy>(policy), from::<ValidatingAdmissionPolicyBinding>(binding))
    };
    let quoting = format!("I was sent {token}");
    for (name, resource, message) in
        [("loud", "githubpatconnections", "\u{1b}[31mno\u{202e}"), ("quoting", "secrets", quoting.as_str())]
    {
        let (policy, binding) = rule(name, resource, message);
        policies.create(&PostParams::default(), &policy).await.unwrap();
        bindings.create(&PostParams::default(), &binding).await.unwrap();
    }
    let admin = place.world.plane.admin_kubeconfig();
    let refused = async |name: &str| {
        // The API server takes a moment to act upon a policy.
        loop {
            let flags = ["connect", name, "--host", "simulated", "--dry-run", "server"];
            let ended = place.plugin_with(admin, &flags, token.as_bytes()).await;
            if ended.code != 0 {
                return ended;
            }
        }
    };
    let loud = tokio::time::timeout(SOON, refused("loud")).await.unwrap();
    shown(&loud.err);
    assert!(loud.code == 2 && loud.err.contains("\\u{1b}[31mno\\u{202e}"), "{loud:?}");
    let quoting = tokio::time::timeout(SOON, refused("quoting")).await.unwrap();
    assert!(
        quoting.code == 2 && quoting.err.contains("what looks like a token (not repeated here)"),
        "{quoting:?}"
    );
    holds_no(&quoting.err, &token);

    let admin = admin.to_str().unwrap();
    for arguments in [
        &["status", HOSTILE] as &[&str],
        &["status", "x", "--context", HOSTILE],
        &["list", "--host", HOSTILE],
        &[HOSTILE],
        &["explain", HOSTILE],
    ] {
        let ended = run(arguments, &[("KUBECONFIG", admin)]).await;
        shown(&ended.err);
        shown(&ended.out);
    }
}

#[tokio::test]
async fn a_terminal_gets_colours_unless_it_wants_none_and_is_told_what_takes_long() {
    let place = World::place(UNWATCHED);
    place.connection("coloured", json!({})).await;
    let admin = place.world.plane.admin_kubeconfig();
    let rows: [(&[(&str, &str)], bool); 4] = [
        (&[], true),
        (&[("NO_COLOR", "")], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ];
    for (variables, is_coloured) in rows {
        let mut person = Person::with(&place, admin, &["status", "coloured"], variables);
        assert_eq!(person.ends().await, 2, "{}", person.seen);
        assert_eq!(
            person.seen.contains("\u{1b}[33mundetermined\u{1b}[0m"),
            is_coloured,
            "{variables:?}: {:?}",
            person.seen
        );
        assert_eq!(person.seen.contains('\u{1b}'), is_coloured, "{variables:?}: {:?}", person.seen);
    }

    let slow = Simulator::start().await.unwrap();
    slow.latency(Duration::from_millis(1500));
    let token = slow.token(NewToken::classic("slow", "acme-ci"));
    let settings = format!("hosts: [{{ name: slow, apiUrl: '{}' }}]\n", slow.url());
    let settings = place.world.file("slow.yaml", &settings);
    let (file, flags) =
        (place.world.file("slow-token", &token), ["connect", "slow", "--host", "slow", "--kind", "classic"]);
    let more = ["--config", &settings, "--token-file", &file, "--dry-run", "server"];
    let mut person = Person::at(&place, admin, &[&flags[..], &more[..]].concat());
    let told = "asking slow about the token …";
    person.reads(told).await;
    person.reads(&format!("\r{}\r", " ".repeat(told.chars().count()))).await;
    person.reads("would write Secret slow-pat").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    // What check prints begins a line of its own.
    let words = ["check", "--host", "slow", "--config", &settings, "--secret-file", &file];
    let mut person = Person::without_a_cluster(&place, &words);
    person.reads("kubectl github-pat: asking GitHub about the token …\r\nReady ").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn what_a_manifest_says_is_shown_as_text_by_check() {
    let place = World::place(UNWATCHED);
    let token = place.world.github.token(NewToken::classic("hostile-check", "acme-ci"));
    let manifest = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci" },
        "spec": {
            "secretRef": { "name": "pat" }, "host": "simulated", "expect": { "login": "a\u{1b}]0;owned\u{7}b\u{202e}" },
            "require": { "repositories": [{ "name": "acme/app\u{1b}[2J\u{9b}owned" }] },
        },
    });
    // YAML takes these as escapes alone.
    let manifest = manifest.to_string().replace('\u{9b}', "\\u009b").replace('\u{202e}', "\\u202e");
    let file = place.world.file("hostile.json", &manifest);
    let secret = place.world.file("hostile-token", &token);
    let settings = place.world.settings.to_str().unwrap();
    for output in ["text", "json"] {
        let words = ["check", "-f", &file, "--secret-file", &secret, "--config", settings, "-o", output];
        let ended = run(&words, &[]).await;
        assert!(ended.code == 1 && ended.out.contains("owned"), "{ended:?}");
        let acts = |letter: char| letter != '\n' && (letter.is_control() || letter == '\u{202e}');
        assert!(!ended.out.contains(acts) && !ended.err.contains(acts), "{ended:?}");
    }
    std::fs::remove_file(secret).unwrap();
}

#[tokio::test]
async fn a_whole_operation_that_takes_long_is_told_once() {
    let place = World::place(UNWATCHED);
    let (kubeconfig, hold) = wire(&place).await;
    hold.send(Wire::Late(LATE)).unwrap();
    let mut person = Person::at(&place, &kubeconfig, &["audit"]);
    person.reads("looking through the Secrets for tokens …").await;
    hold.send(Wire::Open).unwrap();
    person.ends().await;
    assert!(
        !person.seen.contains("list Secrets …"),
        "of work within work the outer one is told: {}",
        person.seen
    );

    let token = place.world.github.token(NewToken::classic("dripping", "acme-ci"));
    // Not in the folder that other tests search for tokens: who reads a pipe waits for its writer.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("dripping");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let path = pipe.to_str().unwrap().to_owned();
    let flags = ["connect", "dripping", "--host", "simulated", "--kind", "classic"];
    let more = ["--token-file", &path, "--dry-run", "server"];
    let admin = place.world.plane.admin_kubeconfig();
    let mut person = Person::at(&place, admin, &[&flags[..], &more[..]].concat());
    person.reads(&format!("reading the token from {path} …")).await;
    tokio::task::spawn_blocking(move || std::fs::write(pipe, token)).await.unwrap().unwrap();
    person.reads("would write Secret dripping-pat").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
}

#[tokio::test]
async fn a_program_of_the_kubeconfig_that_takes_long_is_told() {
    let place = World::place(UNWATCHED);
    let text = std::fs::read_to_string(place.world.plane.admin_kubeconfig()).unwrap();
    let mut config: serde_json::Value = github_pat_operator::settings::from_yaml(&text).unwrap();
    config["users"][0]["user"] = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "/bin/sh",
        "args": ["-c", "/bin/sleep 1.5; exit 1"],
    } });
    let kubeconfig = std::path::PathBuf::from(place.world.file("exec.yaml", &config.to_string()));
    let mut person = Person::at(&place, &kubeconfig, &["list"]);
    person.reads("getting credentials for the cluster …").await;
    person.reads("no cluster to talk to: ").await;
    assert_eq!(person.ends().await, 2, "{}", person.seen);
}

#[tokio::test]
async fn what_is_said_meanwhile_stands_in_a_line_of_its_own() {
    let place = World::place(UNWATCHED);
    let (kubeconfig, hold) = wire(&place).await;
    place.connection("lined", json!({})).await;
    let next = place.next("lined");
    // The test itself has made the connection, as a tool would.
    let mut person = Person::at(&place, &kubeconfig, &["rotate", "lined", "--force", "--timeout", "1s"]);
    person.reads("Paste the token").await;
    hold.send(Wire::Silent).unwrap();
    person.types(&format!("{next}\n")).await;
    let told = "writing Secret and connection …";
    person.reads(told).await;
    hold.send(Wire::Open).unwrap();
    let gone = format!("\r{}\r", " ".repeat(told.chars().count()));
    let said = "kubectl github-pat: the next token is in Secret lined-pat-next\r\n";
    person.reads(&format!("{gone}{said}{told}")).await;
    person.reads(&gone).await;
    assert_eq!(person.ends().await, 2, "nobody looks after it: {}", person.seen);
}
