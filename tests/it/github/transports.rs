//! Connections to a host: how many there are, and which question goes over which.

use super::*;

#[tokio::test]
async fn a_fresh_line_is_a_new_connection_and_a_kept_one_is_used_again() {
    let simulator = simulator().await;
    let github = of(&simulator);
    let transports = [
        Transport::Kept,
        Transport::Kept,
        Transport::Fresh,
        Transport::Fresh,
        Transport::Kept,
        Transport::Fresh,
        Transport::Kept,
    ];
    for (number, transport) in transports.into_iter().enumerate() {
        let token = made(&simulator, NewToken::classic(&number.to_string(), "acme-ci"));
        let heard = github.ask(&token, Probe::Identity, "github", transport).await;
        assert!(login(&heard).is_some(), "{number}");
    }
    let connections: Vec<_> = simulator.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 1, 2, 3, 1, 4, 1]);
}

#[tokio::test]
async fn a_broken_kept_connection_harms_one_question_only() {
    let simulator = simulator().await;
    let github = of(&simulator);
    for (name, reply, reason) in [
        ("first", Reply::AsUsual, None),
        ("second", Reply::Cut, Some(Reason::ConnectionBroken)),
        ("third", Reply::AsUsual, None),
    ] {
        let token = made(&simulator, NewToken::classic(name, "acme-ci"));
        simulator.script(name, vec![reply]);
        let heard = github.ask(&token, Probe::Identity, "github", Transport::Kept).await;
        assert_eq!(deferred(&heard), reason, "{name}");
    }
    let connections: Vec<_> = simulator.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 1, 2], "nothing is sent twice");
}

#[tokio::test]
async fn requests_beside_the_first_are_counted() {
    let simulator = simulator().await;
    let github = of(&simulator);
    let not_found = || Reply::json(&json!({ "message": "Not Found" })).with_status(404);
    let private =
        || Reply::json(&json!({ "full_name": "acme/app", "private": true, "visibility": "private" }));
    let pages = || Permission::named("pages", Level::Read).unwrap();
    let rows = [
        ("identity", Probe::Identity, vec![Reply::AsUsual], 0),
        (
            "a 404 that needs sight",
            Probe::Permission(pages(), "acme/app".into()),
            vec![not_found(), private()],
            1,
        ),
        (
            "no answer to the second",
            Probe::Permission(pages(), "acme/app".into()),
            vec![not_found(), Reply::Cut],
            1,
        ),
        ("no answer to the first", Probe::Permission(pages(), "acme/app".into()), vec![Reply::Cut], 0),
    ];
    for (name, probe, replies, further) in rows {
        let token = made(&simulator, NewToken::fine_grained(name, "acme-ci"));
        simulator.script(name, replies);
        let heard = github.ask(&token, probe, "github", Transport::Fresh).await;
        let calls = simulator.calls().iter().filter(|call| call.token.as_deref() == Some(name)).count();
        assert_eq!((heard.further, calls), (further, 1 + further as usize), "{name}: {:?}", heard.reply);
    }
}

#[tokio::test]
async fn a_busy_host_has_as_many_connections_as_questions_at_a_time() {
    let tls = Simulator::start_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), "ca.pem", tls.ca_pem().unwrap());
    let github = github(&[("github", tls.url(), Some(&bundle))]);
    let tokens: Vec<_> =
        (0..100).map(|number| made(&tls, NewToken::classic(&number.to_string(), "acme-ci"))).collect();
    tls.latency(Duration::from_millis(20));
    let asked = tokens.iter().map(|token| github.ask(token, Probe::Identity, "github", Transport::Kept));
    let heard: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
    assert!(heard.iter().all(|heard| login(heard).is_some()));
    let connections = tls.calls().iter().map(|call| call.connection).max().unwrap();
    assert_eq!(tls.calls().len(), 100);
    assert!(connections <= 16, "{connections} connections for 100 questions, 16 at a time");
}

#[tokio::test]
async fn each_asker_has_a_question_of_its_own_and_no_verdict_crosses_to_another_token() {
    let simulator = simulator().await;
    simulator.latency(Duration::from_millis(100));
    let github = of(&simulator);
    let name = |number: usize| format!("user-{number}");
    let tokens: Vec<_> =
        (0..64).map(|number| made(&simulator, NewToken::classic(&name(number), &name(number)))).collect();
    for number in (0..64).filter(|number| number % 8 == 0) {
        simulator.revoke(&name(number));
    }
    let askers = (0..192).map(async |asker| {
        let number = asker % 64;
        let transport = if asker < 128 { Transport::Kept } else { Transport::Fresh };
        (number, github.ask(&tokens[number], Probe::Identity, "github", transport).await)
    });
    let mut askers: FuturesUnordered<_> = askers.collect();
    while let Some((number, heard)) = askers.next().await {
        if number % 8 == 0 {
            assert_eq!(heard.reply, Said::Answer(Answer::Refused(Refusal::BadCredentials)), "{number}");
        } else {
            assert_eq!(login(&heard), Some(name(number)));
        }
    }
    for number in 0..64 {
        let asked = simulator.calls().iter().filter(|call| call.token == Some(name(number))).count();
        assert_eq!(asked, 3, "{number}: once for each asker");
    }
}
