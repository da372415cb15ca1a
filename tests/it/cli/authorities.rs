//! Which authorities the binary believes: those of the machine, those of a host's settings, or the latter alone.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_authority_of_the_machine_is_believed_beside_those_of_a_host_and_not_where_these_are_the_only_ones()
 {
    let (github, other) = (Simulator::start_tls().await.unwrap(), Simulator::start_tls().await.unwrap());
    let token = github.token(NewToken::classic("ci", "acme-ci"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let its_own = file("own.pem", github.ca_pem().unwrap());
    let of_other = file("other.pem", other.ca_pem().unwrap());
    let rows = [
        ("the machine's, beside another", &its_own, &of_other, false, "Ready            True"),
        (
            "the machine's, where another is the only one",
            &its_own,
            &of_other,
            true,
            "CertificateUnknownAuthority",
        ),
        ("the only one", &of_other, &its_own, true, "Ready            True"),
    ];
    for (name, of_machine, of_host, only, words) in rows {
        let settings = json!({ "hosts": [
            { "name": "simulated", "apiUrl": github.url(), "caBundle": of_host, "onlyCaBundle": only },
        ] });
        let settings = file("settings.yaml", &settings.to_string());
        let arguments = ["check", "--config", &settings, "--host", "simulated"];
        let asked = github.calls().len();
        let ended = run(&arguments, token.as_bytes(), &[("SSL_CERT_FILE", of_machine)]).await;
        assert!(ended.out.contains(words), "{name}: {ended:?}");
        // The token reaches nobody else.
        assert_eq!(github.calls().len() > asked, words.ends_with("True"), "{name}");
    }
}
