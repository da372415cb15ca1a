use super::*;
use crate::domain::{
    Reason,
    answer::{Account, Expiry},
    token::HashedToken,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

fn token(prefix: &str) -> Token {
    Token::try_from([prefix, &"a".repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(login: Option<&str>) -> Grant {
    let account = login.map(|login| Account { login: login.into(), id: 7 });
    Grant { account, scopes: None, expiry: Expiry::Never }
}

fn output(format: Format) -> Output {
    Output::new("out", format)
}

/// An output with all the fields that its format takes or needs, but for `publicOnly`.
fn full(format: Format) -> Output {
    let mut output = output(format);
    let definition = format.definition();
    for field in definition.needs.iter().chain(definition.takes) {
        match field {
            Field::Key => output.key = Some("pat".to_owned()),
            Field::Url => output.url = Some("https://github.com/acme".to_owned()),
            Field::Project => output.project = Some("shop".to_owned()),
            Field::Owner => output.owner = Some("Acme".to_owned()),
            Field::Registries => {
                output.registries = vec!["r.example:5000".to_owned(), "ghcr.io/acme".to_owned()]
            }
            Field::PublicOnly | Field::ExtraEntriesFrom => {}
            Field::TektonGit => output.tekton_git = vec!["https://github.com/acme".to_owned()],
        }
    }
    output
}

fn ghe() -> Addresses {
    Addresses {
        web_url: "https://ghe.example.com:8443".to_owned(),
        api_url: "https://ghe.example.com:8443/api/v3".to_owned(),
        registry: None,
    }
}

fn tenant() -> Addresses {
    Addresses {
        web_url: "https://octo.ghe.com".to_owned(),
        api_url: "https://api.octo.ghe.com".to_owned(),
        registry: Some("containers.octo.ghe.com".to_owned()),
    }
}

/// The type and the data of the Secret, as texts.
fn content(
    output: &Output,
    token: &Token,
    grant: &Grant,
    at: &Addresses,
) -> (&'static str, Vec<(String, String)>) {
    let (type_, data) = output.content(token, grant, at);
    let text = |(key, value): Entry| (key, String::from_utf8(value.to_vec()).unwrap());
    (type_, data.into_iter().map(text).collect())
}

/// The value of one key, for a classic token of this login.
fn value(format: Format, key: &str, login: &str, at: &Addresses) -> Option<String> {
    let (_, data) = content(&full(format), &token("ghp_"), &grant(Some(login)), at);
    data.into_iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

#[test]
fn each_format_has_the_type_and_keys_that_its_consumers_read() {
    let token = token("ghp_");
    let secret = token.expose().to_owned();
    let auth = BASE64_STANDARD.encode(format!("octocat:{secret}"));
    let entry = format!(r#"{{"auth":"{auth}","password":"{secret}","username":"octocat"}}"#);
    let docker = format!(r#"{{"auths":{{"ghcr.io/acme":{entry},"r.example:5000":{entry}}}}}"#);
    let git = format!("https://octocat:{secret}@github.com\n");
    let netrc = format!("machine github.com login octocat password {secret}\n");
    let npmrc =
        format!("@acme:registry=https://npm.pkg.github.com\n//npm.pkg.github.com/:_authToken={secret}\n");
    let hosts = format!(
        "\"github.com\":\n    user: \"octocat\"\n    oauth_token: \"{secret}\"\n    git_protocol: https\n    users:\n        \
         \"octocat\":\n            oauth_token: \"{secret}\"\n"
    );
    let crossplane = format!(r#"{{"token":"{secret}","owner":"Acme"}}"#);
    let pair: [(&str, &str); 2] = [("username", "octocat"), ("password", &secret)];
    let argocd = |project: bool| -> Vec<(&str, &str)> {
        let project = project.then_some(("project", "shop"));
        pair.into_iter().chain([("type", "git"), ("url", "https://github.com/acme")]).chain(project).collect()
    };
    let opaque = "Opaque";
    let rows: Vec<(Format, &str, Vec<(&str, &str)>)> = vec![
        (Format::Opaque, opaque, vec![("pat", &secret)]),
        (
            Format::Env,
            opaque,
            vec![("GITHUB_TOKEN", &secret), ("GH_TOKEN", &secret), ("GITHUB_USER", "octocat")],
        ),
        (Format::BasicAuth, "kubernetes.io/basic-auth", pair.to_vec()),
        (Format::GitCredentials, opaque, vec![(".git-credentials", &git)]),
        (Format::Netrc, opaque, vec![(".netrc", &netrc)]),
        (Format::DockerConfigJson, "kubernetes.io/dockerconfigjson", vec![(".dockerconfigjson", &docker)]),
        (Format::Npmrc, opaque, vec![(".npmrc", &npmrc)]),
        (Format::MavenSettings, opaque, vec![("settings.xml", "")]),
        (Format::NuGetConfig, opaque, vec![("nuget.config", "")]),
        (Format::ArgoCDRepository, opaque, argocd(true)),
        (Format::ArgoCDRepositoryWrite, opaque, argocd(true)),
        (Format::ArgoCDRepoCreds, opaque, argocd(false)),
        (Format::ArgoCDRepoCredsWrite, opaque, argocd(false)),
        (Format::FluxGit, opaque, pair.to_vec()),
        (Format::FluxNotification, opaque, vec![("token", &secret)]),
        (Format::ActionsRunnerController, opaque, vec![("github_token", &secret)]),
        (Format::GhHosts, opaque, vec![("config.yml", "version: \"1\"\n"), ("hosts.yml", &hosts)]),
        (Format::CrossplaneGithub, opaque, vec![("credentials", &crossplane)]),
        (Format::Renovate, opaque, vec![("RENOVATE_PLATFORM", "github"), ("RENOVATE_TOKEN", &secret)]),
        (Format::TerraformGithub, opaque, vec![("GITHUB_TOKEN", &secret), ("GITHUB_OWNER", "Acme")]),
        (Format::Jenkins, opaque, pair.to_vec()),
    ];
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), Format::ALL);
    for (format, type_, expected) in rows {
        let (made, data) = content(&full(format), &token, &grant(Some("octocat")), &Addresses::of_github());
        assert_eq!(made, type_, "{format:?}");
        assert!(data.iter().any(|(_, value)| value.contains(&secret)), "{format:?}");
        assert_eq!(data.len(), expected.len(), "{format:?}");
        for ((key, value), (expected_key, expected)) in data.iter().zip(expected) {
            assert_eq!(key, expected_key, "{format:?}");
            assert!(expected.is_empty() || value == expected, "{format:?}: {value} is not {expected}");
        }
    }
}

#[test]
fn what_is_not_given_is_left_out_or_is_that_of_the_host() {
    let data = |format: Format| {
        content(&output(format), &token("ghp_"), &grant(Some("octocat")), &Addresses::of_github()).1
    };
    let keys = |format| data(format).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(Format::Opaque), ["token"]);
    assert_eq!(keys(Format::TerraformGithub), ["GITHUB_TOKEN"]);
    assert!(data(Format::DockerConfigJson)[0].1.starts_with(r#"{"auths":{"ghcr.io":{"auth":"#));
    assert!(data(Format::Npmrc)[0].1.starts_with("//npm.pkg.github.com/:_authToken="));
}

#[test]
fn a_host_of_ones_own_is_named_by_its_own_addresses() {
    let env = ["GITHUB_TOKEN", "GH_TOKEN", "GH_HOST", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
    let given = |at: &Addresses| env.map(|key| value(Format::Env, key, "octocat", at).is_some());
    assert_eq!(given(&Addresses::of_github()), [true, true, false, false, false]);
    assert_eq!(given(&tenant()), [true, true, true, false, false]);
    assert_eq!(given(&ghe()), [true; 5]);
    let rows = [
        (Format::Env, "GH_HOST", Some("octo.ghe.com"), Some("ghe.example.com:8443")),
        (
            Format::GitCredentials,
            ".git-credentials",
            Some("@octo.ghe.com\n"),
            Some("@ghe.example.com:8443\n"),
        ),
        (Format::Netrc, ".netrc", Some("machine octo.ghe.com login"), Some("machine ghe.example.com login")),
        (
            Format::Npmrc,
            ".npmrc",
            Some("\n//npm.octo.ghe.com/:_authToken="),
            Some("\n//ghe.example.com:8443/_registry/npm/:_authToken="),
        ),
        (
            Format::NuGetConfig,
            "nuget.config",
            Some("https://nuget.octo.ghe.com/Acme/index.json"),
            Some("https://ghe.example.com:8443/_registry/nuget/Acme/index.json"),
        ),
        (Format::GhHosts, "hosts.yml", Some("\"octo.ghe.com\":\n"), Some("\"ghe.example.com:8443\":\n")),
        (
            Format::Renovate,
            "RENOVATE_ENDPOINT",
            Some("https://api.octo.ghe.com/"),
            Some("https://ghe.example.com:8443/api/v3/"),
        ),
        (
            Format::TerraformGithub,
            "GITHUB_BASE_URL",
            Some("https://api.octo.ghe.com/"),
            Some("https://ghe.example.com:8443/"),
        ),
        (
            Format::CrossplaneGithub,
            "credentials",
            Some(r#""base_url":"https://api.octo.ghe.com/""#),
            Some(r#""base_url":"https://ghe.example.com:8443/""#),
        ),
    ];
    for (format, key, at_tenant, at_server) in rows {
        for (at, expected) in [(tenant(), at_tenant), (ghe(), at_server)] {
            let value = value(format, key, "octocat", &at);
            assert!(value.as_deref().unwrap().contains(expected.unwrap()), "{format:?}: {value:?}");
        }
        let at_github = value(format, key, "octocat", &Addresses::of_github());
        assert!(!at_github.is_some_and(|value| value.contains("ghe.")), "{format:?}");
    }
}

/// Neither has any of these characters today, apart from the brackets of an app; what reads the file must not be led astray all the
/// same.
#[test]
fn logins_and_tokens_full_of_awkward_characters_come_back_as_they_were() {
    let login = "a<b>&\"'c d\\e:f@g/h?i#j%k[bot]\u{e9};${HOME}";
    let secret = ["l<m>&\"'n o\\p:q@r/s?t#u%v=w]]>\u{e9};${HOME}", &"x".repeat(20)].concat();
    let token = Token::of_any_text(&secret);
    let of = |format, key: &str| {
        let (_, data) = content(&full(format), &token, &grant(Some(login)), &Addresses::of_github());
        data.into_iter().find(|(known, _)| known == key).map(|(_, value)| value).unwrap()
    };
    let between = |text: &str, before: &str, after: &str| {
        let (_, rest) = text.split_once(before).unwrap();
        rest.split_once(after).unwrap().0.to_owned()
    };
    let url = between(&of(Format::GitCredentials, ".git-credentials"), "https://", "@github.com\n");
    let (user, password) = url.split_once(':').unwrap();
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().unwrap().into_owned();
    assert_eq!((&*decoded(user), decoded(password)), (login, secret.clone()), "a URL");
    let xml = |text: &str| quick_xml::escape::unescape(text).unwrap().into_owned();
    let maven = of(Format::MavenSettings, "settings.xml");
    assert_eq!(xml(&between(&maven, "<username>", "</username>")), login, "Maven");
    assert_eq!(xml(&between(&maven, "<password>", "</password>")), secret, "Maven");
    let nuget = of(Format::NuGetConfig, "nuget.config");
    assert_eq!(xml(&between(&nuget, r#"key="Username" value=""#, "\" />")), login, "NuGet");
    assert_eq!(xml(&between(&nuget, r#"key="ClearTextPassword" value=""#, "\" />")), secret, "NuGet");
    let docker: Value = serde_json::from_str(&of(Format::DockerConfigJson, ".dockerconfigjson")).unwrap();
    let entry = &docker["auths"]["r.example:5000"];
    let auth = BASE64_STANDARD.encode(format!("{login}:{secret}"));
    assert_eq!(
        (&entry["username"], &entry["password"], &entry["auth"]),
        (&json!(login), &json!(secret), &json!(auth))
    );
    let hosts: Value = serde_saphyr::from_str(&of(Format::GhHosts, "hosts.yml")).unwrap();
    let account = &hosts["github.com"];
    assert_eq!((&account["user"], &account["oauth_token"]), (&json!(login), &json!(secret)), "YAML");
    assert_eq!(account["users"][login]["oauth_token"], secret, "YAML");
    let crossplane: Value = serde_json::from_str(&of(Format::CrossplaneGithub, "credentials")).unwrap();
    assert_eq!(crossplane["token"], secret, "JSON");
    let netrc = of(Format::Netrc, ".netrc");
    let word = |word: &str| word.replace("\\\"", "\"").replace("\\\\", "\\");
    assert_eq!(word(&between(&netrc, "login ", " password")), format!("\"{login}\""), "netrc");
    assert_eq!(word(&between(&netrc, "password ", "\n")), format!("\"{secret}\""), "netrc");
    let npmrc = between(&of(Format::Npmrc, ".npmrc"), ":_authToken=", "\n");
    let ini: String = serde_json::from_str(&npmrc).unwrap();
    assert_eq!(
        ini,
        secret.replace("${", "\\${"),
        "ini, where a backslash keeps npm from looking up a variable"
    );
    for format in [Format::BasicAuth, Format::FluxGit, Format::ArgoCDRepository, Format::Jenkins] {
        assert_eq!(
            (of(format, "username"), of(format, "password")),
            (login.to_owned(), secret.clone()),
            "{format:?}"
        );
    }
}

#[test]
fn a_field_that_is_needed_is_missed_by_name() {
    let rows = [
        (Format::ArgoCDRepository, "url"),
        (Format::ArgoCDRepoCredsWrite, "url"),
        (Format::NuGetConfig, "owner"),
        (Format::CrossplaneGithub, "owner"),
    ];
    for (format, field) in rows {
        let suits = output(format).suits(TokenKind::Classic, &grant(None), &Addresses::of_github());
        let finding = suits.unwrap_err();
        assert_eq!(finding.reason, Reason::OutputInvalid);
        assert!(finding.message.contains(&format!("the format {} needs {field}", format.as_str())));
    }
    for format in Format::ALL {
        let suits = full(*format).suits(TokenKind::Classic, &grant(None), &Addresses::of_github());
        assert_eq!(suits, Ok(()), "{format:?}");
    }
}

#[test]
fn whether_an_output_holds_a_token_is_told_by_its_hash_whatever_the_layout() {
    let (held, other) = (token("ghp_"), token("ghu_"));
    for format in Format::ALL {
        let payload = full(*format).payload(&held, &grant(Some("acme-ci")), &Addresses::of_github());
        let payload = payload.unwrap_or_else(|finding| panic!("{format:?}: {finding:?}"));
        let holds = |hashed: HashedToken| payload.data.values().any(|value| hashed.is_in(value));
        assert_eq!((holds(held.hashed()), holds(other.hashed())), (true, false), "{format:?}");
    }
}

#[test]
fn credentials_for_all_urls_with_a_beginning_do_not_reach_another_host() {
    let rows = [
        (Format::ArgoCDRepoCreds, "https://github.com", false),
        (Format::ArgoCDRepoCredsWrite, "https://github.com", false),
        (Format::ArgoCDRepoCreds, "https://github.com/", true),
        (Format::ArgoCDRepoCredsWrite, "https://github.com/acme", true),
        (Format::ArgoCDRepository, "https://github.com", true),
    ];
    for (format, url, suits) in rows {
        let output = Output { url: Some(url.to_owned()), ..full(format) };
        let found = output.suits(TokenKind::Classic, &grant(None), &Addresses::of_github());
        assert_eq!(found.is_ok(), suits, "{format:?} {url}");
        assert!(found.err().is_none_or(|finding| finding.reason == Reason::OutputInvalid));
    }
}

#[test]
fn a_url_of_another_host_is_refused() {
    for format in [Format::ArgoCDRepository, Format::ArgoCDRepoCreds, Format::BasicAuth] {
        let finding = full(format).suits(TokenKind::Classic, &grant(None), &ghe()).unwrap_err();
        assert_eq!(finding.reason, Reason::OutputInvalid, "{format:?}");
        assert!(finding.message.contains("https://ghe.example.com:8443/"), "{}", finding.message);
    }
}

#[test]
fn consumers_find_a_secret_by_labels_and_annotations() {
    let rows: [(Format, &[(&str, &str)], &[(&str, &str)]); 7] = [
        (Format::BasicAuth, &[], &[("tekton.dev/git-0", "https://github.com/acme")]),
        (Format::ArgoCDRepository, &[("argocd.argoproj.io/secret-type", "repository")], &[]),
        (Format::ArgoCDRepositoryWrite, &[("argocd.argoproj.io/secret-type", "repository-write")], &[]),
        (Format::ArgoCDRepoCreds, &[("argocd.argoproj.io/secret-type", "repo-creds")], &[]),
        (Format::ArgoCDRepoCredsWrite, &[("argocd.argoproj.io/secret-type", "repo-write-creds")], &[]),
        (Format::Jenkins, &[("jenkins.io/credentials-type", "usernamePassword")], &[]),
        (Format::FluxGit, &[], &[]),
    ];
    let map = |pairs: &[(&str, &str)]| -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for (format, labels, annotations) in rows {
        let expected = Marks { labels: map(labels), annotations: map(annotations) };
        assert_eq!(full(format).marks(), expected, "{format:?}");
    }
}

#[test]
fn an_installation_token_signs_in_as_x_access_token() {
    let (_, data) =
        content(&output(Format::BasicAuth), &token("ghs_"), &grant(None), &Addresses::of_github());
    assert_eq!(data[0], ("username".to_owned(), "x-access-token".to_owned()));
}

#[test]
fn a_registry_takes_no_fine_grained_token_and_must_be_known() {
    let github = Addresses::of_github();
    let unknown = Addresses { registry: None, ..Addresses::of_github() };
    let packages = [Format::DockerConfigJson, Format::Npmrc, Format::MavenSettings, Format::NuGetConfig];
    let rows =
        packages.map(|format| (full(format), TokenKind::FineGrained, &github, Reason::FormatNeedsClassic));
    let docker = output(Format::DockerConfigJson);
    let unknown = [
        (docker.clone(), TokenKind::FineGrained, &unknown, Reason::FormatNeedsClassic),
        (docker, TokenKind::Classic, &unknown, Reason::RegistryUnknown),
    ];
    for (output, kind, addresses, reason) in rows.into_iter().chain(unknown) {
        let finding = output.suits(kind, &grant(Some("octocat")), addresses).unwrap_err();
        assert_eq!(finding.reason, reason, "{:?}", output.format);
        assert!(finding.message.contains("Secret out"));
    }
    assert_eq!(Format::ALL.iter().filter(|format| output(**format).needs_classic()).count(), packages.len());
}

#[test]
fn a_registry_needs_the_scope_to_pull_with() {
    let scopes = |scopes: &[&str]| Grant { scopes: Some(scopes.iter().collect()), ..grant(Some("octocat")) };
    let all = output(Format::DockerConfigJson);
    let public = Output { public_only: true, ..output(Format::DockerConfigJson) };
    let (npm, maven, nuget) = (full(Format::Npmrc), full(Format::MavenSettings), full(Format::NuGetConfig));
    let rows = [
        ("the scope", &all, scopes(&["read:packages"]), true),
        ("a larger one", &all, scopes(&["repo", "write:packages"]), true),
        ("another one", &all, scopes(&["repo"]), false),
        ("none", &all, scopes(&[]), false),
        ("no list", &all, grant(Some("octocat")), true),
        ("public images only", &public, scopes(&[]), true),
        ("npm with it", &npm, scopes(&["read:packages"]), true),
        ("npm without", &npm, scopes(&["repo"]), false),
        ("Maven without", &maven, scopes(&["repo"]), false),
        ("NuGet without", &nuget, scopes(&["repo"]), false),
        ("another format", &output(Format::Opaque), scopes(&[]), true),
    ];
    for (name, output, grant, suits) in rows {
        let found = output.suits(TokenKind::Classic, &grant, &Addresses::of_github());
        let reason = found.err().map(|finding| finding.reason);
        assert_eq!(reason, (!suits).then_some(Reason::FormatNeedsScope), "{name}");
    }
}

#[test]
fn a_pull_secret_takes_further_entries_but_for_its_own_registries() {
    let from = EntriesFrom { name: "further".to_owned(), key: "k".to_owned() };
    let entry = r#"{"username": "o\u0063to", "other": 1}"#;
    let registries =
        ["r.example:5000", "https://ghcr.io/acme/", "http://r.example:5000/v2/", "ghcr.io", "é.example"];
    let auths: Vec<_> = registries.iter().map(|registry| format!("\"{registry}\": {entry}")).collect();
    let further = format!("{{\"auths\": {{{}}}}}", auths.join(", "));
    let read = |uid: &str| from.read("out", &uid.into(), Some(further.as_bytes())).unwrap();
    let with =
        |extra| Output { extra, extra_entries_from: Some(from.clone()), ..full(Format::DockerConfigJson) };
    let output = with(Extra::Read(read("u")));
    let (type_, data) = content(&output, &token("ghp_"), &grant(Some("octocat")), &Addresses::of_github());
    assert_eq!(type_, "kubernetes.io/dockerconfigjson");
    let config: serde_json::Value = serde_json::from_str(&data[0].1).unwrap();
    let auths = config["auths"].as_object().unwrap();
    assert_eq!(auths.keys().collect::<Vec<_>>(), ["ghcr.io", "ghcr.io/acme", "r.example:5000", "é.example"]);
    for (registry, username) in
        [("ghcr.io", "octo"), ("ghcr.io/acme", "octocat"), ("r.example:5000", "octocat")]
    {
        assert_eq!(auths[registry]["username"], username, "{registry}");
    }
    assert!(data[0].1.contains(entry), "as it stands there: {}", data[0].1);
    // The same of the same Secret is no change, and nobody tells it from a name without the uid.
    let stamp = |extra| with(extra).stamp(token("ghp_").hashed(), &grant(None), &Addresses::of_github());
    assert_eq!(stamp(Extra::Read(read("u"))), stamp(Extra::Seen(read("u").digest())));
    assert_ne!(stamp(Extra::Read(read("u"))), stamp(Extra::Read(read("v"))));
}
