//! What is said of a wrong file, manifest or argument: the field and what to do, and no word of a library.

mod kinds;
mod manifests;

use github_pat_operator::{
    api::{self, GithubPatConnectionSpec},
    settings::{SettingsInput, from_value, from_yaml},
};

use super::*;

/// What libraries and Rust say, and no person does.
const OF_LIBRARIES: [&str; 29] = [
    "failed to",
    "`",
    "Err(",
    "Some(",
    "None",
    "Error",
    "panicked",
    "os error",
    "serde",
    "saphyr",
    "from_str",
    "deserializ",
    "missing field",
    "unknown field",
    "unknown variant",
    "duplicate field",
    "invalid type",
    "invalid value: ",
    "invalid digit",
    "invalid length",
    "expected a ",
    "expected i64",
    "expected one of",
    "struct ",
    "variant",
    "socket address syntax",
    "did not find",
    "UTF-8 sequence",
    "stream did not",
];

/// Fails if the message has not these words, or has one of a library.
#[track_caller]
pub(super) fn assert_plain(name: &str, message: &str, field: &str, remedy: &str) {
    for word in [field, remedy] {
        assert!(message.contains(word), "{name} lacks {word:?}: {message}");
    }
    for word in OF_LIBRARIES {
        assert!(!message.contains(word), "{name} has {word:?}: {message}");
    }
    assert!(!message.contains("another value"), "{name} is a fault that nobody put into words: {message}");
}

#[tokio::test]
async fn a_wrong_settings_file_is_told_in_plain_words() {
    let desk = Desk::new().await;
    let token = token_text_for(TokenKind::Classic, 1);
    let latin = desk.file("latin", "");
    fs::write(&latin, b"bot:\xE9").unwrap();
    let host = |fields: &str| format!("hosts: [{{ name: a, apiUrl: 'https://a.example', {fields} }}]");
    // Name, file, field, remedy.
    let rows = [
        ("a list", "[30s, 5s]".to_owned(), "settings.yaml", "fields with names are wanted"),
        ("a text", "soon".to_owned(), "settings.yaml", "write fields with names in place of \"soon\""),
        ("two documents", "concurrency: 1\n---\nconcurrency: 2".to_owned(), "2 documents", "keep one"),
        ("an open bracket", "hosts: [".to_owned(), "no YAML at line 1", "missing bracket"),
        ("a tab", "hosts:\n\t- name: a".to_owned(), "no YAML at line 2", "missing bracket"),
        ("an open quote", "logFilter: \"info".to_owned(), "no YAML at line 1", "quote"),
        ("an alias of nothing", "hosts: *a".to_owned(), "no YAML at line 1", "look there"),
        (
            "twice",
            "concurrency: 1\nconcurrency: 2".to_owned(),
            "concurrency stands there twice at line 2",
            "keep one",
        ),
        (
            "an unknown field",
            "concurency: 1".to_owned(),
            "concurency is no field",
            "write one of minimumInterval",
        ),
        (
            "an unknown field of a host",
            host("caBundel: a"),
            "hosts[0].caBundel is no field",
            "write one of name",
        ),
        (
            "a missing field",
            "hosts: [{ apiUrl: 'https://a.example' }]".to_owned(),
            "hosts[0].name is missing",
            "add it",
        ),
        (
            "a word for a number",
            "concurrency: many".to_owned(),
            "concurrency: ",
            "write a whole number in place of \"many\"",
        ),
        (
            "a fraction",
            "questionsPerMinute: 1.5".to_owned(),
            "questionsPerMinute: ",
            "write a whole number in place of 1.5",
        ),
        (
            "a list for a number",
            "concurrency: [1]".to_owned(),
            "concurrency: ",
            "write a whole number in place of a list",
        ),
        (
            "a huge number",
            "concurrency: 99999999999999999999".to_owned(),
            "concurrency: ",
            "write a whole number",
        ),
        ("a field of the spec", "interval: 1h".to_owned(), "interval is no field", "remove it"),
        (
            "a word for a duration",
            "heartbeat: soon".to_owned(),
            "heartbeat: \"soon\" is not a duration",
            "write hours",
        ),
        (
            "a number for a duration",
            "heartbeat: 30".to_owned(),
            "heartbeat: ",
            "write a duration such as 30m, 1h30m or 720h in place of 30",
        ),
        ("out of bounds", "heartbeat: 1s".to_owned(), "heartbeat", "is not between 1m and 24h"),
        (
            "a map for a list",
            "hosts: { name: a }".to_owned(),
            "hosts: ",
            "write a list in place of fields with names",
        ),
        (
            "a text for a host",
            "hosts: [github.com]".to_owned(),
            "hosts[0]: ",
            "write fields with names in place of \"github.com\"",
        ),
        (
            "a number for a text",
            host("registry: 5000"),
            "hosts[0].registry: ",
            "write a text in quotes in place of 5000",
        ),
        (
            "a list for a path",
            host("caBundle: [a]"),
            "hosts[0].caBundle: ",
            "write a text in quotes in place of a list",
        ),
        ("no file of authorities", host("caBundle: /no/such"), "hosts[0].caBundle", "correct the path"),
        ("a folder of authorities", host("caBundle: /"), "hosts[0].caBundle", "name a file in it"),
        (
            "no file of credentials",
            host("proxy: { url: 'http://p', credentialsFile: /no/such }"),
            "hosts[0].proxy.credentialsFile",
            "correct the path",
        ),
        (
            "credentials in Latin-1",
            host(&format!("proxy: {{ url: 'http://p', credentialsFile: '{latin}' }}")),
            "hosts[0].proxy.credentialsFile",
            "save it as UTF-8",
        ),
        (
            "a pattern for a name",
            host("proxy: { url: 'http://p', noProxy: ['*.example.com'] }"),
            "hosts[0].proxy.noProxy",
            "as in example.com",
        ),
        (
            "an unknown format",
            "logFormat: xml".to_owned(),
            "logFormat: ",
            "write json or text in place of \"xml\"",
        ),
        (
            "a number for a format",
            "logFormat: 3".to_owned(),
            "logFormat: ",
            "write one of the documented words in place of 3",
        ),
        (
            "no address",
            "listen: nowhere".to_owned(),
            "listen: ",
            "write an address with a port such as 127.0.0.1:8080 in place of \"nowhere\"",
        ),
        ("a port alone", "listen: 8080".to_owned(), "listen: ", "write an address with a port"),
        (
            "a date that is none",
            "githubApiVersion: latest".to_owned(),
            "githubApiVersion",
            "as in 2022-11-28",
        ),
        (
            "a token for a number",
            format!("concurrency: {token}"),
            "concurrency: ",
            "write a whole number in place of the text that stands there",
        ),
        ("a token for a field", format!("{token}: 1"), "looks like a token is no field", "remove it"),
        ("a token twice", format!("{token}: 1\n{token}: 1"), "a field stands there twice", "keep one"),
    ];
    for (name, text, field, remedy) in rows {
        let file = desk.file("settings.yaml", &text);
        let ended = run(&["check", "--config", &file], b"", &[]).await;
        assert_eq!((ended.code, ended.err.lines().count()), (3, 1), "{name}: {ended:?}");
        assert!(ended.err.contains("setting"), "{name}: {}", ended.err);
        assert_plain(name, &ended.err, field, remedy);
        ended.holds_no(&token);
    }
}

#[tokio::test]
async fn a_wrong_argument_is_told_in_plain_words() {
    let desk = Desk::new().await;
    let folder = desk.folder.path().to_str().unwrap().to_owned();
    let latin = desk.file("latin.yaml", "");
    fs::write(&latin, b"a: \xE9").unwrap();
    let below = format!("{latin}/token");
    let rows: Vec<(&str, Vec<&str>, &str, &str)> = vec![
        (
            "no manifest",
            vec!["check", "-f", "/no/such.yaml"],
            "cannot read /no/such.yaml",
            "correct the path",
        ),
        ("a folder of manifests", vec!["check", "-f", &folder], &folder, "name a file in it"),
        ("a manifest in Latin-1", vec!["check", "-f", &latin], "latin.yaml", "save it as UTF-8"),
        (
            "no token file",
            vec!["check", "--secret-file", "/no/such"],
            "cannot read /no/such",
            "correct the path",
        ),
        ("a folder for a token", vec!["check", "--secret-file", &folder], &folder, "name a file in it"),
        ("a file for a folder", vec!["check", "--secret-file", &below], &below, "correct the path"),
        ("no settings", vec!["check", "--config", "/no/such"], "settings file /no/such", "correct the path"),
        ("settings in Latin-1", vec!["check", "--config", &latin], "latin.yaml", "save it as UTF-8"),
        ("a name without a manifest", vec!["check", "--name", "ci"], "--filename", "--help"),
        ("an unknown host", vec!["check", "--host", "nowhere"], "no host nowhere", "name one of github.com"),
        (
            "no duration",
            vec!["check", "--confirm-after", "soon"],
            "--confirm-after",
            "write hours, minutes and seconds",
        ),
        (
            "a name that begins like a token",
            vec!["check", "--secret-file", "/no/ghp_ci.txt"],
            "/no/ghp_ci.txt",
            "correct the path",
        ),
        ("out of bounds", vec!["check", "--confirm-after", "2h"], "confirmAfter", "between 1s and 1h"),
        ("an unknown layout", vec!["check", "-o", "xml"], "--output", "possible values: text, json"),
        ("no layout", vec!["check", "-o"], "--output", "--help"),
        ("a wrong filter", vec!["check", "--log-filter", "==="], "logFilter", "write "),
        ("a wrong level", vec!["check", "--log-filter", "kube=loud"], "logFilter", "write "),
        ("an unknown flag", vec!["check", "--nosuch"], "--nosuch", "--help"),
        ("no number", vec!["run", "--concurrency", "many"], "--concurrency", "write a whole number"),
        (
            "no address",
            vec!["run", "--listen", "nowhere"],
            "--listen",
            "write an address with a port such as 127.0.0.1:8080",
        ),
        ("no format", vec!["run", "--log-format", "xml"], "--log-format", "possible values: json, text"),
    ];
    for (name, arguments, field, remedy) in rows {
        let ended = run(&arguments, b"", &[]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{name}: {ended:?}");
        assert_plain(name, &ended.err, field, remedy);
    }
    let wrong = [("GITHUB_PAT_OPERATOR_CONCURRENCY", "many"), ("GITHUB_PAT_OPERATOR_LISTEN", "nowhere")];
    for (variable, value) in wrong {
        let ended = run(&["run"], b"", &[(variable, value)]).await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert_plain(variable, &ended.err, "--", "write ");
    }
}
