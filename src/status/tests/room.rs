//! How large a status gets, and what stands in it when there is no room for everything.

use super::{
    super::room::{LONGEST, fitted, size},
    *,
};
use crate::{
    api::{
        FurtherOldToken, InterruptedRotation, Phase, RequirementStatus, RotatedToken, RotationStatus,
        StatusDigest,
    },
    domain::{
        answer::{Account, Grant},
        candidate::{Candidate, Considered, Standing},
        consumer::{Consumer, Consumers, Use},
        knowledge::Proven,
        permission::TABLE,
        probe::Probe,
        probing::schedule::Past,
        proof::{Denial, Facts, Lifetime, Proof, Role, Visibility},
        requirement::Requirement,
        scopes::Scopes,
        token::TokenKind,
    },
};

/// A name of this length that is no other one's.
fn name(number: usize, length: usize) -> String {
    format!("{number:02}{}", "n".repeat(length - 2))
}

/// As much as the schema allows of everything, with names of these lengths.
fn most(kind: TokenKind, (login, repository, image): (usize, usize, usize)) -> Requirement {
    let named = |count: usize, of: &dyn Fn(usize) -> String| -> Vec<_> {
        (0..count).map(|number| serde_json::json!({ "name": of(number) })).collect()
    };
    let path = |number: usize, length: usize| format!("{}/{}", name(0, login), name(number, length));
    let mut repositories = named(16, &|number| path(number, repository));
    repositories.iter_mut().for_each(|repository| repository["access"] = serde_json::json!("Push"));
    let mut keys: Vec<_> = TABLE.iter().filter(|row| row.read.is_some()).map(|row| row.key).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    let permissions = |keys: &[&str]| -> serde_json::Map<_, _> {
        keys.iter().map(|key| ((*key).to_owned(), serde_json::json!("read"))).collect()
    };
    let of_tokens = if kind == TokenKind::FineGrained { 1 } else { 8 };
    serde_json::from_value(serde_json::json!({
        "organizations": named(of_tokens, &|number| name(number, login)),
        "repositories": repositories,
        "packages": named(8, &|number| path(number, image)),
        "permissions": permissions(&keys[..16]),
        "forbid": { "permissions": permissions(&keys[16..32]) },
        "scopes": (0..64).map(|number: u8| format!("{}:{}", char::from(b'a' + number % 26), "s".repeat(usize::from(number / 26) + 50))).collect::<Vec<_>>(),
    }))
    .unwrap()
}

fn facts(moved_to: Option<&str>) -> Facts {
    let moved_to = moved_to.map(Into::into);
    Facts { visibility: Some(Visibility::Internal), archived: false, moved_to, role: Some(Role::Maintain) }
}

/// What GitHub may answer to everything.
fn answers() -> Vec<(&'static str, fn(&Probe) -> Proof)> {
    let moved = "m".repeat(39) + "/" + &"m".repeat(100);
    assert_eq!(moved.len(), 140);
    vec![
        ("nothing speaks against it", |probe| {
            let is_repository = matches!(probe, Probe::Repository(_));
            Proof::Held(if is_repository { facts(None) } else { Facts::default() })
        }),
        ("everything has moved", |probe| {
            let moved = "m".repeat(39) + "/" + &"m".repeat(100);
            let is_repository = matches!(probe, Probe::Repository(_));
            Proof::Held(if is_repository { facts(Some(&moved)) } else { Facts::default() })
        }),
        ("single sign-on", |probe| match probe {
            Probe::Package(_) => Proof::Denied(Denial::Refused),
            _ => Proof::Denied(Denial::SsoRequired),
        }),
        ("a policy on lifetimes", |probe| match probe {
            Probe::Package(_) => Proof::Denied(Denial::Refused),
            _ => Proof::Denied(Denial::LifetimeForbidden(Lifetime {
                days: Some(u16::MAX),
                token: Some(i64::MAX),
            })),
        }),
        ("what is seen may not be used", |probe| match probe {
            Probe::Organization(_) => Proof::Held(Facts::default()),
            Probe::Repository(_) => Proof::Held(facts(None)),
            Probe::Permission(..) => Proof::Denied(Denial::PermissionMissing),
            Probe::Push(_) | Probe::Package(_) => Proof::Denied(Denial::Refused),
            _ => Proof::Denied(Denial::NotFound),
        }),
        ("nothing is told", |probe| match probe {
            Probe::Package(_) | Probe::Push(_) => Proof::Denied(Denial::Refused),
            _ => Proof::Denied(Denial::Undecided(format!("403 {}", ["12345678"; 5].join(":")).parse().ok())),
        }),
    ]
}

/// A connection with all of it, and this answered to all that is asked.
fn crowded(
    kind: TokenKind,
    lengths: (usize, usize, usize),
    output: usize,
    answer: fn(&Probe) -> Proof,
) -> Observation {
    let text = match kind {
        TokenKind::FineGrained => ["github_pat_", &"a".repeat(22), "_", &"b".repeat(59)].concat(),
        _ => ["ghp_", &"a".repeat(36)].concat(),
    };
    let token = Token::try_from(text.as_bytes()).unwrap();
    let scopes: Scopes = (0..9).map(|number| format!("x{}", "y".repeat(60 + number / 9))).collect();
    let grant = Grant {
        account: Some(Account { login: "l".repeat(39).into(), id: i64::MAX }),
        scopes: Some(scopes),
        expiry: Expiry::At(at(T + DAY)),
    };
    let mut seen = seen().with(|seen| {
        seen.token = Verdict::Yes(token.describe());
        seen.bytes = Some(token);
        if let Verdict::Yes(host) = &mut seen.host {
            host.name = "h".repeat(253).into();
        }
        seen.demand.requirement = most(kind, lengths);
        seen.demand.outputs =
            (0..16).map(|number| Output::new(&name(number, output), Format::DockerConfigJson)).collect();
        seen.demand.warn_before = vec![SignedDuration::from_hours(168)];
    });
    seen.knowledge
        .learn(crate::domain::answer::Reply::Answer(crate::domain::answer::Answer::Granted(grant)), at(T));
    let hidden: Vec<_> = (0..10).map(|number| i64::MAX - number).collect();
    seen.knowledge.hidden.learn(&Probe::Identity, &hidden);
    let seen_outputs: Vec<_> = (0..16).map(|number| ours(&name(number, output), OTHER)).collect();
    let mut seen = seen.finds(&seen_outputs);
    loop {
        let asked: Vec<_> =
            seen.probes().into_iter().filter(|probe| !seen.knowledge.proofs.contains_key(probe)).collect();
        if asked.is_empty() {
            return seen;
        }
        let proven = |probe: Probe| {
            let proof = answer(&probe);
            (probe, Proven::remembered(proof, at(T)))
        };
        seen.knowledge.proofs.extend(asked.into_iter().map(proven));
    }
}

/// Ten changes of Ready, each with the longest reason.
fn full_history() -> Vec<crate::api::ReadyChange> {
    let longest = Reason::ALL.iter().max_by_key(|reason| reason.as_str().len()).unwrap();
    let change = |second| crate::api::ReadyChange {
        at: crate::api::time(at(second)),
        ready: crate::api::ConditionStatus::Unknown,
        reason: longest.as_str().to_owned(),
    };
    (0..10).map(|second| change(T + second)).collect()
}

/// What stands in the status beside the demands, the outputs and the token in use.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    /// Tokens that stand by, a rotation and consumers, all as long as can be.
    Most,
}

/// A rotation with names as long as they can be.
fn long_rotation() -> RotationStatus {
    let text = ["ghp_", &"c".repeat(36)].concat();
    let token = RotatedToken {
        secret_name: "s".repeat(253),
        kind: TokenKind::FineGrained,
        hashed_token: Token::try_from(text.as_bytes()).unwrap().describe().hashed,
        login: Some("l".repeat(39)),
    };
    RotationStatus {
        phase: Phase::SafeToRevoke,
        old_token: token.clone(),
        further_old_tokens: vec![FurtherOldToken::from(&token); 3],
        old_host: None,
        new_token: token,
        started_at: crate::api::time(at(T)),
        written_at: None,
        published_at: Some(crate::api::time(at(T))),
        written_anew_at: Some(crate::api::time(at(T))),
        interrupted: None,
        message: "m".repeat(256),
        other_connections: Some(i64::MAX),
        old_token_ended: None,
        revoke_at: Some(format!("https://{}/settings/personal-access-tokens", "h".repeat(253))),
    }
}

/// A rotation to another host that interrupts another one, with names as long as they can be.
fn moved_rotation() -> RotationStatus {
    let over = long_rotation();
    let instant = || crate::api::time(at(T));
    RotationStatus {
        phase: Phase::Proving,
        old_host: Some("h".repeat(253)),
        written_at: Some(instant()),
        published_at: None,
        other_connections: None,
        revoke_at: None,
        interrupted: Some(InterruptedRotation {
            hashed_token: over.new_token.hashed_token,
            started_at: instant(),
            published_at: instant(),
            written_anew_at: Some(instant()),
        }),
        ..over
    }
}

/// A Secret of five, of which the first is in use.
fn considered(place: usize, seen: &Observation) -> Considered {
    let name = format!("{place}{}", "s".repeat(252));
    let mut candidate = Candidate::new(&name, seen, None);
    candidate.standing = Standing::Unusable(Finding::new(Reason::WriteFailed, "<&>".repeat(900)));
    (candidate, (place > 0).then(|| Box::new(seen.clone())))
}

/// More Pods than the status names.
fn consumers() -> Consumers {
    let pod = |number: usize| Consumer {
        kind: "ServiceAccount",
        name: name(number % 100, 100),
        output: "out".to_owned(),
        used: Use::AtStart,
        taken_on: None,
        started: None,
    };
    Consumers {
        all: (0..99).map(pod).collect(),
        // As many as there are.
        forbidden: vec![
            "pods",
            "serviceaccounts",
            "deployments",
            "statefulsets",
            "daemonsets",
            "jobs",
            "cronjobs",
            "replicasets",
            "controllerrevisions",
        ],
        unread: vec!["gitrepositories"],
        ..Consumers::default()
    }
}

/// What is written after this status, in a world that says as much as it can.
fn told(beside: Beside, previous: Option<&Status>, seen: &Observation) -> Option<Status> {
    let host = "h".repeat(253);
    let page = format!("https://{host}/organizations/{}/settings/personal-access-tokens", "o".repeat(39));
    let links = Links {
        create_token: format!("https://{host}/settings/tokens/new?{}", "&x=y".repeat(180)),
        fill_in: Some("é".repeat(450)),
        act_on: Some(page.clone()),
        also_act_on: vec![page.clone(); 7],
        token: Some(page),
    };
    let (decision, summary) = (decide(seen), previous.cloned().map(StatusSummary::from));
    let policy = Finding::new(Reason::WriteFailed, "<policy>&\"é\u{1}".repeat(9_000));
    let stands: Vec<_> =
        decision.stands.iter().map(|(name, _)| (*name, Stand::Refused(policy.clone()))).collect();
    let secret = "s".repeat(253);
    let source = format!("Secret {secret}");
    let labels = (0..10).map(|number| (format!("label-{number}"), "x".repeat(63))).collect();
    let withdrawn = WithdrawnOutput { secret_name: "w".repeat(111), labels, annotations: Default::default() };
    assert_eq!(serde_json::to_string(&withdrawn).unwrap().len(), 899, "as much as there may be");
    let standbys: Vec<_> = (0..5).map(|place| considered(place, seen)).collect();
    let following = Following { consumers: Some(consumers()), ..Following::default() };
    let is_most = beside == Beside::Most;
    let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
    let pass = Pass {
        seen,
        decision: &decision,
        stands: &stands,
        others: &[],
        withdrawn_outputs: Some(&[withdrawn]),
        source: &source,
        secret_name: &secret,
        links: Some(&links),
        raised_from: Some(SignedDuration::from_secs(10)),
        standbys: is_most.then_some(Standbys { all: &standbys, place: 0, since: Some(at(T)), back_at: None }),
        after: if is_most { after } else { After::default() },
        web: None,
        handled_request: Some(&"r".repeat(256)),
    };
    next(Before { summary: summary.as_ref(), conditions: &[] }, Some(i64::MAX), &pass)
}

#[test]
fn a_status_stays_below_8_kib_whatever_is_demanded_and_said_and_forgets_nothing() {
    for kind in [TokenKind::Classic, TokenKind::FineGrained] {
        for (lengths, output) in [((39, 100, 215), 253), ((12, 20, 20), 40)] {
            for (name, answer) in answers() {
                let seen = crowded(kind, lengths, output, answer);
                for beside in [Beside::Nothing, Beside::Most] {
                    let name = format!("{kind:?}, names of {output}, {beside:?} beside: {name}");
                    let full = full(beside, &seen);
                    let calm = seen.clone().with(|seen| seen.demand.warn_before.clear());
                    let status = told(beside, Some(&full), &calm).unwrap();
                    for status in [&full, &status] {
                        let bytes = serde_json::to_string(status).unwrap().len();
                        let sum = size(status);
                        assert!(bytes <= LONGEST && sum <= LONGEST, "{name}: {bytes} {sum}");
                    }
                    let moved = fitted(Status { rotation: Some(moved_rotation()), ..full.clone() });
                    assert!(size(&moved) <= LONGEST, "{name}: {}", size(&moved));
                    assert_eq!(fitted(moved.clone()), moved, "{name}");
                    tells_first_what_is_not_met(&name, &seen, &full);
                    asks_nothing_again(&name, beside, &seen, &full);
                }
            }
        }
    }
}

/// The status of a connection with a long past.
fn full(beside: Beside, seen: &Observation) -> Status {
    let first = told(beside, None, seen).unwrap();
    let rotation = (beside == Beside::Most).then(long_rotation);
    let past =
        Status { history: full_history(), rotation, ..told(beside, Some(&first), seen).unwrap_or(first) };
    told(beside, Some(&past), seen).unwrap_or(past)
}

fn tells_first_what_is_not_met(name: &str, seen: &Observation, status: &Status) {
    let decision = decide(seen);
    let lines: Vec<_> = decision.judgement.lines.iter().map(RequirementStatus::from).collect();
    let further = status.further_requirements.as_ref();
    let (count, not_met) = further.map(|further| (further.count, further.not_met)).unwrap_or_default();
    let all = status.requirements.len() + usize::try_from(count).unwrap();
    assert_eq!(all, lines.len(), "{name}: each stands in a line or is counted");
    let is_not_met = |line: &&RequirementStatus| line.state == crate::domain::requirement::State::NotMet;
    let told = status.requirements.iter().filter(is_not_met).count();
    assert_eq!(told + usize::try_from(not_met).unwrap(), lines.iter().filter(is_not_met).count(), "{name}");
    if told < status.requirements.len() {
        assert_eq!(not_met, 0, "{name}: what is not met comes first");
    }
    let ready = status.message("Ready").unwrap();
    assert!(ready.len() > 100 && status.message("RequirementsMet").unwrap().len() > 20, "{name}: {ready}");
}

/// What another process knows by the status: no proof is asked for again, and what it says stands there.
fn asks_nothing_again(name: &str, beside: Beside, seen: &Observation, status: &Status) {
    let stored: Status = serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap();
    let digest = StatusDigest::from(stored.clone());
    let host = seen.host.yes().unwrap().name.clone();
    let again = seen.clone().at(T + 5).with(|again| {
        let hashed = seen.token.yes().unwrap().hashed;
        again.knowledge = digest.knowledge(hashed, &host, &seen.demand.requirement);
        again.past = Past::unasked(again.now);
    });
    // A line tells less of a denial than GitHub did, and what it tells is known again.
    let held = |proven: Option<&Proven>| proven.and_then(Proven::proof).map(Proof::is_held);
    for probe in again.probes() {
        let (known, before) = (again.knowledge.proofs.get(&probe), seen.knowledge.proofs.get(&probe));
        assert_eq!(held(known), held(before), "{name}: {probe:?} is remembered");
        let at = |proven: Option<&Proven>| proven.and_then(|proven| proven.last.as_ref().map(|(_, at)| *at));
        assert_eq!(at(known), at(before), "{name}: {probe:?} is remembered");
    }
    assert_eq!(again.probes().len(), seen.probes().len(), "{name}");
    let due: Vec<_> = again.proofs_due().into_iter().filter(|(_, at)| *at <= again.now).collect();
    assert_eq!(due, [], "{name}");
    assert_eq!(told(beside, Some(&stored), &again), None, "{name}: nothing is written");
}

#[test]
fn a_status_of_a_few_demands_has_a_line_for_each_in_their_order() {
    let seen = crowded(TokenKind::FineGrained, (8, 12, 12), 12, |_| Proof::Held(Facts::default()));
    let seen = seen.with(|seen| {
        let requirement = &mut seen.demand.requirement;
        requirement.repositories.truncate(3);
        requirement.packages.clear();
        while requirement.permissions.len() > 3 {
            requirement.permissions.pop_last();
        }
        requirement.forbid.permissions.clear();
        requirement.scopes.clear();
        seen.demand.outputs.truncate(2);
    });
    let status = status(None, &seen);
    assert_eq!(status.further_requirements, None);
    let lines = decide(&seen).judgement.lines;
    assert_eq!(status.requirements, lines.iter().map(RequirementStatus::from).collect::<Vec<_>>());
}

#[test]
fn a_crowded_status_stays_below_8_kib_when_it_is_suspended_or_cannot_be_read() {
    let (_, answer) = answers().remove(2);
    let seen = crowded(TokenKind::FineGrained, (39, 100, 215), 253, answer);
    for beside in [Beside::Nothing, Beside::Most] {
        let full = full(beside, &seen);
        let summary = StatusSummary::from(full.clone());
        let unread = unreadable(Some(&summary), Some(4), &"\"<spec>".repeat(9_000), at(T + 99)).unwrap();
        let paused = seen.clone().suspended();
        let suspended = told(beside, Some(&full), &paused).unwrap();
        for (name, status) in [("unreadable", unread), ("suspended", suspended)] {
            assert!(size(&status) <= LONGEST, "{name}: {}", size(&status));
            let count =
                |status: &Status| status.further_requirements.as_ref().map_or(0, |further| further.count);
            let all = |status: &Status| status.requirements.len() + usize::try_from(count(status)).unwrap();
            assert_eq!(all(&status), all(&full), "{name}");
            asks_nothing_again(
                name,
                beside,
                &seen,
                &Status { conditions: full.conditions.clone(), ..full.clone() },
            );
        }
    }
}

#[test]
fn every_ordinary_status_is_much_smaller() {
    for (name, seen) in histories() {
        assert!(size(&status(None, &seen)) < 4096, "{name}");
    }
    let endless = "€".repeat(100_000);
    let bad = seen().with(|seen| seen.token = Verdict::no(Reason::KeyNotFound, endless));
    let status = status(None, &bad);
    assert!(size(&status) < 4096 && status.message("Ready").unwrap().ends_with('…'));
}
