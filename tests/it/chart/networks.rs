//! What the NetworkPolicy lets through.

use super::*;

/// The ports and addresses of each rule, in the order of the policy: DNS, API server, hosts, traces.
fn egress(manifests: &[Value]) -> Vec<(Vec<i64>, Value)> {
    let rules = of_kind(manifests, "NetworkPolicy")["spec"]["egress"].as_array().unwrap();
    let ports = |rule: &Value| {
        rule["ports"].as_array().unwrap().iter().map(|port| port["port"].as_i64().unwrap()).collect()
    };
    rules.iter().map(|rule| (ports(rule), rule["to"].clone())).collect()
}

#[test]
fn there_is_no_network_policy_unless_it_is_asked_for() {
    assert!(!rendered(&[]).iter().any(|manifest| manifest["kind"] == "NetworkPolicy"));
}

#[test]
fn the_network_policy_lets_through_the_ports_that_the_settings_need_and_no_others() {
    let everywhere = Value::Null;
    let hosts = |hosts: Value| vec!["--set-json".to_owned(), format!("settings.hosts={hosts}")];
    let proxy = json!({ "url": "http://proxy.example.com:3128" });
    let two = json!({
        "ghe.example.com": { "apiUrl": "https://ghe.example.com:8443/api/v3", "registry": "containers.example.com:5000" },
        "other.example.com": { "apiUrl": "https://other.example.com/api/v3", "proxy": proxy },
    });
    let through_80 = json!({ "github.com": { "proxy": { "url": "http://proxy.example.com" } } });
    let rows = [
        (vec![], vec![443]),
        (hosts(two), vec![443, 8443, 5000, 3128]),
        (hosts(json!([{ "name": "a", "apiUrl": "https://a.example.com:444" }])), vec![443, 444]),
        (
            vec!["--set".to_owned(), "settings.sinks.a.url=https://a.example.com:9443".to_owned()],
            vec![443, 9443],
        ),
        (hosts(through_80), vec![443, 80]),
        (
            hosts(
                json!({ "a": { "apiUrl": "https://a.example.com", "webUrl": "https://b.example.com:8444" } }),
            ),
            vec![443, 8444],
        ),
        // Behind the Service of a sink or proxy.
        (
            [
                "--set",
                "settings.sinks.a.url=https://a.example",
                "--set",
                "networkPolicy.hosts.ports={8443,443}",
            ]
            .map(str::to_owned)
            .to_vec(),
            vec![443, 8443],
        ),
    ];
    for (flags, ports) in rows {
        let flags: Vec<&str> =
            flags.iter().map(String::as_str).chain(["--set", "networkPolicy.enabled=true"]).collect();
        let manifests = rendered(&flags);
        let expected =
            [vec![53, 53, 5353, 5353], vec![443, 6443], ports].map(|ports| (ports, everywhere.clone()));
        assert_eq!(egress(&manifests), expected, "{flags:?}");
        let policy = &of_kind(&manifests, "NetworkPolicy")["spec"];
        assert_eq!(policy["ingress"], json!([{ "ports": [{ "port": "probes" }] }]));
        let pod = &of_kind(&manifests, "Deployment")["spec"]["selector"];
        assert_eq!(&policy["podSelector"], pod);
    }
}

#[tokio::test]
async fn the_network_policy_keeps_to_the_addresses_that_are_given() {
    let file = every_value().await;
    let values: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    let manifests = rendered(&["--values", file.path().to_str().unwrap()]);
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let expected = [
        (vec![53, 53, 5353, 5353], values["networkPolicy"]["dns"].clone()),
        (vec![6443], json!([block("10.0.0.1/32")])),
        (vec![443, 8443, 3128, 5000, 80, 9443], json!([block("192.0.2.0/24"), block("2001:db8::/32")])),
        (vec![4318, 14318], values["networkPolicy"]["traces"]["to"].clone()),
    ];
    assert_eq!(egress(&manifests), expected);
    let ingress = &of_kind(&manifests, "NetworkPolicy")["spec"]["ingress"][0];
    assert_eq!(ingress["from"], values["networkPolicy"]["from"]);
    assert_eq!(
        ingress["ports"],
        json!([{ "port": "probes" }, { "port": "metrics" }]),
        "metrics have a port of their own"
    );
}

#[test]
fn the_collector_of_traces_is_reached_wherever_the_hosts_are() {
    let github = json!([{ "ipBlock": { "cidr": "192.0.2.0/24" } }]);
    let flags = ["--set", "networkPolicy.enabled=true,networkPolicy.hosts.cidrs={192.0.2.0/24}"];
    let dns_and_api_server = [vec![53, 53, 5353, 5353], vec![443, 6443]].map(|ports| (ports, Value::Null));
    let of_hosts = [dns_and_api_server.as_slice(), &[(vec![443], github)]].concat();
    assert_eq!(egress(&rendered(&flags)), of_hosts, "nobody is sent traces");
    let rows = [
        ("http://collector.monitoring:4318", vec![], vec![4318]),
        ("https://collector.example.com", vec![], vec![443]),
        (
            "http://collector.monitoring",
            vec!["--set", "networkPolicy.traces.ports={4318,80}"],
            vec![80, 4318],
        ),
    ];
    for (endpoint, more, ports) in rows {
        let endpoint = format!("settings.tracesEndpoint={endpoint}");
        let manifests = rendered(&[&flags, &["--set", &endpoint] as &[&str], &more].concat());
        let expected = [of_hosts.as_slice(), &[(ports, Value::Null)]].concat();
        assert_eq!(egress(&manifests), expected, "{endpoint}");
    }
}
