//! Keeps two writers of one object from chasing each other.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::domain::backoff::backoff;

/// The first pause after somebody else changed what we wrote, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The time without a write after which the contention with other writers is over.
const PEACE: Duration = Duration::from_secs(600);
/// Who changed an output again and again has ceased if nothing happened for so many times the last pause between two answers, and
/// for so long at least.
const CEASED: (u32, Duration) = (3, Duration::from_secs(10));

/// The objects that somebody else changed after us: outputs by their names, the status by none.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contentions(Option<Box<Objects>>);

type Objects = BTreeMap<Box<str>, Contention>;

/// The name under which [`Contentions`] has the status.
pub(super) const STATUS: &str = "";

impl Contentions {
    /// How long this object may not be written yet; `None` if it may.
    pub(super) fn blocked(&self, object: &str, now: Instant) -> Option<Duration> {
        self.0.as_ref()?.get(object)?.blocked(now)
    }

    /// Of this object, which is known from now on.
    pub(super) fn of(&mut self, object: &str) -> &mut Contention {
        self.0.get_or_insert_default().entry(object.into()).or_default()
    }

    /// The objects that somebody else keeps changing, each with the field manager if it is known, and how long it will be told of
    /// if nothing happens any more.
    pub(super) fn told(&self, now: Instant) -> impl Iterator<Item = (&str, Option<&str>, Duration)> {
        let objects = self.0.iter().flat_map(|objects| objects.iter());
        objects.filter_map(move |(object, contention)| {
            let rival = contention.rival.as_deref()?;
            Some((&**object, rival.manager.as_deref(), rival.told_for(now)?))
        })
    }

    /// Forgets the objects with which there is peace, but for these outputs.
    pub(super) fn retain(&mut self, is_known: impl Fn(&str) -> bool, now: Instant) {
        if let Some(objects) = &mut self.0 {
            objects.retain(|object, contention| is_known(object) || !contention.is_at_peace(now));
        }
        self.0 = self.0.take().filter(|objects| !objects.is_empty());
    }

    /// What is known of this object, to be put back if it is not changed after all.
    pub(super) fn get(&self, object: &str) -> Option<Contention> {
        self.0.as_ref()?.get(object).cloned()
    }

    /// This object was not changed after all, so nobody can have undone that: what was known before holds again.
    pub(super) fn put_back(&mut self, object: &str, before: Option<Contention>) {
        if let Some(before) = before {
            *self.of(object) = before;
        } else if let Some(objects) = &mut self.0 {
            objects.remove(object);
        }
        self.0 = self.0.take().filter(|objects| !objects.is_empty());
    }
}

/// Keeps two writers of one object from chasing each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Contention {
    count: u32,
    last: Option<Instant>,
    blocked_until: Option<Instant>,
    rival: Option<Box<Rival>>,
}

/// Somebody else who changes what we write.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rival {
    /// The field manager of the last change, if the API server names one.
    manager: Option<Box<str>>,
    /// How often we have put it right.
    answers: u32,
    /// Whether it changed it again since, before we were to answer.
    is_ahead: bool,
    last: Option<Instant>,
    /// Between the last two answers.
    gap: Duration,
}

impl Rival {
    /// For how long it is told of, if nothing happens any more; `None` if it has ceased. A person may do the same twice.
    fn told_for(&self, now: Instant) -> Option<Duration> {
        let (times, least) = CEASED;
        let last = self.last.filter(|_| self.answers > 2 || self.is_ahead)?;
        let told = self.gap.saturating_mul(times).clamp(least, PEACE);
        told.checked_sub(now.duration_since(last)).filter(|left| !left.is_zero())
    }
}

impl Contention {
    fn is_at_peace(&self, now: Instant) -> bool {
        let rival = self.rival.as_ref().and_then(|rival| rival.last);
        let mut last = self.last.into_iter().chain(rival);
        last.all(|last| now.duration_since(last) >= PEACE)
    }

    /// How long nothing may be written yet; `None` if it may.
    pub(super) fn blocked(&self, now: Instant) -> Option<Duration> {
        let until = self.blocked_until.filter(|until| *until > now)?;
        Some(until.duration_since(now))
    }

    /// Who has changed the object: the field manager, if the API server names one.
    pub(super) fn was_changed_by(&mut self, manager: Option<String>) {
        self.rival.get_or_insert_default().manager = manager.map(Into::into);
    }

    /// What somebody else changed is put right.
    pub(super) fn answers(&mut self, now: Instant) {
        let rival = self.rival.get_or_insert_default();
        let since = rival.last.map(|last| now.duration_since(last)).filter(|since| *since < PEACE);
        rival.answers = if since.is_some() { rival.answers.saturating_add(1) } else { 1 };
        (rival.gap, rival.last) = (since.unwrap_or_default(), Some(now));
        rival.is_ahead = rival.is_ahead && since.is_some();
    }

    /// What somebody else changed again is not put right yet.
    pub(super) fn waits(&mut self) {
        self.rival.get_or_insert_default().is_ahead = true;
    }

    /// How many times in a row this would overwrite what somebody else changed, if it may be written again now; if not, the pause.
    pub(super) fn admit(&mut self, now: Instant) -> Result<u32, Duration> {
        if let Some(pause) = self.blocked(now) {
            return Err(pause);
        }
        let since = self.last.map(|last| now.duration_since(last));
        if since.is_none_or(|since| since >= PEACE) {
            self.count = 0;
        }
        let pause = backoff(PAUSES, self.count);
        match since {
            Some(since) if since < pause => Err(pause.saturating_sub(since)),
            _ => {
                self.count = self.count.saturating_add(1);
                self.last = Some(now);
                // What we have to say next may be something else; it is not said right away all the same.
                self.blocked_until = now.checked_add(PAUSES.0);
                Ok(self.count)
            }
        }
    }

    /// The API server refused a write, since the object had changed. Gives how many there were, and the pause before the next.
    pub(super) fn conflict(&mut self, now: Instant) -> (u32, Duration) {
        if self.last.is_none_or(|last| now.duration_since(last) >= PEACE) {
            self.count = 0;
        }
        let pause = backoff(PAUSES, self.count);
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        self.blocked_until = now.checked_add(pause);
        (self.count, pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_others_change_is_written_again_at_once_then_ever_more_slowly() {
        let (mut contention, started) = (Contention::default(), Instant::now());
        let mut at = Vec::new();
        while started.elapsed() < Duration::from_secs(130) {
            match contention.admit(Instant::now()) {
                Ok(_) => at.push(started.elapsed().as_secs()),
                Err(pause) => tokio::time::advance(pause).await,
            }
        }
        assert_eq!(at, [0, 2, 6, 14, 30, 62, 122]);
        tokio::time::advance(PEACE).await;
        assert_eq!(contention.admit(Instant::now()), Ok(1), "peace was kept for a while");
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_changing_an_object_is_told_until_it_has_ceased() {
        let told = |contentions: &Contentions| {
            let told = contentions.told(Instant::now());
            told.map(|(object, manager, left)| {
                format!("{object} {} {}", manager.unwrap_or("?"), left.as_secs())
            })
            .collect::<Vec<_>>()
        };
        // How often it comes, and for how long it is told after each of its changes.
        let rows: [(u64, u64); 3] = [(2, 10), (30, 90), (180, 540)];
        for (often, left) in rows {
            let mut contentions = Contentions::default();
            contentions.of("other").was_changed_by(Some("somebody".to_owned()));
            contentions.of("out").was_changed_by(Some("kubectl-edit".to_owned()));
            for answers in 0..5 {
                contentions.of("out").answers(Instant::now());
                let expected = if answers < 2 { vec![] } else { vec![format!("out kubectl-edit {left}")] };
                assert_eq!(told(&contentions), expected, "twice is no habit");
                tokio::time::advance(Duration::from_secs(often)).await;
            }
            contentions.of("out").answers(Instant::now());
            tokio::time::advance(Duration::from_secs(left - 1)).await;
            assert_eq!(told(&contentions), ["out kubectl-edit 1"], "not in turns");
            contentions.of("out").was_changed_by(None);
            assert_eq!(told(&contentions), ["out ? 1"]);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(told(&contentions), [""; 0], "it has ceased");
        }
        let mut contentions = Contentions::default();
        contentions.of("out").answers(Instant::now());
        contentions.of("out").waits();
        assert_eq!(told(&contentions), ["out ? 10"], "it is faster than we answer");
        tokio::time::advance(PEACE).await;
        contentions.of("out").answers(Instant::now());
        assert_eq!(told(&contentions), [""; 0], "peace was kept for a while");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_conflict_nothing_is_written_for_a_second_then_longer() {
        let mut contention = Contention::default();
        assert_eq!(contention.blocked(Instant::now()), None);
        let pauses: Vec<_> = (0..3).map(|_| contention.conflict(Instant::now()).1.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4]);
        assert_eq!(contention.blocked(Instant::now()), Some(Duration::from_secs(4)));
        assert!(contention.admit(Instant::now()).is_err());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(contention.blocked(Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_was_refused_is_no_contention() {
        let mut contentions = Contentions::default();
        for answers in 0..9 {
            let (before, now) = (contentions.get("out"), Instant::now());
            assert_eq!(contentions.of("out").admit(now), Ok(1), "{answers}");
            contentions.of("out").answers(now);
            contentions.put_back("out", before);
            assert_eq!((contentions.blocked("out", now), contentions.told(now).count()), (None, 0));
        }
        let now = Instant::now();
        assert_eq!(contentions.of("out").admit(now), Ok(1));
        let before = contentions.get("out");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(contentions.of("out").admit(Instant::now()), Ok(2));
        contentions.put_back("out", before);
        assert_eq!(
            contentions.of("out").admit(Instant::now()),
            Ok(2),
            "what was changed before still counts"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_neither_named_nor_there_any_more_is_forgotten() {
        let (mut contentions, now) = (Contentions::default(), Instant::now());
        for object in ["out", "former", STATUS] {
            contentions.of(object).conflict(now);
        }
        let known = |contentions: &Contentions| {
            ["out", "former", STATUS].map(|object| contentions.get(object).is_some())
        };
        contentions.retain(|object| object == "out", Instant::now());
        assert_eq!(known(&contentions), [true; 3], "somebody may make again what was deleted");
        tokio::time::advance(PEACE).await;
        contentions.retain(|object| object == "out", Instant::now());
        assert_eq!(known(&contentions), [true, false, false], "nobody else writes the status any more");
    }

    #[tokio::test(start_paused = true)]
    async fn another_writer_of_one_output_holds_up_neither_the_others_nor_the_status() {
        let (mut contentions, now) = (Contentions::default(), Instant::now());
        contentions.of("out").conflict(now);
        assert_eq!(contentions.blocked("out", now), Some(Duration::from_secs(1)));
        assert_eq!((contentions.blocked("other", now), contentions.blocked(STATUS, now)), (None, None));
    }
}
