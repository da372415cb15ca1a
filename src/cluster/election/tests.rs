#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;

const TERMS: Terms = Terms {
    lease_duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};

fn lease(version: &str, holder: &str, seconds: impl Into<Option<i32>>) -> Option<ElectionRecord> {
    Some(ElectionRecord {
        version: ("u".to_owned(), version.to_owned()),
        holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
        seconds: seconds.into(),
        renewed: Some(format!("2026-01-01T00:00:0{version}.000000Z")),
    })
}

/// The same as the holder of this other version had it when it renewed it last.
fn written_over(version: &str, lease: Option<ElectionRecord>) -> Option<ElectionRecord> {
    lease.map(|lease| ElectionRecord {
        renewed: Some(format!("2026-01-01T00:00:0{version}.000000Z")),
        ..lease
    })
}

/// After how many seconds a replica may take the Lease that saw this, each at a second since it began.
fn free_after(seen: &[(u64, Option<ElectionRecord>)]) -> u64 {
    let start = Instant::now();
    let mut waiting = Waiting::new("me".to_owned(), TERMS);
    assert_eq!(waiting.free_at(), None, "before it looked");
    for (second, record) in seen {
        waiting.see(record.as_ref(), start + Duration::from_secs(*second));
    }
    (waiting.free_at().unwrap() - start).as_secs()
}

#[test]
fn a_replica_waits_for_as_long_as_the_leader_may_count_on_the_lease() {
    let rows = [
        ("there is none: somebody may have deleted it", vec![(1, None)], 16),
        ("there is none, seen twice", vec![(1, None), (3, None)], 16),
        ("held by another", vec![(1, lease("1", "you", 15))], 16),
        ("renewed", vec![(1, lease("1", "you", 15)), (3, lease("2", "you", 15))], 18),
        ("seen again as it was", vec![(1, lease("1", "you", 15)), (3, lease("1", "you", 15))], 16),
        ("released", vec![(1, lease("1", "you", 15)), (3, lease("2", "", 1))], 3),
        ("released before it came", vec![(1, lease("2", "", 1))], 1),
        ("ours: the answer was lost", vec![(1, lease("1", "you", 15)), (3, lease("2", "me", 15))], 3),
        ("a leader with a longer lease", vec![(1, lease("1", "you", 60))], 61),
        ("a leader with a shorter lease", vec![(1, lease("1", "you", 5))], 16),
        ("another leader", vec![(1, lease("1", "you", 60)), (2, lease("2", "her", 15))], 17),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(free_after(&seen), expected, "{name}");
    }
}

#[test]
fn what_somebody_does_to_the_lease_by_hand_makes_nobody_lead_beside_the_leader() {
    let held = || (1, lease("1", "you", 15));
    let rows = [
        ("deleted", vec![held(), (2, None)], 17),
        ("deleted and created empty", vec![held(), (2, None), (4, lease("9", "", None))], 19),
        ("emptied", vec![held(), (2, lease("2", "", 15))], 17),
        ("without spec", vec![held(), (2, lease("2", "", None))], 17),
        ("as if it were given back", vec![held(), (2, written_over("1", lease("2", "", 1)))], 17),
        ("made by hand, or emptied before it came", vec![(1, lease("2", "", None))], 16),
        ("emptied of a longer one before it came", vec![(1, lease("2", "", 60))], 61),
        ("deleted before it came, and made by its leader", vec![(1, None), (3, lease("9", "you", 15))], 18),
        ("an hour", vec![(1, lease("1", "you", 3600))], 16),
        ("the longest number", vec![(1, lease("1", "you", i32::MAX))], 16),
        ("nothing", vec![(1, lease("1", "you", 0))], 16),
        ("less than nothing", vec![(1, lease("1", "you", i32::MIN))], 16),
        ("a second", vec![(1, lease("1", "you", 1))], 16),
        ("no duration", vec![(1, lease("1", "you", None))], 16),
        ("annotated", vec![held(), (5, lease("2", "you", 15))], 20),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(free_after(&seen), expected, "{name}");
    }
}

#[test]
fn clocks_of_others_count_for_nothing() {
    for renewed in [Some("0001-01-01T00:00:00.000000Z"), Some("9999-12-31T23:59:59.999999Z"), None] {
        let of = |version: &str| {
            lease(version, "you", 15)
                .map(|lease| ElectionRecord { renewed: renewed.map(str::to_owned), ..lease })
        };
        assert_eq!(free_after(&[(1, of("1"))]), 16, "{renewed:?}");
        assert_eq!(free_after(&[(1, of("1")), (9, of("2"))]), 24, "{renewed:?}");
    }
    // etcd restored: the version is one that was seen before, and the leader has renewed since.
    let restored =
        lease("1", "you", 15).map(|lease| ElectionRecord { renewed: Some("later".to_owned()), ..lease });
    assert_eq!(free_after(&[(1, lease("1", "you", 15)), (9, restored)]), 24);
}

#[test]
fn a_leader_keeps_what_nobody_else_has_taken() {
    let rows = [
        ("deleted", None, Claim::Create),
        ("ours: an answer was lost", lease("7", "me", 15), Claim::Renew),
        ("ours, with another duration", lease("7", "me", i32::MAX), Claim::Renew),
        ("emptied by hand", lease("7", "", 15), Claim::Renew),
        ("without spec", lease("7", "", None), Claim::Renew),
        ("taken", lease("7", "you", 15), Claim::Lost("you".to_owned())),
    ];
    for (name, lease, expected) in rows {
        assert_eq!(Leading::claim(lease.as_ref(), "me"), expected, "{name}");
    }
}

#[test]
fn a_leader_gives_up_before_anybody_else_can_lead_and_ends_its_writes_before_that() {
    let seconds = Duration::from_secs;
    let rows = [((15, 10, 2), 5, 5), ((60, 40, 15), 5, 5), ((3, 2, 1), 1, 1), ((10, 9, 2), 1, 5)];
    for ((lease_duration, renew_deadline, retry_period), write, request) in rows {
        let terms = Terms {
            lease_duration: seconds(lease_duration),
            renew_deadline: seconds(renew_deadline),
            retry_period: seconds(retry_period),
        };
        let (began, answered) = (Instant::now(), seconds(1));
        let leading = Leading::since(began, terms);
        assert_eq!(terms.write_deadline(seconds(5)), seconds(write), "{terms:?}");
        assert!(terms.request_deadline(seconds(5)) <= seconds(request), "{terms:?}");
        assert!(leading.gives_up_at() + terms.write_deadline(seconds(5)) <= leading.ends_at());
        // The other one counts from when it saw the renewal, which is after it began.
        let mut other = Waiting::new("other".to_owned(), terms);
        let seen = lease("1", "me", i32::try_from(lease_duration).unwrap());
        other.see(seen.as_ref(), began + answered);
        assert!(leading.ends_at() < other.free_at().unwrap(), "{terms:?}");
    }
}
