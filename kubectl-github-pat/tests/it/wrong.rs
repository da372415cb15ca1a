//! What is said to whoever gets a word, a file or a name wrong, and what is to be typed next.

use github_simulator::NewToken;
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    terminal::Person,
    wire::{LATE, Wire, wire},
    world::{World, run},
};

#[tokio::test]
async fn whoever_may_not_look_or_names_nothing_is_told_the_next_command() {
    let place = World::place("looks");
    let stranger = place.world.plane.user("stranger", None).unwrap();
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap().to_owned();
    let ended = place.plugin_as(stranger.clone(), &["status", "good"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("you may not read connection good in namespace looks: "), "{}", ended.err);
    assert!(
        ended.err.contains("\"stranger\"") && ended.err.contains("kubectl auth can-i --list"),
        "{}",
        ended.err
    );
    let ended = place.plugin_as(stranger.clone(), &["list"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let ended = place.plugin(&["status", "nothing"]).await;
    assert_eq!(ended.code, 3);
    assert!(
        ended
            .err
            .contains("there is no connection nothing in namespace looks: kubectl github-pat list -n looks"),
        "{}",
        ended.err
    );
    let manifest = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: { name: mm, namespace: team-b }\n\
                    spec: { host: simulated, secretRef: { name: mm-pat } }\n";
    let manifest = place.world.file("mm.yaml", manifest);
    let named = format!("name one of team-b/mm, as in kubectl github-pat connect NAME -f {manifest}");
    let connect = ["connect", "nn", "--scope", "repo", "--dry-run"];
    let rows: [(&[&str], &str, &str); 13] = [
        (&["status", "Not_A_Name"], "no name of a Kubernetes object", "try '--help'"),
        (&["explain", "Scope"], "there is ScopeMissing, ", "try '--help'"),
        (
            &["status", "good", "--kubeconfig", "/no/such"],
            "the kubeconfig /no/such: there is no such file",
            "correct the path, set KUBECONFIG",
        ),
        (
            &["status", "good", "--context", "no-such"],
            "the kubeconfig has no context \"no-such\"",
            ": kubectl config get-contexts shows which it has",
        ),
        (
            &["list", "-n", "looks", "-l", "a in"],
            "the API server does not let you list connections: ",
            "; write the selector as in -l team=infra: kubectl github-pat list --help shows each flag",
        ),
        (
            &["list", "-l", "a b c"],
            "the API server does not let you list connections: ",
            "; write the selector as in -l team=infra: kubectl github-pat list --help shows each flag",
        ),
        (
            &[&connect[..], &["server", "--host", "simulated", "-n", "no-such-ns"]].concat(),
            "namespaces \"no-such-ns\" not found",
            "; kubectl get namespaces shows which there are",
        ),
        (&["wait", "good", "--for", "Nonsense"], "SafeToRevoke", "try '--help'"),
        (
            &["list", "--expiring", "soon"],
            "not a duration",
            ": write days as in 30d, or hours and minutes as in 12h or 1h30m",
        ),
        (
            &["list", "--expiring", "3x"],
            "not a duration",
            ": write days as in 30d, or hours and minutes as in 12h or 1h30m",
        ),
        (&["connect", "nn", "-f", &manifest], "it has no connection nn: ", &named),
        (
            &[&connect[..], &["client", "--host", "no-such-host"]].concat(),
            "there is no host no-such-host in the settings: name one of github.com, simulated",
            ", or the settings file that has it by --config FILE",
        ),
        (&["connect"], "Usage: kubectl github-pat connect [OPTIONS] <NAME>\n", "try '--help'"),
    ];
    let settings = place.world.settings.to_str().unwrap();
    for (arguments, said, next) in rows {
        let ended = run(arguments, &[("KUBECONFIG", &admin), ("GITHUB_PAT_OPERATOR_CONFIG", settings)]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{arguments:?}: {ended:?}");
        let place = ended.err.find(said).unwrap_or_else(|| panic!("{arguments:?}: {}", ended.err));
        assert!(ended.err[place + said.len()..].contains(next), "{arguments:?}: {}", ended.err);
    }
    let token = place.world.github.token(NewToken::classic("argument", "acme-ci"));
    let path = format!("/tmp/{token}");
    for arguments in [
        &["status", &token] as &[&str],
        &["status", "good", &token],
        &[&token],
        &["list", "-n", &token],
        &["list", "--login", &token],
        &["connect", "new", "--dry-run", "client", "--scope", "repo", "--account", &token],
        &["connect", "new", "--dry-run", "client", "--token-file", &path],
    ] {
        let ended = run(arguments, &[("KUBECONFIG", &admin)]).await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(
            ended.err.contains("a token is never an argument") && !ended.err.contains(&token[8..20]),
            "{}",
            ended.err
        );
    }
}

#[tokio::test]
async fn of_several_kubeconfigs_those_that_are_missing_are_left_out_as_by_kubectl() {
    let place = World::place("looks");
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap();
    let broken = place.world.file("broken-kubeconfig", "nonsense");
    for (list, code, said) in [
        (format!("/no/such:{admin}"), 0, ""),
        (format!("{admin}:/no/such:"), 0, ""),
        ("/no/such:/nor/such".to_owned(), 3, "the kubeconfig /no/such: there is no such file"),
        (format!("{broken}:{admin}"), 3, "no cluster to talk to: "),
    ] {
        let ended = run(&["list", "-n", "looks"], &[("KUBECONFIG", &list)]).await;
        assert!(ended.code == code && ended.err.contains(said), "{list}: {ended:?}");
    }
}

#[tokio::test]
async fn what_keeps_a_connection_from_being_watched_is_told_once() {
    let place = World::place("looks");
    let (kubeconfig, hold) = wire(&place).await;
    place.connection("cut-off", json!({})).await;
    let mut person = Person::at(&place, &kubeconfig, &["wait", "cut-off", "--for", "SafeToRevoke"]);
    person.reads("no token of this connection was replaced yet").await;
    hold.send(Wire::Cut).unwrap();
    person.reads("warning: cannot watch connection cut-off").await;
    // Long enough for another try to fail.
    tokio::time::sleep(2 * LATE).await;
    hold.send(Wire::Open).unwrap();
    place.connections().delete("cut-off", &DeleteParams::default()).await.unwrap();
    person.reads("connection cut-off was deleted meanwhile").await;
    assert_eq!(person.ends().await, 2, "{}", person.seen);
    assert_eq!(person.seen.matches("warning").count(), 1, "{}", person.seen);
}
