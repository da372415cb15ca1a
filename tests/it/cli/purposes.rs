//! The purposes of a token, judged from the command line.

use github_simulator::{Access, NewOrganization, NewRepository, Role, Visibility};

use super::*;

#[tokio::test]
async fn every_demand_of_a_manifest_is_judged_and_has_its_line() {
    let desk = Desk::new().await;
    let url = desk.github.url();
    // The simulator is the registry too.
    let registry = url.trim_start_matches("http://");
    let settings = format!("hosts: [{{ name: simulated, apiUrl: '{url}', registry: '{registry}' }}]");
    fs::write(desk.settings(), settings).unwrap();
    desk.github.organization(NewOrganization::new("acme"));
    desk.github.member("acme", "acme-ci", Role::Member);
    desk.github.repository(NewRepository::private("acme/app"));
    desk.github.collaborator("acme/app", "acme-ci", Access::Push);
    desk.github.package("acme/app", Visibility::Private);
    let fine = NewToken::fine_grained("fine", "acme-ci").owner("acme").permissions(&[("contents", "read")]);
    let (fine, scopes) = (desk.github.token(fine), &["repo", "read:org", "read:packages"]);
    let classic = desk.github.token(NewToken::classic("classic", "acme-ci").scopes(scopes));
    let rows: [(&str, &str, &str, i32, &[&str]); 4] = [
        (
            "permissions",
            &fine,
            "{ repositories: [{ name: acme/app }], permissions: { contents: read, issues: read }, \
             forbid: { permissions: { secrets: read } } }",
            1,
            &[
                "Repository acme/app Met Proven the token sees it",
                "Permission contents: read Met Proven",
                "Permission issues: read NotMet PermissionMissing on acme/app: the token lacks it",
                "ForbiddenPermission secrets: read Met Proven",
            ],
        ),
        (
            "an image that the registry refuses, and a push",
            &classic,
            "{ repositories: [{ name: acme/app, access: Push }], packages: [{ name: acme/app }, { name: acme/none }] }",
            1,
            &[
                "Repository acme/app Met Proven",
                "Push acme/app Met Proven git offers to take a push",
                "Package acme/app Met Proven",
                "Package acme/none NotMet PackageRefused",
            ],
        ),
        (
            "no scope in excess, though organizations and packages need some",
            &classic,
            "{ scopes: [repo], excess: Refuse, organizations: [{ name: acme }], packages: [{ name: acme/app }] }",
            0,
            &["Organization acme Met Proven", "Package acme/app Met Proven"],
        ),
        (
            "impossible",
            &fine,
            "{ permissions: { checks: read }, packages: [{ name: acme/app }] }",
            1,
            &["Permission checks: read NotMet DemandImpossible", "Package acme/app NotMet DemandImpossible"],
        ),
    ];
    for (name, token, require, code, lines) in rows {
        let begun = Instant::now();
        let manifest = desk.manifest(&format!("require: {require}"));
        let ended = desk.check(&["-f", &manifest, "--confirm-after", "1s"], token.as_bytes(), &[]).await;
        assert_eq!(ended.code, code, "{name}: {}{}", ended.out, ended.err);
        let told: Vec<_> =
            ended.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in lines {
            assert!(told.iter().any(|told| told.starts_with(line)), "{name}: {line}\n{}", ended.out);
        }
        ended.holds_no(token);
        assert!(begun.elapsed() < Duration::from_secs(30), "{name}: a person waits for it");
    }
}
