use proptest::prelude::*;

use super::*;
use crate::domain::Reason;

fn parse(text: &str) -> Result<Token, Finding> {
    Token::try_from(text.as_bytes())
}

/// A well-formed token, put together here so that no such text stands in the repository.
fn classic() -> String {
    ["ghp_", &"A".repeat(30), "0uCPlr"].concat()
}

fn fine_grained() -> String {
    ["github_pat_", "11AAAAAAA0SyntheticNot", "_", &"A".repeat(43), "2BYIMNLC", "00000000"].concat()
}

#[test]
fn the_prefix_tells_the_kind() {
    let rows = [
        ("ghp_", TokenKind::Classic),
        ("github_pat_", TokenKind::FineGrained),
        ("gho_", TokenKind::OAuth),
        ("ghu_", TokenKind::AppUser),
        ("ghs_", TokenKind::AppInstallation),
    ];
    for (prefix, kind) in rows {
        assert_eq!(parse(&[prefix, &"b".repeat(36)].concat()).unwrap().kind(), kind, "{prefix}");
    }
}

#[test]
fn an_installation_token_of_2026_is_a_token() {
    let text =
        ["ghs_", "123456_", &"eyJ-x_y".repeat(24), ".", &"a".repeat(200), ".", &"b".repeat(100)].concat();
    let token = parse(&text).unwrap();
    assert_eq!((token.kind(), token.flaw()), (TokenKind::AppInstallation, None));
}

#[test]
fn checksums_are_those_of_github() {
    let rows = [
        ("digits only", "0".repeat(30), "2C8GjS"),
        ("one zero in front", "A".repeat(30), "0uCPlr"),
        ("near the top", "abcdefghijklmnopqrstuvwxyzABCD".to_owned(), "4dNndU"),
        ("another zero in front", "012345678901234567890123456789".to_owned(), "0pV6Ps"),
        ("no zero in front", "SyntheticNotARealTokenBody0001".to_owned(), "2cTvNb"),
        ("two zeros in front", "SyntheticPaddingCase0000000357".to_owned(), "00Jd8n"),
    ];
    for (name, body, checksum) in rows {
        for prefix in ["ghp_", "gho_", "ghu_", "ghs_"] {
            assert_eq!(parse(&[prefix, &body, checksum].concat()).unwrap().flaw(), None, "{prefix} {name}");
        }
        let wrong = parse(&["ghp_", &body, "4gfFC3"].concat()).unwrap();
        assert_eq!(wrong.flaw(), Some(Flaw::Checksum), "{name}");
    }
    assert_eq!(parse(&fine_grained()).unwrap().flaw(), None);
    let mistyped = fine_grained().replace("Synthetic", "Synthetik");
    assert_eq!(parse(&mistyped).unwrap().flaw(), Some(Flaw::Checksum));
}

#[test]
fn an_unusual_length_is_a_doubt_and_no_more() {
    for text in [[&classic(), "x"].concat(), fine_grained().chars().take(80).collect()] {
        assert_eq!(parse(&text).unwrap().flaw(), Some(Flaw::Length));
    }
}

#[test]
fn one_trailing_newline_is_taken_off_and_told() {
    let token = parse(&(classic() + "\n")).unwrap();
    assert_eq!((token.expose(), token.trailing_newline()), (classic().as_str(), true));
    assert!(!parse(&classic()).unwrap().trailing_newline());
}

#[test]
fn whatever_else_people_store_is_refused_with_its_own_sentence() {
    let (token, other) = (classic(), fine_grained());
    let rows: Vec<(&str, Vec<u8>, Reason, &str)> = vec![
        ("empty", vec![], Reason::TokenEmpty, "empty"),
        ("a newline alone", b"\n".to_vec(), Reason::TokenEmpty, "empty"),
        ("spaces alone", b"  ".to_vec(), Reason::TokenEmpty, "white space"),
        ("CR LF", format!("{token}\r\n").into(), Reason::TokenMalformed, "CR LF"),
        ("CR", format!("{token}\r").into(), Reason::TokenMalformed, "CR LF"),
        ("two newlines", format!("{token}\n\n").into(), Reason::TokenMalformed, "more than one line"),
        ("BOM", format!("\u{feff}{token}").into(), Reason::TokenMalformed, "byte order mark"),
        ("UTF-16", [&[0xFF, 0xFE], token.as_bytes()].concat(), Reason::TokenMalformed, "byte order mark"),
        ("quotes", format!("\"{token}\"").into(), Reason::TokenMalformed, "quotes"),
        ("single quotes", format!("'{token}'").into(), Reason::TokenMalformed, "quotes"),
        ("Bearer", format!("Bearer {token}").into(), Reason::TokenMalformed, "authorization scheme"),
        ("token", format!("token {token}").into(), Reason::TokenMalformed, "authorization scheme"),
        ("base64 twice", BASE64_STANDARD.encode(&token).into(), Reason::TokenMalformed, "twice"),
        ("space inside", token.replace("AAAA0", "AA A0").into(), Reason::TokenMalformed, "inside"),
        ("space behind", format!("{token} ").into(), Reason::TokenMalformed, "around"),
        ("space before", format!(" {token}").into(), Reason::TokenMalformed, "around"),
        ("non-ASCII", format!("{token}é").into(), Reason::TokenMalformed, "outside ASCII"),
        ("not UTF-8", [token.as_bytes(), &[0x80]].concat(), Reason::TokenMalformed, "outside ASCII"),
        ("NUL", format!("{token}\0").into(), Reason::TokenMalformed, "characters that no token has"),
        ("user and token", format!("me:{token}").into(), Reason::TokenMalformed, "name before"),
        ("a variable", format!("export X={token}").into(), Reason::TokenMalformed, "name before"),
        ("YAML", format!("token: {token}").into(), Reason::TokenMalformed, "name before"),
        ("one quote", format!("{token}\"").into(), Reason::TokenMalformed, "quotes"),
        (
            "base64 twice, wrapped",
            BASE64_STANDARD.encode(&token).replacen('d', "d\n", 1).into(),
            Reason::TokenMalformed,
            "twice",
        ),
        (
            "base64 of user:token",
            BASE64_STANDARD.encode(format!("me:{token}\n")).into(),
            Reason::TokenMalformed,
            "a user name and a token in base64",
        ),
        (
            "netrc",
            format!("machine github.com login me password {token}").into(),
            Reason::TokenMalformed,
            "netrc file",
        ),
        (
            "netrc on lines",
            format!("machine github.com\n  login me\n  password {token}\n").into(),
            Reason::TokenMalformed,
            "netrc file",
        ),
        ("two tokens", format!("{token}\n{other}").into(), Reason::TokenMalformed, "more than one token"),
        ("two on a line", format!("{token}, {other}").into(), Reason::TokenMalformed, "more than one token"),
        ("two in one", [&*token, &*other].concat().into(), Reason::TokenMalformed, "more than one token"),
        (
            "fine-grained and classic",
            [&*other, &*token].concat().into(),
            Reason::TokenMalformed,
            "more than one",
        ),
        ("the same twice", token.repeat(2).into(), Reason::TokenMalformed, "the same token twice"),
        ("fine-grained twice", other.repeat(2).into(), Reason::TokenMalformed, "the same token twice"),
        (
            "the same on two lines",
            format!("{token}\r\n{token}").into(),
            Reason::TokenMalformed,
            "the same token twice",
        ),
        ("brackets", format!("<{token}>").into(), Reason::TokenMalformed, "brackets around"),
        ("braces", format!("{{{{ {token} }}}}").into(), Reason::TokenMalformed, "brackets around"),
        (
            "a URL",
            format!("https://me:{token}@github.com").into(),
            Reason::TokenMalformed,
            "a URL with a token in it",
        ),
        (
            "a URL without one",
            b"https://github.com/settings/tokens".to_vec(),
            Reason::TokenMalformed,
            "is a URL: ",
        ),
        ("JSON on lines", format!("{{\n  \"a\": \"{token}\"\n}}").into(), Reason::TokenMalformed, "JSON"),
        ("JSON", format!("{{\"token\":\"{token}\"}}").into(), Reason::TokenMalformed, "JSON"),
        ("cut", b"ghp_abc".to_vec(), Reason::TokenMalformed, "too short"),
        ("over 4 KiB", format!("{token}{}", "A".repeat(4096)).into(), Reason::TokenMalformed, "4 KiB"),
        ("a password", b"correct horse battery staple".to_vec(), Reason::NotAToken, "no GitHub token"),
        ("an upper case prefix", token.to_uppercase().into(), Reason::NotAToken, "no GitHub token"),
        ("a JWT", b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln".to_vec(), Reason::NotAToken, "no GitHub token"),
        ("a refresh token", ["ghr_", &"a".repeat(76)].concat().into(), Reason::RefreshToken, "refresh token"),
        ("40 hex digits", "0123456789abcdef".repeat(3)[..40].into(), Reason::LegacyToken, "hexadecimal"),
    ];
    for (name, bytes, reason, words) in rows {
        let finding = Token::try_from(bytes.as_slice()).expect_err(name);
        assert_eq!(finding.reason, reason, "{name}: {}", finding.message);
        assert!(finding.message.contains(words), "{name}: {}", finding.message);
    }
}

#[test]
fn a_placeholder_is_named_with_the_tool_that_should_have_replaced_it() {
    let shown = ["ghp_", "****"].concat();
    let masked = ["ghp_", "********", "1a2b"].concat();
    let ellipsis = ["ghp_", "…"].concat();
    let named = ["ghp_", "<token>"].concat();
    let of_shell = ["github_pat_", "${PAT}"].concat();
    let left_out = ["github_pat_", &"x".repeat(82)].concat();
    let rows = [
        ("ENC[AES256_GCM,data:b3B0aW9uYWw=,iv:aXY=,tag:dGFn,type:str]", "SOPS"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6638643965", "Ansible Vault"),
        ("<path:kv/data/github#pat>", "argocd-vault-plugin"),
        ("<path:kv/data/github#pat#2 | base64encode>", "argocd-vault-plugin"),
        ("<github-pat>", "angle brackets"),
        ("vault:secret/data/github#PAT", "Bank-Vaults"),
        (">>vault:secret/data/github#PAT", "Bank-Vaults"),
        ("${vault:secret/data/github#PAT}", "Bank-Vaults"),
        ("ref+vault://secret/github#/pat", "vals"),
        ("secretref+awssecrets://github/pat", "vals"),
        ("op://ci/github/credential", "1Password"),
        ("OP://ci/github/credential\n", "1Password"),
        ("akv://ci/github-pat", "akv"),
        ("${{ secrets.PAT }}", "GitHub Actions"),
        ("{{ .Values.token }}", "Helm"),
        ("{{- .Values.token | b64enc -}}", "Helm"),
        ("${GITHUB_TOKEN}", "envsubst"),
        ("${github_token:=none}", "envsubst"),
        ("$GITHUB_TOKEN", "envsubst"),
        ("$(GITHUB_TOKEN)", "container's env"),
        ("***", "logs"),
        ("xxxxxxxx", "logs"),
        (shown.as_str(), "left out"),
        (left_out.as_str(), "left out"),
        ("••••••••", "logs"),
        ("********************1a2b", "logs"),
        (&masked, "logs"),
        (&ellipsis, "left out"),
        (&named, "left out"),
        (&of_shell, "left out"),
        ("#{GitHub.Token}", "Octopus"),
        ("#{GITHUB_TOKEN}#", "Azure DevOps"),
        ("__GithubToken__", "Azure DevOps"),
        ("%GITHUB_TOKEN%", "Windows"),
        ("{cipher}AQB1c2Vy", "Spring"),
        ("ENC(c2VjcmV0)", "Jasypt"),
        ("awssm://ci/pat", "kept elsewhere"),
        ("arn:aws:secretsmanager:eu-central-1:1:secret:pat", "kept elsewhere"),
        ("projects/1/secrets/pat/versions/latest", "kept elsewhere"),
        ("@Microsoft.KeyVault(SecretUri=https://ci.vault.azure.net/secrets/pat)", "kept elsewhere"),
        ("[object Object]", "filled in"),
        ("null", "filled in"),
        (" ChangeMe ", "filled in"),
        ("[REDACTED]", "filled in"),
    ];
    for (text, words) in rows {
        let finding = parse(text).expect_err(text);
        assert_eq!(finding.reason, Reason::Placeholder, "{text}: {}", finding.message);
        assert!(finding.message.contains(words), "{text}: {}", finding.message);
        assert!(finding.message.contains(": "), "{text} needs a remedy: {}", finding.message);
        let lower = finding.message.to_lowercase();
        assert!(!lower.contains(&text.trim().to_lowercase()), "{text}: {}", finding.message);
    }
    for text in [
        "<html></html>",
        "$ecret",
        "$",
        "<",
        "{{",
        "xy",
        "**",
        "vault:no-key",
        "<a> <b>",
        "https://a",
        "a b://c",
        "git+ssh://git@example.com/acme/app",
        "postgres://ci@example.com/app",
        "%%",
        "****!",
        "{env:A}",
    ] {
        let finding = parse(text).expect_err(text);
        assert_ne!(finding.reason, Reason::Placeholder, "{text}: {}", finding.message);
    }
}

#[test]
fn the_hash_is_the_one_of_the_audit_log() {
    // printf %s TEXT | openssl dgst -sha256 -binary | base64
    let token = parse(&["ghp_", &"0".repeat(30), "2C8GjS"].concat()).unwrap();
    assert_eq!(token.hashed().to_string(), "sbPGJypoOqikylAlB0W0yLnZyIVw6Ky3Pq4vnensZeM=");
}

#[test]
fn a_text_that_repeats_a_part_of_the_token_is_known() {
    let token = parse(&["ghp_", &"abcdefghijklmnopqrstuvwxyz".repeat(2)[..36]].concat()).unwrap();
    for (text, shows) in
        [("octocat", false), ("read:packages", false), ("xabcdefghijklmx", true), ("abcdefghijk", false)]
    {
        assert_eq!(token.shows_in(text), shows, "{text}");
    }
    let once = |before: &str| BASE64_STANDARD.encode(format!("{before}{}", token.expose()));
    for before in ["", "a", "ab", "octocat:"] {
        let twice = BASE64_STANDARD.encode(format!(r#"{{"auth":"{}"}}"#, once(before)));
        for encoded in [once(before), twice] {
            let quoted = format!("denied: the value {encoded}, of a Secret");
            assert!(token.shows_in(&quoted), "{before}");
            assert!(token.shows_in(&quoted[25..]), "{before}: a part of it");
        }
    }
    let other = BASE64_STANDARD.encode("something else that is long enough, and no token");
    assert!(!token.shows_in(&other) && !token.shows_in(&token.hashed().to_string()));
}

#[test]
fn a_text_that_may_have_a_token_in_it_is_told_from_a_name() {
    for text in [
        classic(),
        fine_grained(),
        format!("--token={}", classic()),
        format!("/tmp/x_{}", classic()),
        ["ghr_", &"a".repeat(76)].concat(),
    ] {
        assert!(Token::may_be_in(&text));
    }
    let word = ["lau", "ghs_", &"a".repeat(30)].concat();
    for text in ["ghp_ci.txt", "/home/me/github_pat_of_ci", "connection.yaml", "", &word] {
        assert!(!Token::may_be_in(text), "{text}");
    }
    // The page of the plugin has this run by a browser.
    let pattern = Token::pattern(LegacyTokens::Refused);
    let [prefixes, body] = ["(?:ghp_|github_pat_|gho_|ghu_|ghs_)", "[0-9A-Za-z_]{20}"];
    assert_eq!(pattern, format!("(?:^|[^0-9A-Za-z]){prefixes}{body}|ghr_.{{20}}"));
    let of_before = "(?:^|[^0-9A-Za-z_])[0-9a-f]{40}(?:$|[^0-9A-Za-z_])";
    assert_eq!(Token::pattern(LegacyTokens::Allowed), format!("{pattern}|{of_before}"));
}

#[test]
fn a_text_that_may_have_a_token_of_before_2021_in_it_is_told_from_longer_and_shorter_digests() {
    let digits = "0123456789abcdef".repeat(3)[..40].to_owned();
    for text in [digits.clone(), format!("--account={digits}"), format!("/tmp/{digits}/x")] {
        assert!(Token::legacy_may_be_in(&text) && !Token::may_be_in(&text), "{text}");
    }
    let [longer, shorter] = [format!("{digits}0"), digits[1..].to_owned()];
    for text in
        [longer, shorter, digits.to_uppercase(), format!("x_{digits}"), format!("x{digits}"), String::new()]
    {
        assert!(!Token::legacy_may_be_in(&text), "{text}");
    }
}

#[test]
fn a_token_does_not_show_itself() {
    let token = parse(&classic()).unwrap();
    assert_eq!(format!("{token:?}"), "Token(Classic)");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_no_finding_repeats_them(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(finding) = Token::try_from(bytes.as_slice())
            && let Ok(text) = str::from_utf8(&bytes)
            && text.len() > 30
        {
            prop_assert!(!finding.message.contains(text));
        }
    }

    #[test]
    fn no_part_of_a_placeholder_or_of_what_has_a_token_in_it_is_repeated(
        before in "(|[$][{]|[{][{]|<path:|<|op://|ref[+]|vault:|ENC\\[AES256_GCM,|machine |https://|[{]|\"|Bearer )",
        prefix in "(|gh[pousr]_|github_pat_)",
        body in "[0-9A-Za-z+/=.,]{24,80}",
        behind in "(|[}]|[}][}]|>|#a|\\]| password|@)",
    ) {
        let text = [before, prefix, body.clone(), behind].concat();
        if let Err(finding) = Token::try_from(text.as_bytes()) {
            for part in body.as_bytes().windows(8).map(|part| str::from_utf8(part).unwrap()) {
                prop_assert!(!finding.message.contains(part), "{}", finding.message);
            }
        }
    }

    #[test]
    fn a_token_is_always_plain_ascii_without_white_space(text in "gh[pousr]_[ -~\\n]{20,80}") {
        if let Ok(token) = Token::try_from(text.as_bytes()) {
            prop_assert!(token.expose().bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        }
    }
}

#[test]
fn forty_hexadecimal_digits_are_a_token_where_they_are_allowed_and_nothing_else_becomes_one() {
    let digits = "0123456789abcdef".repeat(3)[..40].to_owned();
    let allowed = |text: &str| Token::parse(text.as_bytes(), LegacyTokens::Allowed);
    for text in [digits.clone(), format!("{digits}\n")] {
        let token = allowed(&text).unwrap();
        assert_eq!((token.kind(), token.flaw(), token.is_legacy()), (TokenKind::Classic, None, true));
        assert_eq!(token.expose(), digits);
        assert_eq!(Token::try_from(text.as_bytes()).unwrap_err().reason, Reason::LegacyToken);
    }
    for text in
        ["password", &digits[1..], &format!("{digits}0"), &digits.to_uppercase(), &format!(" {digits}")]
    {
        assert!(allowed(text).is_err(), "{text}");
    }
    let known = ["ghp_", &"a".repeat(36)].concat();
    assert!(!allowed(&known).unwrap().is_legacy());
}

#[test]
fn a_token_is_found_in_a_text_by_its_hash() {
    let (held, other, of_app) =
        (classic(), ["ghp_", &"b".repeat(36)].concat(), ["ghs_", &"c".repeat(40), ".x-y.z"].concat());
    let rows = [
        (held.clone(), true),
        (format!("https://acme-ci:{held}@github.com\n"), true),
        (format!("{held}.example"), true),
        (format!("# {held}\n{other}"), true),
        (format!("{held}a"), false),
        (format!("a{held}"), false),
        (other, false),
        ("nothing of the kind".to_owned(), false),
    ];
    let hashed = parse(&held).unwrap().hashed();
    for (text, is_in) in rows {
        assert_eq!(hashed.is_in(text.as_bytes()), is_in, "{} bytes", text.len());
    }
    let text = format!("password={of_app}");
    assert!(parse(&of_app).unwrap().hashed().is_in(text.as_bytes()));
    let cut = of_app.trim_end_matches(".z");
    assert!(!parse(cut).unwrap().hashed().is_in(text.as_bytes()));
}
