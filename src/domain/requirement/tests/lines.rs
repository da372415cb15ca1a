//! Demands that GitHub is asked about.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{
    super::{
        knowledge::{Proofs, Proven},
        permission::Permission,
        proof::{Denial, Facts, Lifetime, Proof, Visibility},
    },
    *,
};
use crate::api::{GithubPatConnectionStatus, PermissionProofs, RequirementStatus};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn demanded() -> Requirement {
    serde_json::from_value(serde_json::json!({
        "permissions": { "contents": "write", "secrets": "read", "codespaces": "write", "workflows": "write", "members": "read" },
        "organizations": [{ "name": "Acme" }],
        "repositories": [{ "name": "acme/app", "access": "Push" }, { "name": "acme/lib" }],
        "packages": [{ "name": "acme/app" }],
        "forbid": { "permissions": { "administration": "read", "issues": "write" } },
    }))
    .unwrap()
}

/// The same of one repository.
fn demanded_of_one() -> Requirement {
    let mut demanded = demanded();
    demanded.repositories.truncate(1);
    demanded
}

fn evidence(kind: TokenKind, proofs: &Proofs) -> Evidence<'_> {
    Evidence { kind, grant: None, first_proven: None, proofs, has_registry: true, needed: None, now: at(100) }
}

fn held(visibility: Option<Visibility>) -> Proof {
    Proof::Held(Facts { visibility, ..Facts::default() })
}

fn permission(key: &str, level: Level, on: &str) -> Probe {
    Probe::Permission(Permission::named(key, level).unwrap(), on.into())
}

/// The line of this kind and name, as state and reason.
fn told(lines: &[Line], kind: Kind, name: &str) -> (State, Reason) {
    let line = lines.iter().find(|line| line.kind == kind && line.name == name);
    let line = line.unwrap_or_else(|| panic!("no line {kind:?} {name}"));
    (line.state, line.finding.reason)
}

/// Every question that may come to be asked for these demands, by whatever is answered.
fn all_probes(kind: TokenKind) -> BTreeSet<Probe> {
    let mut known = Proofs::new();
    let mut all = BTreeSet::new();
    loop {
        let probes = demanded().probes(&evidence(kind, &known));
        let before = all.len();
        all.extend(probes);
        if all.len() == before {
            return all;
        }
        for probe in &all {
            known.insert(probe.clone(), Proven::remembered(held(Some(Visibility::Private)), at(1)));
        }
    }
}

#[test]
fn a_question_is_asked_when_its_answer_is_of_use_and_not_before() {
    let fine = TokenKind::FineGrained;
    let first: BTreeSet<_> = demanded().probes(&evidence(fine, &Proofs::new())).into_iter().collect();
    let expected =
        [Probe::organization("acme"), Probe::repository("acme/app"), Probe::repository("acme/lib")];
    let organization_permission = permission("members", Level::Read, "acme");
    let expected: BTreeSet<_> = expected.into_iter().flatten().chain([organization_permission]).collect();
    assert_eq!(first, expected, "no push and no permission before the repository is seen, no package at all");
    let public = |name: &str| {
        (Probe::repository(name).unwrap(), Proven::remembered(held(Some(Visibility::Public)), at(1)))
    };
    let both_public = Proofs::from([public("acme/app"), public("acme/lib")]);
    let asked = demanded().probes(&evidence(fine, &both_public));
    assert!(
        asked.contains(&permission("secrets", Level::Read, "acme/app")),
        "closed, so of use on a public one"
    );
    assert!(!asked.contains(&permission("contents", Level::Read, "acme/app")), "open, so of no use");
    let denied = Proven::remembered(Proof::Denied(Denial::NotFound), at(1));
    let gone = Proofs::from([(Probe::repository("acme/app").unwrap(), denied)]);
    assert!(!demanded().probes(&evidence(fine, &gone)).contains(&Probe::push("acme/app").unwrap()));
    let classic = all_probes(TokenKind::Classic);
    assert!(classic.contains(&Probe::package("acme/app").unwrap()));
    assert!(!classic.iter().any(|probe| matches!(probe, Probe::Permission(..))), "classic tokens have none");
}

#[test]
fn each_answer_is_told_with_its_reason() {
    use Reason::*;
    use State::*;
    let (private, public) = (Some(Visibility::Private), Some(Visibility::Public));
    let (app, acme) = ("acme/app", "acme");
    let repository = |proof: Proof| (Probe::repository(app).unwrap(), proof);
    let lib = || (Probe::repository("acme/lib").unwrap(), held(public));
    let organization = |proof: Proof| (Probe::organization(acme).unwrap(), proof);
    let membership = |proof: Proof| (Probe::membership(acme).unwrap(), proof);
    let no = |denial| Proof::Denied(denial);
    let classic = TokenKind::Classic;
    let fine = TokenKind::FineGrained;
    let contents = || permission("contents", Level::Read, app);
    let secrets = || permission("secrets", Level::Read, app);
    let hooks = || permission("administration", Level::Read, app);
    let codespaces = || permission("codespaces", Level::Write, app);
    type Row<'a> = (&'a str, TokenKind, Vec<(Probe, Proof)>, Kind, &'a str, State, Reason);
    let rows: Vec<Row<'_>> = vec![
        ("not asked", classic, vec![], Kind::Repository, app, Unknown, ProofAwaited),
        ("seen", classic, vec![repository(held(private))], Kind::Repository, app, Met, Proven),
        (
            "not seen",
            classic,
            vec![repository(no(Denial::NotFound))],
            Kind::Repository,
            app,
            NotMet,
            RepositoryNotVisible,
        ),
        (
            "SSO",
            classic,
            vec![repository(no(Denial::SsoRequired))],
            Kind::Repository,
            app,
            NotMet,
            SsoRequired,
        ),
        (
            "blocked",
            classic,
            vec![repository(no(Denial::Blocked))],
            Kind::Repository,
            app,
            NotMet,
            RepositoryBlocked,
        ),
        (
            "odd 403",
            classic,
            vec![repository(no(Denial::Undecided(None)))],
            Kind::Repository,
            app,
            Unproven,
            RoleOrFeature,
        ),
        ("push not asked", classic, vec![repository(held(private))], Kind::Push, app, Unknown, ProofAwaited),
        (
            "push taken",
            classic,
            vec![repository(held(private)), (Probe::push(app).unwrap(), held(None))],
            Kind::Push,
            app,
            Met,
            Proven,
        ),
        (
            "push refused",
            classic,
            vec![repository(held(private)), (Probe::push(app).unwrap(), no(Denial::Refused))],
            Kind::Push,
            app,
            NotMet,
            PushRefused,
        ),
        (
            "push refused for a cause that is not known",
            classic,
            vec![repository(held(private)), (Probe::push(app).unwrap(), no(Denial::Undecided(None)))],
            Kind::Push,
            app,
            Unproven,
            RoleOrFeature,
        ),
        (
            "archived",
            classic,
            vec![repository(Proof::Held(Facts {
                visibility: private,
                archived: true,
                moved_to: None,
                role: None,
            }))],
            Kind::Push,
            app,
            NotMet,
            RepositoryArchived,
        ),
        (
            "no organization",
            classic,
            vec![organization(no(Denial::NotFound))],
            Kind::Organization,
            "Acme",
            NotMet,
            OrganizationNotFound,
        ),
        (
            "let in",
            classic,
            vec![organization(held(None))],
            Kind::Organization,
            "Acme",
            Unknown,
            ProofAwaited,
        ),
        (
            "a member",
            classic,
            vec![organization(held(None)), membership(held(None))],
            Kind::Organization,
            "Acme",
            Met,
            Proven,
        ),
        (
            "no member",
            classic,
            vec![organization(held(None)), membership(no(Denial::NotFound))],
            Kind::Organization,
            "Acme",
            NotMet,
            NotAMember,
        ),
        (
            "invited",
            classic,
            vec![organization(held(None)), membership(no(Denial::MembershipPending))],
            Kind::Organization,
            "Acme",
            NotMet,
            MembershipPending,
        ),
        (
            "without read:org",
            classic,
            vec![organization(held(None)), membership(no(Denial::Undecided(None)))],
            Kind::Organization,
            "Acme",
            Unproven,
            MembershipNotShown,
        ),
        (
            "fine-grained",
            fine,
            vec![organization(held(None)), membership(no(Denial::PermissionMissing))],
            Kind::Organization,
            "Acme",
            Unproven,
            CoverageNotProvable,
        ),
        (
            "fine-grained, with a private repository of it",
            fine,
            vec![
                organization(held(None)),
                membership(no(Denial::PermissionMissing)),
                repository(held(private)),
            ],
            Kind::Organization,
            "Acme",
            Met,
            Covered,
        ),
        (
            "fine-grained, with a public repository of it",
            fine,
            vec![
                organization(held(None)),
                membership(no(Denial::PermissionMissing)),
                repository(held(public)),
            ],
            Kind::Organization,
            "Acme",
            Unproven,
            CoverageNotProvable,
        ),
        (
            "banned at the membership",
            classic,
            vec![organization(held(None)), membership(no(Denial::ClassicForbidden))],
            Kind::Organization,
            "Acme",
            NotMet,
            ClassicTokensForbidden,
        ),
        (
            "reads, may not write",
            fine,
            vec![repository(held(private)), (contents(), held(None))],
            Kind::Permission,
            "contents: write",
            Unproven,
            WriteNotProvable,
        ),
        (
            "lacks it",
            fine,
            vec![repository(held(private)), (contents(), no(Denial::PermissionMissing))],
            Kind::Permission,
            "contents: write",
            NotMet,
            PermissionMissing,
        ),
        (
            "open on a public one",
            fine,
            vec![repository(held(public)), (Probe::repository("acme/lib").unwrap(), held(public))],
            Kind::Permission,
            "contents: write",
            Unproven,
            PublicRepository,
        ),
        (
            "closed on a public one",
            fine,
            vec![
                repository(held(public)),
                (Probe::repository("acme/lib").unwrap(), held(public)),
                (secrets(), held(None)),
            ],
            Kind::Permission,
            "secrets: read",
            Met,
            Proven,
        ),
        (
            "a GET that proves writing",
            fine,
            vec![repository(held(private)), (codespaces(), held(None))],
            Kind::Permission,
            "codespaces: write",
            Met,
            Proven,
        ),
        (
            "no GET",
            fine,
            vec![repository(held(private))],
            Kind::Permission,
            "workflows: write",
            Unproven,
            NotProvable,
        ),
        (
            "role or feature",
            fine,
            vec![repository(held(private)), (secrets(), no(Denial::Undecided(None)))],
            Kind::Permission,
            "secrets: read",
            Unproven,
            RoleOrFeature,
        ),
        (
            "forbidden and absent",
            fine,
            vec![repository(held(private)), (hooks(), no(Denial::PermissionMissing))],
            Kind::ForbiddenPermission,
            "administration: read",
            Met,
            Proven,
        ),
        (
            "forbidden, and refused on a public repository",
            fine,
            vec![repository(held(public)), lib(), (hooks(), no(Denial::PermissionMissing))],
            Kind::ForbiddenPermission,
            "administration: read",
            Unproven,
            CoverageNotProvable,
        ),
        (
            "forbidden and absent on a public repository that takes a push",
            fine,
            vec![
                repository(held(public)),
                lib(),
                (Probe::push(app).unwrap(), held(None)),
                (hooks(), no(Denial::PermissionMissing)),
            ],
            Kind::ForbiddenPermission,
            "administration: read",
            Met,
            Proven,
        ),
        (
            "forbidden and absent on a public repository of which the token has something else",
            fine,
            vec![
                repository(held(public)),
                lib(),
                (secrets(), held(None)),
                (hooks(), no(Denial::PermissionMissing)),
            ],
            Kind::ForbiddenPermission,
            "administration: read",
            Met,
            Proven,
        ),
        (
            "missing on a public repository, or not covered",
            fine,
            vec![repository(held(public)), lib(), (secrets(), no(Denial::PermissionMissing))],
            Kind::Permission,
            "secrets: read",
            NotMet,
            PermissionMissing,
        ),
        (
            "forbidden and there",
            fine,
            vec![repository(held(private)), (hooks(), held(None))],
            Kind::ForbiddenPermission,
            "administration: read",
            NotMet,
            PermissionForbidden,
        ),
        (
            "forbidden and there, as far as a 404 tells",
            fine,
            vec![repository(held(private)), (hooks(), held(private))],
            Kind::ForbiddenPermission,
            "administration: read",
            Unproven,
            RoleOrFeature,
        ),
        (
            "forbidden, and a 404 tells nothing",
            fine,
            vec![repository(held(private)), (hooks(), no(Denial::Undecided(None)))],
            Kind::ForbiddenPermission,
            "administration: read",
            Unproven,
            RoleOrFeature,
        ),
        (
            "demanded and there, as far as a 404 tells",
            fine,
            vec![repository(held(private)), (secrets(), held(private))],
            Kind::Permission,
            "secrets: read",
            Met,
            Proven,
        ),
        (
            "forbidden to write, reads",
            fine,
            vec![repository(held(private)), (permission("issues", Level::Read, app), held(None))],
            Kind::ForbiddenPermission,
            "issues: write",
            Unproven,
            WriteNotProvable,
        ),
        (
            "a package that is denied",
            classic,
            vec![(Probe::package(app).unwrap(), no(Denial::Refused))],
            Kind::Package,
            app,
            NotMet,
            PackageRefused,
        ),
        ("a package of a fine-grained token", fine, vec![], Kind::Package, app, NotMet, DemandImpossible),
    ];
    for (name, token, proofs, kind, line, state, reason) in rows {
        let proofs =
            proofs.into_iter().map(|(probe, proof)| (probe, super::super::Proven::remembered(proof, at(1))));
        let proofs: Proofs = proofs.collect();
        let lines = demanded_of_one().lines(&evidence(token, &proofs));
        assert_eq!(told(&lines, kind, line), (state, reason), "{name}");
    }
}

#[test]
fn impossible_demands_are_told_without_a_question() {
    let rows = [
        (
            r#"{"kinds": ["FineGrained"], "scopes": ["repo"]}"#,
            TokenKind::FineGrained,
            "require.scopes is set",
        ),
        (
            r#"{"kinds": ["Classic"], "permissions": {"contents": "read"}}"#,
            TokenKind::Classic,
            "require.permissions is set",
        ),
        (
            r#"{"kinds": ["FineGrained"], "packages": [{"name": "acme/app"}]}"#,
            TokenKind::FineGrained,
            "classic tokens only",
        ),
        (
            r#"{"expiry": {"minRemaining": "48h", "maxLifetime": "24h"}}"#,
            TokenKind::Classic,
            "minRemaining is above maxLifetime",
        ),
        (r#"{"organizations": [{"name": "a"}, {"name": "b"}]}"#, TokenKind::FineGrained, "is made for one"),
        (r#"{"permissions": {"checks": "read"}}"#, TokenKind::FineGrained, "demand statuses"),
        (r#"{"permissions": {"pull-requests": "read"}}"#, TokenKind::FineGrained, "pull_requests"),
        (r#"{"permissions": {"workflows": "read"}}"#, TokenKind::FineGrained, "as write only"),
        (r#"{"permissions": {"contents": "admin"}}"#, TokenKind::FineGrained, "as read or write only"),
        (
            r#"{"permissions": {"contents": "write"}, "forbid": {"permissions": {"contents": "read"}}}"#,
            TokenKind::FineGrained,
            "demands what",
        ),
        (
            r#"{"scopes": ["repo"], "forbid": {"scopes": ["repo"]}}"#,
            TokenKind::Classic,
            "name the same scope",
        ),
        (
            r#"{"kinds": ["FineGrained"], "scopes": ["admin:enterprise"]}"#,
            TokenKind::FineGrained,
            "fine-grained tokens reach no enterprise",
        ),
        (
            r#"{"kinds": ["FineGrained"], "organizations": [{"name": "a"}, {"name": "b"}]}"#,
            TokenKind::Classic,
            "is made for one",
        ),
        (
            r#"{"repositories": [{"name": "a/x", "access": "Push"}, {"name": "b/x", "access": "Push"}]}"#,
            TokenKind::FineGrained,
            "repositories of several owners",
        ),
        (r#"{"permissions": {"enterprise_people": "read"}}"#, TokenKind::FineGrained, "reach no enterprise"),
        (r#"{"permissions": {"projects": "read"}}"#, TokenKind::FineGrained, "no projects of users"),
        (
            r#"{"repositories": [{"name": "https://github.com/acme/app"}]}"#,
            TokenKind::Classic,
            "no owner/name",
        ),
    ];
    for (spec, kind, words) in rows {
        let demanded: Requirement = serde_json::from_str(spec).unwrap();
        let none = Proofs::new();
        let evidence = evidence(kind, &none);
        let Verdict::No(findings) = demanded.judge(&Expectation::default(), &evidence) else {
            panic!("{spec}")
        };
        let finding = findings.iter().find(|finding| finding.message.contains(words));
        assert_eq!(
            finding.map(|finding| finding.reason),
            Some(Reason::DemandImpossible),
            "{spec}: {findings:?}"
        );
    }
    let fine: Requirement =
        serde_json::from_str(r#"{"scopes": ["repo"], "permissions": {"contents": "read"}}"#).unwrap();
    let none = Proofs::new();
    for kind in [TokenKind::Classic, TokenKind::FineGrained] {
        let verdict = fine.judge(&Expectation::default(), &evidence(kind, &none));
        assert!(!verdict.is_no(), "either kind may do: {verdict:?}");
    }
}

#[test]
fn what_cannot_be_proven_is_accepted_or_refused_as_the_connection_wants() {
    let app = Probe::repository("acme/app").unwrap();
    let proofs = Proofs::from([
        (app, Proven::remembered(held(Some(Visibility::Private)), at(1))),
        (permission("contents", Level::Read, "acme/app"), Proven::remembered(held(None), at(1))),
    ]);
    for (unproven, is_met) in [("Accept", true), ("Refuse", false)] {
        let demanded: Requirement = serde_json::from_value(serde_json::json!({
            "repositories": [{ "name": "acme/app" }], "permissions": { "contents": "write" }, "unproven": unproven,
        }))
        .unwrap();
        let verdict = demanded.judge(&Expectation::default(), &evidence(TokenKind::FineGrained, &proofs));
        assert_eq!(verdict.yes().is_some(), is_met, "{unproven}: {verdict:?}");
    }
}

/// Any answer to a question.
fn any_proof() -> impl Strategy<Value = Proof> {
    let denials = prop::sample::select(vec![
        Denial::NotFound,
        Denial::SsoRequired,
        Denial::ClassicForbidden,
        Denial::FineGrainedForbidden,
        Denial::LifetimeForbidden(Lifetime { days: Some(366), token: None }),
        Denial::AddressForbidden,
        Denial::AppForbidden,
        Denial::MembershipPending,
        Denial::Blocked,
        Denial::PermissionMissing,
        Denial::Undecided(None),
        Denial::Undecided("403 0400:1DC1:1A2B:3C4D:69A42C40".parse().ok()),
        Denial::Refused,
    ]);
    let visibility =
        prop::sample::select(vec![Visibility::Public, Visibility::Internal, Visibility::Private]);
    let facts = (visibility, any::<bool>()).prop_map(|(visibility, archived)| {
        Proof::Held(Facts { visibility: Some(visibility), archived, moved_to: None, role: None })
    });
    prop_oneof![denials.prop_map(Proof::Denied), facts]
}

proptest! {
    /// A status says after a restart what it said before, so that a restart writes nothing.
    #[test]
    fn a_status_remembers_all_that_its_lines_say(
        answers in prop::collection::vec(prop::option::weighted(0.8, any_proof()), 32),
        kind in prop::sample::select(vec![TokenKind::Classic, TokenKind::FineGrained]),
    ) {
        let probes = all_probes(kind);
        prop_assert!(probes.len() <= answers.len());
        let mut proofs = Proofs::new();
        for (probe, answer) in probes.into_iter().zip(answers) {
            let Some(proof) = answer else { continue };
            let is_repository = matches!(probe, Probe::Repository(_));
            let proof = match proof {
                Proof::Held(facts) if is_repository => Proof::Held(facts),
                Proof::Held(Facts { visibility, archived, .. }) => {
                    let by_sight = matches!(probe, Probe::Permission(..)) && archived;
                    held(visibility.filter(|visibility| by_sight && *visibility != Visibility::Public))
                }
                // These answers belong to some questions only.
                Proof::Denied(denial) => match (&probe, denial) {
                    (Probe::Permission(..), Denial::NotFound | Denial::Refused | Denial::MembershipPending) => continue,
                    (Probe::Membership(_), Denial::Refused | Denial::Blocked) => continue,
                    (Probe::Organization(_), Denial::Refused | Denial::MembershipPending | Denial::PermissionMissing) => continue,
                    (Probe::Repository(_), Denial::Refused | Denial::MembershipPending | Denial::PermissionMissing) => continue,
                    (Probe::Push(_), Denial::Undecided(None) | Denial::MembershipPending | Denial::PermissionMissing) => continue,
                    (Probe::Package(_), denial) if denial != Denial::Refused => continue,
                    _ => Proof::Denied(denial),
                },
            };
            proofs.insert(probe, super::super::Proven::remembered(proof, at(1)));
        }
        let demanded = demanded();
        let lines = demanded.lines(&evidence(kind, &proofs));
        let status = GithubPatConnectionStatus {
            requirements: lines.iter().map(RequirementStatus::from).collect(),
            permission_proofs: PermissionProofs::of(&lines),
            ..GithubPatConnectionStatus::default()
        };
        let stored: GithubPatConnectionStatus =
            serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
        let mut again = remembered(&stored.requirements.iter().filter_map(RequirementStatus::line).collect::<Vec<_>>());
        if let Some(permissions) = stored.permission_proofs.as_ref().map(PermissionProofs::packed) {
            let more = demanded.remembered(&evidence(kind, &again), &permissions);
            again = more.into_iter().chain(again).collect();
        }
        let lines_again = demanded.lines(&evidence(kind, &again));
        let said = |lines: &[Line]| -> Vec<_> {
            lines.iter().map(|line| (line.kind, line.name.clone(), line.state, line.finding.clone(), line.facts.clone(), line.at)).collect()
        };
        prop_assert_eq!(said(&lines_again), said(&lines));
    }
}
