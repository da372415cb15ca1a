//! Replies to `GET /user`, their expiry and rate headers: nothing but a marked 401 or 403 speaks against a token.
#![no_main]

mod response;

use github_pat_operator::{
    domain::{
        answer::{Answer, Reply},
        token::TokenKind,
    },
    github::interpret,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(response) = response::response(bytes) else { return };
    for kind in [TokenKind::Classic, TokenKind::FineGrained, TokenKind::AppInstallation] {
        match interpret(kind, &response, response::now()) {
            Reply::Answer(Answer::Refused(_)) => assert!(matches!(response.status.as_u16(), 401 | 403 | 429)),
            Reply::Answer(Answer::Granted(grant)) => {
                let is_user = response.status == 200 && grant.account.is_some();
                assert!(is_user || kind == TokenKind::AppInstallation);
            }
            Reply::Answer(Answer::Proof(_)) => panic!("identity proves no purpose"),
            Reply::Deferral(_) => {}
        }
    }
});
