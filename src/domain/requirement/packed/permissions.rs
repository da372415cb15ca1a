//! What was shown of permissions that are demanded on several repositories or organizations, as a table: a permission a row, a place a
//! column, half a byte a proof. So five hundred of them take less than a kilobyte.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use jiff::Timestamp;

use super::{
    super::super::{
        knowledge::Proven,
        permission::Permission,
        probe::Probe,
        proof::{Denial, Facts, Lifetime, Proof, Visibility},
    },
    FORM, SUM, Sum, hash, taken,
};

/// Proofs of permissions without the names of what they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedPermissions {
    places: Vec<Sum>,
    rows: Vec<Row>,
}

/// What was shown of one permission.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    permission: Sum,
    /// When the first of it was shown, in seconds since 1970.
    at: u32,
    /// In the order of the places, by their numbers in [`SHOWN`]; zero where nothing was.
    shown: Vec<u8>,
}

impl<'a> FromIterator<&'a (Probe, Proven)> for PackedPermissions {
    fn from_iter<T: IntoIterator<Item = &'a (Probe, Proven)>>(proofs: T) -> Self {
        let mut packed = PackedPermissions::default();
        for (probe, proven) in proofs {
            let (Probe::Permission(permission, place), Some((proof, at))) = (probe, &proven.last) else {
                continue;
            };
            packed.push(*permission, place, proof, *at);
        }
        packed
    }
}

impl PackedPermissions {
    fn push(&mut self, permission: Permission, place: &str, proof: &Proof, at: Timestamp) {
        let Some(number) = number(proof) else { return };
        let (permission, place) = (row_sum(permission), hash(place));
        // Until the year 2106.
        let at = u32::try_from(at.as_second()).unwrap_or_default();
        let column = self.places.iter().position(|known| *known == place).unwrap_or_else(|| {
            self.places.push(place);
            self.places.len().saturating_sub(1)
        });
        let known = self.rows.iter().position(|row| row.permission == permission);
        let row = known.unwrap_or_else(|| {
            self.rows.push(Row { permission, at, shown: Vec::new() });
            self.rows.len().saturating_sub(1)
        });
        let Some(row) = self.rows.get_mut(row) else { return };
        row.at = row.at.min(at);
        row.shown.resize(row.shown.len().max(column.saturating_add(1)), 0);
        if let Some(shown) = row.shown.get_mut(column) {
            *shown = number;
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As two texts: what was shown, and when.
    pub fn texts(&self) -> (String, String) {
        let mut shown = vec![FORM, u8::try_from(self.places.len()).unwrap_or(u8::MAX)];
        let places = self.places.get(..usize::from(u8::MAX)).unwrap_or(&self.places);
        shown.extend(places.iter().flatten());
        for row in &self.rows {
            shown.extend(row.permission);
            let of = |column: usize| row.shown.get(column).copied().unwrap_or_default();
            let halves = (0..places.len()).step_by(2);
            shown.extend(halves.map(|column| of(column) | of(column.saturating_add(1)) << 4));
        }
        let at: Vec<u8> = self.rows.iter().flat_map(|row| row.at.to_le_bytes()).collect();
        (BASE64_STANDARD_NO_PAD.encode(shown), BASE64_STANDARD_NO_PAD.encode(at))
    }

    /// The same from its texts; nothing if a later version wrote them.
    pub fn read(shown: &str, at: &str) -> PackedPermissions {
        let decoded = |text: &str| BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default();
        let (shown, at) = (decoded(shown), decoded(at));
        PackedPermissions::decoded(&shown, &at).unwrap_or_default()
    }

    fn decoded(mut shown: &[u8], mut at: &[u8]) -> Option<PackedPermissions> {
        let [form, count] = taken(&mut shown)?;
        let mut packed = PackedPermissions::default();
        for _ in 0..count {
            packed.places.push(taken::<SUM>(&mut shown)?);
        }
        let bytes = packed.places.len().div_ceil(2);
        while let (Some(permission), Some(at)) = (taken(&mut shown), taken(&mut at)) {
            let halves = shown.split_off(..bytes)?;
            let shown = halves.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect();
            packed.rows.push(Row { permission, at: u32::from_le_bytes(at), shown });
        }
        (form == FORM).then_some(packed)
    }

    /// What was shown to this question; `None` if nothing was, or it was of another place or permission.
    pub fn proven(&self, probe: &Probe) -> Option<Proven> {
        let Probe::Permission(permission, place) = probe else { return None };
        let (permission, place) = (row_sum(*permission), hash(place));
        let column = self.places.iter().position(|known| *known == place)?;
        let row = self.rows.iter().find(|row| row.permission == permission)?;
        let number = row.shown.get(column)?;
        let at = Timestamp::from_second(row.at.into()).ok()?;
        Some(Proven::remembered(SHOWN.get(usize::from(*number).checked_sub(1)?)?.proof(), at))
    }
}

fn row_sum(permission: Permission) -> Sum {
    hash(&format!("{} {}", permission.row().key, permission.level().as_str()))
}

/// What may be shown of a permission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Held(Option<Visibility>),
    Denied(Denial),
}

/// Each by its number, from one on, at most fifteen. New ones come at the end.
const SHOWN: [Shown; 13] = [
    Shown::Held(None),
    Shown::Held(Some(Visibility::Internal)),
    Shown::Held(Some(Visibility::Private)),
    Shown::Denied(Denial::PermissionMissing),
    Shown::Denied(Denial::Undecided(None)),
    Shown::Denied(Denial::SsoRequired),
    Shown::Denied(Denial::ClassicForbidden),
    Shown::Denied(Denial::FineGrainedForbidden),
    Shown::Denied(Denial::LifetimeForbidden(Lifetime { days: None, token: None })),
    Shown::Denied(Denial::AddressForbidden),
    Shown::Denied(Denial::AppForbidden),
    Shown::Denied(Denial::Blocked),
    Shown::Denied(Denial::NotFound),
];

impl Shown {
    fn proof(self) -> Proof {
        match self {
            Shown::Held(visibility) => Proof::Held(Facts { visibility, ..Facts::default() }),
            Shown::Denied(denial) => Proof::Denied(denial),
        }
    }
}

/// The number of what was shown. What a policy named, and an answer without a cause, have no room.
fn number(proof: &Proof) -> Option<u8> {
    let shown = match proof {
        Proof::Held(facts) => Shown::Held(facts.visibility),
        Proof::Denied(Denial::LifetimeForbidden(_)) => {
            Shown::Denied(Denial::LifetimeForbidden(Lifetime::default()))
        }
        Proof::Denied(Denial::Undecided(_)) => Shown::Denied(Denial::Undecided(None)),
        Proof::Denied(denial) => Shown::Denied(*denial),
    };
    let place = SHOWN.iter().position(|known| *known == shown)?;
    u8::try_from(place.saturating_add(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::permission::{Level, TABLE};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn permissions(count: usize) -> impl Iterator<Item = Permission> {
        let rows = TABLE.iter().filter(|row| row.read.is_some()).take(count);
        rows.map(|row| Permission::provable(row, Level::Read).unwrap())
    }

    fn again(packed: &PackedPermissions) -> PackedPermissions {
        let (shown, at) = packed.texts();
        PackedPermissions::read(&shown, &at)
    }

    #[test]
    fn every_proof_of_every_permission_on_every_repository_is_the_same_when_it_is_unpacked() {
        let mut proofs = Vec::new();
        for (row, permission) in permissions(32).enumerate() {
            for place in 0..16 {
                // Some are not known.
                let Some(shown) = SHOWN.get((row * 5 + place) % 15) else { continue };
                let probe = Probe::Permission(permission, format!("acme/{place}").into());
                let second = 1_772_366_400 + i64::try_from(row).unwrap();
                proofs.push((probe, Proven::remembered(shown.proof(), at(second))));
            }
        }
        let packed: PackedPermissions = proofs.iter().collect();
        let unpacked = again(&packed);
        for (probe, proven) in &proofs {
            assert_eq!(unpacked.proven(probe).as_ref(), Some(proven), "{probe:?}");
        }
        let (shown, at) = packed.texts();
        assert!(shown.len() + at.len() < 1024, "{} {}", shown.len(), at.len());
        for (row, permission) in permissions(32).enumerate() {
            for place in (0..16).filter(|place| (row * 5 + place) % 15 >= SHOWN.len()) {
                let probe = Probe::Permission(permission, format!("acme/{place}").into());
                assert_eq!(unpacked.proven(&probe), None, "{probe:?} was not asked");
            }
        }
    }

    #[test]
    fn a_proof_counts_for_its_own_permission_and_place_only_and_is_as_old_as_the_oldest_beside_it() {
        let mut permissions = permissions(2);
        let (one, other) = (permissions.next().unwrap(), permissions.next().unwrap());
        let on = |permission, place: &str| Probe::Permission(permission, place.into());
        let held = |second| Proven::remembered(Proof::Held(Facts::default()), at(second));
        let proofs =
            [(on(one, "acme/a"), held(9)), (on(one, "acme/b"), held(5)), (on(other, "acme/b"), held(7))];
        let packed = again(&proofs.iter().collect());
        let rows = [
            (on(one, "acme/a"), Some(5)),
            (on(one, "acme/b"), Some(5)),
            (on(other, "acme/b"), Some(7)),
            (on(other, "acme/a"), None),
            (on(one, "acme/c"), None),
        ];
        for (probe, second) in rows {
            assert_eq!(packed.proven(&probe), second.map(held), "{probe:?}");
        }
        assert_eq!(packed.proven(&Probe::repository("acme/a").unwrap()), None);
    }

    #[test]
    fn what_was_written_in_another_form_is_left_out() {
        let probe = Probe::Permission(permissions(1).next().unwrap(), "acme/a".into());
        let held = Proven::remembered(Proof::Held(Facts::default()), at(1));
        let packed: PackedPermissions = [(probe, held)].iter().collect();
        let (shown, at) = packed.texts();
        let later = BASE64_STANDARD_NO_PAD.encode([2, 0]);
        for (shown, at) in [("", ""), (&*later, &*at), ("no base64", &*at), (&*shown, ""), ("AQk", &*at)] {
            assert!(PackedPermissions::read(shown, at).is_empty(), "{shown}");
        }
        assert!(!again(&packed).is_empty());
    }
}
