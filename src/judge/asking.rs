//! Asks GitHub about one token: each question once, and again where the first answer speaks against the token.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{
    api::GithubPatConnectionSpec as Spec,
    domain::{
        Verdict,
        decide::{Acceptances, Demand, Heard, Host, Observation},
        knowledge::Knowledge,
        probe::Probe,
        probing::{
            Limits, Subject, Urgency,
            schedule::{Past, Timing},
        },
        token::Token,
    },
    github::Github,
    prober::{Asked, Asker, Prober},
    settings::Settings,
};

/// What is seen once the prober has the answers, as far as there are any.
pub(super) async fn ask(
    github: Github,
    spec: &Spec,
    host: Host,
    settings: &Settings,
    token: Verdict<Token>,
) -> Observation {
    let now = Timestamp::now();
    let subject = |token: &Token| Subject { host: host.name.clone(), token: token.hashed() };
    let asked = token.yes().map(|token| (token.clone(), subject(token)));
    let described = match token {
        Verdict::Yes(token) => Verdict::Yes(token.describe()),
        Verdict::No(findings) => Verdict::No(findings),
        Verdict::Unknown(finding) => Verdict::Unknown(finding),
    };
    let (_, github) = watch::channel(Arc::new(github));
    let (prober, workers) = Prober::new(github, [(host.name.clone(), limits(settings))]);
    let mut seen = Observation {
        now,
        skew: SignedDuration::ZERO,
        token: described,
        bytes: asked.as_ref().map(|(token, _)| token.clone()),
        host: Verdict::Yes(host),
        knowledge: Knowledge::default(),
        heard: Heard::default(),
        past: Past::unasked(now),
        demand: Demand { suspend: false, ..spec.demand() },
        timing: Timing { minimum_interval: shortest(settings), ..settings.timing(spec.interval) },
        pending: false,
        pending_proofs: Vec::new(),
        requested: None,
        distrusted_before: None,
        rests: false,
        not_before: None,
        withdrawing_since: None,
        withdrawing_missing: false,
        condemned_before: None,
        wanted_by_others: false,
        found: Vec::new(),
        serving: Vec::new(),
        rotates: false,
        circles: Vec::new(),
    };
    if let Some((token, subject)) = asked {
        let asking = Asking { prober: &prober, token, subject, since: now };
        tokio::select! {
            () = asking.all(&mut seen) => {}
            () = workers.run() => {}
        }
    }
    seen.name_versions();
    seen
}

struct Asking<'a> {
    prober: &'a Prober,
    token: Token,
    subject: Subject,
    since: Timestamp,
}

impl Asking<'_> {
    /// Asks each question once, and a second time where the first answer speaks against the token, when the schedule says so.
    async fn all(&self, seen: &mut Observation) {
        loop {
            self.look(seen);
            if seen.pending || !seen.pending_proofs.is_empty() {
                self.prober.changes().next().await;
                continue;
            }
            let open = open(seen);
            let Some(first) = open.iter().map(|(_, at)| *at).min() else { return };
            if first > seen.now {
                // What is waited for is a confirmation: a whole pause after the answer, however long that was on its way.
                let wait = first.duration_since(seen.now).max(seen.timing.confirm_after);
                tokio::time::sleep(wait.unsigned_abs()).await;
                continue;
            }
            let is_due = |(_, at): &(Probe, Timestamp)| *at <= seen.now;
            let due: Vec<Probe> = open.into_iter().filter(is_due).map(|(probe, _)| probe).collect();
            let taken = due.into_iter().filter(|probe| self.asks(probe.clone(), seen)).count();
            if taken == 0 {
                self.look(seen);
                return;
            }
        }
    }

    /// True if the question was taken.
    fn asks(&self, probe: Probe, seen: &Observation) -> bool {
        let knowledge = &seen.knowledge;
        let account = knowledge.grant.as_ref().and_then(|(grant, _)| grant.account.as_ref());
        let asker = Asker {
            namespace: "",
            accepted_before: knowledge.grant.is_some(),
            condemned: false,
            account: account.map(|account| account.id),
        };
        let urgency = if seen.past.asked.is_none() { Urgency::New } else { Urgency::Confirm };
        self.prober.ask(self.token.clone(), &self.subject, probe, urgency, &asker, seen.now) == Asked::Pending
    }

    fn look(&self, seen: &mut Observation) {
        seen.now = Timestamp::now();
        seen.skew = self.prober.clock_offset(&self.subject.host);
        if let Some(snapshot) = self.prober.snapshot(&self.subject) {
            seen.past = snapshot.past(self.since);
            seen.pending = snapshot.pending;
            seen.knowledge = snapshot.knowledge;
            seen.heard = Heard { acceptances: Acceptances::One, refusal: true, deferral: true };
        }
        let is_pending = |probe: &Probe| self.prober.is_pending(&self.subject, probe);
        seen.pending_proofs = seen.probes().into_iter().filter(is_pending).collect();
    }
}

/// The questions that were not asked, or whose answer is to be confirmed, each with the instant at which it is due. What was deferred
/// is not asked again.
fn open(seen: &Observation) -> Vec<(Probe, Timestamp)> {
    let Knowledge { grant, refused, deferred, .. } = &seen.knowledge;
    let is_open = match refused {
        _ if deferred.is_some() => false,
        Some(refused) => !refused.is_believed(),
        // What the registry refused may be refused to a dead token, which identity tells first.
        None => grant.is_none() || seen.past.suspected,
    };
    let identity = seen.due().filter(|_| is_open).map(|at| (Probe::Identity, at));
    let is_open = |probe: &Probe| {
        let proven = seen.knowledge.proofs.get(probe);
        proven.is_none_or(|proven| proven.doubted.is_some() && proven.deferred.is_none())
    };
    let proofs = seen.proofs_due().into_iter().filter(|(probe, _)| is_open(probe));
    identity.into_iter().chain(proofs).collect()
}

/// How long after a question the same one may come again. Nobody asks for long here, and a person waits.
fn shortest(settings: &Settings) -> SignedDuration {
    settings.confirm_after.min(settings.minimum_interval)
}

/// Wide enough for all questions about one token.
fn limits(settings: &Settings) -> Limits {
    Limits {
        confirm_after: settings.confirm_after,
        minimum_interval: shortest(settings),
        incident_hold: SignedDuration::ZERO,
        failed_logins_per_hour: 2,
        failed_logins_per_namespace: 2,
        points_per_minute: 600,
        concurrency: 4,
        account_share: 10_000,
    }
}
