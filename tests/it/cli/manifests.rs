//! Manifests as people keep them: several objects in one file, lists, and standard input.

use super::*;

const HEAD: &str = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\n";

/// A connection on the simulated host.
fn connection(metadata: &str, spec: &str) -> String {
    format!(
        "{HEAD}metadata: {{ {metadata} }}\nspec: {{ host: simulated, secretRef: {{ name: pat }}, {spec} }}\n"
    )
}

fn secret(metadata: &str, fields: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{ {metadata} }}\n{fields}\n")
}

fn documents(objects: &[&str]) -> String {
    objects.join("---\n")
}

/// A list as `kubectl get -o yaml` writes it.
fn list(objects: &[&str]) -> String {
    let indented = objects.iter().map(|object| format!("- {}", object.trim_end().replace('\n', "\n  ")));
    format!("apiVersion: v1\nkind: List\nitems:\n{}\n", indented.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn the_secret_of_the_same_manifest_hands_over_the_token() {
    let desk = Desk::new().await;
    let token = desk.github.token(NewToken::classic("mine", "acme-ci").scopes(&["repo"]));
    let other = desk.github.token(NewToken::classic("other", "acme-ci"));
    let needy = connection("name: ci", "require: { scopes: [repo] }");
    let keyed = format!(
        "{HEAD}metadata: {{ name: ci }}\nspec: {{ host: simulated, secretRef: {{ name: pat, key: github }} }}\n"
    );
    let housed = connection("name: ci, namespace: one", "");
    let data = format!("data: {{ token: {} }}", BASE64_STANDARD.encode(&token));
    let wrapped = BASE64_STANDARD.encode(&token);
    let wrapped = format!("data:\n  token: |\n    {}\n    {}", &wrapped[..20], &wrapped[20..]);
    let (plain, wrong) =
        (format!("stringData: {{ token: {token} }}"), format!("stringData: {{ token: {other} }}"));
    let (pat, foreign) = ("name: pat", "name: pat, namespace: two");
    let rows = [
        ("data", documents(&[&secret(pat, &data), &needy])),
        ("stringData, and the connection first", documents(&[&needy, &secret(pat, &plain)])),
        ("base64 on two lines", documents(&[&needy, &secret(pat, &wrapped)])),
        ("stringData outweighs data", {
            let data = format!("data: {{ token: {} }}", BASE64_STANDARD.encode(&other));
            documents(&[&secret(pat, &format!("{data}\n{plain}")), &needy])
        }),
        ("another key", documents(&[&keyed, &secret(pat, &plain.replace("token:", "github:"))])),
        (
            "a Secret of another name beside it",
            documents(&[&secret("name: a", &wrong), &secret(pat, &plain), &needy]),
        ),
        (
            "its namespace is nearer",
            documents(&[
                &secret(foreign, &wrong),
                &secret(pat, &wrong),
                &secret("name: pat, namespace: one", &plain),
                &housed,
            ]),
        ),
        (
            "without a namespace, which kubectl fills in",
            documents(&[&secret(foreign, &wrong), &secret(pat, &plain), &housed]),
        ),
        ("a list", list(&[&secret(pat, &data), &needy])),
        ("a list among documents", documents(&[&list(&[&secret(pat, &data)]), "\n", &needy])),
        (
            "with the status of a cluster",
            documents(&[
                &secret(pat, &data),
                &format!("{needy}status: {{ conditions: [{{ type: Ready, nosuch: 1 }}] }}\n"),
            ]),
        ),
    ];
    for (name, text) in rows {
        let file = desk.file("all.yaml", &text);
        // The Secret that the manifest names is meant, whatever else there is.
        let ended = desk.check(&["-f", &file], b"", &[("GITHUB_TOKEN", &other)]).await;
        let piped = desk.check(&["-f", "-"], text.as_bytes(), &[("GITHUB_TOKEN", &other)]).await;
        for (ended, place) in [(ended, file.as_str()), (piped, "standard input")] {
            assert_eq!(ended.code, 0, "{name}: {ended:?}");
            assert!(
                ended.out.contains(&format!("Secret pat in {place} holds a classic")),
                "{name}: {}",
                ended.out
            );
            assert_eq!(desk.github.calls().last().unwrap().token.as_deref(), Some("mine"), "{name}");
            ended.holds_no(&token);
        }
    }
    let file = desk.file("all.yaml", &documents(&[&secret(pat, &wrong), &needy]));
    let named = desk.file("token", &token);
    let ended = desk.check(&["-f", &file, "--secret-file", &named], b"", &[]).await;
    assert_eq!(ended.code, 0, "a file that is named outweighs the Secret: {ended:?}");
}

#[tokio::test]
async fn without_the_secret_that_it_names_the_token_comes_from_elsewhere() {
    let desk = Desk::new().await;
    let token = desk.github.token(NewToken::classic("mine", "acme-ci"));
    let (connection, other) = (connection("name: ci", ""), secret("name: other", "stringData: { token: a }"));
    let elsewhere = secret("name: pat, namespace: two", "stringData: { token: a }");
    let housed = connection.replace("name: ci", "name: ci, namespace: one");
    for (name, text) in [
        ("no Secret", connection.clone()),
        ("of another name", documents(&[&other, &connection])),
        ("of another namespace", documents(&[&elsewhere, &housed])),
    ] {
        let file = desk.file("connection.yaml", &text);
        let ended = desk.check(&["-f", &file], token.as_bytes(), &[]).await;
        assert!(ended.code == 0 && ended.out.contains("standard input holds"), "{name}: {ended:?}");
        let ended = desk.check(&["-f", "-"], text.as_bytes(), &[("GITHUB_TOKEN", &token)]).await;
        assert!(ended.code == 0 && ended.out.contains("GITHUB_TOKEN holds"), "{name}: {ended:?}");
        let ended = desk.check(&["-f", "-"], text.as_bytes(), &[]).await;
        assert!(
            ended.code == 3 && ended.err.contains("by --secret-file or GITHUB_TOKEN"),
            "{name}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn one_connection_of_several_is_named() {
    let desk = Desk::new().await;
    let token = desk.github.token(NewToken::classic("mine", "acme-ci"));
    let strict = "require: { scopes: [repo] }";
    let two = documents(&[&connection("name: one", ""), &connection("name: two", strict)]);
    let housed = documents(&[
        &connection("name: ci, namespace: one", ""),
        &connection("name: ci, namespace: two", strict),
        &connection("name: other", ""),
    ]);
    let listed = list(&[&connection("name: one", ""), &connection("name: two", strict)]);
    // Manifest, what --name says, exit code, words.
    let rows = [
        (&two, Some("one"), 0, "Ready            True"),
        (&two, Some("two"), 1, "ScopeMissing"),
        (&listed, Some("two"), 1, "ScopeMissing"),
        (&two, None, 3, "has 2 connections: name one of one, two with --name"),
        (&two, Some("three"), 3, "has no connection three: name one of one, two with --name"),
        (&housed, Some("one/ci"), 0, "Ready            True"),
        (&housed, Some("two/ci"), 1, "ScopeMissing"),
        (&housed, Some("ci"), 3, "has 2 connections: name one of one/ci, two/ci with --name"),
        (&housed, None, 3, "has 3 connections: name one of one/ci, two/ci, other with --name"),
        (&housed, Some(token.as_str()), 3, "has no connection what looks like a token"),
    ];
    for (text, name, code, words) in rows {
        let file = desk.file("connections.yaml", text);
        let mut arguments = vec!["-f", file.as_str()];
        arguments.extend(name.iter().flat_map(|name| ["--name", name]));
        let ended = desk.check(&arguments, token.as_bytes(), &[]).await;
        assert_eq!(ended.code, code, "{name:?}: {ended:?}");
        assert!(ended.out.contains(words) || ended.err.contains(words), "{name:?}: {ended:?}");
        ended.holds_no(&token);
    }
}

#[tokio::test]
async fn what_a_secret_of_the_manifest_holds_is_judged_and_never_repeated() {
    let desk = Desk::new().await;
    let token = desk.github.token(NewToken::classic("mine", "acme-ci"));
    let connection = connection("name: ci", "");
    let cut = &token[..token.len() - 3];
    // Fields of the Secret, exit code, words.
    let rows = [
        ("stringData: { other: a }".to_owned(), 1, "KeyNotFound"),
        ("type: Opaque".to_owned(), 1, "has no key token: add it"),
        ("stringData: { token: '${GITHUB_TOKEN}' }".to_owned(), 1, "envsubst"),
        ("data: { token: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]' }".to_owned(), 1, "SOPS"),
        (format!("stringData: {{ token: 'Bearer {token}' }}"), 1, "authorization scheme"),
        (
            format!("data: {{ token: {token}! }}"),
            3,
            "data.token of Secret pat is no base64: put the value under stringData",
        ),
        (format!("data: {{ token: {cut}! }}"), 3, "is no base64"),
        ("stringData: { token: 7 }".to_owned(), 3, "stringData.token of Secret pat: write a text in quotes"),
    ];
    for (fields, code, words) in rows {
        let file = desk.file("all.yaml", &documents(&[&secret("name: pat", &fields), &connection]));
        let ended = desk.check(&["-f", &file], b"", &[]).await;
        assert_eq!(ended.code, code, "{words}: {ended:?}");
        assert!(ended.out.contains(words) || ended.err.contains(words), "{words}: {ended:?}");
        ended.holds_no(&token);
    }
    assert_eq!(desk.github.calls().len(), 0);
}
