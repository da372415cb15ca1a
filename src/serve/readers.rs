//! Who may read `/metrics`: who shows a token that the API server knows, and may `get` this path by its word.
//!
//! No byte of a token is kept, logged or answered.

use std::{
    collections::{HashMap, VecDeque},
    fmt, mem,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::Semaphore,
    time::{self, Instant},
};

use crate::cluster::reviews::{Review, Reviews};

/// How long who may read is let in without asking again: as long as a token is believed by controller-runtime, whose filter does the same:
/// <https://github.com/kubernetes-sigs/controller-runtime/blob/v0.22.0/pkg/metrics/filters/filters.go>.
const LET_IN: Duration = Duration::from_secs(60);
/// How long who may not is turned away so. Who has just been granted it does not wait for long.
const TURNED_AWAY: Duration = Duration::from_secs(10);
/// The most readers whose reviews are kept.
const KEPT: usize = 64;
/// The most reviews that are under way at once, however many readers come with unknown tokens.
const AT_ONCE: usize = 4;
/// The most unknown tokens that are reviewed in a second, so that made-up tokens do not load the API server; and as many
/// from addresses from which somebody was let in, so that a renewed token finds room.
const A_SECOND: u32 = 10;
/// Of those so many from one address, and fewer where many addresses ask: each has its share, and so has one more, so that who was not let in
/// before, as after a change of the leader, finds room.
const OF_ADDRESS: u32 = 5;
/// How far apart it is logged that some are turned away.
const TOLD: Duration = Duration::from_secs(60);
/// How long it is remembered who was let in and from where, and is asked about again however many others come.
const REMEMBERED: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
/// How long one waits for his turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the API server about readers, and keeps its answers for a while.
#[derive(Clone)]
pub struct Readers {
    reviews: Reviews,
    turns: Arc<Semaphore>,
    kept: Arc<Mutex<VecDeque<Kept>>>,
    spent: Arc<Mutex<Spent>>,
}

/// How many tokens were reviewed in this second that were not let in before.
struct Spent {
    since: Instant,
    /// From addresses from which somebody was.
    known: u32,
    /// From all others, by address.
    strangers: HashMap<IpAddr, u32>,
    /// How many addresses those were in the second before.
    before: usize,
    /// How many were turned away that were not logged.
    turned_away: u32,
    /// When it was logged last.
    told: Option<Instant>,
}

impl Spent {
    fn new() -> Self {
        let strangers = HashMap::new();
        Spent { since: Instant::now(), known: 0, strangers, before: 0, turned_away: 0, told: None }
    }

    /// Begins another second if this one is over.
    fn go_on(&mut self) {
        let passed = self.since.elapsed();
        if passed < SECOND {
            return;
        }
        self.before = if passed < SECOND.saturating_mul(2) { self.strangers.len() } else { 0 };
        (self.since, self.known) = (Instant::now(), 0);
        self.strangers.clear();
    }

    /// True if there is room for one more from this address, which is taken then.
    fn has_room(&mut self, from: IpAddr, is_known: bool) -> bool {
        if is_known {
            self.known = self.known.saturating_add(1);
            return self.known <= A_SECOND;
        }
        let shares = u32::try_from(self.before).unwrap_or(u32::MAX).saturating_add(1);
        let share = A_SECOND.div_euclid(shares).clamp(1, OF_ADDRESS);
        let all = self.strangers.values().sum::<u32>();
        let own = self.strangers.get(&from).copied().unwrap_or(0);
        if all >= A_SECOND || own >= share {
            return false;
        }
        self.strangers.insert(from, own.saturating_add(1));
        true
    }

    /// One is turned away; how many were since that was logged last, if it is to be logged now.
    fn turn_away(&mut self) -> Option<u32> {
        self.turned_away = self.turned_away.saturating_add(1);
        if self.told.is_some_and(|told| told.elapsed() < TOLD) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(mem::take(&mut self.turned_away))
    }
}

/// Why nobody knows whether to let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// The API server does not say.
    Unanswered,
    /// It is not asked about so many.
    TooMany,
}

struct Kept {
    token: [u8; 32],
    from: IpAddr,
    review: Review,
    since: Instant,
}

impl Kept {
    fn is_of_use(&self) -> bool {
        self.is_good() || self.review == Review::Allowed && self.since.elapsed() < REMEMBERED
    }

    fn is_good(&self) -> bool {
        let lasts = if self.review == Review::Allowed { LET_IN } else { TURNED_AWAY };
        self.since.elapsed() < lasts
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers")
    }
}

impl Readers {
    /// Those of whom these reviews speak well.
    pub fn new(reviews: Reviews) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Readers { reviews, turns, kept: Arc::default(), spent: Arc::new(Mutex::new(Spent::new())) }
    }

    /// Lets in whoever may read this path and asks from this address.
    ///
    /// # Errors
    ///
    /// The answer to whoever may not, or whom the API server cannot be asked about now.
    pub(super) async fn admit(&self, headers: &HeaderMap, from: IpAddr, path: &str) -> Result<(), Response> {
        let Some(token) = bearer(headers) else {
            return Err(unauthorized("show a bearer token of a ServiceAccount"));
        };
        match self.review(token, from, path).await {
            Ok(Review::Allowed) => Ok(()),
            Ok(Review::Unknown) => Err(unauthorized("the API server does not know this token")),
            Ok(Review::Forbidden) => {
                let advice =
                    "this user may not get /metrics: bind a ClusterRole to it that has this nonResourceURL";
                Err((StatusCode::FORBIDDEN, advice).into_response())
            }
            Err(Unknown::Unanswered) => {
                let cause = "the API server could not be asked who reads; the log of the operator says why";
                Err((StatusCode::SERVICE_UNAVAILABLE, cause).into_response())
            }
            Err(Unknown::TooMany) => {
                let advice = "too many tokens that nobody knows are shown at once: try again in a second";
                let later = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
                Err((StatusCode::TOO_MANY_REQUESTS, later, advice).into_response())
            }
        }
    }

    /// What the API server says, or said a moment ago.
    async fn review(&self, token: &str, from: IpAddr, path: &str) -> Result<Review, Unknown> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(review) = self.known(&hash) {
            return Ok(review);
        }
        let turn = time::timeout(PATIENCE, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            tracing::warn!("too many tokens of readers of metrics are being reviewed");
            return Err(Unknown::TooMany);
        };
        // Somebody may have asked meanwhile.
        if let Some(review) = self.known(&hash) {
            return Ok(review);
        }
        if !self.was_let_in(|kept| kept.token == hash) && !self.may_review(from) {
            return Err(Unknown::TooMany);
        }
        match self.reviews.may_get(token, path).await {
            Ok(review) => {
                self.keep(hash, from, review);
                Ok(review)
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "cannot ask who may read metrics");
                Err(Unknown::Unanswered)
            }
        }
    }

    fn known(&self, token: &[u8; 32]) -> Option<Review> {
        let mut kept = self.kept();
        kept.retain(Kept::is_of_use);
        kept.iter().find(|kept| kept.token == *token && kept.is_good()).map(|kept| kept.review)
    }

    fn was_let_in(&self, is_it: impl Fn(&Kept) -> bool) -> bool {
        self.kept().iter().any(|kept| kept.review == Review::Allowed && is_it(kept))
    }

    /// Counts one more token that nobody knows; false if there were too many in this second.
    fn may_review(&self, from: IpAddr) -> bool {
        let is_known = self.was_let_in(|kept| kept.from == from);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.go_on();
        if spent.has_room(from, is_known) {
            return true;
        }
        tracing::debug!(%from, "a token that nobody knows wants to read metrics, and was turned away: too many do");
        if let Some(count) = spent.turn_away() {
            tracing::warn!(%from, count, "tokens that nobody knows want to read metrics, and are turned away: too many do");
        }
        false
    }

    /// Many made-up tokens push out one another, and nobody who may read.
    fn keep(&self, token: [u8; 32], from: IpAddr, review: Review) {
        let mut kept = self.kept();
        kept.retain(|kept| kept.token != token);
        if kept.len() >= KEPT {
            let first = kept.iter().position(|kept| kept.review != Review::Allowed).unwrap_or_default();
            kept.remove(first);
        }
        kept.push_back(Kept { token, from, review, since: Instant::now() });
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of the header `Authorization`, if it has one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unauthorized(advice: &'static str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, challenge, advice).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::{Value, json};

    use super::*;

    /// Readers of whom an API server speaks that knows two tokens, one of which may read; and how often it was asked.
    fn readers(answers: bool) -> (Readers, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                let body = request.into_body().collect_bytes().await.unwrap();
                let mut review: Value = serde_json::from_slice(&body).unwrap();
                review["status"] = match review["spec"]["token"].as_str() {
                    Some(token) => {
                        json!({ "authenticated": token != "unknown", "user": { "username": token, "groups": ["g"] } })
                    }
                    None => json!({ "allowed": review["spec"]["user"] == "prometheus" }),
                };
                let status = if answers { 201 } else { 500 };
                let body = kube::client::Body::from(review.to_string().into_bytes());
                Ok::<_, std::io::Error>(http::Response::builder().status(status).body(body).unwrap())
            }
        });
        (Readers::new(Reviews::new(kube::Client::new(service, "default"))), asked)
    }

    async fn status(readers: &Readers, authorization: &str) -> u16 {
        status_from(readers, 1, authorization).await
    }

    async fn status_from(readers: &Readers, address: u8, authorization: &str) -> u16 {
        let headers = [(header::AUTHORIZATION, authorization.parse().unwrap())].into_iter().collect();
        readers
            .admit(&headers, [127, 0, 0, address].into(), "/metrics")
            .await
            .err()
            .map_or(200, |answer| answer.status().as_u16())
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_read_is_let_in_and_the_api_server_is_asked_about_nobody_twice_in_a_row() {
        let (readers, asked) = readers(true);
        let rows = [
            ("Bearer prometheus", 200, 2),
            ("bearer prometheus", 200, 0),
            ("Bearer somebody", 403, 2),
            ("Bearer somebody", 403, 0),
            ("Bearer unknown", 401, 1),
            ("Bearer unknown", 401, 0),
            ("Bearer ", 401, 0),
            ("Basic cHJvbWV0aGV1cw==", 401, 0),
            ("", 401, 0),
        ];
        for (authorization, expected, questions) in rows {
            let before = asked.load(Ordering::SeqCst);
            assert_eq!(status(&readers, authorization).await, expected, "{authorization}");
            assert_eq!(asked.load(Ordering::SeqCst) - before, questions, "{authorization}");
        }
        time::advance(TURNED_AWAY).await;
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        assert_eq!(asked.load(Ordering::SeqCst), before);
        assert_eq!(status(&readers, "Bearer somebody").await, 403);
        assert_eq!(asked.load(Ordering::SeqCst), before + 2, "it may have been granted meanwhile");
        time::advance(LET_IN).await;
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        assert_eq!(asked.load(Ordering::SeqCst), before + 4, "it may have been taken away meanwhile");
    }

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_is_no_refusal() {
        let (readers, _) = readers(false);
        assert_eq!(status(&readers, "Bearer prometheus").await, 503);
        assert!(readers.kept().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_tokens_take_no_room_from_who_may_read() {
        let (readers, asked) = readers(true);
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        time::advance(Duration::from_secs(1)).await;
        for number in 0..2 * KEPT {
            assert_eq!(status(&readers, &format!("Bearer made-up-{number}")).await, 403);
            time::advance(Duration::from_millis(100)).await;
        }
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        assert_eq!((asked.load(Ordering::SeqCst), readers.kept().len()), (before, KEPT));
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_tokens_are_reviewed_ten_times_a_second_and_keep_out_nobody_who_was_let_in() {
        let (readers, asked) = readers(true);
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        for second in 0..3 {
            time::advance(LET_IN).await;
            let before = asked.load(Ordering::SeqCst);
            let mut answers = Vec::new();
            for number in 0..30 {
                let token = format!("Bearer made-up-{second}-{number}");
                answers.push(status_from(&readers, 2 + number % 2, &token).await);
            }
            assert_eq!(answers, [[403; 10].as_slice(), &[429; 20]].concat());
            assert_eq!(asked.load(Ordering::SeqCst), before + 20, "each of the ten is two reviews");
            assert_eq!(status(&readers, "Bearer prometheus").await, 200);
            // The token of Prometheus is renewed about once an hour.
            assert_eq!(status(&readers, &format!("Bearer renewed-{second}")).await, 403, "it is reviewed");
        }
        // Who could once does not pass by the bound for ever.
        time::advance(REMEMBERED).await;
        for number in 0..10 {
            assert_eq!(status_from(&readers, 2 + number % 2, &format!("Bearer made-up-{number}")).await, 403);
        }
        assert_eq!(status(&readers, "Bearer prometheus").await, 429);
        time::advance(Duration::from_secs(1)).await;
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_never_let_in_finds_room_beside_several_who_make_tokens_up_without_end() {
        for attackers in [2_u8, 9] {
            let (readers, asked) = readers(true);
            for second in 0..3 {
                let before = asked.load(Ordering::SeqCst);
                for number in 0..200_u8 {
                    let token = format!("Bearer made-up-{second}-{number}");
                    status_from(&readers, 2 + number % attackers, &token).await;
                }
                // The leader has changed: nobody knows who may.
                let expected = if second == 0 { 429 } else { 200 };
                assert_eq!(status(&readers, "Bearer prometheus").await, expected, "{attackers} in {second}");
                let reviews = asked.load(Ordering::SeqCst) - before;
                assert!(reviews <= 20, "each of the ten is two reviews: {reviews}");
                time::advance(SECOND).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_logged_once_a_minute_how_many_are_turned_away() {
        let mut spent = Spent::new();
        assert_eq!([spent.turn_away(), spent.turn_away(), spent.turn_away()], [Some(1), None, None]);
        time::advance(TOLD).await;
        spent.go_on();
        assert_eq!([spent.turn_away(), spent.turn_away()], [Some(3), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_makes_tokens_up_at_one_address_leaves_room_for_others_that_were_never_let_in() {
        let (readers, _) = readers(true);
        let mut answers = Vec::new();
        for number in 0..30 {
            answers.push(status_from(&readers, 2, &format!("Bearer made-up-{number}")).await);
        }
        assert_eq!(answers, [[403; 5].as_slice(), &[429; 25]].concat());
        assert_eq!(status(&readers, "Bearer prometheus").await, 200);
        for number in 0..30 {
            status(&readers, &format!("Bearer made-up-too-{number}")).await;
        }
        assert_eq!(
            status(&readers, "Bearer another").await,
            429,
            "from where somebody may read there is a bound too"
        );
    }
}
