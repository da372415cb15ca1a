//! Answers that are slow, huge, hostile or lead elsewhere.

use super::*;

#[tokio::test]
async fn no_host_holds_a_question_longer_than_ten_seconds() {
    let simulator = simulator().await;
    // Accepts connections and says nothing, not even in TLS.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute_url = format!("https://{}", mute.local_addr().unwrap());
    let hosts = [("github", simulator.url(), None), ("mute", mute_url, None)];
    let github = github(&hosts);
    let rows = [
        ("no answer", "github", Reply::Stall, 9..12, Reason::TimedOut),
        ("a byte a second", "github", Reply::Drip, 9..12, Reason::TimedOut),
        ("no TLS handshake", "mute", Reply::AsUsual, 2..5, Reason::ConnectTimedOut),
    ];
    let asked = rows.into_iter().enumerate().map(async |(number, (name, host, reply, seconds, reason))| {
        let token = made(&simulator, NewToken::classic(&format!("t{number}"), "acme-ci"));
        simulator.script(&format!("t{number}"), vec![reply]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, host, Transport::Kept).await;
        assert_eq!(deferred(&heard), Some(reason), "{name}");
        assert!(seconds.contains(&begin.elapsed().as_secs()), "{name}: {:?}", begin.elapsed());
    });
    join_all(asked).await;
}

#[tokio::test]
async fn a_host_is_waited_for_as_long_as_its_settings_say() {
    let simulator = simulator().await;
    let url = simulator.url();
    let github = from_settings(&format!(
        "hosts: [{{ name: hasty, apiUrl: '{url}', timeout: 1s, connectTimeout: 1s }}, {{ name: patient, apiUrl: '{url}', \
         timeout: 14s }}]"
    ));
    for (host, seconds) in [("hasty", 1..3), ("patient", 13..17)] {
        let token = made(&simulator, NewToken::classic(host, "acme-ci"));
        simulator.script(host, vec![Reply::Stall]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, host, Transport::Kept).await;
        assert_eq!(deferred(&heard), Some(Reason::TimedOut), "{host}");
        assert!(seconds.contains(&begin.elapsed().as_secs()), "{host}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_hostile_answer_is_a_deferral_at_once() {
    let simulator = simulator().await;
    let user = json!({ "login": "acme-ci", "id": 1 });
    let padded =
        |length: usize| Reply::json(&json!({ "login": "acme-ci", "id": 1, "bio": "a".repeat(length) }));
    let many =
        (0..400).fold(Reply::json(&user), |reply, number| reply.with_header(&format!("x-{number}"), "a"));
    let rows = [
        ("cut", Reply::Cut, Some(Reason::ConnectionBroken)),
        ("32 MiB", Reply::Huge, Some(Reason::NotTheApi)),
        ("just below 64 KiB", padded(65_000), None),
        ("just above 64 KiB", padded(65_600), Some(Reason::NotTheApi)),
        ("a long refusal", padded(65_600).with_status(401), Some(Reason::UnexpectedAnswer)),
        ("a deep answer", plain("[".repeat(60_000)), Some(Reason::NotTheApi)),
        ("half an answer", plain(r#"{"login":"acme-ci","#.to_owned()), Some(Reason::NotTheApi)),
        ("no answer in it", plain(String::new()), Some(Reason::NotTheApi)),
        ("a page", plain("<html>Sign in to the guest network</html>".to_owned()), Some(Reason::NotTheApi)),
        ("hundreds of headers", many, Some(Reason::UnexpectedAnswer)),
        ("not modified", Reply::Status(304), Some(Reason::UnexpectedAnswer)),
        // What claims to be compressed is read as it is: nothing here unpacks a bomb.
        ("a claim to be compressed", Reply::json(&user).with_header("content-encoding", "gzip"), None),
    ];
    let github = of(&simulator);
    for (name, reply, reason) in rows {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        simulator.script(name, vec![reply]);
        let begin = Instant::now();
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!((deferred(&heard), login(&heard).is_some()), (reason, reason.is_none()), "{name}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{name}: {:?}", begin.elapsed());
        let asked = simulator.calls().iter().filter(|call| call.token.as_deref() == Some(name)).count();
        assert_eq!(asked, 1, "{name} is not asked about again at once");
    }
}

#[tokio::test]
async fn an_answer_without_a_known_cause_is_kept_by_its_status_and_the_id_of_the_request() {
    let simulator = simulator().await;
    let github = of(&simulator);
    let refusal = |id: &str| {
        Reply::error(403, "A text of tomorrow.", "https://docs.github.com/rest")
            .with_header("x-github-request-id", id)
    };
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let parts = token.expose().as_bytes().chunks(8).map(|part| std::str::from_utf8(part).unwrap());
    let echo: Vec<_> = parts.take(5).collect();
    let rows = [
        ("0400:1DC1:1A2B:3C4D:69A42C40", "403 0400:1DC1:1A2B:3C4D:69A42C40"),
        ("of a gateway", "403"),
        (&echo.join(":"), "403"),
    ];
    for (id, expected) in rows {
        simulator.script("ci", vec![refusal(id)]);
        let probe = Probe::repository("acme/app").unwrap();
        let heard = github.ask(&token, probe, "github", Transport::Kept).await;
        let denied = Said::Answer(Answer::Proof(Proof::Denied(Denial::Undecided(expected.parse().ok()))));
        assert_eq!(heard.reply, denied, "{id}");
    }
}

#[tokio::test]
async fn so_is_one_that_says_nothing_of_the_token() {
    let simulator = simulator().await;
    let github = of(&simulator);
    let token = made(&simulator, NewToken::classic("ci", "acme-ci"));
    let answer = "0400:1DC1:1A2B:3C4D:69A42C40";
    let odd = |status: u16| {
        Reply::error(status, "A text of tomorrow.", "https://docs.github.com/rest")
            .with_header("x-github-request-id", answer)
    };
    let rows = [
        (Probe::Identity, 403, Reason::UnexpectedAnswer),
        (Probe::Identity, 418, Reason::UnexpectedAnswer),
        (Probe::Identity, 401, Reason::UnexplainedUnauthorized),
        (Probe::push("acme/app").unwrap(), 418, Reason::UnexpectedAnswer),
    ];
    for (probe, status, reason) in rows {
        simulator.script("ci", vec![odd(status)]);
        let heard = github.ask(&token, probe.clone(), "github", Transport::Kept).await;
        let expected =
            Deferral { answer: format!("{status} {answer}").parse().ok(), ..Deferral::new(reason) };
        assert_eq!(heard.reply, Said::Deferral(expected), "{probe:?} {status}");
    }
    simulator.script("ci", vec![odd(503)]);
    let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
    assert_eq!(heard.reply, Said::Deferral(Deferral::new(Reason::ServerError)), "its cause is known");
}

/// Set in the process that measures itself.
const ALONE: &str = "GITHUB_PAT_OPERATOR_TESTS_ALONE";

/// Measured in a process of its own, since other tests run in this one.
#[tokio::test]
async fn huge_answers_take_little_memory() {
    if std::env::var_os(ALONE).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone
            .args(["--exact", "github::answers::huge_answers_take_little_memory", "--nocapture"])
            .env(ALONE, "yes");
        let ended = alone.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        let complaint = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("1 passed"), "{said}{complaint}");
        return;
    }
    let simulator = simulator().await;
    let github = of(&simulator);
    let tokens: Vec<_> =
        (0..16).map(|number| made(&simulator, NewToken::classic(&number.to_string(), "a"))).collect();
    for number in 0..16 {
        simulator.script(&number.to_string(), vec![Reply::Huge]);
    }
    let before = usage(std::process::id()).unwrap().peak;
    let heard =
        join_all(tokens.iter().map(|token| github.ask(token, Probe::Identity, "github", Transport::Kept)))
            .await;
    assert!(heard.iter().all(|heard| deferred(heard) == Some(Reason::NotTheApi)));
    let grown = usage(std::process::id()).unwrap().peak.saturating_sub(before);
    // Read whole they are 512 MiB.
    assert!(grown < 64 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (simulator, stranger, tls) =
        (simulator().await, simulator().await, Simulator::start_tls().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let hosts = [("github", simulator.url(), None), ("tls", tls.url(), Some(bundle.as_path()))];
    let github = github(&hosts);
    let places = [
        ("the same host", "github", format!("{}/user/1", simulator.url())),
        ("a loop", "github", "/user".to_owned()),
        ("another host", "github", format!("{}/user", stranger.url())),
        ("another host without scheme", "github", format!("//{}/user", stranger.address())),
        ("the metadata of a cloud", "github", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("plain http", "tls", format!("{}/user", stranger.url())),
        ("a file", "tls", "file:///etc/passwd".to_owned()),
    ];
    for status in [301, 302, 303, 307, 308] {
        for (name, host, place) in &places {
            let asked = if *host == "tls" { &tls } else { &simulator };
            let before = asked.calls().len();
            let name = format!("{status} to {name}");
            let token = made(asked, NewToken::classic(&name, "acme-ci"));
            asked.script(&name, vec![Reply::redirect(place).with_status(status)]);
            let heard = github.ask(&token, Probe::Identity, host, Transport::Kept).await;
            assert_eq!(deferred(&heard), Some(Reason::Redirected), "{name}");
            assert_eq!(asked.calls().len(), before + 1, "{name}");
        }
    }
    assert_eq!(stranger.calls(), Vec::<Call>::new());
}
