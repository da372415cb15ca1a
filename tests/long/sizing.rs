//! What docs/sizing.md says of the budgets, by the operator's own rules and a clock that is an argument.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    fs,
};

use github_pat_operator::{
    domain::{
        answer::{Answer, Expiry, Grant, Reply},
        probe::Probe,
        probing::{
            Limits, Question, Urgency,
            admission::{Admission, Metadata, Step},
        },
        shard::Shard,
        token::Token,
    },
    settings::{Settings, SettingsInput, from_yaml},
};
use jiff::{SignedDuration, Timestamp};

/// The plan of docs/sizing.md.
const NAMESPACES: usize = 10_000;
const TOKENS_OF_EACH: usize = 10;
const SHARDS: u16 = 4;
/// How long GitHub takes.
const LATENCY: SignedDuration = SignedDuration::from_millis(200);

/// What happens in a shard, by number of the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Due(usize),
    Answered(usize),
    Wake,
}

/// The questions that a shard has asked, and how long the one that waited longest did.
struct Asked {
    at: Vec<Timestamp>,
    longest: SignedDuration,
}

fn limits(shard: Shard) -> Limits {
    let input: SettingsInput = from_yaml(&format!("shard: {shard}")).unwrap();
    let settings = Settings::new(input, SettingsInput::default()).unwrap();
    settings.limited_hosts().next().unwrap().1
}

/// About a token that was accepted before and is due again.
fn question(token: usize) -> Question {
    let text = Token::try_from(format!("{}_{token:036}", "ghp").as_bytes()).unwrap();
    Question {
        hashed: text.hashed(),
        token: text,
        probe: Probe::Identity,
        urgency: Urgency::Routine,
        namespace: format!("team-{}", token / TOKENS_OF_EACH).into(),
        accepted_before: true,
        condemned: false,
        account: None,
    }
}

/// Each of these tokens is due once, at its instant. Whoever finds no room or gives way waits outside, and comes in their order once there
/// is some.
fn run(shard: Shard, due: &[(Timestamp, usize)]) -> Asked {
    let mut admission = Admission::new(limits(shard));
    let first: HashMap<_, _> = due.iter().map(|(at, token)| (*token, *at)).collect();
    let mut events: BinaryHeap<_> =
        due.iter().map(|(at, token)| Reverse((*at, Event::Due(*token)))).collect();
    let (mut outside, mut wakes_at) = (VecDeque::new(), None);
    let mut asked = Asked { at: Vec::new(), longest: SignedDuration::ZERO };
    let number = |question: &Question| question.token.expose()[4..].parse::<usize>().unwrap();
    while let Some(Reverse((now, event))) = events.pop() {
        match event {
            Event::Due(token) => outside.push_back(token),
            Event::Answered(token) => {
                let grant = Grant { account: None, scopes: None, expiry: Expiry::Never };
                let metadata = Metadata { answered: now, ..Metadata::default() };
                let reply = Reply::Answer(Answer::Granted(grant));
                admission.answered(&question(token), &reply, metadata, false);
            }
            Event::Wake => wakes_at = None,
        }
        loop {
            while let Some(token) = outside.pop_front() {
                match admission.push(question(token), now) {
                    Ok(gave_way) => {
                        gave_way.iter().for_each(|question| outside.push_front(number(question)));
                    }
                    Err(_) => {
                        outside.push_front(token);
                        break;
                    }
                }
            }
            let turn = admission.next(now);
            outside.extend(turn.turned_away.iter().map(|(question, _)| number(question)));
            match turn.step {
                Step::Ask(question) => {
                    let token = number(&question);
                    asked.at.push(now);
                    asked.longest = asked.longest.max(now.duration_since(first[&token]));
                    events.push(Reverse((now + LATENCY, Event::Answered(token))));
                }
                Step::Wait(at) => {
                    if let Some(at) = at.filter(|at| wakes_at.is_none_or(|before| *at < before)) {
                        wakes_at = Some(at);
                        events.push(Reverse((at.max(now + LATENCY / 20), Event::Wake)));
                    }
                    break;
                }
            }
        }
    }
    assert!(outside.is_empty(), "{} wait for ever", outside.len());
    asked
}

/// How many instants lie within a minute at most.
fn most_in_a_minute(mut all: Vec<Timestamp>) -> usize {
    all.sort();
    let (mut minute, mut most) = (VecDeque::new(), 0);
    for at in all {
        minute.push_back(at);
        while at.duration_since(minute[0]) >= SignedDuration::from_mins(1) {
            minute.pop_front();
        }
        most = most.max(minute.len());
    }
    most
}

/// All shards: how many connections each has, what all asked in a minute at most, the longest wait, and when the last one was asked.
fn all(due: impl Fn(usize) -> Timestamp) -> (Vec<usize>, usize, SignedDuration, Timestamp) {
    let (mut sizes, mut at, mut longest) = (Vec::new(), Vec::new(), SignedDuration::ZERO);
    for index in 0..SHARDS {
        let shard: Shard = format!("{index}/{SHARDS}").parse().unwrap();
        let own = (0..NAMESPACES).filter(|namespace| shard.has(&format!("team-{namespace}")));
        let tokens = own
            .flat_map(|namespace| (0..TOKENS_OF_EACH).map(move |token| namespace * TOKENS_OF_EACH + token));
        let due: Vec<_> = tokens.map(|token| (due(token), token)).collect();
        let asked = run(shard, &due);
        assert_eq!(asked.at.len(), due.len(), "each is asked once");
        sizes.push(due.len());
        longest = longest.max(asked.longest);
        at.extend(asked.at);
    }
    let last = *at.iter().max().unwrap();
    (sizes, most_in_a_minute(at), longest, last)
}

#[test]
fn four_shards_ask_about_a_hundred_thousand_tokens_within_the_budget_of_one_host() {
    let begin = Timestamp::from_second(1_800_000_000).unwrap();
    let mut page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sizing.md")).unwrap();
    page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, minutes) in [("4 h", 240), ("3 h 10 min", 190), ("2 h", 120)] {
        // Spread over the interval, as the instants are that follow from the hash of the token.
        let spread = |token: usize| {
            let share = (token as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
            begin + SignedDuration::from_mins(minutes) * i32::try_from(share).unwrap() / (1 << 16)
        };
        let (sizes, most, longest, last) = all(spread);
        assert!(most <= 600, "{most} in a minute");
        let (least, largest) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        let (waited, took) = (longest.as_mins(), last.duration_since(begin).as_mins());
        for told in [
            format!("between {least} and {largest} connections"),
            format!("| {name} | {most} | {waited} min | {took} min |"),
        ] {
            assert!(page.contains(&told), "docs/sizing.md does not say: {told}");
        }
    }
}
