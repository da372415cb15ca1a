//! Proofs in a compact form, for demands that have no line of their own in a status, since that is small.
//!
//! Each is known by a sum of its question, so that names take no room. Who unpacks them knows the demands, and so the questions.

mod permissions;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    super::{
        knowledge::Proven,
        permission::{Permission, Resource},
        probe::Probe,
        proof::{Denial, Facts, Lifetime, Proof, Role, Visibility},
    },
    Requirement,
};
pub use permissions::PackedPermissions;

/// Proofs without their questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// What was shown: a sum of the question, and the answer.
    shown: Vec<u8>,
    /// When, in seconds since 1970, in the same order.
    at: Vec<u8>,
}

/// Stands before the proofs, for a form that comes after this one.
const FORM: u8 = 1;
/// The bytes of a sum. Two of a thousand questions have the same one once in a million connections.
const SUM: usize = 5;

type Sum = [u8; SUM];

impl Packed {
    /// Adds what was shown; `elsewhere` are the places that no demand names.
    pub fn push(&mut self, probe: &Probe, proven: &Proven, elsewhere: &[String]) {
        let Some((proof, at)) = &proven.last else { return };
        let (code, days) = code(proof, elsewhere);
        self.shown.extend(sum(probe));
        self.shown.extend(code.to_le_bytes());
        self.shown.extend(days.into_iter().flat_map(u16::to_le_bytes));
        // Until the year 2106.
        self.at.extend(u32::try_from(at.as_second()).unwrap_or_default().to_le_bytes());
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// As two texts: what was shown, and when.
    pub fn texts(&self) -> (String, String) {
        let shown: Vec<_> = std::iter::once(FORM).chain(self.shown.iter().copied()).collect();
        (BASE64_STANDARD_NO_PAD.encode(shown), BASE64_STANDARD_NO_PAD.encode(&self.at))
    }

    /// The same from its texts; nothing if a later version wrote them.
    pub fn read(shown: &str, at: &str) -> Packed {
        let decoded = |text: &str| BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default();
        match decoded(shown).split_first() {
            Some((&FORM, shown)) => Packed { shown: shown.to_vec(), at: decoded(at) },
            _ => Packed::default(),
        }
    }

    /// The proofs of these demands, on what they name and `elsewhere`.
    pub fn proofs(&self, demanded: &Requirement, elsewhere: &[String]) -> Vec<(Probe, Proven)> {
        let probes = demanded.every_probe(elsewhere);
        let by_sum: BTreeMap<Sum, Probe> = probes.into_iter().map(|probe| (sum(&probe), probe)).collect();
        let mut proofs = Vec::new();
        let (mut shown, mut instants) = (self.shown.as_slice(), self.at.as_slice());
        while let (Some(sum), Some(code), Some(at)) =
            (taken::<SUM>(&mut shown), taken(&mut shown), taken(&mut instants))
        {
            let code = u16::from_le_bytes(code);
            let days = (code & DAYS != 0).then(|| taken(&mut shown)).flatten().map(u16::from_le_bytes);
            let at = Timestamp::from_second(u32::from_le_bytes(at).into()).ok();
            let found = by_sum.get(&sum).zip(proof(code, days, elsewhere)).zip(at);
            proofs.extend(found.map(|((probe, proof), at)| (probe.clone(), Proven::remembered(proof, at))));
        }
        proofs
    }
}

/// The first bytes, which are taken off.
fn taken<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*first)
}

impl Requirement {
    /// Every question that these demands may bring, on what they name and on these other places.
    fn every_probe(&self, elsewhere: &[String]) -> Vec<Probe> {
        let organizations = self.organizations.iter().map(|demand| &*demand.name);
        let repositories = self.repositories.iter().map(|demand| &*demand.name);
        let packages = self.packages.iter().filter_map(|demand| Probe::package(&demand.name));
        let mut probes: Vec<_> = organizations
            .clone()
            .flat_map(|name| [Probe::organization(name), Probe::membership(name)])
            .chain(repositories.clone().flat_map(|name| [Probe::repository(name), Probe::push(name)]))
            .flatten()
            .chain(packages)
            .collect();
        for (key, level) in self.permissions.iter().chain(&self.forbid.permissions) {
            let Some(permission) = Permission::named(key, *level) else { continue };
            let named: Vec<&str> = match permission.row().resource {
                Resource::Repository => repositories.clone().collect(),
                Resource::Organization => organizations.clone().collect(),
                Resource::Account => vec![""],
            };
            let places = named.into_iter().chain(elsewhere.iter().map(String::as_str));
            probes
                .extend(places.map(|place| Probe::Permission(permission, place.to_ascii_lowercase().into())));
        }
        probes
    }
}

/// The first bytes of the hash of the question.
fn sum(probe: &Probe) -> Sum {
    let (what, key, level) = match probe {
        Probe::Identity => ("identity", "", ""),
        Probe::Organization(_) => ("organization", "", ""),
        Probe::Membership(_) => ("membership", "", ""),
        Probe::Repository(_) => ("repository", "", ""),
        Probe::Push(_) => ("push", "", ""),
        Probe::Permission(permission, _) => ("permission", permission.row().key, permission.level().as_str()),
        Probe::Package(_) => ("package", "", ""),
    };
    hash(&format!("{what} {key} {level} {}", probe.target()))
}

fn hash(text: &str) -> Sum {
    Sha256::digest(text).first_chunk::<SUM>().copied().unwrap_or_default()
}

/// Every denial, in the order of their numbers, from one on. New ones come at the end.
const DENIALS: [Denial; 12] = [
    Denial::NotFound,
    Denial::SsoRequired,
    Denial::ClassicForbidden,
    Denial::FineGrainedForbidden,
    Denial::LifetimeForbidden(Lifetime { days: None, token: None }),
    Denial::AddressForbidden,
    Denial::AppForbidden,
    Denial::MembershipPending,
    Denial::Blocked,
    Denial::PermissionMissing,
    Denial::Undecided(None),
    Denial::Refused,
];
const VISIBILITIES: [Visibility; 3] = [Visibility::Public, Visibility::Internal, Visibility::Private];
const ROLES: [Role; 5] = [Role::Read, Role::Triage, Role::Write, Role::Maintain, Role::Admin];

// The bits of an answer: its denial in the lowest four, none if it is held; then the facts.
const VISIBILITY: u32 = 4;
const ROLE: u32 = 6;
const ARCHIVED: u16 = 1 << 9;
/// A number of days follows.
const DAYS: u16 = 1 << 10;
/// The repository has moved to this one of the other places, from one on; two bits.
const MOVED: u32 = 11;
const MOST_MOVED: usize = 3;

/// The number of the item, from one on; zero for none.
fn number<T: PartialEq>(of: &[T], item: Option<T>) -> u16 {
    let place = item.and_then(|item| of.iter().position(|known| *known == item));
    place.and_then(|place| u16::try_from(place).ok()).map_or(0, |place| place.saturating_add(1))
}

fn numbered<T: Clone>(of: &[T], number: u16) -> Option<T> {
    of.get(usize::from(number).checked_sub(1)?).cloned()
}

fn code(proof: &Proof, elsewhere: &[String]) -> (u16, Option<u16>) {
    match proof {
        Proof::Denied(Denial::LifetimeForbidden(Lifetime { days, .. })) => {
            let code = number(&DENIALS, Some(Denial::LifetimeForbidden(Lifetime::default())));
            (if days.is_some() { code | DAYS } else { code }, *days)
        }
        // The answer itself has no room.
        Proof::Denied(Denial::Undecided(_)) => (number(&DENIALS, Some(Denial::Undecided(None))), None),
        Proof::Denied(denial) => (number(&DENIALS, Some(*denial)), None),
        Proof::Held(Facts { visibility, archived, moved_to, role }) => {
            let places = elsewhere.get(..MOST_MOVED).unwrap_or(elsewhere);
            let is_there = |name: &str| places.iter().position(|place| place.eq_ignore_ascii_case(name));
            let moved = moved_to.as_deref().and_then(is_there).map(|place| place.saturating_add(1));
            let moved = moved.and_then(|moved| u16::try_from(moved).ok()).unwrap_or_default();
            let archived = if *archived { ARCHIVED } else { 0 };
            let seen = number(&VISIBILITIES, *visibility) << VISIBILITY;
            (seen | number(&ROLES, *role) << ROLE | archived | moved << MOVED, None)
        }
    }
}

fn proof(code: u16, days: Option<u16>, elsewhere: &[String]) -> Option<Proof> {
    let bits = |from: u32, mask: u16| (code >> from) & mask;
    if let Some(denial) = numbered(&DENIALS, bits(0, 15)) {
        return Some(Proof::Denied(match denial {
            Denial::LifetimeForbidden(_) => Denial::LifetimeForbidden(Lifetime { days, token: None }),
            denial => denial,
        }));
    }
    (bits(0, 15) == 0).then(|| {
        Proof::Held(Facts {
            visibility: numbered(&VISIBILITIES, bits(VISIBILITY, 3)),
            archived: code & ARCHIVED != 0,
            moved_to: numbered(elsewhere, bits(MOVED, 3)).map(Into::into),
            role: numbered(&ROLES, bits(ROLE, 7)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demanded() -> Requirement {
        serde_json::from_value(serde_json::json!({
            "permissions": { "contents": "write", "members": "read", "emails": "read" },
            "organizations": [{ "name": "Acme" }],
            "repositories": [{ "name": "acme/App", "access": "Push" }, { "name": "acme/old" }],
            "packages": [{ "name": "acme/app" }],
            "forbid": { "permissions": { "administration": "read" } },
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What is unpacked of this, by its texts.
    fn again(proofs: &[(Probe, Proven)], elsewhere: &[String]) -> Vec<(Probe, Proven)> {
        let mut packed = Packed::default();
        proofs.iter().for_each(|(probe, proven)| packed.push(probe, proven, elsewhere));
        let (shown, at) = packed.texts();
        assert_eq!(Packed::read(&shown, &at), packed);
        packed.proofs(&demanded(), elsewhere)
    }

    #[test]
    fn every_proof_of_every_question_is_the_same_when_it_is_unpacked() {
        let elsewhere = ["acme/new".to_owned(), "acme/ci".to_owned()];
        let facts = |visibility, archived, moved_to: Option<&str>, role| {
            Proof::Held(Facts { visibility, archived, moved_to: moved_to.map(Into::into), role })
        };
        let days = Lifetime { days: Some(366), token: None };
        let held = [
            facts(None, false, None, None),
            facts(Some(Visibility::Public), true, None, Some(Role::Admin)),
            facts(Some(Visibility::Internal), false, Some("acme/ci"), Some(Role::Read)),
            facts(Some(Visibility::Private), true, Some("acme/new"), Some(Role::Triage)),
        ];
        let denied = DENIALS.iter().copied().chain([Denial::LifetimeForbidden(days)]).map(Proof::Denied);
        let answers: Vec<_> = held.into_iter().chain(denied).collect();
        let probes = demanded().every_probe(&elsewhere);
        assert_eq!(probes.len(), 2 + 4 + 1 + (2 + 2) + (1 + 2) + (1 + 2) + (2 + 2));
        for shift in 0..answers.len() {
            let proofs = probes.iter().cloned().zip(answers.iter().cycle().skip(shift).cloned()).enumerate();
            let proofs: Vec<_> = proofs
                .map(|(second, (probe, proof))| {
                    let second = 1_772_366_400 + i64::try_from(second).unwrap();
                    (probe, Proven::remembered(proof, at(second)))
                })
                .collect();
            assert_eq!(again(&proofs, &elsewhere), proofs);
        }
    }

    #[test]
    fn what_is_not_demanded_any_more_or_was_written_in_another_form_is_left_out() {
        let held = || Proven::remembered(Proof::Held(Facts::default()), at(1));
        let (app, other) = (Probe::repository("acme/app").unwrap(), Probe::repository("acme/other").unwrap());
        assert_eq!(again(&[(other, held()), (app.clone(), held())], &[]), [(app.clone(), held())]);
        let mut packed = Packed::default();
        packed.push(&app, &held(), &[]);
        let (shown, at) = packed.texts();
        for (shown, at) in [("", ""), ("AgAA", &*at), ("no base64", &*at), (&*shown, "")] {
            assert_eq!(Packed::read(shown, at).proofs(&demanded(), &[]), [], "{shown}");
        }
    }
}
