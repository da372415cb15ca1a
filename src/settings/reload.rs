//! What of new settings is taken while the operator runs.

use super::{Error, Lease, Settings, Sinks, Traces};

/// What is taken of the sinks while the operator runs.
pub const AUTHORITIES_OF_SINKS: &str = "sinks[].caBundle";

/// The settings that are read at the start alone: they say what is watched, kept, served, told and elected, and by how many. Of the
/// sinks, [other authorities](AUTHORITIES_OF_SINKS) are taken.
pub const NEED_A_RESTART: [&str; 22] = [
    "shard",
    "selector",
    "concurrency",
    "waitingPods",
    "connectionLabels",
    "metricsDetails",
    "sinks",
    "secretScope",
    "watchNamespaces",
    "leaderElection",
    "leaseName",
    "leaseNamespace",
    "leaseDuration",
    "renewDeadline",
    "retryPeriod",
    "listen",
    "metricsListen",
    "metricsTlsDirectory",
    "metricsAuthentication",
    "tracesEndpoint",
    "tracesCaBundle",
    "logFormat",
];

/// What became of new settings.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The settings that are in effect now.
    pub settings: Settings,
    /// The names of those that have changed.
    pub changed: Vec<&'static str>,
    /// The names of those that are others in the file, and stay as they are until a restart.
    pub waiting: Vec<&'static str>,
}

/// Every setting, and whether two differ in it.
const DIFFER: [(&str, fn(&Settings, &Settings) -> bool); 38] = [
    ("shard", |a, b| a.shard != b.shard),
    ("selector", |a, b| a.selector != b.selector),
    ("hosts", |a, b| a.hosts != b.hosts),
    ("minimumInterval", |a, b| a.minimum_interval != b.minimum_interval),
    ("trustFor", |a, b| a.trust_for != b.trust_for),
    ("confirmAfter", |a, b| a.confirm_after != b.confirm_after),
    ("heartbeat", |a, b| a.heartbeat != b.heartbeat),
    ("proofInterval", |a, b| a.proof_interval != b.proof_interval),
    ("incidentHold", |a, b| a.incident_hold != b.incident_hold),
    ("failedLoginsPerHour", |a, b| a.failed_logins_per_hour != b.failed_logins_per_hour),
    ("failedLoginsPerNamespace", |a, b| a.failed_logins_per_namespace != b.failed_logins_per_namespace),
    ("questionsPerMinute", |a, b| a.questions_per_minute != b.questions_per_minute),
    ("concurrency", |a, b| a.concurrency != b.concurrency),
    ("consumers", |a, b| a.consumers != b.consumers),
    ("waitingPods", |a, b| a.waiting_pods != b.waiting_pods),
    ("leaderElection", |a, b| a.lease.is_some() != b.lease.is_some()),
    ("leaseName", |a, b| leases_differ(a, b, |a, b| a.name != b.name)),
    ("leaseNamespace", |a, b| leases_differ(a, b, |a, b| a.namespace != b.namespace)),
    ("leaseDuration", |a, b| leases_differ(a, b, |a, b| a.duration != b.duration)),
    ("renewDeadline", |a, b| leases_differ(a, b, |a, b| a.renew_deadline != b.renew_deadline)),
    ("retryPeriod", |a, b| leases_differ(a, b, |a, b| a.retry_period != b.retry_period)),
    ("metricsPerConnection", |a, b| a.metrics_per_connection != b.metrics_per_connection),
    ("connectionLabels", |a, b| a.connection_labels != b.connection_labels),
    ("metricsDetails", |a, b| a.metrics_details != b.metrics_details),
    ("sinks", |a, b| a.sinks.all != b.sinks.all),
    ("secretScope", |a, b| a.watch.secret_scope != b.watch.secret_scope),
    ("watchNamespaces", |a, b| a.watch.namespaces != b.watch.namespaces),
    ("secretsRole", |a, b| a.watch.secrets_role != b.watch.secrets_role),
    ("waitingPodsRole", |a, b| a.watch.waiting_pods_role != b.watch.waiting_pods_role),
    ("githubApiVersion", |a, b| a.github_api_version != b.github_api_version),
    ("listen", |a, b| a.listen != b.listen),
    ("metricsListen", |a, b| a.scraping.listen != b.scraping.listen),
    ("metricsTlsDirectory", |a, b| a.scraping.tls_directory != b.scraping.tls_directory),
    ("metricsAuthentication", |a, b| a.scraping.authentication != b.scraping.authentication),
    ("tracesEndpoint", |a, b| traces_differ(a, b, |traces| &traces.url)),
    ("tracesCaBundle", |a, b| traces_differ(a, b, |traces| &traces.ca_bundle)),
    ("logFormat", |a, b| a.log_format != b.log_format),
    ("logFilter", |a, b| a.log_filter != b.log_filter),
];

fn leases_differ(a: &Settings, b: &Settings, differ: fn(&Lease, &Lease) -> bool) -> bool {
    a.lease.as_ref().zip(b.lease.as_ref()).is_some_and(|(a, b)| differ(a, b))
}

fn traces_differ<T: PartialEq>(a: &Settings, b: &Settings, of: fn(&Traces) -> &T) -> bool {
    a.traces.as_ref().map(of) != b.traces.as_ref().map(of)
}

impl Settings {
    /// Takes of new settings what can change while the operator runs, and goes together with what stays.
    ///
    /// # Errors
    ///
    /// If that does not go together with what stays.
    pub fn take(&self, new: Settings) -> Result<Taken, Error> {
        let sinks = self.sinks.with_authorities_of(&new.sinks);
        let sinks_wait = sinks != new.sinks.all;
        let authorities = (sinks != self.sinks.all).then_some(AUTHORITIES_OF_SINKS);
        let differing = DIFFER.iter().filter(|(_, differ)| differ(self, &new)).map(|(name, _)| *name);
        let differing: Vec<_> = differing.filter(|name| *name != "sinks" || sinks_wait).collect();
        let mut settings = Settings {
            shard: self.shard,
            selector: self.selector.clone(),
            concurrency: self.concurrency,
            waiting_pods: self.waiting_pods,
            lease: self.lease.clone(),
            listen: self.listen,
            scraping: self.scraping.clone(),
            traces: self.traces.clone(),
            log_format: self.log_format,
            connection_labels: self.connection_labels.clone(),
            metrics_details: self.metrics_details.clone(),
            sinks: Sinks { all: sinks, ..self.sinks.clone() },
            ..new
        };
        settings.watch.secret_scope = self.watch.secret_scope;
        settings.watch.namespaces.clone_from(&self.watch.namespaces);
        let bound = settings.go_together(self);
        let waits = |name: &&str| NEED_A_RESTART.contains(name) || bound.contains(name);
        let (waiting, mut changed): (_, Vec<_>) = differing.into_iter().partition(waits);
        changed.extend(authorities);
        Ok(Taken { settings: settings.consistent()?, changed, waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Range, SettingsInput, from_yaml},
        *,
    };

    /// Another value of each setting; those of the Lease come with leader election, those of TLS with an address of the metrics.
    const OTHERS: [&str; 38] = [
        "shard: 1/2",
        "selector: team=infra",
        "hosts: [{ name: a, apiUrl: 'https://a.example.com' }]",
        "minimumInterval: 2m",
        "trustFor: 48h",
        "confirmAfter: 2m",
        "heartbeat: 2h",
        "proofInterval: 12h",
        "incidentHold: 1h",
        "failedLoginsPerHour: 60",
        "failedLoginsPerNamespace: 3",
        "questionsPerMinute: 300",
        "concurrency: 8",
        "consumers: true",
        "waitingPods: true",
        "leaderElection: false",
        "leaseName: other",
        "leaseNamespace: other",
        "leaseDuration: 20s",
        "renewDeadline: 8s",
        "retryPeriod: 1s",
        "metricsPerConnection: false",
        "connectionLabels: [team]",
        "metricsDetails: [account]",
        "sinks: [{ name: a, url: 'https://a.example.com' }]",
        "secretScope: Cluster",
        "watchNamespaces: [a]",
        "secretsRole: other",
        "waitingPodsRole: other",
        "githubApiVersion: '2026-03-10'",
        "listen: 127.0.0.1:1",
        "metricsListen: 127.0.0.1:2",
        "metricsTlsDirectory: /other",
        "metricsAuthentication: false",
        "tracesEndpoint: http://other",
        "tracesCaBundle: PEM",
        "logFormat: json",
        "logFilter: warn",
    ];

    fn settings(text: &str) -> Settings {
        let pem = tempfile::NamedTempFile::new().unwrap();
        let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(pem.path(), authority.cert.pem()).unwrap();
        let text = text.replace("PEM", pem.path().to_str().unwrap());
        let outer: SettingsInput = from_yaml(&text).unwrap();
        let inner = SettingsInput {
            leader_election: Some(true),
            metrics_listen: Some(([127, 0, 0, 1], 3).into()),
            metrics_tls_directory: Some("/tls".into()),
            metrics_authentication: Some(true),
            traces_endpoint: Some("http://collector".to_owned()),
            ..SettingsInput::default()
        };
        Settings::new(outer, inner).unwrap()
    }

    #[test]
    fn each_setting_is_taken_or_named_as_one_that_needs_a_restart() {
        let before = settings("{}");
        let names: Vec<_> = OTHERS.iter().map(|text| text.split(':').next().unwrap()).collect();
        assert_eq!(names, DIFFER.map(|(name, _)| name), "each has a row here");
        for (text, name) in OTHERS.iter().zip(names) {
            let Taken { settings: after, changed, waiting } = before.take(settings(text)).unwrap();
            let waits = NEED_A_RESTART.contains(&name);
            // The Lease is that of the shard, or of the selector.
            let both =
                if ["shard", "selector"].contains(&name) { vec![name, "leaseName"] } else { vec![name] };
            assert_eq!((changed, waiting), if waits { (vec![], both) } else { (both, vec![]) });
            let shown = |settings: &Settings| format!("{settings:?}");
            assert_eq!(shown(&after) == shown(&before), waits, "{text}");
            if !waits {
                assert_eq!(shown(&after), shown(&settings(text)), "{text}");
            }
        }
        assert!(NEED_A_RESTART.iter().all(|name| DIFFER.iter().any(|(known, _)| known == name)));
        let is_known = |range: &Range| DIFFER.iter().any(|(known, _)| *known == range.name);
        let bounded = super::super::RANGES.iter().filter(|range| !range.name.contains("[]."));
        assert!(bounded.clone().count() > 9 && bounded.clone().all(is_known));
    }

    #[test]
    fn other_authorities_of_a_sink_are_taken_and_the_rest_of_it_waits() {
        let sinks = |sinks: &str| settings(&format!("sinks: [{sinks}]"));
        let [ops, bus] =
            ["ops", "bus"].map(|name| format!("{{ name: {name}, url: 'https://a.example.com' }}"));
        let with = |sink: &str| sink.replace(" }", ", caBundle: PEM }");
        let elsewhere = with(&ops).replace("https://a", "https://b");
        let before = sinks(&format!("{ops}, {bus}"));
        // What is in the file then, of which sinks the authorities are taken, and what is told.
        let rows: [(String, [bool; 2], &[&str], &[&str]); 5] = [
            (format!("{}, {bus}", with(&ops)), [true, false], &["sinks[].caBundle"], &[]),
            (format!("{}, {}", with(&bus), with(&ops)), [true, true], &["sinks[].caBundle"], &["sinks"]),
            (with(&ops), [true, false], &["sinks[].caBundle"], &["sinks"]),
            (format!("{elsewhere}, {}", with(&bus)), [false, true], &["sinks[].caBundle"], &["sinks"]),
            (elsewhere.clone(), [false, false], &[], &["sinks"]),
        ];
        for (file, taken, changed, waiting) in rows {
            let after = before.take(sinks(&file)).unwrap();
            assert_eq!((after.changed.as_slice(), after.waiting.as_slice()), (changed, waiting), "{file}");
            let found: Vec<_> =
                after.settings.sinks.all.iter().map(|sink| !sink.ca_bundle.is_empty()).collect();
            assert_eq!(found, taken, "{file}");
            let named = after.settings.sinks.all.iter().map(|sink| (sink.name.as_str(), sink.url.as_str()));
            assert!(
                named.eq([("ops", "https://a.example.com/"), ("bus", "https://a.example.com/")]),
                "{file}"
            );
        }
    }

    #[test]
    fn what_is_equal_is_no_change_and_several_are_told_together() {
        let before = settings("hosts: [{ name: a, apiUrl: 'https://a.example.com' }]");
        let same = before.take(settings("hosts: [{ name: a, apiUrl: 'https://a.example.com' }]")).unwrap();
        assert!(same.changed.is_empty() && same.waiting.is_empty());
        let both = before.take(settings("{ trustFor: 48h, listen: '127.0.0.1:1', concurrency: 8 }")).unwrap();
        assert_eq!(both.changed, ["hosts", "trustFor"]);
        assert_eq!(both.waiting, ["concurrency", "listen"]);
    }

    #[test]
    fn what_goes_together_with_a_setting_that_waits_waits_with_it() {
        let (consumers, shards) = ("{ consumers: true, metricsDetails: [consumers] }", "{ shard: 0/4 }");
        let details = vec!["consumers", "metricsDetails"];
        let hosts =
            "{ hosts: [{ name: a, apiUrl: 'https://a.example.com', concurrency: 3 }], trustFor: 48h }";
        // What runs, what is in the file then, and what of it waits.
        let rows = [
            (consumers, "{ trustFor: 48h }", details.clone()),
            (consumers, "{ trustFor: 48h, metricsDetails: [account] }", details),
            (consumers, "{ trustFor: 48h, consumers: true }", vec!["metricsDetails"]),
            (
                shards,
                "{ trustFor: 48h, failedLoginsPerHour: 3, failedLoginsPerNamespace: 3 }",
                vec!["shard", "failedLoginsPerHour", "leaseName"],
            ),
            (
                shards,
                "{ trustFor: 48h, questionsPerMinute: 3 }",
                vec!["shard", "questionsPerMinute", "leaseName"],
            ),
            (shards, hosts, vec!["shard", "hosts", "leaseName"]),
            (shards, "{ trustFor: 48h, questionsPerMinute: 4 }", vec!["shard", "leaseName"]),
        ];
        for (before, file, expected) in rows {
            let Taken { settings: after, changed, waiting } = settings(before).take(settings(file)).unwrap();
            assert_eq!(waiting, expected, "{file}");
            assert!(
                changed.contains(&"trustFor") && !changed.iter().any(|name| waiting.contains(name)),
                "{changed:?}"
            );
            assert_eq!(after.trust_for, settings(file).trust_for, "{file}");
            let same = after.take(settings(file)).unwrap();
            assert_eq!((same.changed, same.waiting), (vec![], expected), "{file}: they go on waiting");
            let back = after.take(settings(before)).unwrap();
            assert_eq!(back.waiting, Vec::<&str>::new(), "{file}: nothing waits that is as it was");
        }
    }
}
