//! What the plugin shows of connections that others made.

use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    terminal::Person,
    world::{UNWATCHED, World, run},
};

fn ahead(days: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_hours(24 * days + 1)).unwrap()
}

#[tokio::test]
async fn status_is_a_page_that_says_what_holds_and_the_exit_code_says_whether_the_token_is_usable() {
    let place = World::place("looks");
    let github = &place.world.github;
    let token =
        github.token(NewToken::classic("good", "acme-ci").scopes(&["repo", "gist"]).expires(ahead(100)));
    place.secret("good-pat", &token).await;
    let spec = json!({
        "require": { "kinds": ["Classic"], "scopes": ["public_repo"], "expiry": { "required": true } },
        "publish": [{ "secretName": "good-git", "format": "BasicAuth" }],
    });
    place.connection("good", spec).await;
    place.until("good", "Ready").await;
    let ended = place.plugin(&["status", "good"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    for expected in [
        "good in looks: usable since ",
        "\nwithout another token it breaks on ",
        "(in 100 days)\n",
        "\n  met  kind Classic\n",
        "\n  met  scope public_repo\n",
        "\n  met  an expiry\n",
        "\n  Secret                 good-pat, key token\n",
        "\n  account                acme-ci (id ",
        "\n  scopes                 gist, repo\n",
        "\n  more than is demanded  gist, repo\n",
        "\n  Authenticated    True  Accepted",
        "\n  good-git  BasicAuth  written\n",
        "\nNext question to GitHub: ",
    ] {
        assert!(ended.out.contains(expected), "{expected:?} is not in\n{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "a pipe gets no colours");
    assert!(!ended.out.contains("What to do"), "nothing is to be done");

    let json: Value =
        serde_json::from_str(&place.plugin(&["status", "good", "-o", "json"]).await.out).unwrap();
    assert_eq!((&json["usability"], &json["login"]), (&json!("Usable"), &json!("acme-ci")));
    assert_eq!((&json["expiresInDays"], &json["breaksAt"]), (&json!(100), &json["expiresAt"]));
    assert_eq!(json["demands"][1]["demand"], "scope public_repo");
    assert_eq!(json["status"]["conditions"][0]["type"], "Ready");
    let yaml = place.plugin(&["status", "good", "-o", "yaml"]).await.out;
    let yaml: Value = github_pat_operator::settings::from_yaml(&yaml).unwrap();
    assert_eq!((&yaml["breaksAt"], &yaml["demands"]), (&json["breaksAt"], &json["demands"]));
}

/// What a status knows beside the token: candidates, who reads its outputs, and what it was before.
pub(crate) fn known() -> Value {
    let at = |hour: u8| format!("2026-03-01T{hour:02}:00:00Z");
    let second = json!({
        "secretName": "known-two", "host": "simulated", "kind": "Classic", "checkedAt": at(10), "expiresAt": "2099-01-01T00:00:00Z",
        "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    });
    json!({
        "observedGeneration": 1,
        "conditions": [{ "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": at(10) }],
        "candidates": [
            { "secretName": "known-pat", "inUse": true, "since": at(9), "usable": "True", "reason": "Accepted" },
            { "secretName": "known-two", "usable": "False", "reason": "BadCredentials", "message": "GitHub refused it", "token": second },
        ],
        "consumers": {
            "observedAt": at(10), "counts": { "Deployment": 1, "Job": 0, "Pod": 2 }, "behind": 1, "forbidden": ["cronjobs"],
            "objects": [{ "kind": "Pod", "name": "web-1", "behind": true }, { "kind": "Deployment", "name": "web" }],
        },
        "history": [
            { "at": at(8), "ready": "False", "reason": "SecretNotFound" },
            { "at": at(10), "ready": "True", "reason": "Ready" },
        ],
    })
}

#[tokio::test]
async fn status_names_candidates_who_reads_the_outputs_and_what_was_before() {
    let place = World::place(UNWATCHED);
    let spec = json!({
        "standby": [{ "name": "known-two" }], "publish": [{ "secretName": "known-git", "format": "BasicAuth" }],
    });
    place.connection("known", spec).await;
    place.status("known", known()).await;
    let ended = place.plugin(&["status", "known"]).await;
    assert_eq!(ended.err, "", "{ended:?}");
    let lines: Vec<_> =
        ended.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let sections: [&[(&str, &str)]; 3] = [
        &[
            ("Candidates, in order of preference", ""),
            ("known-pat in use since 2026-03-01 09:00 UTC (", " ago) Accepted"),
            (
                "known-two stands by BadCredentials GitHub refused it; expires 2099-01-01 00:00 UTC (in ",
                " days)",
            ),
        ],
        &[
            ("Who names an output, as of 2026-03-01 10:00 UTC (", " ago)"),
            ("1 Deployment, 2 Pod", ""),
            ("Pod web-1 has what was there before", ""),
            ("Deployment web", ""),
            ("not listed, for want of rights: cronjobs", ""),
        ],
        &[
            ("History of Ready, the latest first", ""),
            ("2026-03-01 10:00 UTC (", " ago) True Ready"),
            ("2026-03-01 08:00 UTC (", " ago) False SecretNotFound"),
        ],
    ];
    for section in sections {
        let first = lines.iter().position(|line| line.starts_with(section[0].0));
        let first = first.unwrap_or_else(|| panic!("{} is not in\n{}", section[0].0, ended.out));
        for ((begin, end), line) in section.iter().zip(&lines[first..]) {
            assert!(
                line.starts_with(begin) && line.ends_with(end),
                "{begin}…{end} is not {line} in\n{}",
                ended.out
            );
        }
    }
}

#[tokio::test]
async fn status_of_what_is_broken_says_why_where_to_mend_it_and_what_to_read() {
    let place = World::place("looks");
    let token = place.world.github.token(NewToken::classic("lacking", "acme-ci").scopes(&["gist"]));
    place.secret("lacking-pat", &token).await;
    place.connection("lacking", json!({ "require": { "scopes": ["repo", "gist"] } })).await;
    place.until("lacking", "ScopeMissing").await;
    let ended = place.plugin(&["status", "lacking"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""), "{}", ended.out);
    for expected in [
        "lacking in looks: not usable since ",
        "\nScopeMissing: the token lacks the scope repo: ",
        "\n  read more         kubectl github-pat explain ScopeMissing\n",
        "\n  make a new token  http",
        "\n  hand it over      kubectl github-pat rotate lacking -n looks\n",
        "\n  ask GitHub now    kubectl annotate ghpat lacking githubpat.dev/requestedAt=\"$(date)\" --overwrite -n looks\n",
        "\n  not met  scope repo                   ScopeMissing: the token lacks the scope repo: ",
        "\n  met      scope gist\n",
    ] {
        assert!(ended.out.contains(expected), "{expected:?} is not in\n{}", ended.out);
    }
    let explained = run(&["explain", "scopemissing"], &[]).await;
    assert_eq!(explained.code, 0);
    assert!(explained.out.starts_with("### `ScopeMissing`\n"), "{}", explained.out);

    let demanded = json!({ "kinds": ["FineGrained"], "permissions": { "contents": "write" },
        "organizations": [{ "name": "acme" }], "repositories": [{ "name": "acme/app" }], "expiry": { "required": true } });
    place.connection("absent", json!({ "require": demanded, "expect": { "login": "acme-ci" } })).await;
    place.until("absent", "SecretNotFound").await;
    let ended = place.plugin(&["status", "absent"]).await;
    assert!(!ended.out.contains("ask GitHub now"), "there is nothing to ask about: {}", ended.out);
    let rotate = "\n  hand it over      kubectl github-pat rotate absent --in-place -n looks\n";
    assert!(ended.out.contains(rotate), "{}", ended.out);
    let open = [
        "account acme-ci",
        "kind FineGrained",
        "an expiry",
        "Organization acme",
        "Repository acme/app",
        "Permission contents: write",
    ];
    for demand in open {
        let expected = format!("\n  unknown  {demand}\n");
        assert!(ended.out.contains(&expected), "{expected:?} is not in\n{}", ended.out);
    }

    place.connection("paused", json!({ "suspend": true })).await;
    place.until("paused", "Suspended").await;
    let ended = place.plugin(&["status", "paused"]).await;
    assert_eq!(ended.code, 2, "{}", ended.out);
    assert!(ended.out.starts_with("paused in looks: undetermined"), "{}", ended.out);
}

#[tokio::test]
async fn list_has_what_breaks_next_first_and_filters() {
    let place = World::place("order");
    let github = &place.world.github;
    let tokens = [
        ("far", NewToken::classic("far", "acme-far").expires(ahead(90))),
        ("near", NewToken::classic("near", "acme-near").expires(ahead(10))),
        ("never", NewToken::classic("never", "acme-never")),
        ("broken", NewToken::classic("broken", "acme-broken")),
    ];
    for (name, token) in tokens {
        place.secret(&format!("{name}-pat"), &github.token(token)).await;
        let scopes = if name == "broken" { json!(["repo"]) } else { json!([]) };
        place.connection(name, json!({ "require": { "scopes": scopes } })).await;
    }
    for (name, reason) in
        [("far", "Ready"), ("near", "ExpiresSoon"), ("never", "Ready"), ("broken", "ScopeMissing")]
    {
        place.until(name, reason).await;
    }
    let names = |text: &str| {
        let rows = text.lines().skip(1).map(|row| row.split_whitespace().next().unwrap().to_owned());
        rows.collect::<Vec<_>>()
    };
    let all = place.plugin(&["list"]).await;
    assert_eq!(names(&all.out), ["broken", "near", "far", "never"], "{all:?}");
    assert!(
        all.out.lines().next().unwrap().starts_with("NAME    USABLE  REASON        LOGIN"),
        "{}",
        all.out
    );
    let near = all.out.lines().nth(2).unwrap();
    assert!(near.contains(" acme-near ") && near.ends_with(" 10"), "{near}");
    let rows: [(&[&str], &[&str]); 7] = [
        (&["--not-ready"], &["broken"]),
        (&["--expiring", "30d"], &["near"]),
        (&["--expiring", "2400h"], &["near", "far"]),
        (&["--login", "ACME-FAR"], &["far"]),
        (&["--host", "github.com"], &[]),
        (&["--host", "simulated", "--login", "acme-never"], &["never"]),
        (&["-l", "team=none"], &[]),
    ];
    for (flags, expected) in rows {
        let ended = place.plugin(&[&["list"], flags].concat()).await;
        assert_eq!(
            (ended.code, names(&ended.out)),
            (0, expected.iter().map(|name| (*name).to_owned()).collect()),
            "{flags:?}"
        );
        assert_eq!(
            ended.err.contains("there are no such connections in namespace order"),
            expected.is_empty(),
            "{}",
            ended.err
        );
    }
    let wide = place.plugin(&["list", "-o", "wide"]).await.out;
    assert!(wide.lines().next().unwrap().contains("HOST       SECRET"), "{wide}");
    let json: Value = serde_json::from_str(&place.plugin(&["list", "-o", "json"]).await.out).unwrap();
    assert_eq!((&json[0]["name"], &json[1]["expiresInDays"]), (&json!("broken"), &json!(10)));
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap().to_owned();
    let everywhere = run(&["list", "-A"], &[("KUBECONFIG", &admin)]).await.out;
    assert!(everywhere.starts_with("NAMESPACE") && everywhere.contains("\norder "), "{everywhere}");
}

#[tokio::test]
async fn wait_says_what_it_waits_for_and_how_it_ended() {
    let place = World::place("waits");
    place.connection("late", json!({})).await;
    place.until("late", "SecretNotFound").await;
    let token = place.world.github.token(NewToken::classic("late", "acme-ci"));
    // Whatever stood when the wait began may be what somebody mends in this moment, so it is no end.
    let admin = place.world.plane.admin_kubeconfig();
    let mut person = Person::at(&place, admin, &["wait", "late", "--timeout", "50s"]);
    person.reads("SecretNotFound").await;
    person.reads("waiting for connection late …").await;
    place.secret("late-pat", &token).await;
    person.reads(" \u{1b}[32mReady\u{1b}[0m ").await;
    person.reads("connection late: Ready\r\n").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);

    let lacking = place.world.github.token(NewToken::classic("stuck", "acme-ci").scopes(&["gist"]));
    place.secret("stuck-pat", &lacking).await;
    place.connection("stuck", json!({ "require": { "scopes": ["repo"] } })).await;
    place.until("stuck", "ScopeMissing").await;
    let ended = place.plugin(&["wait", "stuck", "--timeout", "50s"]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("ScopeMissing the token lacks the scope repo"), "{}", ended.err);
    assert!(ended.err.contains("kubectl github-pat status stuck -n waits says how"), "{}", ended.err);
    let mut person = Person::at(&place, admin, &["wait", "stuck", "--timeout", "50s"]);
    person.reads("ScopeMissing").await;
    let good = place.world.github.token(NewToken::classic("unstuck", "acme-ci").scopes(&["repo"]));
    place.secret("stuck-pat", &good).await;
    person.reads("connection stuck: Ready\r\n").await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    let ended = place.plugin(&["wait", "late", "--for", "saferevoke"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    let ended = place.plugin(&["wait", "late", "--for", "safetorevoke", "--timeout", "1s"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.err.contains("Ready no token of this connection was replaced yet")
            && ended.err.contains("did not become SafeToRevoke within 1s"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn check_is_that_of_the_operator() {
    let place = World::place("looks");
    let token = place.world.github.token(NewToken::classic("checked", "acme-ci"));
    let (file, settings) = (place.world.file("token", &token), place.world.settings.to_str().unwrap());
    let ended =
        run(&["check", "--secret-file", &file, "--config", settings, "--host", "simulated"], &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(ended.out.starts_with("Ready            True"), "{}", ended.out);
}
