//! Which of several operators looks after a namespace.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

/// More operators than this would have less of a host's budget than one connection needs.
const MOST: u16 = 64;

/// One of so many operators that share the namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    index: u16,
    count: u16,
}

impl Shard {
    /// Which one, from 0 on.
    pub const fn index(self) -> u16 {
        self.index
    }

    /// How many there are.
    pub const fn count(self) -> u16 {
        self.count
    }

    /// True if it looks after this namespace, which exactly one of them does. With one more shard, namespaces move to that one alone.
    pub fn has(self, namespace: &str) -> bool {
        let digest = Sha256::digest(namespace);
        let seed = digest.iter().take(8).fold(0_u64, |seed, byte| seed.wrapping_shl(8) | u64::from(*byte));
        // Rendezvous hashing: of all shards the one with the highest draw.
        (0..self.count).max_by_key(|index| draw(seed, *index)) == Some(self.index)
    }
}

/// A number for a namespace and a shard, as good as one drawn at random: the mixer of SplitMix64.
/// <https://prng.di.unimi.it/splitmix64.c>
fn draw(seed: u64, index: u16) -> u64 {
    let mixed = seed.wrapping_add(u64::from(index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write which one, from 0 on, and how many there are, 64 at most, as in 0/4";
        let (index, count) = text.split_once('/').ok_or(wrong)?;
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| is_plain).ok_or(wrong)
        };
        let (index, count) = (number(index)?, number(count)?);
        if index < count && count <= MOST { Ok(Shard { index, count }) } else { Err(wrong) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(namespace: &str, count: u16) -> u16 {
        let owners: Vec<_> =
            (0..count).filter(|index| Shard { index: *index, count }.has(namespace)).collect();
        assert_eq!(owners.len(), 1, "{namespace} of {count}");
        owners[0]
    }

    #[test]
    fn each_namespace_has_one_shard_and_each_shard_its_share_of_them() {
        for count in [1, 2, 3, 4, 8, 64] {
            let mut shares = vec![0; count.into()];
            for number in 0..4000 {
                shares[usize::from(owner(&format!("team-{number}"), count))] += 1;
            }
            let fair = 4000 / u32::from(count);
            let is_fair = |share: &u32| share.abs_diff(fair) <= fair / 5 + 30;
            assert!(shares.iter().all(is_fair), "{count}: {shares:?}");
        }
    }

    #[test]
    fn with_one_more_shard_namespaces_move_to_that_one_alone() {
        let names: Vec<_> = (0..1000).map(|number| format!("team-{number}")).collect();
        for count in 1..8 {
            let moved = names.iter().filter(|name| owner(name, count) != owner(name, count + 1));
            let moved: Vec<_> = moved.map(|name| owner(name, count + 1)).collect();
            assert!(moved.iter().all(|to| *to == count), "{moved:?}");
            assert!(moved.len() <= 1000 / usize::from(count + 1) + 60, "{}", moved.len());
        }
    }

    #[test]
    fn the_shard_of_a_namespace_never_changes_with_a_version_of_the_operator() {
        let owners = ["default", "team-a", "team-b", "kube-system"].map(|name| owner(name, 4));
        assert_eq!(owners, [2, 0, 0, 2]);
    }

    #[test]
    fn a_shard_is_its_number_of_how_many() {
        for text in ["0/1", "0/4", "3/4", "63/64"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "1", "4/4", "1/0", "0/65", "-1/4", "+1/4", "a/b", "1/2/3", " 0/1"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
