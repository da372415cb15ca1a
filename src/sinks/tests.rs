mod derived;

use futures::FutureExt;

use super::*;
use crate::settings::{Settings, SettingsInput, from_yaml};

pub(super) fn named(name: &str, labels: &[(&str, &str)]) -> Arc<Named> {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let [namespace, name, uid, host] =
        ["team-a", name, &format!("u-{name}"), "github.com"].map(str::to_owned);
    Arc::new(Named { namespace, name, uid, host, labels })
}

fn notice(state: State, gravest: Level, second: i64) -> Notice {
    Notice {
        about: About::Ready,
        state,
        level: gravest,
        gravest,
        before: None,
        at: Timestamp::from_second(second).unwrap(),
        status: "False",
        reason: "BadCredentials".to_owned(),
        message: Some("GitHub refuses the token".to_owned()),
        within: None,
        ends: None,
    }
}

pub(super) fn message(name: &str, second: i64) -> Arc<Message> {
    Arc::new(Message::new(named(name, &[]), notice(State::Opened, Level::Critical, second)))
}

fn sinks(yaml: &str) -> Sinks {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let input = from_yaml::<SettingsInput>(&format!("sinks: [{yaml}]")).unwrap();
    let settings = Settings::new(input, SettingsInput::default()).unwrap();
    Sinks::new(&settings.sinks.all).unwrap()
}

fn waiting(sinks: &Sinks) -> Vec<Vec<&'static str>> {
    let told = |sink: &Arc<Sink>| {
        std::iter::from_fn(|| {
            let next = sink.queue().next()?;
            sink.queue().done(&next);
            Some(next.notice.state.as_str())
        })
        .collect()
    };
    sinks.each().map(told).collect()
}

#[test]
fn a_sink_is_told_of_its_namespaces_labels_and_severity_alone() {
    let sinks = sinks(
        "{ name: all, url: 'http://a' }, { name: other, url: 'http://a', namespaces: [team-b] },
         { name: labelled, url: 'http://a', namespaces: [team-a], labels: { team: infra } },
         { name: grave, url: 'http://a', severity: critical }",
    );
    sinks.tell(&named("a", &[("team", "infra")]), vec![notice(State::Opened, Level::Warning, 1)]);
    assert_eq!(waiting(&sinks), [vec!["Opened"], vec![], vec!["Opened"], vec![]]);
    sinks.tell(&named("b", &[("team", "web")]), vec![notice(State::Opened, Level::Critical, 1)]);
    assert_eq!(waiting(&sinks), [vec!["Opened"], vec![], vec![], vec!["Opened"]]);
    sinks.tell(&named("b", &[("team", "web")]), vec![notice(State::Resolved, Level::Critical, 2)]);
    assert_eq!(waiting(&sinks)[3], ["Resolved"], "who was told that it opened is told that it is over");
}

#[test]
fn what_was_wrong_with_a_connection_is_over_when_it_is_gone() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    let known = named("a", &[]);
    sinks.tell(&known, vec![notice(State::Opened, Level::Warning, 1)]);
    sinks.recall(&named("b", &[]), &notice(State::Opened, Level::Warning, 1));
    sinks.gone("team-a", "a");
    sinks.gone("team-a", "b");
    sinks.gone("team-a", "b");
    sinks.gone("team-a", "c");
    assert_eq!(waiting(&sinks), [["Opened", "Resolved", "Resolved"]]);
}

fn of_end(state: State, second: i64) -> Notice {
    Notice { about: About::NotExpiring, ..notice(state, Level::Warning, second) }
}

#[test]
fn an_end_that_is_not_near_any_more_is_told_also_before_it_is_known_that_the_process_before_told_of_it() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.tell(&named("a", &[]), vec![of_end(State::Resolved, 5)]);
    // The status was read as it stood before that.
    sinks.recall(&named("a", &[]), &of_end(State::Opened, 2));
    sinks.recall(&named("b", &[]), &of_end(State::Opened, 2));
    sinks.recalled();
    assert_eq!(waiting(&sinks), [["Resolved"]]);
    assert_eq!((sinks.open("team-a", "a"), sinks.open("team-a", "b")), (None, Some("u-b".to_owned())));
    sinks.tell(&named("b", &[]), vec![of_end(State::Resolved, 6)]);
    assert_eq!(waiting(&sinks), [["Resolved"]]);
}

#[test]
fn that_the_end_is_not_near_is_news_only_to_those_who_heard_that_it_was() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.recalled();
    sinks.tell(&named("a", &[]), vec![of_end(State::Resolved, 1)]);
    assert_eq!(waiting(&sinks), [[""; 0]]);
    sinks.tell(&named("a", &[]), vec![of_end(State::Opened, 2), of_end(State::Resolved, 3)]);
    assert_eq!(waiting(&sinks), [["Opened", "Resolved"]]);
}

#[test]
fn that_the_end_is_not_near_is_told_to_those_who_were_told_of_a_stage_that_is_grave_enough() {
    let sinks = sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
    sinks.recalled();
    let of = |state, level, second| Notice { level, gravest: level, ..of_end(state, second) };
    // The status alone does not say which stages were told.
    let over = |second| of(State::Resolved, Level::Critical, second);
    sinks.tell(&named("a", &[]), vec![of(State::Opened, Level::Warning, 1), over(2)]);
    assert_eq!(waiting(&sinks), [vec!["Opened", "Resolved"], vec![]]);
    let stages =
        [(State::Opened, Level::Warning), (State::Changed, Level::Critical), (State::Changed, Level::Info)];
    for (second, (state, level)) in (3..).zip(stages) {
        sinks.tell(&named("a", &[]), vec![of(state, level, second)]);
    }
    sinks.tell(&named("a", &[]), vec![over(6)]);
    assert_eq!(
        waiting(&sinks),
        [vec!["Opened", "Changed", "Changed", "Resolved"], vec!["Changed", "Changed", "Resolved"]]
    );
}

#[test]
fn whoever_may_have_been_told_by_the_process_before_is_told_that_it_is_over() {
    let sinks = sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
    let of = |state, level, second| Notice { level, gravest: level, ..of_end(state, second) };
    // It has told of a graver stage than the status shows now.
    sinks.recall(&named("a", &[]), &of(State::Opened, Level::Info, 1));
    // This process has told of it before the status was read as it stood then.
    sinks.tell(&named("b", &[]), vec![of(State::Changed, Level::Critical, 2)]);
    sinks.recall(&named("b", &[]), &of(State::Opened, Level::Info, 1));
    sinks.recalled();
    for name in ["a", "b"] {
        sinks.tell(&named(name, &[]), vec![of(State::Resolved, Level::Critical, 3)]);
    }
    assert_eq!(waiting(&sinks), [["Changed", "Resolved", "Resolved"]; 2]);
}

#[test]
fn of_what_opens_while_the_statuses_are_read_no_other_than_those_who_heard_of_it_hear_that_it_is_over() {
    let sinks = sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
    let of = |state, second| notice(state, Level::Warning, second);
    sinks.tell(&named("new", &[]), vec![of(State::Opened, 2)]);
    sinks.tell(&named("changed", &[]), vec![of(State::Opened, 2)]);
    sinks.tell(&named("changed", &[]), vec![of(State::Changed, 3)]);
    // The process before may have told of something graver.
    sinks.tell(&named("older", &[]), vec![of(State::Changed, 2)]);
    for (name, second) in [("new", 2), ("changed", 3), ("older", 2)] {
        sinks.recall(&named(name, &[]), &of(State::Opened, second));
    }
    sinks.recalled();
    waiting(&sinks);
    for (name, expected) in [("new", [1, 0]), ("changed", [1, 0]), ("older", [1, 1])] {
        sinks.gone("team-a", name);
        assert_eq!(waiting(&sinks).iter().map(Vec::len).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn that_an_end_is_not_near_any_more_is_told_though_nobody_could_tell_when_the_process_started() {
    let sinks = sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
    let unknown = Notice { status: "Unknown", ..notice(State::Opened, Level::Info, 2) };
    let unknown = Notice { about: About::NotExpiring, ..unknown };
    for name in ["renewed", "deleted", "near-again"] {
        sinks.recall(&named(name, &[]), &unknown);
    }
    sinks.recalled();
    let ends = |state, second| Notice { ends: Timestamp::from_second(9).ok(), ..of_end(state, second) };
    let over = |second| Notice { gravest: Level::Critical, ..of_end(State::Resolved, second) };
    sinks.tell(&named("renewed", &[]), vec![over(3)]);
    sinks.gone("team-a", "deleted");
    assert_eq!(waiting(&sinks), [["Resolved", "Resolved"]; 2]);
    // It may be near for the first time.
    sinks.tell(&named("near-again", &[]), vec![ends(State::Opened, 3), over(4)]);
    assert_eq!(waiting(&sinks), [vec!["Opened", "Resolved"], vec!["Resolved"]]);
}

#[test]
fn a_status_of_which_nobody_knows_whether_it_was_written_before_others_were_read_is_derived_again() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    let at = |second| Timestamp::from_second(second).unwrap();
    let sink = sinks.each().next().unwrap();
    sinks.fill(0, Vec::new(), Some(at(50)), at(100));
    sinks.doubt(at(200), at(200));
    // Its pass began before the statuses were read, and ended after that.
    sinks.doubt(at(228), at(228));
    sinks.fill(0, Vec::new(), Some(at(199)), at(231));
    assert_eq!(
        sink.queue().left_out(),
        Some(at(200)),
        "once more, from the reading on which the others may have missed"
    );
    sinks.fill(0, Vec::new(), Some(at(200)), at(261));
    assert_eq!(sink.queue().left_out(), None);
}

#[test]
fn an_event_of_cloudevents_has_the_attributes_that_its_specification_demands() {
    let (type_, body) = message("a", 1_772_366_400).body(settings::SinkFormat::CloudEvents);
    assert_eq!(type_, "application/cloudevents+json; charset=UTF-8");
    let event: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
    let expected = serde_json::json!({
        "specversion": "1.0",
        "id": "u-a.Ready.1772366400.BadCredentials",
        "source": "/apis/githubpat.dev/v1alpha1/namespaces/team-a/githubpatconnections/a",
        "type": "dev.githubpat.connection.opened",
        "subject": "team-a/a",
        "time": "2026-03-01T12:00:00Z",
        "datacontenttype": "application/json",
        "data": event["data"],
    });
    assert_eq!(event, expected);
    assert_eq!(event["data"]["incident"], "u-a.Ready");
}

#[test]
fn a_sink_that_fails_is_tried_again_after_a_second_and_after_five_minutes_at_the_latest() {
    let seconds = |failures, share| pause(failures, share).as_secs_f64();
    assert_eq!(
        [0, 1, 2, 8, 9, 1000].map(|failures| seconds(failures, 1.0)),
        [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]
    );
    assert_eq!(
        [0, 9].map(|failures| seconds(failures, 0.0)),
        [0.5, 150.0],
        "those that failed together are spread"
    );
}

#[test]
fn who_hears_of_an_incident_for_the_first_time_hears_that_it_opens() {
    let sinks = sinks(
        "{ name: all, url: 'http://a' }, { name: warn, url: 'http://a', severity: warning }, { name: grave, url: 'http://a', severity: critical }",
    );
    sinks.recalled();
    let stages = [
        (State::Opened, Level::Info, None),
        (State::Changed, Level::Warning, Some(Level::Info)),
        (State::Changed, Level::Critical, Some(Level::Warning)),
        (State::Resolved, Level::Critical, None),
    ];
    for about in [About::Ready, About::NotExpiring] {
        for (second, (state, level, before)) in (1..).zip(stages) {
            let notice = Notice { about, before, ..notice(state, level, second) };
            sinks.tell(&named("a", &[]), vec![notice]);
        }
        let expected: [&[&str]; 3] = [
            &["Opened", "Changed", "Changed", "Resolved"],
            &["Opened", "Changed", "Resolved"],
            &["Opened", "Resolved"],
        ];
        assert_eq!(waiting(&sinks), expected, "{about:?}");
    }
}

#[test]
fn who_was_told_by_labels_that_are_gone_is_told_that_it_is_over() {
    let of = "url: 'http://a', labels: { team:";
    let both = sinks(&format!("{{ name: infra, {of} infra }} }}, {{ name: web, {of} web }} }}"));
    both.recalled();
    let (infra, web) = (named("a", &[("team", "infra")]), named("a", &[("team", "web")]));
    let changed = Notice { before: Some(Level::Warning), ..notice(State::Changed, Level::Warning, 2) };
    for is_deleted in [false, true] {
        both.tell(&infra, vec![notice(State::Opened, Level::Warning, 1)]);
        both.tell(&web, vec![changed.clone()]);
        match is_deleted {
            true => both.gone("team-a", "a"),
            false => both.tell(&web, vec![notice(State::Resolved, Level::Warning, 3)]),
        }
        assert_eq!(waiting(&both), [vec!["Opened", "Changed", "Resolved"], vec!["Opened", "Resolved"]]);
    }
}

#[test]
fn who_comes_to_choose_a_connection_by_its_labels_is_told_once_of_what_is_open() {
    let sinks = sinks(
        "{ name: all, url: 'http://a' }, { name: infra, url: 'http://a', labels: { team: infra } },
         { name: grave, url: 'http://a', labels: { team: infra }, severity: critical }",
    );
    let (web, infra) = (named("a", &[("team", "web")]), named("a", &[("team", "infra")]));
    let opened = || vec![notice(State::Opened, Level::Warning, 1)];
    sinks.tell_unheard(&infra, opened());
    assert!(!sinks.has_unheard(&infra, true), "nothing is wrong");
    sinks.tell(&web, opened());
    assert!(!sinks.has_unheard(&web, true), "it is chosen by nobody else");
    assert_eq!(waiting(&sinks), [vec!["Opened"], vec![], vec![]]);
    for expected in [vec!["Opened"], vec![]] {
        assert_eq!(sinks.has_unheard(&infra, true), !expected.is_empty());
        sinks.tell_unheard(&infra, opened());
        assert_eq!(waiting(&sinks), [vec![], expected, vec![]]);
    }
    // Another one of its name is not it, and what nobody can tell of an end is told to nobody.
    let other = Arc::new(Named { uid: "v".to_owned(), ..(*infra).clone() });
    assert!(!sinks.has_unheard(&other, true));
    sinks.recall_doubted(&named("b", &[]), &of_end(State::Opened, 1), |_| true);
    assert!(!sinks.has_unheard(&named("b", &[("team", "infra")]), true));
    let near = Notice { within: Some(SignedDuration::from_hours(24)), ..of_end(State::Opened, 1) };
    sinks.tell(&named("c", &[]), vec![near]);
    assert_eq!(waiting(&sinks), [vec!["Opened"], vec![], vec![]]);
    let chosen = named("c", &[("team", "infra")]);
    assert!(
        sinks.has_unheard(&chosen, true) && !sinks.has_unheard(&chosen, false),
        "it came into doubt since"
    );
    let later = |state, level, second| {
        let before = (state == State::Changed).then_some(Level::Warning);
        vec![Notice { before, ..notice(state, level, second) }]
    };
    sinks.tell(&infra, later(State::Changed, Level::Critical, 2));
    assert_eq!(waiting(&sinks), [["Changed"], ["Changed"], ["Opened"]]);
    sinks.tell(&web, later(State::Resolved, Level::Critical, 3));
    assert_eq!(waiting(&sinks), [["Resolved"]; 3]);
    assert!(!sinks.has_unheard(&infra, true), "it is over");
}

#[test]
fn a_sink_hears_of_an_incident_once_that_it_opens_and_only_then_that_it_is_over() {
    let of = "url: 'http://a', labels: { team:";
    let both = sinks(&format!("{{ name: infra, {of} infra }} }}, {{ name: web, {of} web }} }}"));
    both.recalled();
    let (infra, web) = (named("a", &[("team", "infra")]), named("a", &[("team", "web")]));
    let changed =
        |second| Notice { before: Some(Level::Warning), ..notice(State::Changed, Level::Warning, second) };
    let tell = |named: &Arc<Named>, notice: Notice| both.tell(named, vec![notice]);
    tell(&infra, notice(State::Opened, Level::Warning, 1));
    (2..5).for_each(|second| tell(&web, changed(second)));
    assert_eq!(waiting(&both)[1], ["Opened", "Changed", "Changed"], "by labels of the middle");
    tell(&infra, changed(5));
    tell(&infra, notice(State::Resolved, Level::Warning, 6));
    assert_eq!(waiting(&both)[1], ["Changed", "Resolved"], "though it has these labels no more");
    tell(&infra, notice(State::Opened, Level::Warning, 7));
    // The labels come with the end alone.
    tell(&web, notice(State::Resolved, Level::Warning, 8));
    assert_eq!(waiting(&both)[1], Vec::<&str>::new());
}

#[test]
fn what_is_derived_while_the_process_works_is_known_to_be_wrong_too() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.recalled();
    let connection = named("a", &[]);
    sinks.recalls();
    sinks.recall(&connection, &of_end(State::Opened, 1));
    sinks.recalled();
    sinks.tell(&connection, vec![of_end(State::Resolved, 2)]);
    assert_eq!(waiting(&sinks), [["Resolved"]]);
    sinks.tell(&connection, vec![notice(State::Opened, Level::Warning, 3)]);
    // What has ended by a status of before is not what is wrong now.
    sinks.ended(&connection, &notice(State::Resolved, Level::Warning, 2));
    assert!(sinks.open("team-a", "a").is_some());
    sinks.ended(&connection, &notice(State::Resolved, Level::Warning, 4));
    assert_eq!(sinks.open("team-a", "a"), None);
    sinks.gone("team-a", "a");
    assert_eq!(waiting(&sinks), [["Opened"]]);
    // Whoever has written what was derived tells it all the same.
    sinks.recalls();
    sinks.recall(&connection, &of_end(State::Opened, 5));
    sinks.recalled();
    sinks.tell(&connection, vec![of_end(State::Opened, 5)]);
    sinks.ended(&connection, &of_end(State::Resolved, 6));
    sinks.tell(&connection, vec![of_end(State::Resolved, 6)]);
    assert_eq!(waiting(&sinks), [["Opened", "Resolved"]]);
    // What ends meanwhile is not opened by a status of before.
    sinks.recalls();
    sinks.recalls();
    sinks.recalled();
    sinks.tell(&connection, vec![of_end(State::Resolved, 9)]);
    sinks.recall(&connection, &of_end(State::Opened, 8));
    assert!(sinks.has_ended(&connection, &of_end(State::Opened, 8)));
    sinks.recalled();
    assert_eq!(sinks.open("team-a", "a"), None);
}

#[test]
fn one_connection_is_not_another_one_of_its_name() {
    let sinks = sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
    sinks.recalled();
    let (first, second) = (named("a", &[]), Named { uid: "u-2".to_owned(), ..(*named("a", &[])).clone() });
    let second = Arc::new(second);
    sinks.tell(&first, vec![of_end(State::Opened, 1), notice(State::Opened, Level::Critical, 1)]);
    sinks.tell(&second, vec![of_end(State::Opened, 2)]);
    let changed = Notice { before: Some(Level::Warning), ..notice(State::Changed, Level::Warning, 3) };
    sinks.tell(&second, vec![changed]);
    assert_eq!(waiting(&sinks), [vec!["Opened", "Opened", "Opened", "Changed"], vec!["Opened"]]);
}

#[test]
fn how_grave_an_incident_was_is_known_though_the_history_has_forgotten_it() {
    let sinks = sinks("{ name: grave, url: 'http://a', severity: critical }");
    sinks.recalled();
    let connection = named("a", &[]);
    let forgotten =
        |state, second| Notice { before: Some(Level::Info), ..notice(state, Level::Info, second) };
    sinks.tell(&connection, vec![notice(State::Opened, Level::Critical, 1)]);
    sinks.tell(&connection, vec![forgotten(State::Changed, 2)]);
    sinks.tell(&connection, vec![forgotten(State::Resolved, 3)]);
    assert_eq!(waiting(&sinks), [["Opened", "Changed", "Resolved"]]);
}

#[test]
fn an_end_that_is_near_again_after_nobody_could_tell_opens_nothing_anew() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.recalled();
    let connection = named("a", &[]);
    let ends = |second| Notice { ends: Timestamp::from_second(second).ok(), ..of_end(State::Opened, 1) };
    sinks.tell(&connection, vec![ends(100)]);
    sinks.tell(&connection, vec![Notice { at: Timestamp::from_second(9).unwrap(), ..ends(100) }]);
    assert_eq!(waiting(&sinks), [["Opened"]]);
    sinks.tell(&connection, vec![ends(200)]);
    assert_eq!(waiting(&sinks), [["Changed"]]);
    sinks.tell(&connection, vec![of_end(State::Resolved, 10)]);
    sinks.tell(&connection, vec![ends(200)]);
    assert_eq!(waiting(&sinks), [["Resolved", "Opened"]]);
}

#[test]
fn what_happened_before_it_was_told_everything_is_kept_to_be_told() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    let sink = sinks.each().next().unwrap();
    sinks.fill(0, Vec::new(), Timestamp::from_second(100).ok(), Timestamp::from_second(100).unwrap());
    let mut progress = sink.progress();
    sinks.tell(&named("a", &[]), vec![notice(State::Opened, Level::Warning, 150)]);
    assert!(!progress.has_changed().unwrap());
    sinks.tell(&named("b", &[]), vec![notice(State::Opened, Level::Warning, 90)]);
    assert!(progress.has_changed().unwrap(), "what was written of it is to be written anew");
    assert_eq!(sink.told_until(), Timestamp::from_second(89).ok());
    progress.mark_unchanged();
}

#[test]
fn what_was_wrong_with_a_connection_that_is_gone_is_not_recalled_from_a_status_of_before() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    let opened = notice(State::Opened, Level::Warning, 1);
    sinks.tell(&named("a", &[]), vec![opened.clone()]);
    sinks.gone("team-a", "a");
    sinks.recall(&named("a", &[]), &opened);
    assert_eq!(sinks.open("team-a", "a"), None);
    sinks.gone("team-a", "a");
    assert_eq!(waiting(&sinks), [["Opened", "Resolved"]], "that it is over is told once");
    let again = Arc::new(Named { uid: "u-2".to_owned(), ..(*named("a", &[])).clone() });
    sinks.recall(&again, &opened);
    assert_eq!(sinks.open("team-a", "a"), Some("u-2".to_owned()), "another one of its name is");
}

#[test]
fn that_a_connection_was_deleted_happened_in_a_whole_second() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.recall(&named("a", &[]), &notice(State::Opened, Level::Warning, 1));
    sinks.gone("team-a", "a");
    let told = sinks.each().next().unwrap().queue().next().unwrap();
    assert_eq!((told.notice.at.subsec_nanosecond(), &*told.notice.reason), (0, "Deleted"));
}

#[tokio::test]
async fn what_was_left_out_before_anybody_waited_for_it_is_derived_again() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    let at = |second| Timestamp::from_second(second).unwrap();
    sinks.doubt(at(200), at(200));
    let sink = sinks.each().next().unwrap();
    assert_eq!(sink.left_out().now_or_never(), Some(at(199)));
    sinks.fill(0, Vec::new(), Some(at(199)), at(300));
    assert_eq!(sink.left_out().now_or_never(), None);
}

#[test]
fn that_a_token_ends_soon_is_over_too_when_its_connection_is_gone() {
    let sinks = sinks("{ name: all, url: 'http://a' }");
    sinks.recalled();
    sinks.tell(&named("a", &[]), vec![of_end(State::Opened, 1)]);
    sinks.gone("team-a", "a");
    assert_eq!(waiting(&sinks), [["Opened", "Resolved"]]);
}
