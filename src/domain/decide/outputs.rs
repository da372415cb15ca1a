//! What becomes of the outputs: what to write, what to delete, and what stands under their names.

use super::super::{
    Finding, Reason,
    output::{Output, Payload},
    token::Token,
};
use super::{
    Change, Circle, Found, Holds, Judgement, Observation, Plan, Withdrawal, is_heard_condemned,
    versions::{is_behind, outdated},
    withdrawal::{self, is_vanished, was_condemned},
};

/// What stands under the name of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// What the spec asks for.
    Wanted,
    /// An output of this connection that holds something else, or that nobody has looked at.
    Other,
    /// Nothing.
    Absent,
    /// A Secret that waits for these finalizers before it goes.
    Leaving(Vec<String>),
    /// What keeps the output from being written.
    Refused(Finding),
}

impl Stand {
    /// True if an output of this connection stands there.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Stand::Wanted | Stand::Other)
    }
}

/// What must be read before a decision is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing<'a> {
    /// The source Secret: the bytes of its token are to be written or compared.
    pub bytes: bool,
    /// These outputs.
    pub outputs: Vec<&'a str>,
}

impl Missing<'_> {
    /// True if nothing is missing.
    pub const fn is_empty(&self) -> bool {
        !self.bytes && self.outputs.is_empty()
    }
}

/// The part of a decision that is about outputs.
pub(super) struct Outputs<'a> {
    pub(super) missing: Missing<'a>,
    pub(super) changes: Vec<Change>,
    pub(super) leftovers: Vec<Change>,
    pub(super) plan: Plan,
    pub(super) stands: Vec<(&'a str, Stand)>,
}

/// What to change, what cannot be written, and what stands before the changes.
pub(super) fn outputs<'a>(
    seen: &'a Observation,
    judgement: &Judgement<'_>,
    withdrawal: Option<Withdrawal>,
) -> Outputs<'a> {
    let plan = plan(seen, judgement, withdrawal);
    let stands = seen.demand.outputs.iter().map(|output| present(seen, output, plan));
    let mut outputs = Outputs {
        missing: Missing::default(),
        changes: Vec::new(),
        leftovers: Vec::new(),
        plan,
        stands: stands.collect(),
    };
    if seen.demand.suspend {
        // Nothing is written, but what is read now is released: it must not go with the connection.
        outputs.changes.extend(seen.found.iter().filter_map(|found| release(seen, found)));
        return outputs;
    }
    match outputs.plan {
        Plan::Write => outputs.write(seen, judgement),
        // What a status remembers deletes nothing: the next question decides.
        Plan::Withdraw if is_heard_condemned(seen, judgement) => outputs.withdraw(seen, |_| true),
        Plan::Withdraw if withdrawal.is_some() && is_vanished(seen) => outputs.changes.extend(all(seen)),
        Plan::Withdraw if was_condemned(seen) => outputs.changes.extend(condemned(seen, |_| true)),
        Plan::Withdraw => {}
        // What somebody polls with has no grace once the token is dead: the account would be locked for it.
        Plan::WithdrawAt(_) if judgement.identity.is_no() && is_heard_condemned(seen, judgement) => {
            outputs.keep(seen);
            outputs.withdraw(seen, |name| is_polled_with(seen, name));
            outputs.missing.outputs.sort_unstable();
            outputs.missing.outputs.dedup();
        }
        Plan::WithdrawAt(_) if was_condemned(seen) && seen.demand.withdraws() => {
            outputs.changes.extend(condemned(seen, |name| is_polled_with(seen, name)));
        }
        Plan::Keep | Plan::WithdrawAt(_) => outputs.keep(seen),
        Plan::NothingRequested => {}
    }
    outputs.changes.extend(seen.found.iter().filter_map(|found| release(seen, found)));
    let leftovers = seen.found.iter().filter(|found| is_leftover(seen, found)).filter_map(Change::deletion);
    // One that holds condemned bytes goes at once.
    outputs.leftovers = leftovers.filter(|leftover| !outputs.changes.contains(leftover)).collect();
    outputs
}

/// The outputs that are no longer named and wait for their finalizers, and what of the spec no Secret can have.
pub(super) fn others(seen: &Observation) -> Vec<(String, Stand)> {
    let leaving = seen.found.iter().filter_map(|found| match found {
        Found::Leaving { name, finalizers } if !is_named(seen, name) => {
            Some((name.clone(), Stand::Leaving(finalizers.clone())))
        }
        _ => None,
    });
    let impossible = seen.demand.outputs.iter().flat_map(|output| {
        output.impossible_marks().map(|finding| (output.base().to_owned(), Stand::Refused(finding)))
    });
    leaving.chain(impossible).collect()
}

fn plan(seen: &Observation, judgement: &Judgement<'_>, withdrawal: Option<Withdrawal>) -> Plan {
    if seen.demand.outputs.is_empty() {
        return Plan::NothingRequested;
    }
    if let Some(plan) = withdrawal::plan(seen, judgement, withdrawal) {
        return plan;
    }
    if seen.token.yes().is_none() {
        return Plan::Keep;
    }
    let proven = judgement.identity.yes().is_some() && judgement.requirements.yes().is_some();
    // Nobody is given a token that was refused before the next answer has come.
    if proven && seen.knowledge.refused.is_none() { Plan::Write } else { Plan::Keep }
}

impl<'a> Outputs<'a> {
    fn write(&mut self, seen: &'a Observation, judgement: &Judgement<'_>) {
        let kind = seen.token.yes().map(|token| token.kind);
        let (Some(grant), Some(kind), Some(addresses)) = (judgement.identity.yes(), kind, seen.addresses())
        else {
            return;
        };
        for (output, (name, stand)) in seen.demand.outputs.iter().zip(&mut self.stands) {
            let found = find(seen, name);
            let is_out_of_reach =
                matches!(found, Some(Found::Leaving { .. } | Found::Bound { .. } | Found::Foreign { .. }));
            if is_out_of_reach || circle(seen, output).is_some() {
                continue;
            }
            // What stands keeps the earlier entries.
            if let Some(finding) = output.unusable_entries() {
                *stand = Stand::Refused(finding.clone());
                continue;
            }
            if output.target().is_none() {
                continue;
            }
            // What is of no use is said even of an output that holds just this.
            if let Err(finding) = output.suits(kind, grant, addresses) {
                *stand = Stand::Refused(finding);
                continue;
            }
            match found {
                Some(Found::Ours { holds: Holds::Wanted, .. }) if !is_behind(seen, output) => {
                    self.changes.extend(outdated(seen, output));
                    continue;
                }
                Some(
                    Found::Ours { holds: Holds::Unread, .. } | Found::Adoptable { holds: Holds::Unread, .. },
                ) => {
                    self.missing.outputs.push(name);
                }
                _ => {}
            }
            let Some(token) = seen.bytes.as_ref().filter(|_| !output.lacks_entries()) else {
                self.missing.bytes = true;
                continue;
            };
            match output.payload(token, grant, addresses) {
                Ok(payload) => {
                    self.changes.extend(outdated(seen, output));
                    self.changes.extend(writing(output, payload, found));
                }
                Err(finding) => *stand = Stand::Refused(finding),
            }
        }
        // Nothing goes before everything new stands.
        self.changes.sort_by_key(|change| matches!(change, Change::Recreate { .. }));
    }

    /// To say whether an output keeps the token of the source, somebody must have looked.
    fn keep(&mut self, seen: &'a Observation) {
        if seen.token.yes().is_none() || seen.knowledge.grant.is_none() {
            return;
        }
        for (name, _) in &self.stands {
            if let Some(Found::Ours { holds: Holds::Unread, .. }) = find(seen, name) {
                self.missing.outputs.push(name);
                self.missing.bytes |= seen.bytes.is_none();
            }
        }
    }

    /// Only what holds the condemned bytes goes: an output that keeps an earlier token is of use still.
    fn withdraw(&mut self, seen: &'a Observation, goes: impl Fn(&str) -> bool) {
        for found in seen.found.iter().filter(|found| goes(found.name())) {
            match found {
                Found::Ours { name, holds: Holds::Unread, .. } if !is_read(seen, name) => {
                    self.missing.outputs.push(name);
                    self.missing.bytes |= seen.bytes.is_none();
                }
                Found::Ours {
                    name, holds: Holds::Wanted | Holds::Other { same_token: true, .. }, ..
                } if !is_read(seen, name) => {
                    self.changes.extend(Change::deletion(found));
                }
                _ => {}
            }
        }
    }
}

/// The deletions of what holds the token that was condemned before the source was gone.
fn condemned(seen: &Observation, goes: impl Fn(&str) -> bool) -> impl Iterator<Item = Change> {
    let holders = seen.condemned_before.iter().flat_map(|condemned| &condemned.holders);
    let holds = move |found: &&Found| holders.clone().any(|name| name == found.name());
    let found = seen.found.iter().filter(|found| found.is_ours() && !is_read(seen, found.name()));
    found.filter(holds).filter(move |found| goes(found.name())).filter_map(Change::deletion)
}

/// True if a program asks GitHub again and again with what this output holds.
fn is_polled_with(seen: &Observation, name: &str) -> bool {
    let polled = seen.demand.outputs.iter().filter(|output| output.polled_by().is_some());
    polled.into_iter().any(|output| output.target() == Some(name) || output.is_version(name))
}

/// The change that makes the Secret hold the payload.
fn writing(output: &Output, payload: Payload, found: Option<&Found>) -> Option<Change> {
    let output = output.clone();
    match found {
        None => Some(Change::Create { output, payload }),
        // What is taken over is written even if it holds the very same, to become ours; a version that comes back, to be the newest.
        Some(
            Found::Adoptable { version, holds: Holds::Wanted, .. }
            | Found::Ours { version, holds: Holds::Wanted, .. },
        ) => Some(Change::Replace { output, version: version.clone(), payload }),
        Some(
            Found::Ours { version, holds: Holds::Other { fixed, .. }, .. }
            | Found::Adoptable { version, holds: Holds::Other { fixed, .. }, .. },
        ) => {
            let version = version.clone();
            Some(if *fixed {
                Change::Recreate { output, version, payload }
            } else {
                Change::Replace { output, version, payload }
            })
        }
        Some(_) => None,
    }
}

/// The Secret of an output, and what stands there. Until the version of the target is written, an earlier one serves.
fn present<'a>(seen: &'a Observation, output: &'a Output, plan: Plan) -> (&'a str, Stand) {
    let name = output.secret_name.as_str();
    if let Some(circle) = circle(seen, output) {
        return (name, Stand::Refused(circle.finding()));
    }
    let stand = output.target().map_or(Stand::Absent, |target| stand(seen, target));
    match seen.serving_version(output) {
        Some(serving) if stand == Stand::Absent && plan != Plan::Write => (serving, Stand::Other),
        _ => (name, stand),
    }
}

fn stand(seen: &Observation, name: &str) -> Stand {
    match find(seen, name) {
        // It becomes ours with the first proven token, and counts for nothing before.
        None | Some(Found::Adoptable { .. }) => Stand::Absent,
        Some(Found::Ours { holds: Holds::Wanted, .. }) => Stand::Wanted,
        Some(Found::Ours { .. }) => Stand::Other,
        Some(Found::Leaving { finalizers, .. }) => Stand::Leaving(finalizers.clone()),
        Some(Found::Bound { .. }) => Stand::Refused(unlabelled(name)),
        Some(Found::Foreign { of, .. }) => Stand::Refused(foreign(name, of.as_deref())),
    }
}

/// A Secret of that name was not made by the connection. `of` is the connection whose output it is, if it is one.
pub fn foreign(name: &str, of: Option<&str>) -> Finding {
    let message = match of {
        Some(other) => format!(
            "Secret {name} is an output of connection {other}, so it is left alone: give the output of this connection another name, \
             or take it out of spec.publish of {other}"
        ),
        None => format!(
            "Secret {name} exists and is not marked as an output of this connection, so it is left alone: \
             give the output another name, delete the Secret, or, if nothing else owns it, let this connection take it over \
             with the annotation githubpat.dev/adopt and the connection's name as its value"
        ),
    };
    Finding::new(Reason::ForeignSecret, message)
}

/// Somebody took our label off a Secret of that name.
fn unlabelled(name: &str) -> Finding {
    let message = format!(
        "Secret {name} has lost the label githubpat.dev/connection-uid, so it is left alone: let this connection take it over again \
         with the annotation githubpat.dev/adopt and the connection's name as its value, or delete the Secret"
    );
    Finding::new(Reason::ForeignSecret, message)
}

/// Somebody else changes a Secret of that name again and again.
pub fn contended(name: &str, manager: Option<&str>) -> Finding {
    let who = match manager.filter(|manager| !manager.is_empty() && !Token::stands_in(manager)) {
        Some(manager) => format!("the field manager {manager} keeps changing Secret {name}"),
        None => format!("somebody else keeps changing or deleting Secret {name}"),
    };
    Finding::new(
        Reason::Contended,
        format!(
            "{who}, and the operator puts it right ever more slowly: have the other one leave this Secret alone, or give the output \
             another name"
        ),
    )
}

fn find<'a>(seen: &'a Observation, name: &str) -> Option<&'a Found> {
    seen.found.iter().find(|found| found.name() == name)
}

fn circle<'a>(seen: &'a Observation, output: &Output) -> Option<&'a Circle> {
    seen.circles.iter().find(|circle| circle.output == output.base())
}

/// True for a former output, which the spec does not name any more. One that is now read is released instead.
fn is_leftover(seen: &Observation, found: &Found) -> bool {
    let Found::Ours { name, .. } = found else { return false };
    !is_read(seen, name) && !is_named(seen, name) && !seen.is_version(name)
}

/// True if the spec has the Secret as one to read from, and no longer as an output: the token, or the further entries of an output.
fn is_read(seen: &Observation, name: &str) -> bool {
    let is_output = || is_named(seen, name) || seen.is_version(name);
    seen.is_source(name) || seen.has_entries_of(name) && !is_output()
}

/// True if an output is to be written to the Secret of this name.
fn is_named(seen: &Observation, name: &str) -> bool {
    seen.demand.outputs.iter().any(|output| output.target() == Some(name))
}

/// Deletes every output of the connection: there is no token any more with which they could be compared.
fn all(seen: &Observation) -> impl Iterator<Item = Change> {
    seen.found.iter().filter(|found| !is_read(seen, found.name())).filter_map(Change::deletion)
}

fn release(seen: &Observation, found: &Found) -> Option<Change> {
    match found {
        Found::Ours { name, version, .. } | Found::Bound { name, version } if is_read(seen, name) => {
            Some(Change::Release { name: name.clone(), version: version.clone() })
        }
        _ => None,
    }
}
