//! What GitHub answers to a request.
//!
//! Order of decisions: outage, missing `User-Agent`, locked address, mass refusal, script, API version, credentials, budget,
//! suspension, fixed answer, path. GitHub documents no order; this one lets every refusal be seen on its own. `resource` has the
//! order of what comes at a path.

use crate::{
    account::Token,
    answer::{Answer, Manner, Scene, VERSIONS, http_date},
    budget::{Rate, WhenSpent},
    document,
    question::{Question, Service},
    reply::{Outage, Reply},
    token::TokenKind,
    world::World,
};
use jiff::Timestamp;
use std::net::IpAddr;

/// What is done with a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Answer),
    Cut,
    Stall,
}

impl Outcome {
    /// The status a client gets to see.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Outcome::Answer(answer) => Some(answer.status),
            Outcome::Cut | Outcome::Stall => None,
        }
    }

    fn altered(self, alter: impl FnOnce(Answer) -> Answer) -> Outcome {
        match self {
            Outcome::Answer(answer) => Outcome::Answer(alter(answer)),
            other => other,
        }
    }
}

impl World {
    /// The name of the token in a request, and what is done with the request.
    pub(crate) fn decide(&mut self, question: &Question, now: Timestamp) -> (Option<String>, Outcome) {
        let credential = question.credential();
        let token = credential.as_deref().and_then(|text| self.presented(text)).cloned();
        let name = token.as_ref().map(|token| token.name.clone());
        let outcome = match (self.outage.clone(), question.header("user-agent")) {
            (Some(Outage::Cut), _) => Outcome::Cut,
            (Some(Outage::Stall | Outage::Mute), _) => Outcome::Stall,
            (Some(Outage::Status(status)), _) => {
                Outcome::Answer(document::unavailable(status, self.date(now)))
            }
            (None, None | Some("")) => Outcome::Answer(document::without_user_agent(self.date(now))),
            _ if credential.is_some() && self.is_locked_out(question, now) => {
                self.reject(document::error(Reply::login_locked()), question, now)
            }
            _ if credential.is_some()
                && self.refused.has(name.as_deref())
                && question.service() != Service::Rest =>
            {
                self.beside(question, true, None, now)
            }
            _ if credential.is_some() && self.refused.has(name.as_deref()) => {
                self.reject(document::error(Reply::bad_credentials()), question, now)
            }
            _ => self.follow(question, credential.as_deref(), token.as_ref(), now),
        };
        (name, outcome)
    }

    /// By the script of the token, then as usual.
    fn follow(
        &mut self,
        question: &Question,
        credential: Option<&str>,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Outcome {
        let reply = token.map_or(Reply::AsUsual, |token| match self.next_reply(&token.name) {
            Reply::AsUsual => {
                let fixed = self.fixed(&token.name, question).filter(|reply| reply.is_usual());
                fixed.cloned().unwrap_or(Reply::AsUsual)
            }
            reply => reply,
        });
        let date = self.date(now);
        match (reply, token) {
            (Reply::Dated(ahead), _) => {
                let date = date.saturating_add(ahead).unwrap_or(date);
                self.usual(question, credential, token, now).altered(|answer| answer.dated(date))
            }
            (Reply::Unmarked, _) => self.usual(question, credential, token, now).altered(Answer::unmarked),
            (reply, Some(token)) if !reply.is_usual() => self.scripted(reply, question, token, now),
            _ => self.usual(question, credential, token, now),
        }
    }

    /// A reply of a script. It counts like any other request, except for a 304, which is free.
    fn scripted(&mut self, reply: Reply, question: &Question, token: &Token, now: Timestamp) -> Outcome {
        let user = document::user(self.account(&token.login));
        let answer = match written(reply, user, self.date(now)) {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        let rate = match answer.status {
            401 => self.spend_of_address(question.address, now).unwrap_or_else(|rate| rate),
            304 => self.account(&token.login).budget.rate(now),
            _ => self.spend(token, now).unwrap_or_else(|rate| rate),
        };
        let version = question.version().unwrap_or(VERSIONS[0]);
        self.dress(answer, question, version, rate, Some(token), now)
    }

    fn usual(
        &mut self,
        question: &Question,
        credential: Option<&str>,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Outcome {
        let live = token.filter(|token| token.is_live(now));
        if question.service() != Service::Rest {
            return self.beside(question, credential.is_some(), live, now);
        }
        let Some(version) = question.version() else {
            let rate = self.address(question.address).rate(now);
            let asked = question.header("x-github-api-version").unwrap_or_default();
            return self.dress(document::unsupported_version(asked), question, VERSIONS[0], rate, None, now);
        };
        if let Some(token) = live {
            return self.for_bearer(question, version, token, now);
        }
        if credential.is_none() && question.route() == "/rate_limit" {
            let rate = self.address(question.address).rate(now);
            let reads = question.reads();
            let answer =
                if reads { document::rate_limit(version, rate) } else { document::error(Reply::not_found()) };
            return self.dress(answer, question, version, rate, None, now);
        }
        let answer = match (credential, question.route()) {
            (Some(text), _) if text.split('.').count() == 3 && token.is_none() => document::undecodable(),
            (Some(_), _) => document::error(Reply::bad_credentials()),
            (None, "/user") => document::error(Reply::requires_authentication()),
            (None, _) if !question.reads() => document::error(Reply::not_found()),
            (None, _) => self.inventory.answer(question, None, self.scheme),
        };
        self.reject(answer, question, now)
    }

    /// What a request without good credentials gets: `answer`, or what its address gets that has spent its budget.
    fn reject(&mut self, answer: Answer, question: &Question, now: Timestamp) -> Outcome {
        let spent = self.spend_of_address(question.address, now);
        let answer = match (spent, self.address_limit().when_spent) {
            (Err(_), WhenSpent::RateLimited) => document::over_address_limit(question.address),
            _ => answer,
        };
        let version = question.version().unwrap_or(VERSIONS[0]);
        self.dress(answer, question, version, spent.unwrap_or_else(|rate| rate), None, now)
    }

    fn is_locked_out(&mut self, question: &Question, now: Timestamp) -> bool {
        self.address_limit().when_spent == WhenSpent::LockedOut
            && self.address(question.address).rate(now).remaining == 0
    }

    fn for_bearer(
        &mut self,
        question: &Question,
        version: &'static str,
        token: &Token,
        now: Timestamp,
    ) -> Outcome {
        let route = question.route();
        let account = self.account(&token.login);
        let (id, suspended, user) = (account.id, account.suspended, document::user(account));
        let tag = document::etag(token, &user);
        let unchanged = route == "/user" && question.header("if-none-match") == Some(tag.as_str());
        // https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api: an authenticated 304 is free.
        let free = route == "/rate_limit" || unchanged;
        let spent =
            if free { Ok(self.account(&token.login).budget.rate(now)) } else { self.spend(token, now) };
        let rate = spent.unwrap_or_else(|rate| rate);
        let fixed = self.fixed(&token.name, question).filter(|reply| !reply.is_usual()).cloned();
        let is_app = matches!(token.kind, TokenKind::Installation | TokenKind::StatelessInstallation);
        let answer = match (route, fixed) {
            _ if spent.is_err() => document::over_limit(id),
            _ if suspended => document::error(Reply::suspended()),
            (_, Some(reply)) => match written(reply, user, self.date(now)) {
                Ok(answer) => answer,
                Err(outcome) => return outcome,
            },
            _ if !question.reads() => document::error(Reply::not_found()),
            ("/rate_limit", None) => document::rate_limit(version, rate),
            ("/user", None) if is_app => document::error(Reply::not_for_integrations()),
            ("/user", None) if unchanged => document::cached(304, tag, String::new()),
            ("/user", None) => document::cached(200, tag, user),
            _ => self.inventory.answer(question, Some(token), self.scheme),
        };
        self.dress(answer, question, version, rate, Some(token), now)
    }

    fn dress(
        &mut self,
        answer: Answer,
        question: &Question,
        version: &'static str,
        rate: Rate,
        bearer: Option<&Token>,
        now: Timestamp,
    ) -> Outcome {
        let request_id = self.request_id(now);
        let accepted = self.inventory.accepted(question.route());
        let scene =
            Scene { now, date: self.date(now), version, request_id: &request_id, rate, bearer, accepted };
        Outcome::Answer(answer.dressed(&scene))
    }

    /// What is left after this request; the error is what stands there when nothing was left.
    fn spend(&mut self, token: &Token, now: Timestamp) -> Result<Rate, Rate> {
        let budget = &mut self.account(&token.login).budget;
        budget.spend(now).ok_or_else(|| budget.rate(now))
    }

    /// The same for a request without good credentials, which counts for its address.
    fn spend_of_address(&mut self, address: IpAddr, now: Timestamp) -> Result<Rate, Rate> {
        let budget = self.address(address);
        budget.spend(now).ok_or_else(|| budget.rate(now))
    }

    /// Four random groups and the time, as in recorded answers.
    pub(crate) fn request_id(&mut self, now: Timestamp) -> String {
        let mut group = |range| self.random.u32(range);
        let (a, b) = (group(0x1000..0xFFFF), group(0x1000..0xF_FFFF));
        let (c, d) = (group(0x10_0000..0xFFF_FFFF), group(0x10_0000..0xFFF_FFFF));
        format!("{a:X}:{b:X}:{c:X}:{d:X}:{:X}", now.as_second())
    }
}

/// A reply of a test: an answer that is still to be dressed, or an outcome as it stands.
pub(crate) fn written(reply: Reply, user: String, date: Timestamp) -> Result<Answer, Outcome> {
    match reply {
        Reply::Github { status, headers, body } => {
            Ok(Answer { status, headers, body, manner: Manner::Whole })
        }
        Reply::Status(status @ 500..) => Err(Outcome::Answer(document::unavailable(status, date))),
        Reply::Status(status) => Ok(document::plain(status)),
        Reply::Answer { status, mut headers, body } => {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
                headers.push(("date".to_owned(), http_date(date)));
            }
            Err(Outcome::Answer(Answer { status, headers, body, manner: Manner::Whole }))
        }
        Reply::Cut => Err(Outcome::Cut),
        Reply::Stall => Err(Outcome::Stall),
        Reply::Drip => Ok(Answer { status: 200, headers: Vec::new(), body: user, manner: Manner::Drip }),
        Reply::Huge => Ok(Answer { status: 200, headers: Vec::new(), body: user, manner: Manner::Huge }),
        Reply::AsUsual | Reply::Dated(_) | Reply::Unmarked => {
            Ok(Answer { status: 200, headers: Vec::new(), body: user, manner: Manner::Whole })
        }
    }
}
