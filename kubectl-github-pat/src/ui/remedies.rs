//! The pages of GitHub that help, and which of them helps with a demand.

use github_pat_operator::{
    api::Links,
    domain::{Reason, requirement::State},
    links::{Remedy, remedy},
};

use super::text::address;
use crate::status::Demand;

/// A page that helps.
pub(super) struct Page {
    pub(super) what: &'static str,
    pub(super) text: String,
    pub(super) is_address: bool,
}

/// The pages that help.
pub(super) fn pages(links: &Links) -> Vec<Page> {
    let acts = links.act_on.iter().chain(&links.also_act_on).map(|text| act(text));
    acts.chain(links.token.as_deref().map(edit)).chain([make(&links.create_token)]).collect()
}

/// Where to do something about a demand that is not met, as the operator's library has it for the reason. What nobody could tell, as
/// during an outage, no page mends; and nothing is said where the status does not name the page.
pub(super) fn pages_for(demand: &Demand, links: &Links) -> Vec<Page> {
    let reason = demand.reason.as_deref().filter(|_| demand.state == State::NotMet);
    let Some(reason) = reason.and_then(|reason| reason.parse::<Reason>().ok()) else { return Vec::new() };
    // That of a line: its kind is one word.
    let name = demand.demand.split_once(' ').map_or("", |(_, name)| name);
    match remedy(reason, name, demand.on.as_deref()) {
        Some(Remedy::Page(path)) => {
            let all = links.act_on.iter().chain(&links.also_act_on);
            all.filter(|page| is_at(page, &path)).map(|text| act(text)).collect()
        }
        // GitHub seldom names the page of a token.
        Some(Remedy::Token) => vec![links.token.as_deref().map_or_else(|| make(&links.create_token), edit)],
        Some(Remedy::NewToken) => vec![make(&links.create_token)],
        None => Vec::new(),
    }
}

fn act(text: &str) -> Page {
    page("Act on", text)
}

fn edit(text: &str) -> Page {
    page("Edit the token on", text)
}

fn make(text: &str) -> Page {
    page("Make a new token on", text)
}

fn page(what: &'static str, text: &str) -> Page {
    Page { what, text: text.to_owned(), is_address: address(text).is_some() }
}

/// True if the page is at this path of its host. GitHub makes no difference between letters by their case.
fn is_at(page: &str, path: &str) -> bool {
    let of_page = page.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    of_page.is_some_and(|(_, of_page)| of_page.eq_ignore_ascii_case(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_that_is_not_met_leads_to_the_page_that_mends_its_reason_and_to_no_other() {
        let links: Links = serde_json::from_value(serde_json::json!({
            "createToken": "https://github.com/settings/tokens/new", "token": "https://github.com/settings/tokens/7",
            "actOn": "https://github.com/orgs/acme/sso",
            "alsoActOn": [
                "https://github.com/organizations/other/settings/security", "https://github.com/third/app/settings",
                "https://github.com/settings/personal-access-tokens", "https://github.com/settings/tokens",
            ],
        }))
        .unwrap();
        let demand = |demand: &str, on: Option<&str>, reason: &str| Demand {
            demand: demand.to_owned(),
            state: State::NotMet,
            reason: Some(reason.to_owned()),
            message: None,
            on: on.map(str::to_owned),
            at: None,
        };
        let shown = |demand: &Demand, links: &Links| {
            let pages = pages_for(demand, links);
            pages.iter().map(|page| format!("{} {}", page.what, page.text)).collect::<Vec<_>>()
        };
        let (sso, security) = (
            "Act on https://github.com/orgs/acme/sso",
            "Act on https://github.com/organizations/other/settings/security",
        );
        let (archived, permissions, tokens) = (
            "Act on https://github.com/third/app/settings",
            "Act on https://github.com/settings/personal-access-tokens",
            "Act on https://github.com/settings/tokens",
        );
        let (edit, make) = (
            "Edit the token on https://github.com/settings/tokens/7",
            "Make a new token on https://github.com/settings/tokens/new",
        );
        let on = Some("acme/app");
        let rows = [
            ("Organization acme", None, "SsoRequired", Some(sso)),
            ("Organization ACME", None, "SsoRequired", Some(sso)),
            ("Repository acme/app", None, "SsoRequired", Some(sso)),
            ("Permission contents: read", on, "SsoRequired", Some(sso)),
            ("Repository other/app", None, "AddressForbidden", Some(security)),
            ("Repository Third/App", None, "RepositoryArchived", Some(archived)),
            ("Permission contents: read", on, "PermissionMissing", Some(permissions)),
            ("Package acme/app", None, "PackageRefused", Some(tokens)),
            // Another line brought the page of this owner.
            ("Repository acme/app", None, "RepositoryNotVisible", Some(edit)),
            ("Repository acme/app", None, "PushRefused", None),
            ("Repository other/app", None, "SsoRequired", None),
            // These are in the addresses of many pages.
            ("Organization settings", None, "SsoRequired", None),
            ("Organization organizations", None, "NotAMember", None),
            ("Organization security", None, "AddressForbidden", None),
            ("Repository github.com/third", None, "RepositoryArchived", None),
            ("scope repo", None, "ScopeMissing", Some(edit)),
            ("scope acme", None, "ScopeMissing", Some(edit)),
            ("scope repo", None, "ScopesNotApplicable", Some(make)),
            ("account acme", None, "AnotherAccount", Some(make)),
            ("kind FineGrained", None, "KindNotAllowed", Some(make)),
            ("an expiry", None, "ExpiryRequired", Some(make)),
        ];
        for (text, on, reason, expected) in rows {
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(shown(&demand(text, on, reason), &links), expected, "{text}: {reason}");
        }
        let open = demand("Organization acme", None, "SsoRequired");
        for state in [State::Unknown, State::Unproven, State::Met] {
            assert_eq!(shown(&Demand { state, ..open.clone() }, &links), [""; 0], "{state:?}");
        }
        for reason in [None, Some("DemandImpossible".to_owned()), Some("OfALaterVersion".to_owned())] {
            let open = Demand { reason, ..open.clone() };
            assert_eq!(shown(&open, &links), [""; 0], "{:?}", open.reason);
        }
        let unknown = Links { token: None, ..links };
        assert_eq!(shown(&demand("scope repo", None, "ScopeMissing"), &unknown), [make]);
    }
}
