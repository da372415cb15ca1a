//! The organizations that single sign-on left out of answers, by their numbers: GitHub tells no names of them.
//!
//! <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#personal-access-tokens-and-saml-sso>

use std::collections::VecDeque;

use super::super::probe::Probe;

/// What was left out of the last answer to each question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// In the order in which the answers came.
    told: VecDeque<(Probe, Box<[i64]>)>,
    /// What a status remembers, which does not tell of which question.
    before: Box<[i64]>,
}

/// The most that are named.
const MOST: usize = 10;
/// The number of questions whose answers are remembered, the last ones.
const QUESTIONS: usize = 64;

impl Hidden {
    /// What a status remembers.
    pub fn remembered(numbers: &[i64]) -> Self {
        Hidden { before: numbers.into(), ..Hidden::default() }
    }

    /// Takes in what was left out of this answer, which may be nothing.
    pub fn learn(&mut self, probe: &Probe, numbers: &[i64]) {
        self.told.retain(|(of, _)| of != probe);
        if numbers.is_empty() {
            return;
        }
        if self.told.len() >= QUESTIONS {
            self.told.pop_front();
        }
        self.told.push_back((probe.clone(), numbers.into()));
    }

    /// The same without what was left out of answers to other questions.
    #[must_use]
    pub fn of(mut self, asks: impl Fn(&Probe) -> bool) -> Self {
        self.told.retain(|(probe, _)| asks(probe));
        self
    }

    /// The same with what a status remembers.
    #[must_use]
    pub fn after(mut self, before: &Hidden) -> Self {
        self.before = before.numbers().into();
        self
    }

    /// All of them, the lowest first, each once; the first ten.
    pub fn numbers(&self) -> Vec<i64> {
        let mut numbers: Vec<_> =
            self.told.iter().flat_map(|(_, numbers)| numbers).chain(&self.before).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.truncate(MOST);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_answer_to_each_question_left_out_is_told_in_order() {
        let (identity, other) = (Probe::Identity, Probe::membership("acme").unwrap());
        let mut hidden = Hidden::default();
        let rows: [(&Probe, &[i64], &[i64]); 7] = [
            (&identity, &[], &[]),
            (&identity, &[7, 3], &[3, 7]),
            (&other, &[5, 3], &[3, 5, 7]),
            (&other, &[5, 3], &[3, 5, 7]),
            (&identity, &[], &[3, 5]),
            (&other, &[30, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2], &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
            (&other, &[], &[]),
        ];
        for (row, (probe, numbers, told)) in rows.into_iter().enumerate() {
            hidden.learn(probe, numbers);
            assert_eq!(hidden.numbers(), told, "{row}");
        }
    }

    #[test]
    fn what_is_not_asked_any_more_is_not_told_and_takes_no_room_from_what_is() {
        let probe = |number: usize| Probe::membership(&format!("acme-{number}")).unwrap();
        let mut hidden = Hidden::default();
        for number in 0..=QUESTIONS {
            hidden.learn(&probe(number), &[i64::try_from(number).unwrap()]);
        }
        assert_eq!(hidden.told.len(), QUESTIONS);
        let last = probe(QUESTIONS);
        assert_eq!(hidden.clone().of(|probe| *probe == last).numbers(), [i64::try_from(QUESTIONS).unwrap()]);
        assert_eq!(hidden.of(|_| false).numbers(), [0_i64; 0]);
    }
}
