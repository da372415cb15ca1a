//! What else a person can choose: where the next token goes, another page of the list, another namespace; and what the pointer shows.

use github_pat_operator::{api::Phase, domain::token::Token};
use github_simulator::NewToken;
use jiff::{Timestamp, tz::TimeZone};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{io::AsyncBufReadExt, sync::watch};

use crate::{
    browser::{Browser, until},
    flows,
    truth::LIVE,
    wire::Wire,
    world::{Place, SOON, UNWATCHED, World, from, holds_no},
};

/// The connection of these flows.
const NAME: &str = "turned";
const ROTATE: &str = "/connections/ui/turned/rotate";
/// What stands in the place of Live where no change is told.
const READ_ALONE: &str = "Read once a minute";

/// The next token over the one in use, one that stands by already, one in a Secret of choice, and a rotation that was begun.
pub(crate) async fn rotations(browser: &Browser, place: &Place) {
    let [first, second, third] = ["turned-1", "turned-2", "turned-3"]
        .map(|name| place.world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"])));
    browser.goto("/connect?namespace=ui").await;
    browser.one("input[name=name]").await.send_keys(NAME).await.unwrap();
    browser.one("input[name=output]").await.send_keys("turned-git:BasicAuth").await.unwrap();
    browser.runs("document.querySelector('select[name=host]').value = 'simulated'").await;
    browser.one("input[name=token]").await.send_keys(&*first).await.unwrap();
    browser.one("button[value=connect]:not(.default)").await.click().await.unwrap();
    browser.reads("usable since").await;
    edited(place, json!({ "holdDown": "0s", "interval": "10s" })).await;
    place.until(NAME, "Ready").await;

    browser.goto(ROTATE).await;
    browser.one("#more summary").await.click().await.unwrap();
    browser.one("input[name=in_place]").await.click().await.unwrap();
    browser.one("input[name=token]").await.send_keys(&*second).await.unwrap();
    browser.one("form[data-secret] button").await.click().await.unwrap();
    over(place, &second).await;
    assert_eq!(place.value("turned-pat", "token").await, Some(second.clone()));
    assert_eq!(place.value("turned-pat-next", "token").await, None, "the spec is as it was");

    browser.goto(ROTATE).await;
    browser.one("#more summary").await.click().await.unwrap();
    browser.one("input[name=secret]").await.send_keys("turned-chosen").await.unwrap();
    browser.one("input[name=token]").await.send_keys(&*third).await.unwrap();
    browser.one("form[data-secret] button").await.click().await.unwrap();
    over(place, &third).await;
    assert_eq!(place.value("turned-chosen", "token").await, Some(third.clone()));
    assert_eq!(place.connections().get(NAME).await.unwrap().spec.secret_ref.name, "turned-chosen");

    let fourth = place.world.github.token(NewToken::classic("turned-4", "acme-ci").scopes(&["repo"]));
    place.secret("turned-pat", &fourth).await;
    place.stands_by(NAME).await;
    edited(place, json!({ "holdDown": "1h" })).await;
    until(|| async {
        browser.goto(ROTATE).await;
        let text = browser.runs("return document.body.innerText").await;
        text.as_str()
            .filter(|text| text.contains("A usable token stands by in Secret turned-pat"))
            .map(|_| ())
    })
    .await;
    browser.one("form[data-secret] button").await.click().await.unwrap();
    browser.arrives("/connections/ui/turned").await;
    browser.goto(ROTATE).await;
    browser.reads("A rotation was begun and is not over.").await;
    browser.one("form[data-secret] button").await.click().await.unwrap();
    browser.arrives("/connections/ui/turned").await;
    edited(place, json!({ "holdDown": "0s" })).await;
    over(place, &fourth).await;
    for token in [&first, &second, &third, &fourth] {
        let text = browser.runs("return document.documentElement.outerHTML").await;
        holds_no(text.as_str().unwrap(), token);
    }
}

/// As a person changes the spec.
async fn edited(place: &Place, spec: Value) {
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    place.connections().patch(NAME, &params, &Patch::Merge(json!({ "spec": spec }))).await.unwrap();
}

/// Returns once the rotation to this token is over, and the page has taken its mark away.
async fn over(place: &Place, token: &str) {
    let hashed = Token::try_from(token.as_bytes()).unwrap().hashed();
    until(|| async {
        let seen = place.connections().get(NAME).await.unwrap();
        let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
        let is_over = rotation
            .is_some_and(|it| it.new_token.hashed_token == hashed && it.phase == Phase::SafeToRevoke)
            && !seen.annotations().contains_key("githubpat.dev/rotating-to");
        is_over.then_some(())
    })
    .await;
    assert_eq!(place.value("turned-git", "password").await.as_deref(), Some(token));
}

/// A form that is sent while nobody answers: its token is gone from the field at once.
pub(crate) async fn sent_and_not_answered(browser: &Browser, place: &Place, hold: &watch::Sender<Wire>) {
    let token = place.world.github.token(NewToken::classic("slowly", "acme-ci"));
    // No script can be run while a form is on its way, so the old page itself tells what it shows by then, for once somebody else.
    let told = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = told.local_addr().unwrap();
    flows::bypass_policy(browser, true).await;
    browser.goto("/connect?namespace=ui").await;
    browser.one("input[name=name]").await.send_keys("slowly").await.unwrap();
    browser.runs("document.querySelector('select[name=host]').value = 'simulated'").await;
    browser.one("input[name=token]").await.send_keys(&*token).await.unwrap();
    hold.send(Wire::Silent).unwrap();
    // A second click, and Enter in a field, send nothing more.
    let script = format!(
        "const token = document.querySelector('input[name=token]');
        const progress = document.querySelector('[data-progress]');
        const form = document.querySelector('form[data-secret]');
        const button = document.querySelector('button[value=connect]:not(.default)');
        let sent = 0;
        const told = () => {{
            const off = [...form.querySelectorAll('button')].filter((button) => button.disabled).length;
            button.click();
            form.requestSubmit();
            const text = encodeURIComponent(progress.textContent);
            fetch(`http://{address}/${{token.value.length}}/${{sent}}/${{off}}/${{text}}`, {{ mode: 'no-cors' }});
        }};
        form.addEventListener('submit', (event) => {{
            if (event.defaultPrevented) return;
            sent += 1;
            if (sent === 1) setTimeout(told, 0);
        }});
        // The field is empty by then, which would be enough.
        form.noValidate = true;
        setTimeout(() => {{ button.click(); button.click(); }}, 0);"
    );
    let heard = async {
        let (mut stream, _) = told.accept().await.unwrap();
        let mut line = String::new();
        tokio::io::BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
        hold.send(Wire::Open).unwrap();
        line
    };
    // The driver may hold back the end of the script until the form is answered, which nobody does before it was heard.
    let (_, heard) = tokio::join!(browser.runs(&script), tokio::time::timeout(SOON, heard));
    assert_eq!(heard.unwrap().trim_end(), "GET /0/1/3/GitHub%20is%20asked%20%E2%80%A6 HTTP/1.1");
    browser.reads("slowly").await;
    browser.arrives("/connections/ui/slowly").await;
    flows::bypass_policy(browser, false).await;
}

/// The list by pages, and the names under the pointer in the timeline.
pub(crate) async fn paging_and_pointing(browser: &Browser) {
    browser.goto("/?limit=2").await;
    browser.reads("page 1 of ").await;
    let first = browser.runs("return document.querySelector('#rows tbody').innerText").await;
    let second = browser
        .runs("return [...document.querySelectorAll('nav.pages a')].find((a) => a.textContent === '2').href")
        .await;
    assert!(second.as_str().unwrap().contains("limit=2"), "{second}");
    browser
        .runs("[...document.querySelectorAll('nav.pages a')].find((a) => a.textContent === '2').click()")
        .await;
    browser.reads("page 2 of ").await;
    let next = browser.runs("return document.querySelector('#rows tbody').innerText").await;
    assert!(next != first && next.as_str().is_some_and(|text| !text.is_empty()), "{next}");
    assert_eq!(
        browser.runs("return document.querySelector('nav.pages [aria-current=page]').textContent").await,
        "2"
    );

    let nightly = World::place(UNWATCHED).connections().get("nightly").await.unwrap();
    let ends = nightly.status.unwrap().token.unwrap().expires_at.unwrap().0;
    let day = ends.to_zoned(TimeZone::UTC).date();
    let title = || {
        let days = ends.duration_since(Timestamp::now()).as_hours() / 24;
        format!("{day}, in {days} days: unwatched/nightly")
    };
    let before = title();
    browser.goto("/").await;
    browser.reads("Live").await;
    let mark = browser.one(".timeline a circle").await;
    browser.driver.action_chain().move_to_element_center(&mark).perform().await.unwrap();
    let pointed =
        browser.runs("return document.querySelector('.timeline circle:hover > title')?.textContent").await;
    let pointed = pointed.as_str().unwrap_or_default();
    // A day may pass meanwhile.
    assert!([before, title()].iter().any(|title| title == pointed), "{pointed:?}");
    mark.click().await.unwrap();
    browser.arrives("/connections/unwatched/nightly").await;
}

/// Somebody who may do nothing, with one namespace in mind.
pub(crate) async fn without_rights() {
    let place = World::place("ui");
    let nobody = place.world.plane.user("browser-nobody", None).unwrap();
    let browser = Browser::start_with(&place, &nobody, &["-n", "ui"]).await;
    browser.driver.goto(&browser.file).await.unwrap();
    browser.reads("Connections in ui").await;
    browser.reads("you may not watch connections: ").await;
    browser.reads("Not up to date").await;
    browser.goto("/connect").await;
    browser.reads("You may not patch githubpatconnections in namespace ui").await;
    browser.goto("/connections/ui/none").await;
    browser.reads("you may not read connection none in namespace ui").await;
    browser.end().await;

    // Who may look everywhere and wants one namespace.
    let browser = Browser::start_with(&place, place.world.plane.admin_kubeconfig(), &["-n", "ui"]).await;
    flows::enter(&browser).await;
    browser.reads("Connections in ui").await;
    browser.goto("/connections/unwatched/deploy").await;
    browser.reads("The page follows the connections of namespace ui. This one is not followed").await;
    browser.reads(READ_ALONE).await;
    assert_eq!(browser.runs(LIVE).await, READ_ALONE);
    browser.end().await;
}

/// Who may look in one namespace, and then everywhere, while the page of a connection is open.
pub(crate) async fn rights_that_come() {
    let place = World::place(UNWATCHED);
    let roles = Api::<ClusterRole>::all(place.client.clone());
    let looks = json!({ "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] });
    let role = from(json!({ "metadata": { "name": "browser-looks" }, "rules": [looks] }));
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding = json!({
        "metadata": { "name": "browser-looks" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "browser-looks" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "browser-looker" }],
    });
    let one = Api::<RoleBinding>::namespaced(place.client.clone(), place.namespace);
    one.create(&PostParams::default(), &from(binding.clone())).await.unwrap();
    let looker = place.world.plane.user("browser-looker", None).unwrap();
    let browser = Browser::start(&place, &looker).await;
    browser.driver.goto(&browser.file).await.unwrap();
    browser.reads("You may not list and watch the connections of all namespaces").await;
    until(|| async {
        // The API server takes a moment to act upon a right.
        browser.goto("/connections/unwatched/deploy").await;
        browser.runs("return document.getElementById('verdict')").await.is_object().then_some(())
    })
    .await;
    browser.reads(READ_ALONE).await;
    browser.runs("window.isTheSamePage = true").await;
    let all = Api::<ClusterRoleBinding>::all(place.client.clone());
    all.create(&PostParams::default(), &from(binding)).await.unwrap();
    // As once a minute.
    until(|| async {
        browser.runs("refresh()").await;
        browser.runs(LIVE).await.as_str().filter(|text| *text == "Live").map(|_| ())
    })
    .await;
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { "told": "at-once" } } }));
    place.connections().patch("deploy", &PatchParams::default(), &patch).await.unwrap();
    until(|| async {
        let yaml = browser.runs("return document.getElementById('yaml').textContent").await;
        yaml.as_str().filter(|text| text.contains("at-once")).map(|_| ())
    })
    .await;
    assert_eq!(browser.runs("return window.isTheSamePage").await, true);
    assert_eq!(browser.runs(LIVE).await, "Live");
    browser.end().await;
}
