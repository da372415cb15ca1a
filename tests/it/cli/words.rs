//! What is said of a wrong file, manifest or argument: the field and what to do, and no word of a library.

use github_pat_operator::{
    api::{self, GithubPatConnectionSpec},
    settings::{SettingsInput, from_value, from_yaml},
};

use super::*;

/// What libraries and Rust say, and no person does.
const OF_LIBRARIES: [&str; 28] = [
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
fn assert_plain(name: &str, message: &str, field: &str, remedy: &str) {
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
            "write Opaque, BasicAuth or DockerConfigJson",
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

/// One value of each kind, for fields that want another.
const VALUES: [&str; 8] = ["null", "true", "-7", "1.5", "word", "''", "[1, [2]]", "{ a: { b: 1 } }"];

#[test]
fn every_setting_with_a_value_of_another_kind_is_told_in_plain_words() {
    let mut told = 0;
    // A field that there is none of brings out those that there are.
    for (before, behind, path) in [("", "", ""), ("hosts: [{ ", " }]", "hosts[0].")] {
        let fault = from_yaml::<SettingsInput>(&format!("{before}nosuch: 1{behind}")).unwrap_err();
        let fields = fault.split_once("write one of ").unwrap().1.replace(" or ", ", ");
        for (field, value) in fields.split(", ").flat_map(|field| VALUES.map(|value| (field, value))) {
            let text = format!("{before}{field}: {value}{behind}");
            let Err(message) = from_yaml::<SettingsInput>(&text) else { continue };
            assert_plain(&text, &message, path, ": ");
            told += 1;
        }
    }
    assert!(told > 80, "{told}");
}

#[test]
fn every_field_of_a_spec_with_a_value_of_another_kind_is_told_in_plain_words() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut told = 0;
    for path in paths(schema) {
        for value in VALUES {
            let text = format!("secretRef: {{ name: a }}\n{}", at(&path, value));
            let text = if path[0] == "secretRef" { at(&path, value) } else { text };
            let spec: Value = from_yaml(&text).unwrap();
            let Err(message) = from_value::<GithubPatConnectionSpec>("spec", &spec) else { continue };
            assert_plain(&text, &message, &format!("spec.{}", path[0]), ": ");
            told += 1;
        }
    }
    assert!(told > 80, "{told}");
}

/// The path of every field below the schema; an empty part stands for an item of a list.
fn paths(schema: &Value) -> Vec<Vec<String>> {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let inner = fields.map(|(name, schema)| (name.clone(), schema));
    let items = schema.get("items").map(|items| (String::new(), items));
    inner
        .chain(items)
        .flat_map(|(part, schema)| {
            let below = paths(schema).into_iter().map(|path| [vec![part.clone()], path].concat());
            [vec![part.clone()]].into_iter().chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// The value at this path, as YAML.
fn at(path: &[String], value: &str) -> String {
    path.iter().rev().fold(value.to_owned(), |text, part| match part.as_str() {
        "" => format!("[{text}]"),
        part if *part == path[0] => format!("{part}: {text}"),
        part => format!("{{ {part}: {text} }}"),
    })
}

#[test]
fn a_list_is_taken_nowhere_for_fields_with_names() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut told = 0;
    for path in paths(schema) {
        let of = path.iter().fold(schema, |schema, part| match part.as_str() {
            "" => &schema["items"],
            part => &schema["properties"][part],
        });
        if of["type"] != "object" {
            continue;
        }
        // As many items as it has fields, of which one at least fits.
        for list in ["[]", "[[a], a, a]", "[a, a, a]", "[true]", "[a, Opaque, true]"] {
            let text = format!("secretRef: {{ name: a }}\n{}", at(&path, list));
            let text = if path[0] == "secretRef" { at(&path, list) } else { text };
            let spec: Value = from_yaml(&text).unwrap();
            let message = from_value::<GithubPatConnectionSpec>("spec", &spec).unwrap_err();
            assert!(message.ends_with("write fields with names in place of a list"), "{text}: {message}");
            told += 1;
        }
    }
    assert!(told >= 25, "{told}");
    for text in ["hosts: [[a, 'https://a.example.com']]", "hosts: [{ name: a, proxy: ['http://a'] }]"] {
        let message = from_yaml::<SettingsInput>(text).unwrap_err();
        assert!(message.ends_with("write fields with names in place of a list"), "{text}: {message}");
    }
}
