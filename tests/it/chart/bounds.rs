//! Values that would stop the operator are refused by Helm. Bounds stand in `src/settings.rs` alone; the chart has a copy of those of
//! numbers, and patterns made of those of durations.
//!
//! `WRITE_BOUNDS=1 cargo test --test it the_bounds_of_the_chart` writes the copy anew.

use std::fmt::Write as _;

use github_pat_operator::settings::{RANGES, Range};

use super::*;

/// What stands before the bounds.
const HEAD: &str = "# The bounds of the settings that are numbers, and the defaults of those that are durations. A test makes this file of \
                    src/settings.rs.\n";

/// Where a setting stands: below `settings`, or in each entry of `hosts` or `sinks`.
pub(super) fn place(range: &Range) -> (&'static str, &'static str) {
    range.name.split_once("[].").unwrap_or(("settings", range.name))
}

#[test]
fn the_bounds_of_the_chart_are_those_of_the_operator() {
    let mut written = HEAD.to_owned();
    for part in ["settings", "hosts"] {
        writeln!(written, "{part}:").unwrap();
        for range in RANGES.iter().filter(|range| place(range).0 == part && !range.is_duration()) {
            let (name, Range { default, least, most, .. }) = (place(range).1, range);
            let between = range.between();
            let bounds =
                format!("{{ default: {default}, least: {least}, most: {most}, between: {between} }}");
            writeln!(written, "  {name}: {bounds}").unwrap();
        }
    }
    writeln!(written, "defaults:").unwrap();
    for range in RANGES.iter().filter(|range| place(range).0 != "sinks" && range.is_duration()) {
        writeln!(written, "  {}: {}", range.name, range.default()).unwrap();
    }
    let path = chart().join("files/bounds.yaml");
    if std::env::var_os("WRITE_BOUNDS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let copy = fs::read_to_string(path).unwrap_or_default();
    assert!(copy == written, "run: WRITE_BOUNDS=1 cargo test --test it the_bounds_of_the_chart");

    let schema: Value =
        serde_json::from_slice(&fs::read(chart().join("values.schema.json")).unwrap()).unwrap();
    for range in RANGES {
        let (part, name) = place(&range);
        let parent = match part {
            "settings" => "/properties/settings",
            "hosts" => "/definitions/host",
            _ => "/definitions/sink",
        };
        let said = schema.pointer(&format!("{parent}/properties/{name}")).unwrap();
        let expected = if range.is_duration() {
            durations::bounded(&range)
        } else {
            json!({ "type": ["integer", "null"], "minimum": range.least, "maximum": range.most })
        };
        assert_eq!(*said, expected, "{name} in values.schema.json");
    }
}

/// The settings with one more, as values and as the operator's file has them.
pub(super) fn with(range: &Range, value: &Value) -> (Value, Value) {
    let (part, name) = place(range);
    let mut file = match part {
        "settings" => return (json!({ name: value }), json!({ name: value })),
        "hosts" => json!({ "apiUrl": "https://ghe.example.com/api/v3" }),
        _ => json!({ "url": "https://hooks.example.com" }),
    };
    file[name] = value.clone();
    let values = json!({ part: { "a": file } });
    file["name"] = json!("a");
    (values, json!({ part: [file] }))
}

/// What Helm and the operator say to these settings, if they refuse them.
pub(super) fn refusals(values: &Value, file: &Value) -> [Option<String>; 2] {
    let output = template(&["--set-json", &format!("settings={values}")]);
    let input = from_yaml::<SettingsInput>(&file.to_string()).unwrap();
    let settings = Settings::new(input, SettingsInput::default());
    [(!output.status.success()).then(|| said(&output)), settings.err().map(|error| error.to_string())]
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn helm_refuses_what_is_out_of_bounds_as_the_operator_does() {
    for range in RANGES {
        for wrong in [range.least - 1, range.most + 1] {
            let (values, file) = with(&range, &shown(&range, wrong));
            let [helm, operator] = refusals(&values, &file);
            let (_, name) = place(&range);
            let words = format!("is not between {}", range.between());
            let operator = operator.unwrap();
            assert!(operator.contains(name) && operator.contains(&words), "{name}={wrong}: {operator}");
            let helms = if range.is_duration() {
                format!("/{name}': '{}' does not match pattern", shown(&range, wrong).as_str().unwrap())
            } else if wrong < range.least {
                format!("/{name}': minimum: got {wrong}, want {}", range.least)
            } else {
                format!("/{name}': maximum: got {}, want {}", group(wrong), group(range.most))
            };
            let helm = helm.unwrap();
            assert!(helm.contains(&helms), "{name}={wrong}: {helm}");
        }
    }
}

/// The amount as it stands among the values.
fn shown(range: &Range, amount: u32) -> Value {
    if range.is_duration() { json!(format!("{}h{}s", amount / 3600, amount % 3600)) } else { json!(amount) }
}

/// The number as Helm shows it.
fn group(number: u32) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { digits } else { format!("{head},{tail}") }
}

#[test]
fn helm_takes_the_bounds_themselves() {
    for bound in [|range: &Range| range.least, |range: &Range| range.most] {
        let mut values = json!({ "hosts": { "a": { "apiUrl": "https://ghe.example.com/api/v3" } } });
        values["sinks"] = json!({ "a": { "url": "https://hooks.example.com" } });
        for range in RANGES {
            let (part, name) = place(&range);
            let entry = if part == "settings" { &mut values } else { &mut values[part]["a"] };
            let amount = bound(&range);
            entry[name] = shown(&range, amount);
        }
        rendered(&["--set-json", &format!("settings={values}")]);
    }
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn helm_and_the_operator_agree_on_settings_that_contradict_each_other() {
    let host = |fields: Value| {
        let mut listed = fields.clone();
        listed["name"] = json!("a");
        (json!({ "hosts": { "a": fields } }), json!({ "hosts": [listed] }))
    };
    let same = |fields: Value| (fields.clone(), fields);
    let ghe = "https://ghe.example.com/api/v3";
    let rows = [
        (same(json!({ "failedLoginsPerHour": 5 })), Some("failedLoginsPerNamespace is wrong")),
        (same(json!({ "failedLoginsPerHour": 6 })), None),
        (same(json!({ "metricsDetails": ["consumers"] })), Some("metricsDetails is wrong: it has consumers")),
        (same(json!({ "metricsDetails": ["consumers"], "consumers": true })), None),
        (
            same(json!({ "connectionLabels": ["team.x", "team_x"] })),
            Some("connectionLabels is wrong: team.x and team_x are one label of a metric"),
        ),
        (same(json!({ "connectionLabels": ["team.x", "team.y"] })), None),
        (host(json!({})), Some("apiUrl")),
        (
            host(json!({ "apiUrl": ghe, "onlyCaBundle": true })),
            Some("onlyCaBundle is wrong: there is no caBundle"),
        ),
        (host(json!({ "apiUrl": ghe, "onlyCaBundle": false })), None),
        (
            host(json!({ "apiUrl": "https://github.com" })),
            Some("github.com has no API: it is at https://api.github.com"),
        ),
        (host(json!({ "apiUrl": "https://acme.ghe.com" })), Some("it is at https://api.acme.ghe.com")),
        (
            host(json!({ "apiUrl": "https://api.acme.ghe.com", "legacyTokens": true })),
            Some("legacyTokens is wrong"),
        ),
        (host(json!({ "apiUrl": ghe, "legacyTokens": true })), None),
        (
            same(json!({ "hosts": [{ "name": "a", "apiUrl": ghe }, { "name": "a", "apiUrl": ghe }] })),
            Some("is named twice"),
        ),
        (
            same(json!({ "hosts": [{ "name": "github.com", "legacyTokens": true }] })),
            Some("legacyTokens is wrong"),
        ),
        (same(json!({ "hosts": [{ "name": "github.com", "concurrency": 4 }] })), None),
    ];
    for ((values, file), words) in rows {
        let [helm, operator] = refusals(&values, &file);
        assert_eq!(helm.is_some(), words.is_some(), "{values}: {helm:?}");
        assert_eq!(operator.is_some(), words.is_some(), "{values}: {operator:?}");
        for sentence in [helm, operator].into_iter().flatten() {
            assert!(sentence.contains(words.unwrap()), "{values}: {sentence}");
        }
    }
    // The number of shards is no setting of the file.
    for (flag, words) in [
        (
            "settings.questionsPerMinute=3",
            Some("questionsPerMinute is wrong: it is below the number of shards"),
        ),
        ("settings.failedLoginsPerHour=6", None),
        (
            "settings.hosts.a={\"apiUrl\": \"https://a\", \"concurrency\": 3}",
            Some("settings.hosts.a.concurrency is wrong: it is below the number of shards"),
        ),
        ("settings.hosts.a={\"apiUrl\": \"https://a\", \"concurrency\": 4}", None),
        (
            "settings.sinks={\"a\": {\"url\": \"https://a\", \"labels\": {\"a b\": \"c\"}}}",
            Some("at '/settings/sinks/a/labels': additional properties 'a b' not allowed"),
        ),
    ] {
        let output = template(&["--set", "shards=4", "--set-json", flag]);
        assert_eq!(output.status.success(), words.is_none(), "{flag}: {}", said(&output));
        assert!(said(&output).contains(words.unwrap_or_default()), "{flag}: {}", said(&output));
    }
    // By default 16 questions are open at github.com at once.
    for (values, is_taken) in [
        (r#"{ "shards": 16 }"#, true),
        (r#"{ "shards": 17 }"#, false),
        (r#"{ "shards": 17, "settings": { "hosts": { "github.com": { "concurrency": 16 } } } }"#, false),
        (r#"{ "shards": 17, "settings": { "hosts": { "github.com": { "concurrency": 17 } } } }"#, true),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, values).unwrap();
        let output = template(&["--values", file.path().to_str().unwrap()]);
        assert_eq!(output.status.success(), is_taken, "{values}: {}", said(&output));
        let words = "settings.hosts.github.com.concurrency is wrong: it is below the number of shards";
        assert!(is_taken || said(&output).contains(words), "{values}: {}", said(&output));
    }
}

#[test]
fn a_duration_out_of_bounds_in_a_rare_spelling_is_left_to_the_operator_which_names_the_setting() {
    for (duration, is_taken) in [("23h59m60s", true), ("23h59m61s", false), ("0h00010s", true)] {
        let settings = json!({ "minimumInterval": duration });
        let [helm, operator] = refusals(&settings, &settings);
        assert_eq!(helm, None, "{duration}");
        assert_eq!(operator.is_none(), is_taken, "{duration}: {operator:?}");
        assert!(is_taken || operator.unwrap().contains("minimumInterval is wrong"), "{duration}");
    }
}

#[test]
fn helm_and_the_operator_agree_on_where_traces_go() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    let to = |url: &str| (json!({ "tracesEndpoint": url }), json!({ "tracesEndpoint": url }));
    let rows = [
        (to("http://collector.monitoring:4318"), None),
        (to("https://[fd00::1]:65535/otlp/"), None),
        (to("http://collector:65536"), Some("tracesEndpoint")),
        (to("http://collector:99999"), Some("tracesEndpoint")),
        (to("http://collector:abc"), Some("tracesEndpoint")),
        (to("http://collector 1:4318"), Some("tracesEndpoint")),
        (to("http://a b"), Some("tracesEndpoint")),
        (to("ftp://collector"), Some("tracesEndpoint")),
        (to("https://me:word@collector"), Some("tracesEndpoint")),
        (
            (json!({ "tracesCaBundle": pem }), json!({ "tracesCaBundle": "/etc/traces.pem" })),
            Some("tracesCaBundle is wrong: there is no tracesEndpoint that it would be for"),
        ),
    ];
    for ((values, file), words) in rows {
        for (who, sentence) in ["Helm", "the operator"].into_iter().zip(refusals(&values, &file)) {
            assert_eq!(sentence.is_some(), words.is_some(), "{who}, {values}: {sentence:?}");
            let sentence = sentence.unwrap_or_default();
            assert!(sentence.contains(words.unwrap_or_default()), "{who}, {values}: {sentence}");
        }
    }
}

/// Where URLs stand, with this one as values and as the operator's file have it.
fn with_url(url: &str) -> [(&'static str, Value, Value); 5] {
    let host = |place, host| {
        let (values, file) = of_host(host);
        (place, values, file)
    };
    let traces = json!({ "tracesEndpoint": url });
    [
        host("apiUrl", json!({ "apiUrl": url })),
        host("webUrl", json!({ "apiUrl": "https://a", "webUrl": url })),
        host("proxy", json!({ "apiUrl": "https://a", "proxy": { "url": url } })),
        (
            "sinks",
            json!({ "sinks": { "a": { "url": url } } }),
            json!({ "sinks": [{ "name": "a", "url": url }] }),
        ),
        ("tracesEndpoint", traces.clone(), traces),
    ]
}

/// A host as values and as the operator's file have it.
pub(super) fn of_host(host: Value) -> (Value, Value) {
    let mut listed = host.clone();
    listed["name"] = json!("a");
    (json!({ "hosts": { "a": host } }), json!({ "hosts": [listed] }))
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn helm_and_the_operator_agree_on_addresses_and_ports_in_urls() {
    let rows = [
        ("https://a", true),
        ("https://a.example.com:1", true),
        ("https://a:65535", true),
        ("https://a:65536", false),
        ("https://a:99999", false),
        ("https://a:abc", false),
        ("https://a:-1", false),
        ("https://1a.2b.example", true),
        ("https://10.0.0.7", true),
        ("https://255.255.255.255:8443", true),
        ("https://1.2.3.999", false),
        ("https://256.0.0.1", false),
        ("https://1.2.3.4.5", false),
        ("https://ghe.7", false),
        ("https://[::1]", true),
        ("https://[fd00::1:2]:8443", true),
        ("https://[1:2:3:4:5:6:7:8]", true),
        ("https://[::ffff:10.0.0.7]", true),
        ("https://[1:2:3:4:5:6:7]", false),
        ("https://[1::2::3]", false),
        ("https://[:::]", false),
        ("https://[::ffff:10.0.0.256]", false),
        ("https://a%zz", false),
        ("https://a|b", false),
        ("https://a<b", false),
    ];
    for (url, good) in rows {
        for (place, values, file) in with_url(url) {
            let input = from_yaml::<SettingsInput>(&file.to_string()).unwrap();
            let refused = Settings::new(input, SettingsInput::default()).err().map(|error| error.to_string());
            assert_eq!(refused.is_none(), good, "the operator, {values}: {refused:?}");
            assert!(refused.is_none_or(|refused| refused.contains(place)), "the operator, {values}");
        }
        // What the schema refuses Helm tells of all places at once.
        let host = json!({ "apiUrl": url, "webUrl": url, "proxy": { "url": url } });
        let all = json!({ "hosts": { "a": host }, "sinks": { "a": { "url": url } }, "tracesEndpoint": url });
        let output = template(&["--set-json", &format!("settings={all}")]);
        assert_eq!(output.status.success(), good, "{url}: {}", said(&output));
        if good {
            continue;
        }
        if said(&output).contains("does not match pattern") {
            for place in
                ["hosts/a/apiUrl", "hosts/a/webUrl", "hosts/a/proxy/url", "sinks/a/url", "tracesEndpoint"]
            {
                assert!(said(&output).contains(&format!("'/settings/{place}'")), "{url}: {}", said(&output));
            }
            continue;
        }
        for (place, values, _) in with_url(url) {
            let output = template(&["--set-json", &format!("settings={values}")]);
            let is_told = said(&output).contains(place) && said(&output).contains("is no address of IPv6");
            assert!(!output.status.success() && is_told, "{values}: {}", said(&output));
        }
    }
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn helm_and_the_operator_agree_on_what_is_reached_without_the_proxy() {
    let rows = [
        ("*", true),
        (".example.com", true),
        ("10.0.0.7", true),
        ("10.0.0.0/0", true),
        ("10.0.0.0/32", true),
        ("10.0.0.0/33", false),
        ("10.0.0.0/99", false),
        ("999.1/9", false),
        ("999.1/99", false),
        ("10.0.0.256/8", false),
        ("10.0.0/8", false),
        ("010.0.0.0/8", false),
        ("fd00::/0", true),
        ("fd00::/128", true),
        ("fd00::/129", false),
        ("fd00::/999", false),
        ("::1", true),
        ("::ffff:10.0.0.7", true),
        (":::", false),
        ("1::2::3/64", false),
        ("fd00:12345::/64", false),
    ];
    for (entry, good) in rows {
        let proxy = json!({ "url": "http://proxy:3128", "noProxy": [entry] });
        let (values, file) = of_host(json!({ "apiUrl": "https://a", "proxy": proxy }));
        for (who, sentence) in ["Helm", "the operator"].into_iter().zip(refusals(&values, &file)) {
            assert_eq!(sentence.is_none(), good, "{who}, {entry}: {sentence:?}");
            assert!(good || sentence.unwrap().contains("noProxy"), "{who}, {entry}");
        }
    }
}

#[test]
fn helm_and_the_operator_agree_on_which_days_there_are() {
    let rows = [
        ("2022-02-28", true),
        ("2024-02-29", true),
        ("2000-02-29", true),
        ("2023-02-29", false),
        ("2100-02-29", false),
        ("2022-02-31", false),
        ("2022-04-31", false),
        ("2022-12-31", true),
    ];
    for (day, good) in rows {
        let settings = json!({ "githubApiVersion": day });
        for (who, sentence) in ["Helm", "the operator"].into_iter().zip(refusals(&settings, &settings)) {
            assert_eq!(sentence.is_none(), good, "{who}, {day}: {sentence:?}");
            assert!(good || sentence.unwrap().contains("githubApiVersion"), "{who}, {day}");
        }
    }
}

#[test]
fn helm_and_the_operator_agree_on_how_long_the_name_of_a_registry_may_be() {
    for (length, good) in [(253, true), (254, false)] {
        let host = json!({ "apiUrl": "https://a", "registry": format!("{}:5000", "r".repeat(length)) });
        let (values, file) = of_host(host);
        for (who, sentence) in ["Helm", "the operator"].into_iter().zip(refusals(&values, &file)) {
            assert_eq!(sentence.is_none(), good, "{who}, {length}: {sentence:?}");
            assert!(good || sentence.unwrap().contains("registry"), "{who}, {length}");
        }
    }
}
