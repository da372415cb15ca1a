//! What a Pod was told of why it waits. The API server keeps an Event for an hour, so that it is told again in each hour of the Pod.

/// What a Pod was told in one hour, the first one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    hour: i64,
    /// A sum of each cause.
    causes: Vec<u32>,
}

impl Told {
    /// How often it was told this before in this hour; `None` if it is what it was told last, so that nothing is to be told.
    pub fn again(&self, cause: &str, hour: i64) -> Option<usize> {
        let (cause, told) = (crc32fast::hash(cause.as_bytes()), self.of(hour));
        let is_last = told.last() == Some(&cause);
        (!is_last).then(|| told.iter().filter(|known| **known == cause).count())
    }

    /// It is told this now.
    pub fn tell(&mut self, cause: &str, hour: i64) {
        if self.hour != hour {
            *self = Told { hour, causes: Vec::new() };
        }
        self.causes.push(crc32fast::hash(cause.as_bytes()));
    }

    fn of(&self, hour: i64) -> &[u32] {
        if self.hour == hour { &self.causes } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_an_hour_and_again_if_it_comes_back() {
        let mut told = Told::default();
        let rows = [
            ("a", 0, Some(0)),
            ("a", 0, None),
            ("b", 0, Some(0)),
            ("b", 0, None),
            ("a", 0, Some(1)),
            ("a", 0, None),
            ("a", 1, Some(0)),
            ("a", 1, None),
            ("b", 5, Some(0)),
        ];
        for (cause, hour, expected) in rows {
            assert_eq!(told.again(cause, hour), expected, "{cause} in hour {hour} after {told:?}");
            if expected.is_some() {
                told.tell(cause, hour);
            }
        }
    }
}
