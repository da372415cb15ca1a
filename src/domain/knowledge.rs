//! What is known of one token on one host, and the rules by which it changes.

use jiff::Timestamp;

use super::{
    Finding,
    answer::{Answer, Deferral, Expiry, Grant, Refusal, Reply},
};

/// What is remembered of one token on one host. Deferred never erases an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// The last acceptance and its instant; a later refusal does not erase it.
    pub grant: Option<(Grant, Timestamp)>,
    /// The refusals since.
    pub refused: Option<Refused>,
    /// The first acceptance of all.
    pub first_proven: Option<Timestamp>,
    /// The deferred since the last answer.
    pub deferred: Option<Deferred>,
}

/// Refusals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The last one.
    pub refusal: Refusal,
    /// How many, at least one. Only the second is believed.
    pub count: i32,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

/// Questions in a row that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The first of them.
    pub since: Timestamp,
    /// What the last of them brought.
    pub deferral: Deferral,
}

impl Knowledge {
    /// Takes in what came back at this instant, which is kept in whole seconds, as the status keeps it.
    pub fn learn(&mut self, reply: Reply, at: Timestamp) {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        match reply {
            Reply::Answer(Answer::Granted(grant)) => {
                self.grant = Some((grant, at));
                self.first_proven.get_or_insert(at);
                self.refused = None;
                self.deferred = None;
            }
            Reply::Answer(Answer::Refused(refusal)) => {
                let (count, first) = self.refused.map_or((0, at), |refused| (refused.count, refused.first));
                self.refused = Some(Refused { refusal, count: count.saturating_add(1), first, last: at });
                self.deferred = None;
            }
            Reply::Deferral(deferral) => {
                let before = self.deferred;
                let since = before.map_or(at, |deferred| deferred.since);
                let outage = before.filter(|before| before.deferral.is_outage() && deferral.is_outage());
                let reason = outage.map_or(deferral.reason, |before| before.deferral.reason);
                self.deferred = Some(Deferred { since, deferral: Deferral { reason, ..deferral } });
            }
        }
    }

    /// The refusal, once it is believed.
    pub fn believed_refusal(&self) -> Option<Refused> {
        self.refused.filter(|refused| refused.count > 1)
    }

    /// The expiry that GitHub named last.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.grant.as_ref().map(|(grant, _)| grant.expiry) {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        }
    }
}

impl From<Refused> for Finding {
    fn from(refused: Refused) -> Finding {
        let message = match refused.refusal {
            Refusal::BadCredentials => {
                "GitHub refused the token twice (401 Bad credentials): it was revoked, has expired, was mistyped or \
                 belongs to another host; make a new token and store it in the Secret"
            }
            Refusal::AccountSuspended => {
                "GitHub says that the account of the token is suspended: have an owner lift the suspension, \
                 or use a token of another account"
            }
        };
        Finding::new(refused.refusal.reason(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reason, answer::Account};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn granted() -> Reply {
        let account = Some(Account { login: "octocat".to_owned(), id: 1 });
        Reply::Answer(Answer::Granted(Grant { account, scopes: Some(vec![]), expiry: Expiry::Never }))
    }

    fn refused() -> Reply {
        Reply::Answer(Answer::Refused(Refusal::BadCredentials))
    }

    fn deferred() -> Reply {
        Reply::Deferral(Deferral::new(Reason::ServerError))
    }

    #[test]
    fn silence_and_refusals_leave_the_last_acceptance_in_place() {
        let mut knowledge = Knowledge::default();
        for (reply, second) in [(granted(), 1), (deferred(), 2), (refused(), 3), (deferred(), 4)] {
            knowledge.learn(reply, at(second));
        }
        assert_eq!(knowledge.grant.as_ref().map(|(_, at)| at.as_second()), Some(1));
        assert_eq!(knowledge.refused.map(|refused| refused.count), Some(1));
        assert_eq!(knowledge.deferred.map(|deferred| deferred.since), Some(at(4)));
    }

    #[test]
    fn a_refusal_is_believed_when_it_comes_twice_and_forgotten_when_accepted() {
        let mut knowledge = Knowledge::default();
        knowledge.learn(refused(), at(1));
        assert_eq!(knowledge.believed_refusal(), None);
        knowledge.learn(deferred(), at(2));
        assert_eq!(knowledge.believed_refusal(), None);
        knowledge.learn(refused(), at(3));
        assert_eq!(
            knowledge.believed_refusal().map(|refused| (refused.first, refused.last)),
            Some((at(1), at(3)))
        );
        knowledge.learn(granted(), at(4));
        assert_eq!(knowledge.refused, None);
    }

    #[test]
    fn the_first_proof_stays_the_first() {
        let mut knowledge = Knowledge::default();
        knowledge.learn(granted(), at(1));
        knowledge.learn(granted(), at(9));
        assert_eq!(knowledge.first_proven, Some(at(1)));
    }

    #[test]
    fn a_silence_begins_once() {
        let mut knowledge = Knowledge::default();
        knowledge.learn(deferred(), at(5));
        knowledge.learn(Reply::Deferral(Deferral::new(Reason::TimedOut)), at(9));
        let deferred = knowledge.deferred.unwrap();
        assert_eq!((deferred.since, deferred.deferral.reason), (at(5), Reason::ServerError), "one outage");
        knowledge.learn(Reply::Deferral(Deferral::new(Reason::RateLimited)), at(12));
        let deferred = knowledge.deferred.unwrap();
        assert_eq!(
            (deferred.since, deferred.deferral.reason),
            (at(5), Reason::RateLimited),
            "something else"
        );
    }
}
