//! Which values Helm takes, and what the operator makes of them.

use github_pat_operator::{
    domain::token::LegacyTokens,
    settings::{LogFormat, RANGES},
    telemetry,
};

use super::*;

#[test]
fn without_values_the_settings_are_the_defaults_of_the_operator() {
    let ours = SettingsInput {
        listen: Some("[::]:8080".parse().unwrap()),
        log_format: Some(LogFormat::Json),
        leader_election: Some(true),
        ..SettingsInput::default()
    };
    let defaults = format!("{:?}", Settings::new(ours, SettingsInput::default()).unwrap());
    let bounded = RANGES.iter().map(|range| range.name).filter(|name| !name.contains("[]"));
    let unset: Vec<String> = bounded.chain(["githubApiVersion"]).flat_map(|name| set(name, "null")).collect();
    for flags in [Vec::new(), unset] {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(&rendered(&flags), directory.path());
        assert_eq!(format!("{settings:?}"), defaults);
    }
}

#[tokio::test]
async fn certificates_and_proxies_among_the_values_are_those_of_their_hosts() {
    let values = every_value().await;
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&rendered(&["--values", values.path().to_str().unwrap()]), directory.path());
    let trusted = |name: &str| settings.host(name).unwrap().ca_bundle.len();
    assert_eq!((trusted("ghe.example.com"), trusted("acme.ghe.com")), (1, 0));
    let proxied = |name: &str| settings.host(name).unwrap().proxy.is_some();
    assert_eq!(settings.traces.as_ref().unwrap().ca_bundle.len(), 1);
    assert_eq!((proxied("ghe.example.com"), proxied("acme.ghe.com")), (true, false));
    let legacy = |name: &str| settings.host(name).unwrap().legacy_tokens;
    let expected = (LegacyTokens::Allowed, LegacyTokens::Refused);
    assert_eq!((legacy("ghe.example.com"), legacy("acme.ghe.com")), expected);
}

#[tokio::test]
async fn a_list_of_hosts_is_read_as_the_map_is() {
    let values = every_value().await;
    let mut given: Value = serde_json::from_slice(&fs::read(values.path()).unwrap()).unwrap();
    let map = given["settings"]["hosts"].as_object().unwrap().clone().into_iter();
    let list: Vec<Value> = map
        .map(|(name, mut host)| {
            host["name"] = Value::from(name);
            host
        })
        .collect();
    let of_map = rendered(&["--values", values.path().to_str().unwrap()]);
    given["settings"]["hosts"] = Value::from(list);
    fs::write(values.path(), given.to_string()).unwrap();
    let of_list = rendered(&["--values", values.path().to_str().unwrap()]);
    assert_eq!(of_kind(&of_list, "ConfigMap")["data"], of_kind(&of_map, "ConfigMap")["data"]);

    let (chart, file) = (chart(), values.path().to_str().unwrap());
    let notes = helm(&["install", RELEASE, chart.to_str().unwrap(), "--dry-run=client", "--values", file]);
    assert!(said(&notes).contains("The next version takes only a map"), "{}", said(&notes));
}

#[test]
fn null_takes_off_a_host_or_one_of_its_fields() {
    let host = json!({ "apiUrl": "https://a.example.com", "registry": null, "caBundle": null });
    let flag = format!("settings.hosts={}", json!({ "a": host, "b": null }));
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&rendered(&["--set-json", &flag]), directory.path());
    let names: Vec<_> = settings.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["github.com", "a"]);
    assert_eq!(settings.host("a").unwrap().addresses.registry, None);
}

#[test]
fn two_names_for_one_api_are_refused() {
    let at = |url: &str| json!({ "apiUrl": url });
    let ghe = "https://ghe.example.com/api/v3";
    let rows = [
        (json!({ "a": at(ghe), "b": at("https://GHE.example.com:443/api/v3/") }), Some(("b", "a"))),
        (json!({ "gh": at("https://api.github.com") }), Some(("gh", "github.com"))),
        (json!({ "github.com": {}, "gh": at("https://api.github.com/") }), Some(("github.com", "gh"))),
        (json!([{ "name": "a", "apiUrl": ghe }, { "name": "b", "apiUrl": ghe }]), Some(("b", "a"))),
        (json!({ "a": at(ghe), "b": at("https://ghe.example.com:8443/api/v3") }), None),
        (json!({ "a": at(ghe), "b": at("https://ghe.example.com/API/v3") }), None),
        (json!({ "github.com": at(ghe), "gh": at("https://api.github.com") }), None),
        (json!({ "github.com": at(ghe), "a": null }), None),
    ];
    for (hosts, words) in rows {
        let output = template(&["--set-json", &format!("settings.hosts={hosts}")]);
        assert_eq!(output.status.success(), words.is_none(), "{hosts}: {}", said(&output));
        let words = words
            .map(|(one, other)| format!("settings.hosts.{one}.apiUrl is wrong: it is that of {other} too"));
        assert!(said(&output).contains(&words.unwrap_or_default()), "{hosts}: {}", said(&output));
    }
}

#[test]
fn helm_and_the_operator_agree_on_how_a_setting_is_written() {
    let rows = [
        ("minimumInterval", ["1h0m60s", "24h"], ["10", "1d"]),
        ("incidentHold", ["90m", "00030m"], ["30m1h", "soon"]),
        ("failedLoginsPerHour", ["30", "10000"], ["1.5", "many"]),
        ("questionsPerMinute", ["1", "900"], ["600/m", "1e2h"]),
        ("githubApiVersion", ["2022-11-28", "2026-03-10"], ["latest", "2026-13-10"]),
        ("logFormat", ["text", "json"], ["xml", "JSON"]),
    ];
    for (name, good, bad) in rows {
        for (value, good) in
            good.map(|value| (value, true)).into_iter().chain(bad.map(|value| (value, false)))
        {
            let input = from_yaml::<SettingsInput>(&format!("{name}: {value}"));
            let taken = input.is_ok_and(|input| Settings::new(input, SettingsInput::default()).is_ok());
            let output = template(&set(name, value).each_ref().map(String::as_str));
            assert_eq!((taken, output.status.success()), (good, good), "{name}={value}: {}", said(&output));
            assert!(good || said(&output).contains(name), "{name}={value}: {}", said(&output));
        }
    }
}

#[test]
fn helm_and_the_operator_agree_on_a_log_filter() {
    let rows = [
        ("info", true),
        ("off", true),
        ("warn,github_pat_operator=debug", true),
        ("github_pat_operator::github=TRACE,hyper=0", true),
        ("github_pat_operator", true),
        ("warn,github_pat_operator[reconcile{connection=ci}]=debug", false),
        ("[reconcile]", false),
        ("info,", true),
        (",info", false),
        ("===", false),
        ("=debug", false),
        ("github_pat_operator=loud", false),
        ("info, kube=warn", false),
        ("kube[=warn", false),
    ];
    for (filter, good) in rows {
        let taken = telemetry::targets(filter).is_ok();
        let flag = format!("settings.logFilter={}", json!(filter));
        let output = template(&["--set-json", &flag]);
        assert_eq!((taken, output.status.success()), (good, good), "{filter}: {}", said(&output));
        assert!(good || said(&output).contains("/settings/logFilter"), "{filter}: {}", said(&output));
    }
}

#[test]
#[ignore = "runs helm for each of many values; .ci/long runs it"]
fn a_value_that_would_do_nothing_or_harm_is_refused_by_name() {
    let host = |more: Value| {
        let mut host = json!({ "name": "ghe.example.com", "apiUrl": "https://ghe.example.com/api/v3" });
        host.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("settings.hosts=[{host}, {{\"name\": \"b\", \"apiUrl\": \"https://b.example.com\"}}]")
    };
    let rows = [
        ("nosuch=1".to_owned(), "'nosuch' not allowed"),
        ("replicaCount=-1".to_owned(), "/replicaCount"),
        ("crds.nosuch=true".to_owned(), "'nosuch' not allowed"),
        ("crds={\"install\": true, \"enabled\": false}".to_owned(), "leave crds.install out"),
        (
            "commonAnnotations={\"helm.sh/hook\": \"pre-install\"}".to_owned(),
            "/commonAnnotations/helm.sh~1hook",
        ),
        (
            "serviceAccount.annotations={\"helm.sh/hook\": \"pre-install\"}".to_owned(),
            "/serviceAccount/annotations/helm.sh~1hook",
        ),
        ("podAnnotations={\"helm.sh/hook\": \"pre-install\"}".to_owned(), "/podAnnotations/helm.sh~1hook"),
        ("networkPolicy.hosts.cidrs=[\"github.com\"]".to_owned(), "/networkPolicy/hosts/cidrs/0"),
        ("networkPolicy.hosts.cidrs=[\"10.0.0.0/33\"]".to_owned(), "/networkPolicy/hosts/cidrs/0"),
        ("networkPolicy.hosts.cidrs=[\"10.0.0.256/8\"]".to_owned(), "/networkPolicy/hosts/cidrs/0"),
        ("networkPolicy.apiServer.cidrs=[\"fd00::/129\"]".to_owned(), "/networkPolicy/apiServer/cidrs/0"),
        ("networkPolicy.apiServer.ports=[]".to_owned(), "/networkPolicy/apiServer/ports"),
        ("networkPolicy.from=[{}]".to_owned(), "/networkPolicy/from/0"),
        ("networkPolicy.dns=[{\"ip\": \"10.0.0.53\"}]".to_owned(), "'ip' not allowed"),
        ("extraObjects=[1]".to_owned(), "/extraObjects/0"),
        ("replicaCount=17".to_owned(), "/replicaCount"),
        (
            "podDisruptionBudget={\"minAvailable\": 1}".to_owned(),
            "podDisruptionBudget: give minAvailable or maxUnavailable",
        ),
        (
            "podDisruptionBudget={\"maxUnavailable\": \"half\"}".to_owned(),
            "/podDisruptionBudget/maxUnavailable",
        ),
        ("settings.leaseName=\"a\"".to_owned(), "'leaseName' not allowed"),
        ("serviceAccount={\"create\": false}".to_owned(), "/serviceAccount/name"),
        ("serviceAccount.name=\"default\"".to_owned(), "name one that nothing else uses"),
        (
            "serviceAccount={\"create\": false, \"name\": \"default\"}".to_owned(),
            "serviceAccount.name: default is that of all Pods of the namespace that name none",
        ),
        ("fullnameOverride=\"default\"".to_owned(), "name one that nothing else uses"),
        ("serviceAccount=null".to_owned(), "missing property 'serviceAccount'"),
        ("serviceAccount.create=null".to_owned(), "missing property 'create'"),
        ("crds.enabled=null".to_owned(), "missing property 'enabled'"),
        ("crds.keep=null".to_owned(), "missing property 'keep'"),
        ("admissionPolicies.requireSecretAccess=null".to_owned(), "missing property 'requireSecretAccess'"),
        (
            "admissionPolicies.requireWorkloadAccess=null".to_owned(),
            "missing property 'requireWorkloadAccess'",
        ),
        ("admissionPolicies.warnUnlessGranted=null".to_owned(), "missing property 'warnUnlessGranted'"),
        ("admissionPolicies.confineOperator=null".to_owned(), "missing property 'confineOperator'"),
        ("networkPolicy.apiServer.ports=null".to_owned(), "missing property 'ports'"),
        ("metrics.runbookUrl=null".to_owned(), "missing property 'runbookUrl'"),
        ("metrics.runbookUrl=\"{{ bad\"".to_owned(), "/metrics/runbookUrl"),
        (
            "metrics.alerts.GithubPatTokenExpired.severity=\"{{ bad\"".to_owned(),
            "/metrics/alerts/GithubPatTokenExpired/severity",
        ),
        ("metrics.interval=\"1h\"".to_owned(), "/metrics/interval"),
        ("metrics.interval=\"121s\"".to_owned(), "/metrics/interval"),
        (
            "metrics.alerts.GithubPatHostBudgetLow.threshold=101".to_owned(),
            "/metrics/alerts/GithubPatHostBudgetLow/threshold",
        ),
        (
            "commonLabels={\"rbac.authorization.k8s.io/aggregate-to-edit\": \"true\"}".to_owned(),
            "/commonLabels/rbac.authorization.k8s.io~1aggregate-to-edit",
        ),
        (
            "extraEnv=[{\"name\": \"GITHUB_PAT_OPERATOR_TRUST_FOR\", \"value\": \"1h\"}]".to_owned(),
            "GITHUB_PAT_OPERATOR_TRUST_FOR would outweigh the settings of the chart: set it below settings",
        ),
        ("extraEnv=[{\"name\": \"POD_NAME\", \"value\": \"a\"}]".to_owned(), "POD_NAME is set by the chart"),
        (
            "metrics={\"podMonitor\": true, \"serviceMonitor\": true}".to_owned(),
            "with metrics.serviceMonitor too, each replica would be scraped twice",
        ),
        ("serviceAccount.name=\"a..b\"".to_owned(), "/serviceAccount/name"),
        ("priorityClassName=\"Very High\"".to_owned(), "/priorityClassName"),
        ("extraVolumes=[{\"emptyDir\": {}}]".to_owned(), "missing property 'name'"),
        ("hostAliases=[{\"ip\": \"10.0.0.5\"}]".to_owned(), "missing property 'hostnames'"),
        ("dnsConfig={\"ndots\": 2}".to_owned(), "'ndots' not allowed"),
        ("settings.hosts={\"GHE\": {\"apiUrl\": \"https://a\"}}".to_owned(), "'GHE' not allowed"),
        (
            "settings.hosts={\"a\": {\"apiUrl\": \"https://a\", \"name\": \"a\"}}".to_owned(),
            "/settings/hosts/a/name",
        ),
        ("settings.hosts=[{\"apiUrl\": \"https://a\"}]".to_owned(), "missing property 'name'"),
        ("replicas=2".to_owned(), "'replicas' not allowed"),
        ("settings=null".to_owned(), "missing property 'settings'"),
        ("settings.nosuch=1".to_owned(), "'nosuch' not allowed"),
        ("settings.listen=\"127.0.0.1:80\"".to_owned(), "'listen' not allowed"),
        ("image.tag=\"a/b\"".to_owned(), "/image/tag"),
        ("image.repository=\"op:v1\"".to_owned(), "/image/repository"),
        ("image.repository=\"a//b\"".to_owned(), "/image/repository"),
        ("podLabels={\"a\": 1}".to_owned(), "/podLabels/a"),
        (host(json!({ "name": "GHE" })), "/settings/hosts/0/name"),
        (host(json!({ "apiUrl": "http://ghe.example.com" })), "/settings/hosts/0/apiUrl"),
        (host(json!({ "apiUrl": "https://me:you@ghe.example.com" })), "/settings/hosts/0/apiUrl"),
        (host(json!({ "registry": "https://r" })), "/settings/hosts/0/registry"),
        (host(json!({ "registry": "r:99999" })), "/settings/hosts/0/registry"),
        (host(json!({ "apiUrl": "https://ghe.example.com:99999/api/v3" })), "/settings/hosts/0/apiUrl"),
        (host(json!({ "webUrl": "https://[::1]:65536" })), "/settings/hosts/0/webUrl"),
        (host(json!({ "concurrency": "many" })), "/settings/hosts/0/concurrency"),
        (host(json!({ "caBundle": "/etc/ca.pem" })), "/settings/hosts/0/caBundle"),
        (host(json!({ "proxy": "http://p" })), "/settings/hosts/0/proxy"),
        (host(json!({ "proxy": {} })), "missing property 'url'"),
        (host(json!({ "proxy": { "url": "http://me:you@p" } })), "/settings/hosts/0/proxy/url"),
        (
            host(json!({ "proxy": { "url": "http://p", "credentialsFile": "/a" } })),
            "'credentialsFile' not allowed",
        ),
        (
            host(json!({ "proxy": { "url": "http://p", "credentialsSecret": { "name": "a" } } })),
            "missing property 'key'",
        ),
        (
            host(json!({ "proxy": { "url": "http://p", "noProxy": ["*.example.com"] } })),
            "/settings/hosts/0/proxy/noProxy/0",
        ),
        (host(json!({ "timeout": "soon" })), "/settings/hosts/0/timeout"),
        ("settings.sinks={\"a\": {}}".to_owned(), "missing property 'url'"),
        ("settings.sinks={\"A\": {\"url\": \"https://a\"}}".to_owned(), "'A' not allowed"),
        ("settings.sinks={\"a\": {\"url\": \"https://me:you@a\"}}".to_owned(), "/settings/sinks/a/url"),
        ("settings.sinks={\"a\": {\"url\": \"a\"}}".to_owned(), "/settings/sinks/a/url"),
        (
            "settings.sinks={\"a\": {\"url\": \"https://a\", \"secretFile\": \"/a\"}}".to_owned(),
            "'secretFile' not allowed",
        ),
        (
            "settings.sinks={\"a\": {\"url\": \"https://a\", \"severity\": \"fatal\"}}".to_owned(),
            "/settings/sinks/a/severity",
        ),
        ("settings.connectionLabels=[\"a b\"]".to_owned(), "/settings/connectionLabels/0"),
        ("settings.tracesEndpoint=\"collector:4318\"".to_owned(), "/settings/tracesEndpoint"),
        ("settings.tracesEndpoint=\"http://me:you@collector\"".to_owned(), "/settings/tracesEndpoint"),
        ("settings.tracesCaBundle=\"/etc/ca.pem\"".to_owned(), "/settings/tracesCaBundle"),
        ("metrics.tls.secretName=\"A\"".to_owned(), "/metrics/tls/secretName"),
        ("metrics.authentication.readers=[{\"name\": \"a\"}]".to_owned(), "missing property 'namespace'"),
        ("metrics={\"dashboards\": true}".to_owned(), "'dashboards' not allowed"),
    ];
    for (value, words) in rows {
        let output = template(&["--set-json", &value]);
        assert!(!output.status.success() && said(&output).contains(words), "{value}: {}", said(&output));
    }
}

#[test]
fn the_repository_of_the_image_has_no_tag_and_no_empty_part() {
    let rows = [
        ("op", true),
        ("team/my_op.x/y--z", true),
        ("host:5000/path", true),
        ("registry.example.com:443/team/operator", true),
        ("op:v1", false),
        ("host:5000", false),
        ("registry.example.com/op:v1", false),
        ("host:5000/op:v1", false),
        ("op@sha256", false),
        ("a//b", false),
        ("host:/b", false),
        ("a/b/", false),
        ("a/.b", false),
        ("a..b/c", false),
    ];
    for (repository, good) in rows {
        let output = template(&["--set", &format!("image.repository={repository}")]);
        assert_eq!(output.status.success(), good, "{repository}: {}", said(&output));
        assert!(good || said(&output).contains("/image/repository"), "{repository}: {}", said(&output));
    }
}

fn set(name: &str, value: &str) -> [String; 2] {
    ["--set".to_owned(), format!("settings.{name}={value}")]
}

/// Settings that are given to each Pod by itself, and by what.
const OF_THE_POD: [(&str, &str); 2] = [("leaseNamespace", "POD_NAMESPACE"), ("shard", "--shard=")];

#[tokio::test]
async fn every_setting_can_be_given_by_a_value() {
    let command = <SettingsInput as clap::Args>::augment_args(clap::Command::new("settings"));
    let flags = command.get_arguments().filter_map(|flag| flag.get_long());
    let all: BTreeSet<String> = flags
        .map(|flag| {
            let mut words = flag.split('-');
            let first = words.next().unwrap().to_owned();
            words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
        })
        .filter(|name| name != "config")
        .chain(["hosts", "sinks"].map(str::to_owned))
        .collect();
    let file = every_value().await;
    let rows = [
        vec!["--values", file.path().to_str().unwrap()],
        vec!["--set", "grant.allNamespaces=true"],
        vec!["--set", "watchNamespaces={team-a}"],
        vec!["--set", "shards=2"],
    ];
    let (mut given, mut text) = (BTreeSet::new(), String::new());
    for flags in rows {
        let manifests = rendered(&flags);
        let written = of_kind(&manifests, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap();
        let settings: Value = from_yaml(written).unwrap();
        given.extend(settings.as_object().unwrap().keys().cloned());
        text += &json!(manifests).to_string();
    }
    for (setting, by) in OF_THE_POD {
        assert!(text.contains(by), "{setting} is not given by {by}");
        given.insert(setting.to_owned());
    }
    assert!(all.len() > 35, "{all:?}");
    assert_eq!(given, all);
}
