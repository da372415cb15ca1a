//! In which order things are tried of which some fail slowly, so that each of them has its turn.

use super::sum::{Sum, sum};

/// The names of what failed when it was tried last, the last one last, each with what is told of it as long as it is not tried again.
#[derive(Debug, PartialEq)]
pub(super) struct Failed<T>(Vec<(Sum, T)>);

impl<T> Default for Failed<T> {
    fn default() -> Self {
        Failed(Vec::new())
    }
}

impl<T> Failed<T> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all others.
    pub(super) fn keep<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) {
        self.0.retain(|(failed, _)| names.clone().any(|name| sum(name) == *failed));
    }

    /// Where it comes among those that are tried again; `None`, which is before them all, if it did not fail.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let name = sum(name);
        self.0.iter().position(|(failed, _)| *failed == name)
    }

    /// What is told of it.
    pub(super) fn why(&self, name: &str) -> Option<&T> {
        self.place(name).and_then(|place| self.0.get(place)).map(|(_, why)| why)
    }

    /// It worked, or is about to be tried.
    pub(super) fn remove(&mut self, name: &str) {
        let name = sum(name);
        self.0.retain(|(failed, _)| *failed != name);
    }

    /// It failed, and comes after all others.
    pub(super) fn push(&mut self, name: &str, why: T) {
        self.remove(name);
        self.0.push((sum(name), why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_however_many_fail() {
        let names = ["a", "b", "c", "d", "good"];
        let (mut failed, mut tried) = (Failed::default(), Vec::new());
        for _ in 0..4 {
            failed.keep(names.into_iter());
            let mut order = names;
            order.sort_by_key(|name| failed.place(name));
            // There is time for two that fail.
            let mut left: u32 = 2;
            for name in order {
                if left == 0 {
                    break;
                }
                tried.push(name);
                match name {
                    "good" => failed.remove(name),
                    _ => {
                        failed.push(name, format!("{name} is refused"));
                        left = left.saturating_sub(1);
                    }
                }
            }
        }
        assert_eq!(tried, ["a", "b", "c", "d", "good", "a", "b", "good", "c", "d"]);
        failed.keep(["b"].into_iter());
        assert_eq!((failed.place("b"), failed.place("a")), (Some(0), None));
        assert_eq!((failed.why("b").map(String::as_str), failed.why("a")), (Some("b is refused"), None));
        failed.remove("b");
        assert!(failed.is_empty());
    }
}
