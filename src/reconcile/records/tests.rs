use super::*;
use crate::domain::token::Token;

fn version(resource_version: &str) -> Version {
    Version { uid: "s".into(), resource_version: resource_version.into() }
}

fn token(letter: &str) -> Token {
    Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn subject(host: &str, letter: &str) -> Subject {
    Subject { host: host.into(), token: token(letter).hashed() }
}

fn record() -> Record {
    Record::new("uid".into(), Timestamp::UNIX_EPOCH)
}

#[test]
fn an_output_that_we_wrote_stays_ours_when_it_is_found_changed() {
    let (mut record, seven, eight) = (record(), version("7"), version("8"));
    let other = Holds::Other { same_token: false, fixed: false };
    record.verify("out", &seven, None, Holds::Wanted, true);
    record.verify("out", &eight, None, other, false);
    assert!(record.wrote("out", None));
    record.verify("found", &seven, None, other, false);
    assert!(!record.wrote("found", None), "it stood there before this process");
}

#[test]
fn former_versions_leave_nothing() {
    let mut record = record();
    for number in 0..100 {
        let name = format!("pull-{number:010}");
        record.verify(&name, &version("7"), None, Holds::Wanted, true);
        record.retain_outputs([&*name, "other"].into_iter());
        assert!(record.wrote(&name, None));
    }
    assert_eq!(record.outputs.len(), 1);
}

#[test]
fn a_refusal_that_a_status_remembers_contests_what_was_accepted_before() {
    let (records, one) = (Records::default(), subject("h", "a"));
    let at = |second| Timestamp::from_second(second).unwrap();
    records.remember_refusal(one.clone(), at(9));
    records.remember_refusal(one.clone(), at(5));
    assert_eq!([8, 9].map(|second| records.is_refused_since(&one, at(second))), [true, false]);
    assert!(!records.is_refused_since(&subject("i", "a"), at(1)), "another host");
    let key = ObjectKey::new("x", "a");
    records.share(&key, 0, None, &one, |_, _| {});
    records.share(&key, 0, Some(&one), &subject("i", "a"), |_, _| {});
    assert!(!records.is_refused_since(&one, at(1)), "nobody uses it any more");
}

#[test]
fn a_token_has_an_asker_as_long_as_one_connection_has_it_asked_about() {
    let records = Records::default();
    let (a, b, one) = (ObjectKey::new("x", "a"), ObjectKey::new("y", "b"), subject("h", "a"));
    let of_a = Record { first: Watched { subject: Some(one.clone()), ..record().first }, ..record() };
    for key in [&a, &b] {
        records.share(key, 0, None, &one, |_, _| {});
    }
    let told = std::cell::RefCell::new(Vec::new());
    let tell = |subject: &Subject, usage| {
        assert_eq!(*subject, one);
        told.borrow_mut().push(usage);
    };
    let interval = Some(SignedDuration::from_mins(5));
    records.follows(&a, 0, &one, interval, tell);
    assert_eq!(told.take(), [Usage::Asked]);
    records.follows(&b, 0, &one, interval, tell);
    records.rest(&a, Some(&of_a), tell);
    assert_eq!(told.take(), [], "the other one has it asked about");
    records.follows(&b, 0, &one, None, tell);
    assert_eq!(told.take(), [Usage::Unasked]);
    // An answer that was on its way may have come since.
    records.rest(&a, Some(&of_a), tell);
    assert_eq!(told.take(), [Usage::Unasked]);
    records.follows(&a, 0, &one, interval, tell);
    assert_eq!(told.take(), [Usage::Asked]);
    // As of a connection that is being deleted.
    records.put(&a, Box::new(of_a));
    records.rest(&a, None, tell);
    assert_eq!(told.take(), [Usage::Unasked]);
    // The one that has it asked about leaves it, or is gone.
    records.follows(&a, 0, &one, interval, tell);
    records.share(&a, 0, Some(&one), &subject("h", "b"), tell);
    assert_eq!(told.take(), [Usage::Asked, Usage::Unasked]);
    records.share(&a, 0, Some(&subject("h", "b")), &one, |_, _| {});
    records.follows(&a, 0, &one, interval, tell);
    records.forget(&a, tell);
    assert_eq!(told.take(), [Usage::Asked, Usage::Unasked]);
}

#[test]
fn a_token_is_given_back_when_the_last_connection_leaves_it() {
    let records = Records::default();
    let (a, b) = (ObjectKey::new("x", "a"), ObjectKey::new("y", "b"));
    let (one, two) = (subject("h", "a"), subject("i", "a"));
    let given_back = std::cell::RefCell::new(Vec::new());
    let forget = |subject: &Subject, usage| {
        if usage == Usage::Unused {
            given_back.borrow_mut().push(subject.clone());
        }
    };
    records.share(&a, 0, None, &one, forget);
    records.share(&b, 0, None, &one, forget);
    assert_eq!(records.sharing(&one).as_slice(), [a.clone(), b.clone()]);
    records.share(&a, 0, Some(&one), &two, forget);
    assert_eq!(given_back.borrow().as_slice(), [], "b uses it still");
    let mut record = Box::new(record());
    record.first.subject = Some(one.clone());
    records.put(&b, record);
    records.forget(&b, forget);
    assert_eq!(given_back.borrow().as_slice(), std::slice::from_ref(&one));
    assert_eq!((records.sharing(&one).len(), records.sharing(&two).as_slice()), (0, [a.clone()].as_slice()));
    let mut record = Box::new(Record::new("earlier".into(), Timestamp::UNIX_EPOCH));
    record.first.subject = Some(two.clone());
    records.put(&a, record);
    records.take(&a, &"later".into(), Timestamp::UNIX_EPOCH, forget);
    assert_eq!(given_back.borrow().as_slice(), [one, two], "a connection made anew under the same name");
    assert!(records.lock().records.is_empty() && records.lock().sharing.is_empty());
}
