//! Manifests with a wrong field.

use super::*;

#[tokio::test]
async fn a_wrong_manifest_is_told_in_plain_words() {
    let desk = Desk::new().await;
    let token = token_text_for(TokenKind::Classic, 1);
    let head = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: { name: ci }\n";
    let spec = |spec: &str| format!("{head}spec: {{ secretRef: {{ name: pat }}, {spec} }}");
    let rows = [
        ("nothing", String::new(), "no GithubPatConnection", "name the file that has one"),
        ("a text", "soon".to_owned(), "no GithubPatConnection but something without a kind", "name the file"),
        ("a brace too few", format!("{head}spec: {{"), "no YAML at line 4", "look there"),
        (
            "another version",
            head.replace("v1alpha1", "v2"),
            "apiVersion of ci must be githubpat.dev/v1alpha1",
            "correct it",
        ),
        ("no version", head.replace("apiVersion", "version"), "apiVersion of ci", "correct it"),
        ("no spec", head.to_owned(), "spec is missing", "add it"),
        ("an empty spec", format!("{head}spec: {{}}"), "spec.secretRef is missing", "add it"),
        ("null for a spec", format!("{head}spec:"), "spec: ", "write fields with names in place of nothing"),
        (
            "a list for a spec",
            format!("{head}spec: [github.com, {{ name: pat }}]"),
            "spec: ",
            "write fields with names in place of a list",
        ),
        (
            "a list for metadata",
            format!("{}spec: {{ secretRef: {{ name: pat }} }}", head.replace("{ name: ci }", "[ci]")),
            "metadata: ",
            "write fields with names in place of a list",
        ),
        (
            "a list for a reference",
            format!("{head}spec: {{ secretRef: [pat, token] }}"),
            "spec.secretRef: ",
            "write fields with names in place of a list",
        ),
        (
            "a list for an output",
            spec("publish: [[a, Opaque]]"),
            "spec.publish[0]: ",
            "write fields with names in place of a list",
        ),
        (
            "a list for an expiry",
            spec("require: { expiry: [true] }"),
            "spec.require.expiry: ",
            "write fields with names in place of a list",
        ),
        (
            "a list for the data of a Secret",
            format!(
                "kind: Secret\nmetadata: {{ name: pat }}\ndata: [token]\n---\n{head}spec: {{ secretRef: {{ name: pat }} }}"
            ),
            "data of Secret pat: ",
            "write fields with names in place of a list",
        ),
        (
            "no name",
            format!("{head}spec: {{ secretRef: {{ key: a }} }}"),
            "spec.secretRef.name is missing",
            "add it",
        ),
        (
            "a number for a name",
            format!("{head}spec: {{ secretRef: {{ name: 7 }} }}"),
            "spec.secretRef.name: ",
            "write a text in quotes in place of 7",
        ),
        (
            "a misspelt field",
            spec("intervall: 1h"),
            "spec.intervall is no field",
            "remove it, or correct its name",
        ),
        (
            "a word for a flag",
            spec("suspend: 'no'"),
            "spec.suspend: ",
            "write true or false in place of \"no\"",
        ),
        (
            "a number for a duration",
            spec("interval: 30"),
            "spec.interval: ",
            "write a duration such as 30m, 1h30m or 720h in place of 30",
        ),
        (
            "a text for a list",
            spec("warnBefore: 24h"),
            "spec.warnBefore: ",
            "write a list in place of \"24h\"",
        ),
        (
            "no duration in a list",
            spec("warnBefore: [1d]"),
            "spec.warnBefore[0]: \"1d\" is not a duration",
            "write hours",
        ),
        (
            "a text for fields",
            spec("require: repo"),
            "spec.require: ",
            "write fields with names in place of \"repo\"",
        ),
        (
            "an unknown kind",
            spec("require: { kinds: [Password] }"),
            "spec.require.kinds[0]: ",
            "write Classic, FineGrained, OAuth, AppUser or AppInstallation in place of \"Password\"",
        ),
        (
            "an unknown format",
            spec("publish: [{ secretName: a, format: Plain }]"),
            "spec.publish[0].format: ",
            "write Opaque, Env, BasicAuth, GitCredentials",
        ),
        ("no format", spec("publish: [{ secretName: a }]"), "spec.publish[0].format is missing", "add it"),
        (
            "an unknown policy",
            spec("onInvalid: Delete"),
            "spec.onInvalid: ",
            "write Retain or Withdraw in place of \"Delete\"",
        ),
        ("an unknown host", spec("host: nowhere"), "no host nowhere", "name one of github.com"),
        (
            "a token for a kind",
            spec(&format!("require: {{ kinds: [{token}] }}")),
            "spec.require.kinds[0]: ",
            "in place of the text that stands there",
        ),
        ("a token for a field", spec(&format!("{token}: 1")), "looks like a token", "remove it"),
        (
            "a token for a host",
            spec(&format!("host: {token}")),
            "looks like a token",
            "name one of github.com",
        ),
        ("a token for a kind of object", format!("kind: {token}"), "looks like a token", "name the file"),
    ];
    for (name, text, field, remedy) in rows {
        let file = desk.file("connection.yaml", &text);
        let ended = run(&["check", "-f", &file], b"", &[]).await;
        assert_eq!((ended.code, ended.err.lines().count()), (3, 1), "{name}: {ended:?}");
        assert_plain(name, &ended.err, field, remedy);
        ended.holds_no(&token);
    }
}
