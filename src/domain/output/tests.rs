use super::*;
use crate::domain::answer::{Account, Expiry};

fn token(prefix: &str, letter: &str) -> Token {
    Token::try_from([prefix, &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(login: &str) -> Grant {
    Grant { account: Some(Account { login: login.into(), id: 7 }), scopes: None, expiry: Expiry::Never }
}

fn output(format: Format) -> Output {
    Output::new("out", format)
}

fn made(letter: &str) -> Payload {
    let addresses = Addresses::of_github();
    output(Format::Opaque).payload(&token("ghp_", letter), &grant("octocat"), &addresses).unwrap()
}

#[test]
fn a_payload_does_not_show_its_bytes() {
    assert_eq!(format!("{:?}", made("a")), "Payload(Opaque, [\"token\"])");
}

#[test]
fn the_bytes_of_a_payload_are_wiped_when_it_is_dropped() {
    fn is_wiped_on_drop<T: zeroize::ZeroizeOnDrop>(_: &T) -> bool {
        true
    }
    let payload = made("a");
    assert!(!payload.data.is_empty() && payload.data.values().all(is_wiped_on_drop));
}

#[test]
fn a_payload_of_another_token_does_not_hold_this_one() {
    assert!(made("a").holds(token("ghp_", "a").hashed()));
    assert!(!made("a").holds(token("ghp_", "b").hashed()));
    let data = BTreeMap::from([("token".to_owned(), Vec::new().into())]);
    assert!(!Payload { type_: "Opaque".to_owned(), data }.holds(token("ghp_", "b").hashed()));
}

#[test]
fn a_payload_does_not_hold_a_copy_of_its_token_that_was_cut() {
    for cut in [35, 30, 20] {
        let cut = ["ghp_", &"a".repeat(cut)].concat();
        assert!(!made("a").holds(Token::try_from(cut.as_bytes()).unwrap().hashed()), "{}", cut.len());
    }
}

#[test]
fn a_stamp_changes_with_all_that_the_payload_is_made_of() {
    let (a, b) = (token("ghp_", "a").hashed(), token("ghp_", "b").hashed());
    let github = Addresses::of_github();
    let base = output(Format::BasicAuth).stamp(a, &grant("octocat"), &github);
    let elsewhere = |change: fn(&mut Addresses)| {
        let mut addresses = github.clone();
        change(&mut addresses);
        output(Format::BasicAuth).stamp(a, &grant("octocat"), &addresses)
    };
    let with = |change: fn(&mut Output)| {
        let mut output = output(Format::BasicAuth);
        change(&mut output);
        output.stamp(a, &grant("octocat"), &github)
    };
    let rows = [
        ("token", output(Format::BasicAuth).stamp(b, &grant("octocat"), &github)),
        ("login", output(Format::BasicAuth).stamp(a, &grant("hubot"), &github)),
        ("registry", elsewhere(|addresses| addresses.registry = None)),
        ("pages", elsewhere(|addresses| addresses.web_url = "https://ghe.example.com".to_owned())),
        ("API", elsewhere(|addresses| addresses.api_url = "https://ghe.example.com/api/v3".to_owned())),
        ("format", with(|output| output.format = Format::Opaque)),
        ("publicOnly", with(|output| output.public_only = true)),
        ("key", with(|output| output.key = Some("pat".to_owned()))),
        ("url", with(|output| output.url = Some("https://github.com/acme".to_owned()))),
        ("project", with(|output| output.project = Some("acme".to_owned()))),
        ("owner", with(|output| output.owner = Some("acme".to_owned()))),
        ("registries", with(|output| output.registries = vec!["ghcr.io".to_owned()])),
        ("tektonGit", with(|output| output.tekton_git = vec!["https://github.com".to_owned()])),
        ("labels", with(|output| output.labels = Map::from([("a".to_owned(), "b".to_owned())]))),
        ("annotations", with(|output| output.annotations = Map::from([("a".to_owned(), "b".to_owned())]))),
    ];
    for (what, stamp) in rows {
        assert_ne!(stamp, base, "{what}");
    }
    assert_eq!(with(|output| output.secret_name = "another".to_owned()), base);
}
