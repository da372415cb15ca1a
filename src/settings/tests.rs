use super::*;
use crate::domain::token::LegacyTokens;

fn settings(yaml: &str) -> Result<Settings, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.yaml");
    fs::write(&path, yaml).unwrap();
    Settings::new(SettingsInput::default(), SettingsInput::read(&path)?)
}

#[test]
fn without_any_setting_the_defaults_hold() {
    let settings = settings("").unwrap();
    assert_eq!(settings.minimum_interval, SignedDuration::from_mins(1));
    assert_eq!((settings.concurrency, settings.questions_per_minute), (16, 600));
    assert_eq!((settings.failed_logins_per_hour, settings.failed_logins_per_namespace), (30, 6));
    assert_eq!(settings.incident_hold, SignedDuration::from_mins(30));
    let host = settings.host("github.com").unwrap();
    assert_eq!(
        (host.endpoint("user").as_str(), host.addresses.web_url.as_str()),
        ("https://api.github.com/user", "https://github.com")
    );
    assert_eq!((host.addresses.registry.as_deref(), host.concurrency), (Some("ghcr.io"), 16));
}

#[test]
fn a_lease_is_held_only_where_several_replicas_may_run() {
    assert_eq!(settings("{ leaseName: a, leaseDuration: 30s }").unwrap().lease, None);
    let lease = settings("leaderElection: true").unwrap().lease.unwrap();
    assert_eq!((lease.name.as_str(), lease.namespace.as_deref()), ("github-pat-operator", None));
    let seconds = [lease.duration, lease.renew_deadline, lease.retry_period].map(|span| span.as_secs());
    assert_eq!(seconds, [15, 10, 2]);
    let flags = SettingsInput { lease_namespace: Some("ours".to_owned()), ..SettingsInput::default() };
    let file = SettingsInput {
        leader_election: Some(true),
        lease_namespace: Some("theirs".to_owned()),
        lease_name: Some("one".to_owned()),
        ..SettingsInput::default()
    };
    let lease = Settings::new(flags, file).unwrap().lease.unwrap();
    assert_eq!((lease.name.as_str(), lease.namespace.as_deref()), ("one", Some("ours")));
}

#[test]
fn a_flag_outweighs_the_file() {
    let flags = SettingsInput { concurrency: Some(2), ..SettingsInput::default() };
    let file = SettingsInput {
        concurrency: Some(3),
        trust_for: Some(Duration::hours(2)),
        ..SettingsInput::default()
    };
    let settings = Settings::new(flags, file).unwrap();
    assert_eq!((settings.concurrency, settings.trust_for), (2, SignedDuration::from_hours(2)));
}

#[test]
fn a_wrong_setting_is_named_with_what_would_be_right() {
    let rows = [
        ("minimumInterval: 1s", "minimumInterval", "between 10s and 24h"),
        ("minimumInterval: soon", "minimumInterval", "30m"),
        ("trustFor: 30m", "trustFor", "below heartbeat"),
        ("{ trustFor: 2h, heartbeat: 3h }", "trustFor", "lower heartbeat"),
        ("failedLoginsPerHour: 5", "failedLoginsPerNamespace", "6 is above failedLoginsPerHour, 5"),
        ("failedLoginsPerNamespace: 31", "failedLoginsPerNamespace", "raise failedLoginsPerHour"),
        ("concurrency: many", "concurrency", "many"),
        ("questionsPerMinute: 1.5", "questionsPerMinute", "1.5"),
        ("concurrency: -1", "concurrency", "-1 is not between 1 and 1000"),
        ("concurrency: 65537", "concurrency", "65537 is not between 1 and 1000"),
        ("githubApiVersion: latest", "githubApiVersion", "2022-11-28"),
        ("leaderElection: maybe", "leaderElection", "maybe"),
        ("leaseDuration: 2s", "leaseDuration", "between 3s and 5m"),
        ("leaseDuration: 10s", "renewDeadline", "raise leaseDuration"),
        ("renewDeadline: 15s", "renewDeadline", "not below leaseDuration"),
        ("retryPeriod: 6s", "retryPeriod", "above half of renewDeadline"),
        ("renewDeadline: 3s", "retryPeriod", "raise renewDeadline"),
        ("leaseName: A_b", "leaseName", "lower case"),
        ("leaseName: ''", "leaseName", "lower case"),
        ("leaseNamespace: a.b", "leaseNamespace", "lower case"),
        ("hosts: [{ name: a, apiUrl: 'http://ghe.example.com/api/v3' }]", "hosts[0].apiUrl", "loopback"),
        ("hosts: [{ name: a, apiUrl: 'ftp://ghe.example.com' }]", "hosts[0].apiUrl", "https"),
        ("hosts: [{ name: a, apiUrl: 'https://me:you@ghe.example.com' }]", "hosts[0].apiUrl", "user"),
        ("hosts: [{ name: a, apiUrl: 'https://ghe.example.com/?a=b' }]", "hosts[0].apiUrl", "query"),
        ("hosts: [{ name: a, apiUrl: 'no url' }]", "hosts[0].apiUrl", "URL"),
        ("hosts: [{ name: github.com, legacyTokens: true }]", "hosts[0].legacyTokens", "Enterprise Server"),
        (
            "hosts: [{ name: github.com, apiUrl: 'https://ghe.example.com', legacyTokens: true }]",
            "hosts[0].legacyTokens",
            "never sent",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://API.github.com.', legacyTokens: true }]",
            "hosts[0].legacyTokens",
            "never sent",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://api.acme.ghe.com', legacyTokens: true }]",
            "hosts[0].legacyTokens",
            "never sent",
        ),
        ("hosts: [{ name: A_b, apiUrl: 'https://a.example.com' }]", "hosts[0].name", "lower case"),
        ("hosts: [{ name: a, apiUrl: 'https://a.example.com', webUrl: x }]", "hosts[0].webUrl", "URL"),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com', registry: 'https://r' }]",
            "hosts[0].registry",
            "host name",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com', registry: 'r:99999' }]",
            "hosts[0].registry",
            "port",
        ),
        ("hosts: [{ name: a, apiUrl: 'https://a.example.com:99999' }]", "hosts[0].apiUrl", "port"),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com', concurrency: 101 }]",
            "hosts[0].concurrency",
            "101 is not between 1 and 100",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com', caBundle: /no/such }]",
            "hosts[0].caBundle",
            "/no/such",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com', onlyCaBundle: true }]",
            "hosts[0].onlyCaBundle",
            "no caBundle",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'https://a.example.com' }, { name: a, apiUrl: 'https://b.example.com' }]",
            "hosts[1].name",
            "twice",
        ),
        ("hosts: [{ name: a }]", "hosts[0].apiUrl", "missing"),
        (
            "hosts: [{ name: a, apiUrl: 'https://acme.ghe.com' }]",
            "hosts[0].apiUrl",
            "https://api.acme.ghe.com",
        ),
        (
            "hosts: [{ name: github.com, apiUrl: 'https://github.com' }]",
            "hosts[0].apiUrl",
            "https://api.github.com",
        ),
        (
            "hosts: [{ name: github.com, timeout: 2s, connectTimeout: 3s }]",
            "hosts[0].connectTimeout",
            "above timeout",
        ),
        (
            "hosts: [{ name: github.com, proxy: { url: 'proxy:3128' } }]",
            "hosts[0].proxy.url",
            "http or https",
        ),
        (
            "hosts: [{ name: github.com, proxy: { url: 'http://proxy:3128', credentialsFile: /no/such } }]",
            "hosts[0].proxy.credentialsFile",
            "/no/such",
        ),
        (
            "hosts: [{ name: github.com, proxy: { url: 'http://proxy:3128', noProxy: ['a b'] } }]",
            "hosts[0].proxy.noProxy",
            "not a host name",
        ),
        (
            "hosts: [{ name: a, apiUrl: 'http://127.0.0.1:4000', proxy: { url: 'http://proxy:3128' } }]",
            "hosts[0].proxy",
            "plain http",
        ),
        ("nosuch: 1", "nosuch", "no field: remove it"),
        ("[", "settings.yaml", "wrong"),
        ("[30s, 5s]", "settings.yaml", "a list"),
    ];
    for (yaml, name, words) in rows {
        let error = settings(yaml).expect_err(yaml).to_string();
        assert!(error.contains(name) && error.contains(words), "{yaml}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_entry_of_github_com_replaces_what_it_gives_and_nothing_else() {
    let rows = [
        ("", "https://api.github.com/user", Some("ghcr.io"), 16),
        ("concurrency: 3", "https://api.github.com/user", Some("ghcr.io"), 3),
        ("registry: ghcr.example.com", "https://api.github.com/user", Some("ghcr.example.com"), 16),
        (
            "apiUrl: 'https://gateway.example.com/github'",
            "https://gateway.example.com/github/user",
            Some("ghcr.io"),
            16,
        ),
    ];
    for (fields, user, registry, concurrency) in rows {
        let settings = settings(&format!("hosts: [{{ name: github.com, {fields} }}]")).unwrap();
        let host = settings.host("github.com").unwrap();
        let seen = (host.endpoint("user").to_string(), host.addresses.registry.as_deref(), host.concurrency);
        assert_eq!(seen, (user.to_owned(), registry, concurrency), "{fields}");
        assert_eq!(settings.hosts.len(), 1, "{fields}");
    }
}

#[test]
fn a_broken_file_of_authorities_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let begin = "-----BEGIN CERTIFICATE-----";
    let end = "-----END CERTIFICATE-----";
    let rows = [
        (String::new(), "no certificate"),
        (format!("{begin}\nMIIB"), "no complete PEM"),
        (format!("{begin}\n%%%%\n{end}\n"), "no complete PEM"),
        (format!("{begin}\naGVsbG8=\n{end}\n"), "certificate 1 in it cannot be used"),
    ];
    for (pem, words) in rows {
        std::fs::write(&path, &pem).unwrap();
        let yaml = format!("hosts: [{{ name: github.com, caBundle: '{}' }}]", path.display());
        let error = settings(&yaml).expect_err(&pem).to_string();
        assert!(error.contains("hosts[0].caBundle") && error.contains(words), "{error}");
        assert!(!error.contains("45, 45"), "no bytes in decimal: {error}");
    }
}

#[test]
fn the_pages_of_a_host_follow_from_its_api() {
    let rows = [
        ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/v3/user", "https://ghe.example.com"),
        (
            "https://ghe.example.com:8443/api/v3/",
            "https://ghe.example.com:8443/api/v3/user",
            "https://ghe.example.com:8443",
        ),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com/user", "https://acme.ghe.com"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000/user", "http://127.0.0.1:4000"),
        ("http://localhost:4000", "http://localhost:4000/user", "http://localhost:4000"),
        ("http://[::1]:4000", "http://[::1]:4000/user", "http://[::1]:4000"),
    ];
    for (api, user, web) in rows {
        let settings = settings(&format!("hosts: [{{ name: a, apiUrl: '{api}' }}]")).unwrap();
        let host = settings.host("a").unwrap();
        assert_eq!((host.endpoint("user").as_str(), host.addresses.web_url.as_str()), (user, web), "{api}");
        assert!(settings.host("github.com").is_some());
    }
}

#[test]
fn a_setting_may_be_what_its_bounds_say_and_no_more() {
    // Name, too little, least, most, too much; what bounds the setting beside it.
    let rows = [
        ("minimumInterval", ["9s", "10s", "24h", "24h1s"], ""),
        ("trustFor", ["59s", "1m", "720h", "720h1s"], "heartbeat: 1m"),
        ("confirmAfter", ["0s", "1s", "1h", "1h1s"], ""),
        ("heartbeat", ["59s", "1m", "24h", "24h1s"], ""),
        ("proofInterval", ["59s", "1m", "168h", "168h1s"], ""),
        ("incidentHold", ["59s", "1m", "24h", "24h1s"], ""),
        ("failedLoginsPerHour", ["0", "1", "10000", "10001"], "failedLoginsPerNamespace: 1"),
        ("failedLoginsPerNamespace", ["0", "1", "10000", "10001"], "failedLoginsPerHour: 10000"),
        ("questionsPerMinute", ["0", "1", "60000", "60001"], ""),
        ("concurrency", ["0", "1", "1000", "1001"], ""),
        ("leaseDuration", ["2s", "3s", "5m", "5m1s"], "renewDeadline: 2s\nretryPeriod: 1s"),
        ("renewDeadline", ["1s", "2s", "4m", "4m1s"], "leaseDuration: 5m\nretryPeriod: 1s"),
        ("retryPeriod", ["0s", "1s", "1m", "1m1s"], "leaseDuration: 5m\nrenewDeadline: 4m"),
        ("sinks[].timeout", ["0s", "1s", "1m", "1m1s"], ""),
        ("hosts[].concurrency", ["0", "1", "100", "101"], ""),
        ("hosts[].connectTimeout", ["0s", "1s", "30s", "31s"], "timeout: 1m"),
        ("hosts[].timeout", ["0s", "1s", "1m", "1m1s"], ""),
    ];
    assert_eq!(rows.map(|(name, ..)| name), RANGES.map(|range| range.name));
    for (name, values, beside) in rows {
        let [_, least, most, _] = values;
        for (value, good) in values.into_iter().zip([false, true, true, false]) {
            let yaml = match name.strip_prefix("hosts[].") {
                None if name.starts_with("sinks[].") => {
                    format!("sinks: [{{ name: a, url: 'https://a', timeout: {value} }}]")
                }
                Some(field) => {
                    let fields = format!("{field}: {value}, {beside}");
                    format!("hosts: [{{ name: a, apiUrl: 'https://a.example.com', {fields} }}]")
                }
                None => format!("{name}: {value}\n{beside}"),
            };
            let taken = settings(&yaml).map(|_| ()).map_err(|error| error.to_string());
            let field = name.replace("[]", "[0]");
            let refused = format!("the setting {field} is wrong: {value} is not between {least} and {most}");
            assert_eq!(taken, if good { Ok(()) } else { Err(refused) }, "{yaml}");
        }
    }
}

#[test]
fn the_help_of_a_flag_has_its_bounds_and_default() {
    let flags = <SettingsInput as clap::Args>::augment_args(clap::Command::new("settings"));
    let help = |long: &str| {
        let flag = flags.get_arguments().find(|flag| flag.get_long() == Some(long)).unwrap();
        flag.get_help().unwrap().to_string()
    };
    for range in RANGES.iter().filter(|range| !range.name.contains("[].")) {
        let words = format!(". {} [default: {}]", range.help(), range.default());
        assert!(help(&range.flag()).ends_with(&words), "{}: {}", range.name, help(&range.flag()));
    }
    let bounds =
        "How old checkedAt in a status may become before it is written anew. From 1m to 24h [default: 1h]";
    assert_eq!(help("heartbeat"), bounds);
    for flag in flags.get_arguments() {
        let value = flag.get_value_names().unwrap_or_default().first().map(|name| name.as_str());
        let bounded = RANGES.iter().any(|range| Some(range.flag().as_str()) == flag.get_long());
        assert_eq!(bounded, matches!(value, Some("DURATION" | "NUMBER")), "{flag}");
    }
}

#[test]
fn budgets_and_hold_are_read_from_flag_and_file() {
    let yaml =
        "{ incidentHold: 2h, failedLoginsPerHour: 40, failedLoginsPerNamespace: 4, questionsPerMinute: 100 }";
    let file: SettingsInput = from_yaml(yaml).unwrap();
    let flags = SettingsInput { failed_logins_per_namespace: Some(8), ..SettingsInput::default() };
    let settings = Settings::new(flags, file).unwrap();
    assert_eq!(settings.incident_hold, SignedDuration::from_hours(2));
    assert_eq!((settings.failed_logins_per_hour, settings.failed_logins_per_namespace), (40, 8));
    assert_eq!(settings.questions_per_minute, 100);
}

#[test]
fn an_enterprise_server_may_have_tokens_of_40_hexadecimal_digits_and_nobody_has_them_by_default() {
    let hosts = "hosts:
      - { name: old, apiUrl: 'https://notgithub.com/api/v3', legacyTokens: true }
      - { name: new, apiUrl: 'https://ghe.example.com/api/v3' }
      - { name: said, apiUrl: 'https://api.acme.ghe.com', legacyTokens: false }";
    let settings = settings(hosts).unwrap();
    let legacy = |name: &str| settings.host(name).unwrap().legacy_tokens;
    assert_eq!(legacy("old"), LegacyTokens::Allowed);
    for name in ["new", "said", "github.com"] {
        assert_eq!(legacy(name), LegacyTokens::Refused, "{name}");
    }
}

#[test]
fn consumers_are_shown_only_where_they_are_listed() {
    let said = settings("metricsDetails: [account, consumers]").map(|_| ()).unwrap_err().to_string();
    assert!(said.starts_with("the setting metricsDetails is wrong: ") && said.contains("set that"), "{said}");
    let settings = settings("metricsDetails: [account, consumers]\nconsumers: true").unwrap();
    assert_eq!(settings.metrics_details, [MetricsDetail::Account, MetricsDetail::Consumers]);
}

#[test]
fn shards_share_what_a_host_is_asked_and_never_ask_more_together() {
    let large =
        "{ questionsPerMinute: 65, failedLoginsPerHour: 64, hosts: [{ name: github.com, concurrency: 64 }] }";
    for (given, count) in [("{}", 4_u32), ("{}", 7), ("{}", 16), (large, 64)] {
        let whole = settings(given).unwrap();
        let part = settings(&given.replacen('{', &format!("{{ shard: 1/{count}, "), 1)).unwrap();
        let of = |settings: &Settings| settings.limited_hosts().next().unwrap().1;
        let (whole, part) = (of(&whole), of(&part));
        assert_eq!(part.points_per_minute, whole.points_per_minute / count);
        assert_eq!(part.failed_logins_per_hour, whole.failed_logins_per_hour / count);
        assert_eq!(
            part.failed_logins_per_namespace,
            part.failed_logins_per_hour.min(6),
            "a namespace is in one"
        );
        assert_eq!(u32::from(part.concurrency), u32::from(whole.concurrency) / count);
        assert_eq!(part.account_share, whole.account_share / count);
        let parts = [
            ("points", part.points_per_minute, whole.points_per_minute),
            ("logins", part.failed_logins_per_hour, whole.failed_logins_per_hour),
            ("concurrency", part.concurrency.into(), whole.concurrency.into()),
            ("account", part.account_share, whole.account_share),
        ];
        for (name, part, whole) in parts {
            assert!(part > 0 && part * count <= whole, "{given} {count} {name}: {part} of {whole}");
        }
    }
    for (given, name) in [
        ("shard: 4/4", "shard"),
        ("{ shard: 0/31 }", "failedLoginsPerHour"),
        ("{ shard: 0/4, questionsPerMinute: 3 }", "questionsPerMinute"),
        ("{ shard: 0/17 }", "hosts.github.com.concurrency"),
        ("{ shard: 0/4, hosts: [{ name: a, apiUrl: 'https://a', concurrency: 3 }] }", "hosts.a.concurrency"),
        ("{ shard: 0/4, watchNamespaces: [a] }", "shard"),
    ] {
        let said = settings(given).unwrap_err().to_string();
        assert!(said.contains(&format!("the setting {name} is wrong")), "{given}: {said}");
    }
    let lease = settings("{ shard: 2/4, leaderElection: true, leaseName: a }").unwrap().lease.unwrap();
    assert_eq!(lease.name, "a-2");
}

#[test]
fn operators_for_other_connections_have_other_leases_unless_the_settings_name_one() {
    let lease = |more: &str| {
        let settings = settings(&format!("{{ leaderElection: true{more} }}")).unwrap();
        (settings.lease.unwrap().name, settings.sinks.config_map)
    };
    let (of_all, _) = lease("");
    let (of_some, map) = lease(", selector: 'team in (a, b)'");
    assert_eq!(lease(", selector: ''").0, of_all, "an empty one selects all");
    assert_eq!((lease(", selector: 'team in (a,b)'").0, map), (of_some.clone(), format!("{of_some}-sinks")));
    assert!(of_some.starts_with(&format!("{of_all}-of-")), "{of_some}");
    assert_ne!(lease(", selector: team=a").0, of_some);
    assert_eq!(lease(", selector: team=a, shard: 1/2, leaseName: pats").0, "pats-1");
    let said = settings("selector: team of a").unwrap_err().to_string();
    assert!(said.starts_with("the setting selector is wrong: it is no selector of labels"), "{said}");
}
