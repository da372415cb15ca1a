//! The page without a pointer: what the Tab key reaches, and what Enter and Space do there.

use thirtyfour::Key;

use crate::browser::{Browser, until};

async fn press(browser: &Browser, key: Key) {
    browser.driver.action_chain().send_keys(key).perform().await.unwrap();
}

/// Presses Tab until the focus is where the script says so.
async fn tab_to(browser: &Browser, is_there: &str) {
    for _ in 0..100 {
        press(browser, Key::Tab).await;
        if browser.runs(&format!("const focused = document.activeElement; return {is_there}")).await == true {
            return;
        }
    }
    panic!("Tab does not lead to {is_there}");
}

/// The pages of the list, the timeline, and the form that rotates with its fields for another Secret.
pub(crate) async fn all(browser: &Browser) {
    browser.goto("/?limit=2").await;
    browser.reads("page 1 of ").await;
    tab_to(browser, "focused.matches('nav.pages a') && focused.textContent === '2'").await;
    press(browser, Key::Enter).await;
    browser.reads("page 2 of ").await;

    browser.goto("/").await;
    browser.reads("Live").await;
    tab_to(browser, "focused.closest('.timeline') !== null").await;
    let name = browser.runs("return document.activeElement.getAttribute('aria-label')").await;
    assert!(name.as_str().unwrap().ends_with(": unwatched/nightly"), "{name}");
    let stroke = "return getComputedStyle(document.activeElement.querySelector('circle')).strokeWidth";
    assert_eq!(browser.runs(stroke).await, "3px", "where the focus is can be seen");
    press(browser, Key::Enter).await;
    browser.arrives("/connections/unwatched/nightly").await;

    browser.goto("/connections/ui/browser/rotate").await;
    browser.reads("The next token goes to Secret").await;
    tab_to(browser, "focused.matches('#more > summary')").await;
    press(browser, Key::Enter).await;
    until(|| async {
        browser.runs("return document.getElementById('more').open").await.as_bool().filter(|is_open| *is_open)
    })
    .await;
    tab_to(browser, "focused.name === 'secret'").await;
    browser.driver.action_chain().send_keys("by-keys").perform().await.unwrap();
    tab_to(browser, "focused.name === 'in_place'").await;
    press(browser, Key::Space).await;
    let chosen = "const form = document.querySelector('form[data-secret]');
        return form.elements.secret.value + ' ' + form.elements.in_place.checked";
    assert_eq!(browser.runs(chosen).await, "by-keys true");
    tab_to(browser, "focused.name === 'token'").await;
    tab_to(
        browser,
        "focused.matches('form[data-secret] button') && focused.textContent === 'Check and rotate'",
    )
    .await;
}
