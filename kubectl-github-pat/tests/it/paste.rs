//! A token at a terminal is shown neither while it is pasted nor afterwards, and no shell finds it.

use github_simulator::{NewToken, Simulator};

use crate::{
    terminal::Person,
    world::{UNWATCHED, World, holds_no},
};

#[tokio::test]
async fn a_token_that_is_pasted_twice_is_neither_shown_nor_left_to_the_shell() {
    let place = World::place(UNWATCHED);
    let github = Simulator::start().await.unwrap();
    let token = github.token(NewToken::classic("twice", "acme-ci"));
    let settings = format!("hosts: [{{ name: slow, apiUrl: '{}' }}]\n", github.url());
    let settings = place.world.file("slow.yaml", &settings);
    let admin = place.world.plane.admin_kubeconfig();
    let flags = ["connect", "twice", "--host", "slow", "--config", &settings, "--kind", "classic"];
    let flags = [&flags[..], &["--dry-run", "server"]].concat();
    for is_one_burst in [false, true] {
        github.hold(true);
        let mut person = Person::in_a_shell(&place, admin, &flags);
        person.reads("Paste the token").await;
        let pasted = format!("{token}\n");
        person.types(&if is_one_burst { pasted.repeat(2) } else { pasted.clone() }).await;
        person.reads("asking slow about the token").await;
        // Ctrl-Z hands no silent terminal to the shell.
        if !is_one_burst {
            person.types(&format!("\u{1a}{pasted}")).await;
        }
        github.hold(false);
        person.reads("would write Secret twice-pat").await;
        assert_eq!(person.ends().await, 0, "{}", person.seen);
        holds_no(&person.seen, &token);
        assert!(person.seen.contains("left <>"), "{}", person.seen);
    }
}

#[tokio::test]
async fn whoever_gives_up_after_the_paste_gets_the_terminal_back_and_hears_what_goes_on() {
    let place = World::place(UNWATCHED);
    let token = place.world.github.token(NewToken::classic("given-up", "acme-ci"));
    let flags = ["connect", "given-up", "--host", "simulated", "--kind", "classic"];
    let mut person = Person::at(&place, place.world.plane.admin_kubeconfig(), &flags);
    person.reads("Paste the token").await;
    person.types(&format!("{token}\n")).await;
    person.reads("waiting for the operator").await;
    person.reads(" …").await;
    person.types(&format!("{token}\u{3}")).await;
    assert_eq!((person.ends().await, person.is_shown()), (130, true), "{}", person.seen);
    let ending = person.seen.rsplit(" …\r").next().unwrap().trim_start_matches([' ', '\r']);
    let said = "kubectl github-pat: interrupted; the same command begins again, or goes on from what was written\r\n";
    assert_eq!(ending, said, "{}", person.seen);
    holds_no(&person.seen, &token);
}

#[tokio::test]
async fn check_asks_for_a_token_that_nothing_else_has_and_does_not_show_it() {
    let place = World::place(UNWATCHED);
    let token = place.world.github.token(NewToken::classic("check-typed", "acme-ci"));
    let flags = ["check", "--host", "simulated"];
    let mut person = Person::without_a_cluster(&place, &flags);
    person.reads("Paste the token, which is not shown, and press Enter:").await;
    assert!(!person.is_shown());
    person.types(&format!("{token}\n")).await;
    assert_eq!(person.ends().await, 0, "{}", person.seen);
    assert!(person.seen.contains("Authenticated    True"), "{}", person.seen);
    holds_no(&person.seen, &token);

    let mut person = Person::without_a_cluster(&place, &flags);
    person.reads("press Enter:").await;
    person.types("\u{3}").await;
    assert_eq!(person.ends().await, 130, "{}", person.seen);
    assert!(
        person.seen.ends_with("kubectl github-pat: interrupted; nothing was written\r\n"),
        "{}",
        person.seen
    );
}
