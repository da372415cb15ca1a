//! What is derived from statuses again, beside what is told.

use super::*;

#[test]
fn what_broke_anew_is_over_when_the_connection_is_gone_though_two_answers_were_lost() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let connection = named("a", &[]);
    let (first, again) =
        (notice(State::Opened, Level::Warning, 1), notice(State::Opened, Level::Critical, 5));
    let over = notice(State::Resolved, Level::Warning, 3);
    for is_derived_one_by_one in [false, true] {
        let sinks =
            sinks("{ name: all, url: 'http://a' }, { name: grave, url: 'http://a', severity: critical }");
        sinks.recalled();
        sinks.tell(&connection, vec![first.clone()]);
        if is_derived_one_by_one {
            sinks.recalls();
            sinks.ended(&connection, &over);
            sinks.recalled();
            assert_eq!(sinks.open("team-a", "a"), None);
        }
        sinks.recalls();
        sinks.recall(&connection, &again);
        sinks.ended(&connection, &over);
        sinks.recalled();
        for place in 0..2 {
            let derived = [&over, &again].map(|notice| (connection.clone(), notice.clone()));
            sinks.fill(place, derived.into(), Some(at(2)), at(50));
        }
        sinks.gone("team-a", "a");
        let expected = [vec!["Opened", "Resolved", "Opened", "Resolved"], vec!["Opened", "Resolved"]];
        assert_eq!(waiting(&sinks), expected, "{is_derived_one_by_one}");
    }
}
