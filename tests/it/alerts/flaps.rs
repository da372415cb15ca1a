//! Alerts that leave others out, while what they rest on comes and goes: something tells all the same, and not twice.

#![expect(clippy::arithmetic_side_effects, reason = "minutes of a test are few")]

use serde_json::{Value, json};

use super::{promtool_with, rules};

/// How long each row lasts, in minutes.
const MINUTES: u32 = 240;

/// The alerts that fire at any time, each with a namespace and in how many series.
const EVER: &str = "count by (alertname, namespace) (present_over_time(ALERTS{alertstate=\"firing\"}[4h]))";
/// Those that fire for most of the time.
const MOSTLY: &str =
    "count by (alertname, namespace) (count_over_time(ALERTS{alertstate=\"firing\"}[2h]) > 90)";

/// What fires, in which namespace, and in how many series.
type Fires<'a> = &'a [(&'a str, &'a str, u32)];

/// Series of a row.
type Series = Vec<Value>;

/// One series whose value stands in the minutes of which this holds.
fn series(series: &str, value: i64, stands: impl Fn(u32) -> bool) -> Value {
    let mut did = false;
    let samples = (0..=MINUTES).map(|minute| {
        let stood = std::mem::replace(&mut did, stands(minute));
        match (did, stood) {
            (true, _) => value.to_string(),
            (false, true) => "stale".to_owned(),
            (false, false) => "_".to_owned(),
        }
    });
    json!({ "series": series, "values": samples.collect::<Vec<_>>().join(" ") })
}

/// One that stands all the time.
fn always(of: &str, value: i64) -> Value {
    series(of, value, |_| true)
}

/// For so many minutes of each of so many.
fn of_each(on: u32, cycle: u32) -> impl Fn(u32) -> bool + Copy {
    move |minute| minute % cycle < on
}

fn from(begin: u32) -> impl Fn(u32) -> bool + Copy {
    move |minute| minute >= begin
}

/// Connections of a namespace that are not Ready for this reason in those minutes, and Ready in others.
fn failing(namespace: &str, names: &[&str], about: [&str; 2], fails: impl Fn(u32) -> bool + Copy) -> Series {
    let [reason, organization] = about;
    let of_one = |name: &&str| {
        let named = format!("namespace=\"{namespace}\", name=\"{name}\"");
        let ready =
            |said: &str| format!("github_pat_connection_condition{{{named}, condition=\"Ready\", {said}}}");
        let info = format!("{named}, host=\"github.com\", kind=\"Classic\", organization=\"{organization}\"");
        [
            series(&ready(&format!("status=\"False\", reason=\"{reason}\"")), 1, fails),
            series(&ready("status=\"True\", reason=\"Ready\""), 1, move |minute| !fails(minute)),
            always(&format!("github_pat_connection_info{{{info}}}"), 1),
        ]
    };
    names.iter().flat_map(of_one).collect()
}

/// One test for promtool: what fires mostly, and at any time.
fn test(name: &str, more: Series, mostly: Fires<'_>, ever: Fires<'_>) -> Value {
    let labels = |(alert, namespace, count): &(&str, &str, u32)| {
        let namespace =
            if namespace.is_empty() { String::new() } else { format!(", namespace=\"{namespace}\"") };
        json!({ "labels": format!("{{alertname=\"{alert}\"{namespace}}}"), "value": count })
    };
    let asked = [(MOSTLY, mostly), (EVER, ever)].map(|(query, fires)| {
        let expected: Vec<_> = fires.iter().map(labels).collect();
        json!({ "expr": query, "eval_time": format!("{MINUTES}m"), "exp_samples": expected })
    });
    let input: Vec<_> = [always("github_pat_operator_build_info", 1)].into_iter().chain(more).collect();
    json!({ "name": name, "interval": "1m", "input_series": input, "promql_expr_test": asked })
}

/// Holds the rules of these values against the tests.
fn holds(flags: &[&str], tests: &[Value]) {
    let tests = json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests });
    let (succeeded, said) =
        promtool_with(&rules(flags), &tests.to_string(), &["test", "rules", "tests.yaml"]);
    assert!(succeeded, "{said}");
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn dead_tokens_are_told_though_one_more_that_fails_now_and_then_makes_them_many() {
    let four = ["1", "2", "3", "4"];
    let refused = ["BadCredentials", ""];
    let dead = |reason, on, cycle| {
        let all = failing("a", &four, [reason, ""], |_| true);
        [all, failing("b", &["1"], [reason, ""], of_each(on, cycle))].concat()
    };
    let of_acme = [
        failing("a", &["1", "2"], ["BadCredentials", "acme"], |_| true),
        failing("a", &["3"], ["Expired", "acme"], |_| true),
        failing("a", &["4"], ["SsoRequired", "acme"], |_| true),
        failing("b", &["1"], ["ScopeMissing", "acme"], of_each(3, 5)),
    ]
    .concat();
    let beside_acme = [
        failing("a", &four, ["BadCredentials", "acme"], |_| true),
        failing("a", &["5"], ["Expired", "acme"], |_| true),
        failing("b", &["1"], refused, of_each(3, 5)),
    ]
    .concat();
    let in_turn = [
        failing("a", &four, ["BadCredentials", "acme"], |_| true),
        failing("a", &["5"], ["BadCredentials", "acme"], |_| true),
        failing("b", &["1"], refused, of_each(3, 5)),
    ]
    .concat();
    let all_of_acme: Fires<'_> = &[
        ("GithubPatTokenRefused", "a", 2),
        ("GithubPatTokenExpired", "a", 1),
        ("GithubPatConnectionNotUsable", "a", 1),
    ];
    let many: Fires<'_> = &[("GithubPatManyNotReady", "", 1)];
    let tests = [
        ("refused", dead("BadCredentials", 3, 5), [("GithubPatTokenRefused", "a", 4)].as_slice()),
        ("expired", dead("Expired", 3, 5), &[("GithubPatTokenExpired", "a", 4)]),
        ("not usable", dead("SecretNotFound", 4, 12), &[("GithubPatConnectionNotUsable", "a", 4)]),
        ("of one organization", of_acme, all_of_acme),
        ("of one organization, and one more for one of its reasons now and then", beside_acme, many),
        ("many for one reason, or of one organization, in turn", in_turn, many),
    ];
    let mut tests = tests.map(|(name, series, fires)| test(name, series, fires, fires)).to_vec();
    // Where they are many for long enough, that is told.
    tests.push(test("many now and then", dead("SecretNotFound", 8, 12), many, many));
    // Once they have not been many for its keepFiringFor, each is told by itself.
    let rarely: Fires<'_> = &[("GithubPatManyNotReady", "", 1), ("GithubPatConnectionNotUsable", "a", 4)];
    tests.push(test("many rarely", dead("SecretNotFound", 8, 120), &rarely[1..], rarely));
    holds(&[], &tests);
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn what_fails_together_is_one_alert_from_its_first_minute_to_its_last() {
    let many: Fires<'_> = &[("GithubPatManyNotReady", "", 1)];
    let one_by_one = |reason, begins: [u32; 6]| {
        let names = [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2"), ("b", "2"), ("c", "2")];
        let each = names.iter().zip(begins);
        each.flat_map(|((namespace, name), begin)| failing(namespace, &[*name], [reason, ""], from(begin)))
            .collect::<Series>()
    };
    let mut tests = Vec::new();
    for reason in ["BadCredentials", "Expired", "SecretNotFound"] {
        for (when, begins) in [
            ("at once", [20; 6]),
            ("from the beginning", [0; 6]),
            ("within minutes", [20, 21, 22, 23, 24, 24]),
            ("and one more later", [20, 20, 20, 20, 20, 60]),
        ] {
            tests.push(test(&format!("{reason}, {when}"), one_by_one(reason, begins), many, many));
        }
        let within = |begin| failing("a", &["1", "2"], [reason, "acme"], from(begin));
        let others = ["AccountSuspended", "SsoRequired", "ScopeMissing"]
            .map(|other| failing(other.to_lowercase().as_str(), &["1"], [other, "acme"], from(20)));
        let of_acme = [within(20), others.concat()].concat();
        tests.push(test(&format!("{reason}, of one organization"), of_acme, many, many));
    }
    let of_two_reasons = [
        failing("a", &["1", "2", "3", "4", "5"], ["BadCredentials", "acme"], from(20)),
        failing("b", &["1", "2", "3"], ["SsoRequired", "acme"], from(22)),
    ]
    .concat();
    tests.push(test(
        "five of an organization for one reason and three for another",
        of_two_reasons,
        many,
        many,
    ));
    // Once they are few, each is told again.
    let heals = [
        failing("a", &["1", "2"], ["BadCredentials", ""], |_| true),
        failing("b", &["1", "2"], ["BadCredentials", ""], |_| true),
        failing("c", &["1"], ["BadCredentials", ""], |minute| minute < 60),
    ]
    .concat();
    let few: Fires<'_> = &[("GithubPatTokenRefused", "a", 2), ("GithubPatTokenRefused", "b", 2)];
    tests.push(test("one heals", heals, few, &[many, few].concat()));
    holds(&[], &tests);
    // Whichever of both waits longer.
    let at_once = one_by_one("BadCredentials", [20; 6]);
    let at_once = test("at once", at_once, many, many);
    for flag in
        ["GithubPatManyNotReady.for=9m", "GithubPatManyNotReady.for=0s", "GithubPatTokenRefused.for=20m"]
    {
        holds(&["--set", &format!("metrics.alerts.{flag}")], std::slice::from_ref(&at_once));
    }
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn what_leaves_an_alert_out_now_and_then_silences_nothing() {
    let named = |name: &str| format!("namespace=\"ci\", name=\"{name}\"");
    let days = |name: &str, days: i64| {
        always(&format!("github_pat_token_expiration_timestamp_seconds{{{}}}", named(name)), days * 86_400)
    };
    let stages = [
        ("2", "GithubPatTokenExpiresCritical", 2),
        ("10", "GithubPatTokenExpiresWarning", 10),
        ("20", "GithubPatTokenExpiresNotice", 20),
    ];
    let refused = stages.map(|(name, alert, left)| {
        let series = failing("ci", &[name], ["BadCredentials", ""], of_each(3, 5));
        let fires: Fires<'_> = &[(alert, "ci", 1)];
        test(
            &format!("{alert}, refused now and then"),
            [series, vec![days(name, left)]].concat(),
            fires,
            fires,
        )
    });
    let unproven = |name: &str| {
        let outputs = format!("github_pat_connection_outputs{{{}, state=\"outdated\"}}", named(name));
        let checked = format!("github_pat_token_checked_timestamp_seconds{{{}}}", named(name));
        vec![always(&outputs, 1), always(&checked, -200_000)]
    };
    let of_host =
        |reason: &str| format!("github_pat_host_breaker_open{{host=\"github.com\", reason=\"{reason}\"}}");
    let is_down = of_each(8, 10);
    let host = vec![
        series(&of_host("Timeout"), 1, is_down),
        series(&of_host(""), 0, move |minute| !is_down(minute)),
    ];
    let host = [failing("ci", &["bot"], ["Expired", ""], |_| false), unproven("bot"), host].concat();
    let not_ready =
        [failing("ci", &["bot"], ["SecretNotFound", ""], of_each(12, 14)), unproven("bot")].concat();
    let both: Fires<'_> = &[("GithubPatProofTooOld", "ci", 1), ("GithubPatOutputsUnproven", "ci", 1)];
    let standby = format!("github_pat_candidates_expiration_timestamp_seconds{{{}}}", named("bot"));
    let standby = vec![days("bot", 2), series(&standby, 864_000, of_each(40, 48))];
    let warning: Fires<'_> = &[("GithubPatTokenExpiresWarning", "ci", 1)];
    let others = [
        test("a host that is down now and then", host, both, both),
        test("a connection that is not Ready now and then", not_ready, both, both),
        test("a standby that is usable now and then", standby, warning, warning),
    ];
    holds(&[], &[refused.as_slice(), &others].concat());
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn what_fails_now_for_one_reason_and_now_for_another_is_one_alert() {
    let turns = |reasons: [&str; 2], of_one: u32| {
        let named = |reason: &str| {
            format!(
                "github_pat_connection_condition{{namespace=\"ci\", name=\"bot\", condition=\"Ready\", status=\"False\", reason=\"{reason}\"}}"
            )
        };
        let info = "github_pat_connection_info{namespace=\"ci\", name=\"bot\", host=\"github.com\", kind=\"Classic\", organization=\"\"}";
        let [first, second] = reasons.map(named);
        let is_first = of_each(of_one, 2 * of_one);
        vec![
            series(&first, 1, is_first),
            series(&second, 1, move |minute| !is_first(minute)),
            always(info, 1),
        ]
    };
    let not_usable: Fires<'_> = &[("GithubPatConnectionNotUsable", "ci", 1)];
    let refused: Fires<'_> = &[("GithubPatTokenRefused", "ci", 1)];
    let tests = [
        ("a scope and SSO in turn", turns(["ScopeMissing", "SsoRequired"], 4), not_usable),
        ("each minute", turns(["ScopeMissing", "SecretNotFound"], 1), not_usable),
        ("refused and gone in turn", turns(["BadCredentials", "SecretNotFound"], 4), not_usable),
        ("expired and refused in turn", turns(["Expired", "BadCredentials"], 4), not_usable),
        ("refused and suspended in turn", turns(["BadCredentials", "AccountSuspended"], 3), refused),
    ];
    holds(&[], &tests.map(|(name, series, fires)| test(name, series, fires, fires)));
    // What is switched off is told by no other alert.
    let expired = failing("ci", &["bot"], ["Expired", ""], |_| true);
    let off = "metrics.alerts.GithubPatTokenExpired.enabled=false";
    holds(&["--set", off], &[test("switched off", expired, &[], &[])]);
}

/// With evaluations each 45 s, those of an alert are 5 m 15 s apart where `for` is 5 m.
#[test]
fn nothing_is_silent_between_two_alerts_with_the_slowest_scrapes_that_the_values_let() {
    let named = "namespace=\"ci\", name=\"bot\"";
    let ready =
        |said: &str| format!("github_pat_connection_condition{{{named}, condition=\"Ready\", {said}}}");
    // Until the scrape at 92 minutes, and from that at 94 on.
    let input = json!([
        { "series": format!("github_pat_token_expiration_timestamp_seconds{{{named}}}"), "values": "864000x60" },
        { "series": ready("status=\"True\", reason=\"Ready\""), "values": "1x46 stale" },
        { "series": ready("status=\"False\", reason=\"BadCredentials\""), "values": "_x47 1x20" },
        { "series": format!("github_pat_connection_info{{{named}, host=\"github.com\", kind=\"Classic\"}}"), "values": "1x70" },
        { "series": "github_pat_operator_build_info", "values": "1x70" },
    ]);
    let fires = |second: u32, alerts: &[&str]| {
        let samples =
            alerts.iter().map(|alert| json!({ "labels": format!("{{alertname=\"{alert}\"}}"), "value": 1 }));
        let expr = "count by (alertname) (ALERTS{alertstate=\"firing\"})";
        json!({ "expr": expr, "eval_time": format!("{second}s"), "exp_samples": samples.collect::<Vec<_>>() })
    };
    let (ends, refused) = ("GithubPatTokenExpiresWarning", "GithubPatTokenRefused");
    let asked =
        [fires(5895, &[ends]), fires(5940, &[ends]), fires(5985, &[ends, refused]), fires(6030, &[refused])];
    let tests = json!({
        "rule_files": ["rules.yaml"], "evaluation_interval": "45s",
        "tests": [{ "name": "refused", "interval": "2m", "input_series": input, "promql_expr_test": asked }],
    });
    let (succeeded, said) = promtool_with(
        &rules(&["--set", "metrics.interval=2m"]),
        &tests.to_string(),
        &["test", "rules", "tests.yaml"],
    );
    assert!(succeeded, "{said}");
}

/// A replica that has refused three notifications, first scraped in this minute, of a process that started in that one.
fn refusals(scraped: impl Fn(u32) -> bool + Copy, started: i64) -> Series {
    let of_sink = "github_pat_notifications_total{instance=\"one\", sink=\"strict\", result=\"Refused\"}";
    let other = "process_start_time_seconds{instance=\"other\"}";
    vec![
        series(of_sink, 3, scraped),
        series("process_start_time_seconds{instance=\"one\"}", started * 60, scraped),
        always(other, 100 * 60),
    ]
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn what_a_sink_refused_long_ago_is_not_told_as_of_the_last_hour() {
    let told: Fires<'_> = &[("GithubPatNotificationsRefused", "", 1)];
    let tests = [
        ("a Prometheus that was away", refusals(|minute| !(100..110).contains(&minute), -600), [].as_slice()),
        ("a new Prometheus", refusals(from(100), -600), &[]),
        ("an operator that has started", refusals(from(100), 99), told),
        ("an operator that started 50 minutes ago", refusals(from(100), 50), told),
    ];
    holds(&[], &tests.map(|(name, series, ever)| test(name, series, &[], ever)));
}
