//! The tokens that stand in a text of any layout, for who looks for those that nobody watches over.

use super::{LegacyTokens, NESTED, QUOTED, Token, decoded, is_long_enough, recognise::is_legacy};

impl Token {
    /// Every token in the bytes that stands by itself, plainly or in base64, also within base64; each once. What has the form of before
    /// 2021 is among them, which commits have too: [`Token::is_legacy`] tells it apart.
    pub fn all_in(bytes: &[u8]) -> Vec<Token> {
        let mut found = Vec::new();
        collect(bytes, NESTED, &mut found);
        found
    }
}

fn collect(bytes: &[u8], nested: u8, found: &mut Vec<Token>) {
    let words = bytes.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let long =
        words.filter(|word| str::from_utf8(word).is_ok_and(|word| is_long_enough(word) || is_legacy(word)));
    for token in long.filter_map(|word| Token::parse(word, LegacyTokens::Allowed).ok()) {
        if !found.contains(&token) {
            found.push(token);
        }
    }
    if nested == 0 {
        return;
    }
    let runs = bytes.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/-_".contains(byte));
    for inner in runs.filter(|run| run.len() >= QUOTED).filter_map(decoded) {
        collect(&inner, nested.saturating_sub(1), found);
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    fn texts() -> [String; 2] {
        [["ghp_", &"a1".repeat(18)].concat(), ["github_pat_", &"B2".repeat(41)].concat()]
    }

    #[test]
    fn tokens_are_found_in_every_layout_and_what_only_begins_like_one_is_not() {
        let [classic, fine] = texts();
        let auth = BASE64_STANDARD.encode(format!("acme-ci:{classic}"));
        let legacy = "0123456789abcdef".repeat(3).split_off(8);
        let docker = format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#);
        let rows = [
            ("alone", classic.clone(), vec![&classic]),
            ("with a line end", format!("{classic}\n"), vec![&classic]),
            ("in a URL", format!("https://acme-ci:{classic}@github.com/acme/app"), vec![&classic]),
            ("two, one of them twice", format!("a={classic}\nb={fine}\nc={classic}"), vec![&classic, &fine]),
            ("for Docker", docker.clone(), vec![&classic]),
            ("for Docker in base64", BASE64_STANDARD.encode(docker), vec![&classic]),
            ("a file name", "ghp_ci.txt".to_owned(), vec![]),
            ("a password", "hunter2 ghp_".to_owned(), vec![]),
            ("of before 2021, or a commit", format!("a:{legacy}@b"), vec![&legacy]),
            ("a digest", format!("sha256:{legacy}{legacy}"), vec![]),
            ("nothing", String::new(), vec![]),
        ];
        for (name, text, expected) in rows {
            let found = Token::all_in(text.as_bytes());
            assert_eq!(found.iter().map(Token::expose).collect::<Vec<_>>(), expected, "{name}");
        }
        assert!(Token::all_in(&[0xFF, 0xFE, 0]).is_empty(), "bytes of no text");
    }
}
