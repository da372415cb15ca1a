//! The page in Chromium, as `.ci/ui` runs it: it installs the browser and brings axe-core, whose script `UI_AXE` names.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "what goes wrong in a test shall stop it where it stands, and what was measured is shown"
)]

mod browser;
mod choices;
mod flows;
mod kept;
mod keys;
mod looks;
mod many;
#[path = "../it/page.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod page;
mod readers;
mod truth;
#[path = "../it/wire.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod wire;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod world;

use std::{env, fs};

use crate::{browser::Browser, world::World};

#[tokio::test]
async fn the_page_works_in_a_browser() {
    let axe = env::var_os("UI_AXE").expect("UI_AXE names the script of axe-core: run .ci/ui");
    let axe = fs::read_to_string(axe).unwrap();
    let place = World::place("ui");
    let (kubeconfig, hold) = wire::wire(&place).await;
    let browser = Browser::start(&place, &kubeconfig).await;
    let played = async {
        flows::enter(&browser).await;
        flows::keyboard(&browser).await;
        flows::live(&browser, &place).await;
        flows::token_in_the_filter(&browser, &place).await;
        flows::what_a_token_looks_like(&browser, &place).await;
        flows::connect(&browser, &place).await;
        flows::rotate(&browser, &place).await;
        flows::scripts_of_others(&browser).await;
        truth::deleted(&browser, &place).await;
        truth::away(&browser, &hold).await;
        truth::silent(&browser, &hold).await;
        truth::turned_away_early(&browser).await;
        choices::rotations(&browser, &place).await;
        choices::sent_and_not_answered(&browser, &place, &hold).await;
        looks::all(&browser, &place, &axe).await;
        looks::long_names(&browser).await;
        choices::paging_and_pointing(&browser).await;
        keys::all(&browser).await;
        readers::all(&browser).await;
    };
    played.await;
    browser.end().await;
    choices::without_rights().await;
    choices::rights_that_come().await;
}

#[tokio::test]
async fn a_page_whose_program_has_ended_believes_nobody_else() {
    let place = World::place("ui");
    truth::ended_before_the_eyes(&place).await;
    truth::ended_while_it_is_asked(&place).await;
    truth::ended_behind_the_back(&place).await;
    truth::loaded_anew_after_the_end(&place).await;
}

#[tokio::test]
async fn what_a_person_has_opened_focused_and_scrolled_stays_so_while_the_page_is_live() {
    kept::all().await;
}

#[tokio::test]
async fn ten_thousand_connections_stay_usable() {
    many::all().await;
}
