//! The grammar of tokens: what is taken has a description, and what is not is told without any part of it.
#![no_main]

use github_pat_operator::domain::token::Token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match Token::try_from(bytes) {
    Ok(token) => {
        let _ = token.describe();
        assert!(bytes.starts_with(token.expose().as_bytes()));
    }
    Err(finding) => {
        let text = String::from_utf8_lossy(bytes);
        let is_long = |word: &&str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let shown = text.split_whitespace().filter(is_long).find(|word| finding.message.contains(word));
        assert_eq!(shown, None, "no part of a value is repeated");
    }
});
