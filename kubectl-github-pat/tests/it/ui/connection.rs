//! What stands on the page of one connection.

use github_simulator::NewToken;
use reqwest::StatusCode;
use serde_json::json;

use super::{Page, truth::changes};
use crate::{
    looks::known,
    world::{UNWATCHED, World, holds_no},
};

#[tokio::test]
async fn a_connection_shows_where_it_breaks_what_to_do_and_all_that_is_known() {
    let place = World::place("ui");
    let token = place.world.github.token(NewToken::classic("ui-lacking", "acme-ci").scopes(&["gist"]));
    place.secret("lacking-pat", &token).await;
    let spec = json!({
        "require": { "scopes": ["repo", "gist"] },
        "publish": [{ "secretName": "lacking-git", "format": "BasicAuth" }],
    });
    place.connection("lacking", spec).await;
    place.until("lacking", "ScopeMissing").await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let text = page.get("/connections/ui/lacking").await.text;
    for expected in [
        "<b>not usable</b> since ",
        "<b>ScopeMissing</b>: the token lacks the scope repo: ",
        "<dt>What to do</dt><dd>edit the scopes of the token on GitHub",
        "Make a new token on <a href=\"http",
        "target=\"_blank\" rel=\"noreferrer noopener\"",
        "<b>RequirementsMet</b> False <span class=\"here\">the chain breaks here</span>",
        "<b>Authenticated</b> True",
        "<th scope=\"row\">scope repo</th>",
        "ScopeMissing: the token lacks the scope repo",
        "<th scope=\"row\">scope gist</th>",
        ">acme-ci (id ",
        "lacking-git",
        ">Next question to GitHub</h2>",
        "kind: GithubPatConnection\n",
        "secretName: lacking-git\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(!text.contains("managedFields"), "{text}");
    assert_eq!(text.matches("the chain breaks here").count(), 1);
    let row = text.split("<th scope=\"row\">scope repo</th>").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(
        row.contains("<a href=\"http") && row.contains("/settings/tokens"),
        "the remedy has its link: {row}"
    );
    holds_no(&text, &token);

    let mut events = page.events("/connections/ui/lacking").await;
    place.world.github.token(NewToken::classic("ui-better", "acme-ci").scopes(&["repo", "gist"]));
    place
        .secret(
            "lacking-pat",
            &place.world.github.token(NewToken::classic("ui-good", "acme-ci").scopes(&["repo", "gist"])),
        )
        .await;
    changes(&mut events).await;
    let mended = page.until("/connections/ui/lacking", "<b>usable</b> since ").await.text;
    assert!(mended.contains(">History of Ready, the latest first</h2>"), "{mended}");
    assert!(!mended.contains("What to do") && !mended.contains("the chain breaks here"), "{mended}");
    let missing = page.get("/connections/ui/nothing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("there is no connection nothing in namespace ui"), "{}", missing.text);
    for path in ["/connections/ui/Not_A_Name", "/connections/..%2fx/y", "/connections/ui/%3Cscript%3E"] {
        let missing = page.get(path).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!missing.text.contains("<script>"), "{}", missing.text);
    }
}

#[tokio::test]
async fn candidates_and_who_reads_the_outputs_have_tables_of_their_own() {
    let place = World::place(UNWATCHED);
    let spec = json!({
        "standby": [{ "name": "known-two" }], "publish": [{ "secretName": "known-ui-git", "format": "BasicAuth" }],
    });
    place.connection("known-ui", spec).await;
    place.status("known-ui", known()).await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let text = page.until("/connections/unwatched/known-ui", "Candidates").await.text;
    let sections: [(&str, &[&[&str]]); 3] = [
        (
            ">Candidates, in order of preference</h2>",
            &[
                &[">known-pat</th>", ">in use since 2026-03-01 09:00 UTC (", "class=\"fine\">Accepted</td>"],
                &[
                    ">known-two</th>",
                    ">stands by</td>",
                    "class=\"broken\">BadCredentials</td>",
                    ">GitHub refused it; expires 2099-",
                ],
            ],
        ),
        (
            ">Who names an output, as of 2026-03-01 10:00 UTC (",
            &[
                &[">Pod</th>", ">web-1</td>", "class=\"warned\">has what was there before</td>"],
                &[">Deployment</th>", ">web</td>"],
            ],
        ),
        (
            ">History of Ready, the latest first</h2>",
            &[
                &[">2026-03-01 10:00 UTC (", ">True</td>", ">Ready</td>"],
                &[">2026-03-01 08:00 UTC (", ">False</td>"],
            ],
        ),
    ];
    for (heading, rows) in sections {
        let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("{heading} is not in {text}"));
        let section = section.split("</section>").next().unwrap();
        let shown: Vec<_> = section.split("<tr>").skip(1).collect();
        assert_eq!(shown.len(), rows.len(), "{section}");
        for (row, parts) in shown.iter().zip(rows) {
            for part in *parts {
                assert!(row.contains(part), "{part} is not in {row}");
            }
        }
    }
    for line in ["  1 Deployment, 2 Pod</span>", "  not listed, for want of rights: cronjobs</span>"] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn what_others_wrote_is_text_wherever_it_stands() {
    let place = World::place(UNWATCHED);
    let evil = "</td></title><img src=x onerror=alert(1)>\u{202e}\u{1b}[31m\u{0}\"'&<!--";
    let shown = "&#60;/td&#62;&#60;/title&#62;&#60;img src=x onerror=alert(1)&#62;\\u{202e}\\u{1b}[31m\\u{0}&#34;&#39;&#38;&#60;!--";
    let spec = json!({ "publish": [{ "secretName": "evil-git", "format": "BasicAuth" }], "require": { "scopes": ["repo"] } });
    place.connection("ui-evil", spec).await;
    let status = json!({
        "observedGeneration": 1,
        "conditions": [
            { "type": "Ready", "status": "False", "reason": "BadCredentials", "message": evil, "lastTransitionTime": "2026-03-01T10:00:00Z" },
            { "type": "Authenticated", "status": "False", "reason": "BadCredentials", "message": evil, "lastTransitionTime": "2026-03-01T10:00:00Z" },
        ],
        "token": {
            "secretName": evil, "host": evil, "kind": "Classic", "login": evil, "userId": 1, "scopes": [evil],
            "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": "2026-03-01T10:00:00Z",
        },
        "candidates": [{ "secretName": evil, "usable": "False", "reason": evil, "message": evil }],
        "consumers": { "observedAt": "2026-03-01T10:00:00Z", "counts": { "Pod": 1 }, "objects": [{ "kind": evil, "name": evil }], "forbidden": [evil] },
        "history": [{ "at": "2026-03-01T10:00:00Z", "ready": "False", "reason": evil }],
        "links": { "createToken": "javascript:alert(1)", "actOn": "JAVASCRIPT:alert(1)", "fillIn": evil },
    });
    place.status("ui-evil", status).await;
    let page = Page::open(&place, place.world.plane.admin_kubeconfig(), &[]).await;
    let list = page.until("/?name=ui-evil", "/connections/unwatched/ui-evil").await.text;
    let detail = page.get("/connections/unwatched/ui-evil").await.text;
    let echo =
        page.get("/?name=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%E2%80%AE&login=%22%3E%3Cscript%3E").await.text;
    let rotate = page.get("/connections/unwatched/ui-evil/rotate?secret=%3Cscript%3E%E2%80%AE").await.text;
    let connect = page.get("/connect?namespace=%3Cscript%3E%E2%80%AE").await.text;
    let json = page.get("/api/v1/connections/unwatched/ui-evil").await.text;
    assert!(json.contains("\\u202e") && json.contains("\\u001b"), "{json}");
    let hidden = json.chars().find(|letter| matches!(letter, '\u{202e}' | '\u{1b}' | '\u{0}'));
    assert_eq!(hidden, None, "JSON");
    for (row, text, least) in [
        ("list", &list, 2),
        ("detail", &detail, 10),
        ("echo", &echo, 0),
        ("rotate", &rotate, 0),
        ("connect", &connect, 0),
    ] {
        assert!(
            !text.contains("<img src=x")
                && !text.contains("<script>")
                && !text.contains("href=\"javascript:"),
            "{row}: {text}"
        );
        assert!(!text.to_lowercase().contains("href=\"javascript:"), "{row}: {text}");
        let hidden = text.chars().find(|letter| matches!(letter, '\u{202e}' | '\u{1b}' | '\u{0}'));
        assert_eq!(hidden, None, "{row}");
        assert!(
            text.matches(shown).count() >= least,
            "{row}: {} times in {text}",
            text.matches(shown).count()
        );
    }
    assert!(detail.contains("Act on JAVASCRIPT:alert(1)"), "it is told and leads nowhere: {detail}");
}
