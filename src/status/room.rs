//! Keeps a status below 8 KiB, whatever GitHub sends, the API server says and the spec demands.
//!
//! What the next process must know stays: the token, the proofs, the deferral. What a person needs first stays too: the message of
//! `Ready`, then the demands that are not met. What is cut depends on nothing that a status before said, so that the same is cut each
//! time. The history and the rotation, which depend on it, count as if they were as long as they can be, the rotation with names of
//! usual length; with names of hundreds of characters it may lose its page and the logins of further tokens. Consumers are named where there
//! is room left.

use std::io;

use serde::Serialize;

use crate::{
    api::{
        CandidateStatus, Condition, FurtherRequirements, GithubPatConnectionStatus as Status,
        PermissionProofs, RequirementStatus, RotationStatus, TokenStatus,
    },
    domain::{
        excerpt,
        requirement::{Kind, Packed, PackedPermissions, State},
    },
};

/// The longest status, in bytes as the API server stores it.
pub(super) const LONGEST: usize = 8 * 1024 - 1;
/// What ten changes of Ready take at most.
const HISTORY: usize = 900;
/// What a rotation takes, unless its names are of hundreds of characters.
const ROTATION: usize = 1250;
/// What its page and the logins of further tokens take of that at most.
const PAGE: usize = 465;
/// The longest messages: of Ready, and of another condition.
const MESSAGES: (usize, usize) = (1024, 512);
/// The same where everything else is as long as can be.
const SHORT_MESSAGES: (usize, usize) = (512, 128);
/// The same where Secrets have names of hundreds of characters too.
const SHORTEST_MESSAGES: (usize, usize) = (256, 64);
/// The most bytes that scopes beyond the demand may take.
const EXCESS: usize = 256;
/// What the list of demands takes beside its items.
const LIST: usize = 18;

/// The same, with what fits.
pub(super) fn fitted(mut status: Status) -> Status {
    let (history, rotation) = (std::mem::take(&mut status.history), status.rotation.take());
    let before = status.further_requirements.take();
    let mut consumers = status.consumers.take();
    let named =
        consumers.as_mut().map(|consumers| std::mem::take(&mut consumers.objects)).unwrap_or_default();
    status.consumers = consumers;
    cut_messages(&mut status.conditions, MESSAGES);
    status.token.as_mut().into_iter().for_each(cut_excess);
    let others = status.candidates.iter_mut().filter_map(|candidate| candidate.token.as_deref_mut());
    others.for_each(cut_excess);
    // What it may lose counts for the others though it may not be there any more.
    let short = rotation.as_ref().map(shortened);
    // Where there is an old host there is no page.
    let host = short.as_ref().and_then(|short| short.old_host.as_ref()).map_or(0, size);
    let room = room_beside(short.as_ref(), PAGE.saturating_sub(host));
    let is_whole = before.is_none() && named.is_empty();
    if is_whole && size(&status) <= room_beside(rotation.as_ref(), 0) {
        return Status { history, rotation, ..status };
    }
    if size(&status) > room {
        // The next process does not know them of demands without a line, and is to cut the same.
        status.requirements.iter_mut().for_each(|line| line.answer = None);
        let others = status.candidates.iter_mut().filter_map(|candidate| candidate.token.as_deref_mut());
        status.token.iter_mut().chain(others).for_each(|token| token.hidden_organizations.clear());
    }
    if before.is_some() || size(&status) > room {
        let mut lines = std::mem::take(&mut status.requirements);
        lines.sort_by_key(|line| line.state.rank());
        let permissions = status.permission_proofs.as_ref().map(PermissionProofs::packed).unwrap_or_default();
        status.further_requirements = further(&lines, before.as_ref(), &permissions);
        shorten(&mut status, room);
        let mut left = room.saturating_sub(size(&status)).saturating_sub(LIST);
        let fit = lines.iter().take_while(|line| {
            let rest = left.checked_sub(size(line).saturating_add(1));
            left = rest.unwrap_or_default();
            rest.is_some()
        });
        let count = fit.count();
        let rest = lines.split_off(count);
        status.further_requirements = further(&rest, before.as_ref(), &permissions);
        status.requirements = lines;
    }
    if size(&status) > room {
        // The least of what can be lost.
        status.withdrawn_outputs.clear();
    }
    let fits = |rotation: &RotationStatus| size(&status) <= room_beside(Some(rotation), 0);
    let rotation =
        rotation.filter(fits).or_else(|| short.map(|short| if fits(&short) { short } else { least(short) }));
    let room = room_beside(rotation.as_ref(), 0);
    if let Some(consumers) = &mut status.consumers {
        consumers.objects = named;
    }
    while size(&status) > room && pop_consumer(&mut status) {}
    Status { history, rotation, ..status }
}

/// What is left for all else beside this rotation and so much more of it.
fn room_beside(rotation: Option<&RotationStatus>, more: usize) -> usize {
    let rotates = rotation.map_or(0, |rotation| size(rotation).saturating_add(more));
    let rotates = rotates.saturating_add(LIST).max(ROTATION);
    LONGEST.saturating_sub(HISTORY).saturating_sub(rotates)
}

/// The same without its page, the logins of further tokens and what it has interrupted.
fn shortened(rotation: &RotationStatus) -> RotationStatus {
    let mut short = RotationStatus { revoke_at: None, interrupted: None, ..rotation.clone() };
    short.further_old_tokens.iter_mut().for_each(|token| token.login = None);
    short
}

/// The same beside names of hundreds of characters, of which the old host is one: without the logins, and with a short message.
fn least(mut rotation: RotationStatus) -> RotationStatus {
    (rotation.old_token.login, rotation.new_token.login) = (None, None);
    excerpt::cut(&mut rotation.message, SHORTEST_MESSAGES.1);
    rotation
}

/// Names one consumer less, if there is one.
fn pop_consumer(status: &mut Status) -> bool {
    status.consumers.as_mut().and_then(|consumers| consumers.objects.pop()).is_some()
}

/// These demands without lines, and those that had none before; without what is kept of permissions anyway.
fn further(
    lines: &[RequirementStatus],
    before: Option<&FurtherRequirements>,
    kept: &PackedPermissions,
) -> Option<FurtherRequirements> {
    if lines.is_empty() && before.is_none() {
        return None;
    }
    let on = before.map_or_else(|| elsewhere(lines), |before| before.on.clone());
    let mut packed = before.map_or_else(Packed::default, FurtherRequirements::packed);
    for line in lines.iter().filter_map(RequirementStatus::line) {
        let proofs = line.remembered().into_iter().filter(|(probe, _)| kept.proven(probe).is_none());
        proofs.for_each(|(probe, proven)| packed.push(&probe, &proven, &on));
    }
    let count = |counted: usize, before: Option<i32>| {
        i32::try_from(counted).unwrap_or(i32::MAX).saturating_add(before.unwrap_or_default())
    };
    let not_met = lines.iter().filter(|line| line.state == State::NotMet).count();
    let (proofs, at) = packed.texts();
    Some(FurtherRequirements {
        count: count(lines.len(), before.map(|before| before.count)),
        not_met: count(not_met, before.map(|before| before.not_met)),
        on,
        proofs,
        at,
    })
}

/// The most places that are kept though no demand names them: where a repository has moved to, and an account in an organization.
const PLACES: usize = 4;

/// The places of these demands that none of them names.
fn elsewhere(lines: &[RequirementStatus]) -> Vec<String> {
    let is_named = |place: &str| {
        let names = lines.iter().filter(|line| matches!(line.kind, Kind::Repository | Kind::Organization));
        place.is_empty() || names.map(|line| &*line.name).any(|name| name.eq_ignore_ascii_case(place))
    };
    let mut places: Vec<_> = lines.iter().filter_map(|line| line.on.clone()).collect();
    places.retain(|place| !is_named(place));
    places.sort_unstable();
    places.dedup();
    places.truncate(PLACES);
    places
}

/// Cuts what is left, until it fits: sentences, links, outputs. At last what is known of tokens that are not in use, from the last
/// one on: the next process asks about them.
fn shorten(status: &mut Status, room: usize) {
    if size(status) <= room {
        return;
    }
    cut_messages(&mut status.conditions, SHORT_MESSAGES);
    if let Some(links) = &mut status.links {
        links.shorten();
    }
    for candidate in &mut status.candidates {
        candidate.token.iter_mut().for_each(|token| token.excess.clear());
    }
    if let Some(brief) = status.token.as_ref().filter(|_| size(status) > room).map(TokenStatus::brief) {
        let of_it =
            status.candidates.iter_mut().filter(|candidate| candidate.token.as_deref() == Some(&brief));
        of_it.for_each(|candidate| candidate.token = None);
    }
    while size(status) > room && status.outputs.pop().is_some() {}
    while size(status) > room
        && drop_last(&mut status.candidates, |candidate| candidate.message.take().is_some())
    {}
    while size(status) > room
        && drop_last(&mut status.candidates, |candidate| candidate.token.take().is_some())
    {}
    if size(status) > room {
        cut_messages(&mut status.conditions, SHORTEST_MESSAGES);
    }
    while size(status) > room && status.candidates.pop_if(|candidate| !candidate.in_use).is_some() {}
    if size(status) > room {
        status.links = None;
    }
}

/// Drops this of the last candidate that has it; false if none has.
fn drop_last(candidates: &mut [CandidateStatus], drop: fn(&mut CandidateStatus) -> bool) -> bool {
    candidates.iter_mut().rev().any(drop)
}

fn cut_messages(conditions: &mut [Condition], (of_ready, of_others): (usize, usize)) {
    for condition in conditions {
        excerpt::cut(&mut condition.message, if condition.type_ == "Ready" { of_ready } else { of_others });
    }
}

fn cut_excess(token: &mut TokenStatus) {
    let mut left = EXCESS;
    token.excess.retain(|scope| {
        let rest = left.checked_sub(scope.len().saturating_add(3));
        left = rest.unwrap_or_default();
        rest.is_some()
    });
}

/// What this takes as JSON, as the API server stores it.
pub(super) fn size(of: &impl Serialize) -> usize {
    let mut counted = Counted(0);
    match serde_json::to_writer(&mut counted, of) {
        Ok(()) => counted.0,
        // Nothing of a status cannot be written.
        Err(_) => usize::MAX,
    }
}

/// Counts what is written.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let escaped = bytes.iter().filter(|byte| matches!(byte, b'<' | b'>' | b'&')).count();
        self.0 = self.0.saturating_add(bytes.len()).saturating_add(escaped.saturating_mul(5));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
