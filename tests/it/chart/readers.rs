//! `/metrics` over TLS, for those alone whom the API server lets read it, as the chart sets it up.

use std::time::Duration;

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use reqwest::{Certificate, Client as Http};
use tokio::net::TcpStream;

use super::{
    rights::{granted, used},
    *,
};
use crate::{
    alerts::Prometheus,
    world::{Operator, free_address},
};

pub(super) const SECURED: &str = "metrics.tls.secretName=metrics-tls,metrics.authentication.enabled=true";
const READERS: &str = "metrics.authentication.readers[0].name=prometheus,metrics.authentication.readers[0].namespace=monitoring";
/// By which the monitors check the certificate.
const NAME: &str = "github-pat-operator-metrics.github-pat-operator.svc";
const PATH: &str = "/metrics";

/// A folder as the kubelet mounts it, and what to trust so that its certificate is believed.
pub(super) fn certify(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

/// Somebody who asks at this address and believes this certificate alone.
pub(super) struct Reader {
    address: String,
    http: Http,
}

impl Reader {
    pub(super) fn new(address: &str, pem: &str) -> Self {
        let trusted = [Certificate::from_pem(pem.as_bytes()).unwrap()];
        let at = address.parse().unwrap();
        let http = Http::builder().no_proxy().tls_certs_only(trusted).resolve(NAME, at).build().unwrap();
        Reader { address: address.to_owned(), http }
    }

    /// The status and what it says; `None` if there is no answer.
    async fn read(&self, token: Option<&str>) -> Option<(u16, String)> {
        let port = self.address.rsplit(':').next().unwrap();
        let request = self.http.get(format!("https://{NAME}:{port}{PATH}"));
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap()))
    }

    pub(super) async fn status(&self, token: Option<&str>) -> Option<u16> {
        self.read(token).await.map(|(status, _)| status)
    }
}

/// A token of a ServiceAccount, which is made with it.
pub(super) async fn account(world: &World, name: &str) -> String {
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), "monitoring");
    let params = PostParams::default();
    accounts
        .create(&params, &ServiceAccount { metadata: named(name), ..ServiceAccount::default() })
        .await
        .unwrap();
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    accounts.create_token_request(name, &params, &request).await.unwrap().status.unwrap().token
}

/// An operator with the rights of the chart whose metrics are at this address.
async fn operator(world: &World, folder: &Path, address: &str) -> Operator {
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let flags = [
        "--leader-election",
        "true",
        "--lease-namespace",
        RELEASE,
        "--metrics-listen",
        address,
        "--metrics-tls-directory",
        folder.to_str().unwrap(),
        "--metrics-authentication",
        "true",
    ];
    world.operator_as(kubeconfig, &flags).await
}

#[tokio::test]
#[ignore = "starts two replicas over TLS with rights of their own; .ci/long runs it"]
async fn metrics_are_for_those_whom_the_api_server_lets_read_them_over_tls_and_probes_for_everybody() {
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    for namespace in [RELEASE, "monitoring"] {
        world.namespace(namespace).await;
    }
    let manifests = rendered(&["--set", SECURED, "--set", READERS]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let pem = certify(folder.path());
    let [address, of_other] = [free_address(), free_address()];
    let leader = operator(&world, folder.path(), &address).await;
    let _other = operator(&world, folder.path(), &of_other).await;
    let (prometheus, somebody) = (account(&world, "prometheus").await, account(&world, "somebody").await);

    let reader = Reader::new(&address, &pem);
    let (status, text) = reader.read(Some(&prometheus)).await.unwrap();
    assert!(status == 200 && text.contains("github_pat_operator_ready 1"), "{status} {text}");
    assert_eq!(Reader::new(&of_other, &pem).status(Some(&prometheus)).await, Some(200), "one that waits");
    for (token, expected) in [(None, 401), (Some("made-up"), 401), (Some(&*somebody), 403)] {
        let (status, said) = reader.read(token).await.unwrap();
        assert_eq!(status, expected, "{said}");
        assert!(!said.contains("github_pat_operator"), "{said}");
    }
    let plain = Http::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let get = async |url: String| plain.get(url).send().await.map(|answer| answer.status().as_u16()).ok();
    assert_eq!(get(format!("{}/livez", leader.url)).await, Some(200));
    assert_eq!(get(format!("{}/metrics", leader.url)).await, Some(404), "nobody is asked who he is there");
    assert_eq!(get(format!("http://{address}/metrics")).await, None);

    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(TcpStream::connect(&address).await.unwrap());
    }
    let among_them = tokio::time::timeout(Duration::from_secs(3), reader.status(Some(&prometheus))).await;
    assert_eq!(among_them, Ok(Some(200)), "handshakes that stall hold nobody up");

    let renewed = certify(folder.path());
    assert_eq!(Reader::new(&address, &renewed).status(Some(&prometheus)).await, Some(200));
    assert_eq!(Reader::new(&address, &pem).status(Some(&prometheus)).await, None, "the old one is gone");
    fs::write(folder.path().join("tls.key"), "nonsense").unwrap();
    assert_eq!(Reader::new(&address, &renewed).status(Some(&prometheus)).await, Some(200));
    leader.until_logged("the changed certificate for metrics cannot be used; the one of before stays").await;

    let server = Prometheus::scraping(
        &address,
        json!({
            "scheme": "https",
            "tls_config": { "ca_file": world.file("ca.pem", &renewed), "server_name": NAME },
            "authorization": { "credentials_file": world.file("token", &prometheus) },
        }),
    );
    server.until("targets", |data| data["activeTargets"][0]["health"] == "up").await;

    let ours =
        |manifest: &&Value| !manifest["metadata"]["name"].as_str().unwrap().ends_with("-metrics-reader");
    let granted = granted(&manifests.iter().filter(ours).cloned().collect::<Vec<_>>());
    let reviews = ["tokenreviews", "subjectaccessreviews"];
    let used = used(&world, &granted);
    let of_reviews = used.iter().filter(|(_, [_, resource, _])| reviews.contains(&resource.as_str()));
    assert_eq!(of_reviews.count(), 2);
    assert!(used.is_subset(&granted), "{used:?}");
    for token in [&prometheus, &somebody] {
        assert!(!leader.log().contains(&token[..20]));
    }
}

#[test]
fn the_rights_to_review_come_with_authentication_alone() {
    let rights = |flags: &[&str]| granted(&rendered(flags));
    let tls = rights(&["--set", "metrics.tls.secretName=metrics-tls"]);
    assert_eq!(tls, rights(&[]));
    let more =
        |flags: &[&str]| rights(&[&["--set", SECURED], flags].concat()).difference(&rights(flags)).count();
    assert_eq!(more(&[]), 2);
    assert_eq!(more(&["--set", "watchNamespaces={team-a}"]), 2, "reviews are of no namespace");
}

#[test]
fn monitors_follow_to_tls_and_show_a_token() {
    let of = |flags: &[&str], kind: &str, endpoints: &str| {
        of_kind(&rendered(flags), kind)["spec"][endpoints][0].clone()
    };
    let service = ["--set", SECURED, "--set", "metrics.serviceMonitor=true"];
    let endpoint = of(&service, "ServiceMonitor", "endpoints");
    let ca = |name: &str, key: &str| json!({ "ca": { "secret": { "name": name, "key": key } }, "serverName": NAME });
    assert_eq!((&endpoint["scheme"], &endpoint["port"]), (&json!("https"), &json!("metrics")));
    assert_eq!(endpoint["tlsConfig"], ca("metrics-tls", "ca.crt"));
    assert_eq!(endpoint["bearerTokenFile"], "/var/run/secrets/kubernetes.io/serviceaccount/token");
    let manifests = rendered(&service);
    let port = &of_kind(&manifests, "Service")["spec"]["ports"][0];
    let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"];
    let ports = pod["containers"][0]["ports"].as_array().unwrap();
    assert!(
        ports
            .iter()
            .any(|of_pod| of_pod["name"] == port["targetPort"] && of_pod["containerPort"] == port["port"])
    );
    let directory = tempfile::tempdir().unwrap();
    let scraping = settings(&manifests, directory.path()).scraping;
    assert_eq!(scraping.listen.unwrap().port(), 8443);
    let file = of_kind(&manifests, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap();
    let file: Value = from_yaml(file).unwrap();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mounted = mounts.iter().find(|mount| mount["name"] == "metrics-tls").unwrap();
    assert_eq!(file["metricsTlsDirectory"], mounted["mountPath"]);
    assert!(mounted["subPath"].is_null(), "so that a certificate that changes comes to the Pod");

    let pods =
        "metrics.podMonitor=true,metrics.authentication.tokenSecret.name=scraper,metrics.tls.ca.name=roots";
    let endpoint = of(&["--set", SECURED, "--set", pods], "PodMonitor", "podMetricsEndpoints");
    assert_eq!(endpoint["port"], "metrics");
    assert_eq!(endpoint["tlsConfig"], ca("roots", "ca.crt"));
    assert_eq!(endpoint["authorization"], json!({ "credentials": { "name": "scraper", "key": "token" } }));
    let rows = [
        ("metrics.authentication.enabled=true", "set metrics.tls.secretName too"),
        (&*format!("{SECURED},metrics.podMonitor=true"), "set metrics.authentication.tokenSecret"),
    ];
    for (flags, words) in rows {
        let output = template(&["--set", flags]);
        assert!(!output.status.success() && said(&output).contains(words), "{flags}: {}", said(&output));
    }
}
