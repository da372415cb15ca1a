//! A permission on several repositories or organizations.

use super::super::{
    super::{
        knowledge::{Proofs, Proven},
        permission::Permission,
        proof::{Denial, Facts, Proof, Visibility},
    },
    *,
};

const PRIVATE: Proof = seen(Visibility::Private);
const PUBLIC: Proof = seen(Visibility::Public);
const HELD: Proof = Proof::Held(Facts { visibility: None, archived: false, moved_to: None, role: None });
const MISSING: Proof = Proof::Denied(Denial::PermissionMissing);
const UNDECIDED: Proof = Proof::Denied(Denial::Undecided(None));
const HIDDEN: Proof = Proof::Denied(Denial::NotFound);

const fn seen(visibility: Visibility) -> Proof {
    Proof::Held(Facts { visibility: Some(visibility), archived: false, moved_to: None, role: None })
}

fn demanded(permissions: serde_json::Value, forbidden: serde_json::Value) -> Requirement {
    serde_json::from_value(serde_json::json!({
        "repositories": [{ "name": "acme/App" }, { "name": "acme/lib" }, { "name": "acme/web" }],
        "organizations": [{ "name": "acme" }, { "name": "Labs" }],
        "permissions": permissions,
        "forbid": { "permissions": forbidden },
    }))
    .unwrap()
}

fn evidence(proofs: &Proofs) -> Evidence<'_> {
    Evidence {
        kind: TokenKind::FineGrained,
        grant: None,
        first_proven: None,
        proofs,
        has_registry: true,
        needed: None,
        now: Timestamp::from_second(100).unwrap(),
    }
}

fn of(key: &str) -> Permission {
    Permission::named(key, Level::Read).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What is known of each of these repositories, and of the permission on it.
fn known(permission: Permission, repositories: &[(&str, Proof, Option<Proof>)]) -> Proofs {
    let mut proofs = Proofs::new();
    for (second, (name, seen, shown)) in (1..).zip(repositories) {
        proofs.insert(Probe::repository(name).unwrap(), Proven::remembered(seen.clone(), at(second)));
        if let Some(shown) = shown {
            let probe = Probe::Permission(permission, (*name).into());
            proofs.insert(probe, Proven::remembered(shown.clone(), at(second)));
        }
    }
    proofs
}

const APP: &str = "acme/app";
const LIB: &str = "acme/lib";
const WEB: &str = "acme/web";

#[test]
fn a_permission_is_met_when_it_is_on_each_and_else_the_first_that_says_otherwise_is_named() {
    use Reason::*;
    use State::*;
    type Known<'a> = [(&'a str, Proof, Option<Proof>); 3];
    type Row<'a> = (&'a str, &'a str, Known<'a>, State, Reason, Option<&'a str>);
    let rows: [Row<'_>; 12] = [
        (
            "on each",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(HELD)), (WEB, PUBLIC, Some(HELD))],
            Met,
            Proven,
            None,
        ),
        (
            "missing on the last",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(HELD)), (WEB, PUBLIC, Some(MISSING))],
            NotMet,
            PermissionMissing,
            Some(WEB),
        ),
        (
            "missing on two",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(MISSING)), (WEB, PUBLIC, Some(MISSING))],
            NotMet,
            PermissionMissing,
            Some(LIB),
        ),
        (
            "missing outweighs what is not known and what cannot be",
            "secrets",
            [(APP, PRIVATE, None), (LIB, PRIVATE, Some(UNDECIDED)), (WEB, PUBLIC, Some(MISSING))],
            NotMet,
            PermissionMissing,
            Some(WEB),
        ),
        (
            "what is not known outweighs what cannot be",
            "secrets",
            [(APP, PRIVATE, Some(UNDECIDED)), (LIB, PRIVATE, None), (WEB, PUBLIC, Some(HELD))],
            Unknown,
            ProofAwaited,
            Some(LIB),
        ),
        (
            "one answer names no cause",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(UNDECIDED)), (WEB, PUBLIC, Some(HELD))],
            Unproven,
            RoleOrFeature,
            Some(LIB),
        ),
        (
            "a repository that the token does not see",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, HIDDEN, None), (WEB, PUBLIC, Some(HELD))],
            Unknown,
            ProofAwaited,
            Some(LIB),
        ),
        (
            "a repository of which GitHub says nothing",
            "secrets",
            [(APP, PRIVATE, Some(HELD)), (LIB, UNDECIDED, None), (WEB, PUBLIC, Some(HELD))],
            Unproven,
            RoleOrFeature,
            Some(LIB),
        ),
        (
            "an open question on a public repository",
            "contents",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(HELD)), (WEB, PUBLIC, None)],
            Unproven,
            PublicRepository,
            Some(WEB),
        ),
        (
            "an answer to it counts for nothing",
            "contents",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(HELD)), (WEB, PUBLIC, Some(HELD))],
            Unproven,
            PublicRepository,
            Some(WEB),
        ),
        (
            "an open question where all are private",
            "contents",
            [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(HELD)), (WEB, PRIVATE, Some(HELD))],
            Met,
            Proven,
            None,
        ),
        (
            "a policy on one",
            "secrets",
            [
                (APP, PRIVATE, Some(HELD)),
                (LIB, PRIVATE, Some(Proof::Denied(Denial::SsoRequired))),
                (WEB, PUBLIC, Some(HELD)),
            ],
            NotMet,
            SsoRequired,
            Some(LIB),
        ),
    ];
    for (name, key, repositories, state, reason, on) in rows {
        let demanded = demanded(serde_json::json!({ key: "read" }), serde_json::json!({}));
        let proofs = known(of(key), &repositories);
        let lines = demanded.lines(&evidence(&proofs));
        let line = lines.iter().find(|line| line.kind == Kind::Permission).unwrap();
        assert_eq!((line.state, line.finding.reason, line.on.as_deref()), (state, reason, on), "{name}");
        if state == Met {
            assert_eq!(line.at, Some(at(1)), "{name}: as old as the oldest");
        }
    }
}

#[test]
fn a_forbidden_permission_is_absent_only_if_it_is_on_none() {
    use Reason::*;
    use State::*;
    type Row<'a> = (&'a str, [(&'a str, Proof, Option<Proof>); 3], State, Reason, Option<&'a str>);
    let rows: [Row<'_>; 6] = [
        (
            "absent on each",
            [(APP, PRIVATE, Some(MISSING)), (LIB, PRIVATE, Some(MISSING)), (WEB, PRIVATE, Some(MISSING))],
            Met,
            Proven,
            None,
        ),
        (
            "there on the last",
            [(APP, PRIVATE, Some(MISSING)), (LIB, PRIVATE, None), (WEB, PUBLIC, Some(HELD))],
            NotMet,
            PermissionForbidden,
            Some(WEB),
        ),
        (
            "not known on one",
            [(APP, PRIVATE, Some(MISSING)), (LIB, PRIVATE, None), (WEB, PRIVATE, Some(MISSING))],
            Unknown,
            ProofAwaited,
            Some(LIB),
        ),
        (
            "no cause on one",
            [(APP, PRIVATE, Some(MISSING)), (LIB, PRIVATE, Some(UNDECIDED)), (WEB, PRIVATE, Some(MISSING))],
            Unproven,
            RoleOrFeature,
            Some(LIB),
        ),
        (
            "refused on public ones only",
            [(APP, PUBLIC, Some(MISSING)), (LIB, PUBLIC, Some(MISSING)), (WEB, PUBLIC, Some(MISSING))],
            Unproven,
            CoverageNotProvable,
            Some(APP),
        ),
        (
            "refused on public ones, and absent on a private one",
            [(APP, PUBLIC, Some(MISSING)), (LIB, PRIVATE, Some(MISSING)), (WEB, PUBLIC, Some(MISSING))],
            Met,
            Proven,
            None,
        ),
    ];
    for (name, repositories, state, reason, on) in rows {
        let demanded = demanded(serde_json::json!({}), serde_json::json!({ "administration": "read" }));
        let proofs = known(of("administration"), &repositories);
        let lines = demanded.lines(&evidence(&proofs));
        let line = lines.iter().find(|line| line.kind == Kind::ForbiddenPermission).unwrap();
        assert_eq!((line.state, line.finding.reason, line.on.as_deref()), (state, reason, on), "{name}");
    }
}

#[test]
fn the_sentence_names_what_lacks_the_permission_and_what_has_it() {
    let demanded = demanded(serde_json::json!({ "secrets": "read" }), serde_json::json!({}));
    let repositories = [(APP, PRIVATE, Some(HELD)), (LIB, PRIVATE, Some(MISSING)), (WEB, PUBLIC, Some(HELD))];
    let proofs = known(of("secrets"), &repositories);
    let Verdict::No(found) = demanded.judge(&Expectation::default(), &evidence(&proofs)) else { panic!() };
    let said = found.iter().find(|finding| finding.reason == Reason::PermissionMissing).unwrap();
    assert!(said.message.starts_with("permission secrets: read on acme/lib: the token lacks it"), "{said:?}");
    assert!(said.message.ends_with("; GitHub grants it on acme/app"), "{said:?}");
}

/// What is asked about permissions: of which, and on what.
fn asked(demanded: &Requirement, proofs: &Proofs) -> Vec<(&'static str, String)> {
    let probes = demanded.probes(&evidence(proofs)).into_iter();
    let permissions = probes.filter_map(|probe| match probe {
        Probe::Permission(permission, on) => Some((permission.row().key, on.to_string())),
        _ => None,
    });
    permissions.collect()
}

#[test]
fn each_permission_is_asked_once_on_each_of_what_it_applies_to() {
    let told = |key: &'static str, on: &str| (key, on.to_owned());
    let permissions =
        serde_json::json!({ "contents": "write", "secrets": "read", "members": "read", "emails": "read" });
    // The same question for what is demanded and what is forbidden.
    let both = demanded(permissions, serde_json::json!({ "secrets": "write", "attestations": "read" }));
    let repositories = [(APP, PUBLIC, None), (LIB, PRIVATE, None), (WEB, PUBLIC, None)];
    let proofs = known(of("secrets"), &repositories);
    let expected = [
        told("contents", LIB),
        told("emails", ""),
        told("members", "acme"),
        told("members", "labs"),
        told("secrets", APP),
        told("secrets", LIB),
        told("secrets", WEB),
        told("attestations", LIB),
    ];
    assert_eq!(
        asked(&both, &proofs),
        expected,
        "attestations are those of the owner, so one repository stands for it"
    );
}

#[test]
fn two_names_of_one_repository_are_one_question() {
    let moved = Proof::Held(Facts { moved_to: Some("acme/Lib".into()), ..Facts::default() });
    let one = demanded(serde_json::json!({ "secrets": "read" }), serde_json::json!({}));
    let proofs = known(of("secrets"), &[(APP, moved, None), (LIB, PRIVATE, None), (WEB, HIDDEN, None)]);
    assert_eq!(asked(&one, &proofs), [("secrets", LIB.to_owned())]);
}

#[test]
fn what_is_asked_of_an_owner_waits_until_all_its_repositories_are_known() {
    let one = demanded(serde_json::json!({ "attestations": "read" }), serde_json::json!({}));
    let some = known(of("attestations"), &[(LIB, PRIVATE, None)]);
    assert_eq!(asked(&one, &some), []);
}
