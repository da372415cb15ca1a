//! What stands beside the REST API on the same host: git and the registry. Both take basic credentials, and neither counts.

use crate::{
    account::Token,
    answer::{Answer, http_date},
    document, git,
    question::{Question, Service},
    registry::Login,
    rest::{Outcome, written},
    world::World,
};
use jiff::Timestamp;

impl World {
    /// What git or the registry answers. `token` is that of the credentials, if it is a live one.
    pub(crate) fn beside(
        &mut self,
        question: &Question,
        has_credentials: bool,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Outcome {
        let date = self.date(now);
        let fixed = token.and_then(|token| self.fixed(&token.name, question)).cloned();
        let answer = match (fixed.filter(|reply| !reply.is_usual()), token) {
            (Some(reply), Some(token)) => {
                let user = document::user(self.account(&token.login));
                match written(reply, user, date) {
                    Ok(answer) => answer,
                    Err(outcome) => return outcome,
                }
            }
            _ => self.served(question, has_credentials, token),
        };
        let request_id = self.request_id(now);
        let common = [
            ("date", http_date(date)),
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("x-github-request-id", request_id),
        ];
        Outcome::Answer(answer.with_missing(common))
    }

    fn served(&mut self, question: &Question, has_credentials: bool, token: Option<&Token>) -> Answer {
        let token = token.filter(|_| question.is_basic());
        let suspended = token.is_some_and(|token| self.account(&token.login).suspended);
        let login = match token {
            Some(token) if !suspended => Login::Live(token),
            None if !has_credentials => Login::Nobody,
            _ => Login::Dead,
        };
        match (question.service(), login) {
            (Service::Registry, login) => self.inventory.exchange(question, &login),
            (_, Login::Dead) if suspended => git::suspended(),
            (_, Login::Dead) => git::bad_credentials(),
            (_, Login::Live(token)) => self.inventory.advertise(question, Some(token), self.scheme),
            (_, Login::Nobody) => self.inventory.advertise(question, None, self.scheme),
        }
    }
}
