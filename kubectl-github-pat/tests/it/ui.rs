//! `ui` as a browser, another page and another user of the machine meet it.

mod api;
mod before;
mod connection;
mod door;
mod forms;
mod overview;
mod truth;

use std::io::Write;

use crate::page::{Answer, Page};

#[test]
fn the_page_in_a_real_browser_is_tried_by_a_script_of_its_own() {
    let all = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/run")).unwrap();
    assert!(all.lines().any(|line| line == ".ci/ui"), "{all}");
    if cfg!(feature = "browser") {
        return;
    }
    // Past the capture of the test's output: it is to be seen where the test passes.
    let line = "left out: the page in a real browser, for which .ci/ui brings Chromium and axe-core";
    writeln!(std::io::stderr(), "{line}").unwrap();
}
