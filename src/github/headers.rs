//! What the headers of GitHub's answers say.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822, fmt::strtime};
use reqwest::header::HeaderMap;

use crate::domain::{
    answer::{Expiry, RateLimit},
    scopes::{Scopes, closure, is_scope},
    unexplained::RequestId,
};

/// More than the API lists; the rest of a longer list is not kept, so that a status stays small.
const MOST_SCOPES: usize = 64;
/// What all of them take in a status at most. GitHub's own list has less without those that others imply.
const ROOM_OF_SCOPES: usize = 640;

/// The first value of the header, if it is ASCII.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The classic scopes; `None` if there is no such header, which is not the same as an empty one.
///
/// <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps>; recorded answers hold them in any
/// order, with or without those that others imply, on one line or several. What has not the form of a scope is left out: the
/// status shows them.
pub(super) fn scopes(headers: &HeaderMap) -> Option<Scopes> {
    let mut lines = headers.get_all("x-oauth-scopes").iter().peekable();
    lines.peek()?;
    let mut scopes: Vec<&str> = Vec::new();
    for line in lines {
        for scope in line.to_str().unwrap_or_default().split(',').map(str::trim) {
            if is_scope(scope) && scopes.len() < MOST_SCOPES && !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
    }
    Some(fitting(scopes).into_iter().collect())
}

/// As many of them as a status has room for: those that others imply are left out first.
fn fitting(mut scopes: Vec<&str>) -> Vec<&str> {
    let room = |scope: &str| scope.len().saturating_add(3);
    if scopes.iter().map(|scope| room(scope)).fold(0, usize::saturating_add) > ROOM_OF_SCOPES {
        let all = scopes.clone();
        scopes.retain(|scope| !closure(all.iter().copied().filter(|other| other != scope)).contains(scope));
    }
    let mut left = ROOM_OF_SCOPES;
    scopes.retain(|scope| {
        let rest = left.checked_sub(room(scope));
        left = rest.unwrap_or_default();
        rest.is_some()
    });
    scopes
}

/// True if one of them is a mark of GitHub, which a gateway before it does not make. Each refusal that was recorded with its
/// headers has one.
pub(super) fn marked(headers: &HeaderMap) -> bool {
    headers.contains_key("x-github-request-id") || headers.contains_key("x-github-media-type")
}

/// The expiry, in either layout that GitHub uses, `2026-05-16 11:52:29 UTC` and `2026-05-16 11:52:29 +0200`, or in RFC 3339.
pub(super) fn expiry(headers: &HeaderMap) -> Expiry {
    let Some(value) = headers.get("github-authentication-token-expiration") else { return Expiry::Never };
    let Some(text) = value.to_str().ok().map(str::trim) else { return Expiry::Unreadable };
    let offset = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |head| format!("{head}+0000"));
    let instant = strtime::parse("%Y-%m-%d %H:%M:%S %z", &offset).and_then(|parsed| parsed.to_timestamp());
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    instant.or_else(|_| text.parse()).map_or(Expiry::Unreadable, |at| Expiry::At(whole(at)))
}

/// The instant at which the answer was made, by GitHub's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(text(headers, "date")?)
}

/// The hourly budget, unless the answer counts against one of the smaller ones, as searches do.
pub(super) fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    if text(headers, "x-ratelimit-resource").is_some_and(|resource| resource != "core") {
        return None;
    }
    Some(RateLimit {
        limit: text(headers, "x-ratelimit-limit")?.parse().ok()?,
        remaining: text(headers, "x-ratelimit-remaining")?.parse().ok()?,
        reset: text(headers, "x-ratelimit-reset")?.parse().ok()?,
    })
}

/// Whether the budget of the hour is spent.
pub(super) fn nothing_remains(headers: &HeaderMap) -> bool {
    text(headers, "x-ratelimit-remaining") == Some("0")
}

/// When a host wants to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBefore {
    /// After so many seconds.
    After(i64),
    /// At this second since 1970, by the host's clock.
    At(i64),
}

impl NotBefore {
    /// The instant by our clock: from one second to one hour from now, whatever the host says. An end counts from the date beside it, as
    /// long as that can be, since both are of one clock and ours may be wrong; else from `host_now`, the present instant by the clock of
    /// the host as it is known.
    pub fn instant(self, date: Option<Timestamp>, host_now: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let wait = match self {
            NotBefore::After(seconds) => seconds,
            NotBefore::At(second) => {
                let beside = date.map(|date| second.saturating_sub(date.as_second()));
                let beside = beside.filter(|wait| (0..=RateLimit::LONGEST.as_secs()).contains(wait));
                beside.unwrap_or_else(|| second.saturating_sub(host_now.as_second()))
            }
        };
        now.checked_add(SignedDuration::from_secs(wait.max(1)).min(RateLimit::LONGEST)).ok()
    }
}

/// When GitHub wants to be asked again: from `Retry-After`, else from the end of the window if it is spent.
pub(super) fn not_before(headers: &HeaderMap) -> Option<NotBefore> {
    let reset = || text(headers, "x-ratelimit-reset").filter(|_| nothing_remains(headers))?.parse().ok();
    retry_after(headers).or_else(|| reset().map(NotBefore::At))
}

fn retry_after(headers: &HeaderMap) -> Option<NotBefore> {
    let value = text(headers, "retry-after")?;
    let seconds = value.parse().ok().map(NotBefore::After);
    seconds.or_else(|| Some(NotBefore::At(http_date(value)?.as_second())))
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// The numbers of the organizations whose single sign-on left something out of an answer, the ten lowest of them:
/// <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#personal-access-tokens-and-saml-sso>.
pub(super) fn hidden_by_sso(headers: &HeaderMap) -> Vec<i64> {
    const MOST: usize = 10;
    let partial = text(headers, "x-github-sso").and_then(|value| value.strip_prefix("partial-results;"));
    let Some((_, numbers)) = partial.and_then(|partial| partial.split_once("organizations=")) else {
        return Vec::new();
    };
    let numbers = numbers.split(',').map_while(|number| number.trim().parse().ok());
    let mut numbers: Vec<i64> = numbers.filter(|number| *number > 0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(MOST);
    numbers
}

/// The id of the request, by which GitHub's support finds it; `None` if there is none of its form.
pub(super) fn request_id(headers: &HeaderMap) -> Option<RequestId> {
    RequestId::read(text(headers, "x-github-request-id")?)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_organizations_that_single_sign_on_hides_are_known_by_their_ids() {
        let endless = format!(
            "partial-results; organizations={}",
            (1..99).rev().map(|id| id.to_string()).collect::<Vec<_>>().join(",")
        );
        let rows = [
            ("partial-results; organizations=21955855,20582480,21955855", vec![20_582_480, 21_955_855]),
            ("partial-results; organizations= 7", vec![7]),
            (&*endless, (1..=10).collect()),
            ("partial-results; organizations=acme", vec![]),
            ("partial-results; organizations=-7", vec![]),
            ("required; url=https://github.com/orgs/acme/sso?authorization_request=x", vec![]),
            ("", vec![]),
        ];
        for (value, expected) in rows {
            assert_eq!(hidden_by_sso(&headers(&[("x-github-sso", value)])), expected, "{value}");
        }
    }

    #[test]
    fn a_list_of_scopes_that_is_too_long_loses_first_what_others_imply() {
        let of = |scopes: &[String]| {
            let found = super::scopes(&headers(&[("x-oauth-scopes", &scopes.join(", "))])).unwrap();
            found.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let unknown = |count: u8| {
            (0..count).map(|number| {
                format!("{}:{}", char::from(b'a' + number % 26), "x".repeat(20 + usize::from(number / 26)))
            })
        };
        let texts = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
        let short = texts(&["repo", "public_repo", "gist"]);
        assert_eq!(of(&short), short);
        let long: Vec<_> = texts(&["public_repo", "repo"]).into_iter().chain(unknown(25)).collect();
        assert_eq!(of(&long), long[1..], "it fits without the one that is implied");
        let longer: Vec<_> = texts(&["public_repo", "repo"]).into_iter().chain(unknown(60)).collect();
        let found = of(&longer);
        assert!(found.starts_with(&texts(&["repo"])) && found.len() < 30, "{found:?}");
    }

    #[test]
    fn an_expiry_is_read_in_both_layouts_and_never_guessed() {
        let rows = [
            ("2025-02-25 04:28:56 UTC", Some("2025-02-25T04:28:56Z")),
            ("2026-05-16 11:52:29 +0200", Some("2026-05-16T09:52:29Z")),
            ("2026-05-16 23:52:29 -0700", Some("2026-05-17T06:52:29Z")),
            ("2026-05-16T11:52:29Z", Some("2026-05-16T11:52:29Z")),
            ("2026-05-16T11:52:29+02:00", Some("2026-05-16T09:52:29Z")),
            ("2026-05-16T11:52:29.5Z", Some("2026-05-16T11:52:29Z")),
            ("2026-05-16 11:52:29", None),
            ("2026-05-16 11:52:29 CEST", None),
            ("never", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map_or(Expiry::Unreadable, |at| Expiry::At(at.parse().unwrap()));
            assert_eq!(
                expiry(&headers(&[("github-authentication-token-expiration", text)])),
                expected,
                "{text:?}"
            );
        }
        assert_eq!(expiry(&HeaderMap::new()), Expiry::Never);
    }

    #[test]
    fn the_hourly_budget_is_three_numbers_or_nothing() {
        let three = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4999"),
            ("x-ratelimit-reset", "1767268800"),
        ];
        let with = |name: &'static str, value: &'static str| {
            let others = three.into_iter().filter(|(other, _)| *other != name);
            others.chain([(name, value)]).collect::<Vec<_>>()
        };
        let told = Some(RateLimit { limit: 5000, remaining: 4999, reset: 1_767_268_800 });
        let rows = [
            ("older answers name no resource", three.to_vec(), told),
            ("core", with("x-ratelimit-resource", "core"), told),
            ("another budget", with("x-ratelimit-resource", "search"), None),
            ("one is missing", three[1..].to_vec(), None),
            ("negative", with("x-ratelimit-remaining", "-1"), None),
            ("beyond counting", with("x-ratelimit-limit", "99999999999999999999"), None),
            ("no number", with("x-ratelimit-reset", "soon"), None),
            ("an Enterprise Server without limits", Vec::new(), None),
        ];
        for (name, lines, expected) in rows {
            assert_eq!(rate_limit(&headers(&lines)), expected, "{name}");
        }
    }

    #[test]
    fn an_absent_list_of_scopes_is_not_an_empty_one() {
        let mut two_lines = headers(&[("x-oauth-scopes", "repo,gist")]);
        two_lines.append("x-oauth-scopes", HeaderValue::from_static(" user, repo"));
        let rows: [(&str, HeaderMap, Option<Vec<&str>>); 6] = [
            ("absent", HeaderMap::new(), None),
            ("empty", headers(&[("x-oauth-scopes", "")]), Some(vec![])),
            ("one", headers(&[("x-oauth-scopes", "repo")]), Some(vec!["repo"])),
            ("unknown ones are kept", headers(&[("x-oauth-scopes", "a:b, c")]), Some(vec!["a:b", "c"])),
            (
                "what is no scope is left out",
                headers(&[("x-oauth-scopes", "repo, <script>, read:org:x, GIST, user email, gist")]),
                Some(vec!["repo", "gist"]),
            ),
            ("two lines, one scope twice", two_lines, Some(vec!["repo", "gist", "user"])),
        ];
        for (name, headers, expected) in rows {
            let expected = expected.map(|list| list.into_iter().collect());
            assert_eq!(scopes(&headers), expected, "{name}");
        }
    }

    #[test]
    fn a_limit_ends_by_githubs_clock_within_an_hour() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let ahead = ("date", "Thu, 01 Jan 2026 12:05:00 GMT");
        let reset = (now.as_second() + 400).to_string();
        let rows: Vec<(&str, Vec<(&str, &str)>, Option<i64>)> = vec![
            ("retry-after", vec![("retry-after", "30")], Some(30)),
            ("a date", vec![ahead, ("retry-after", "Thu, 01 Jan 2026 12:06:00 GMT")], Some(60)),
            ("in the past", vec![("retry-after", "-5")], Some(1)),
            ("absurd", vec![("retry-after", "99999999999")], Some(3600)),
            ("no number", vec![("retry-after", "soon")], None),
            (
                "the window",
                vec![ahead, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)],
                Some(100),
            ),
            (
                "the window is not spent",
                vec![("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", &reset)],
                None,
            ),
            ("nothing", vec![], None),
        ];
        for (name, lines, expected) in rows {
            let headers = headers(&lines);
            let date = date(&headers);
            let until = not_before(&headers).and_then(|end| end.instant(date, date.unwrap_or(now), now));
            assert_eq!(until.map(|until| until.as_second() - now.as_second()), expected, "{name}");
        }
    }
}
