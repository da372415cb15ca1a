//! What shells and kubectl complete, and what man shows.

use std::{
    env,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::json;
use tokio::process::Command;

use crate::world::{PLUGIN, Place, World, run};

/// A folder with the plugin and with what kubectl asks about its arguments.
async fn folder(place: &Place) -> PathBuf {
    let folder = place.world.folder.path().join(format!("bin-{}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(PLUGIN, folder.join("kubectl-github_pat")).unwrap();
    let asked = folder.join("kubectl_complete-github_pat");
    std::fs::write(&asked, run(&["completion", "kubectl"], &[]).await.out).unwrap();
    std::fs::set_permissions(&asked, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// What a program prints, with this folder before all others; `None` if there is no such program, see [`left_out`].
async fn printed(place: &Place, folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let kubeconfig = place.world.plane.admin_kubeconfig();
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("KUBECONFIG", kubeconfig).env("HOME", folder);
    match command.output().await {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            left_out(&format!("the completion of {program}: {error}"));
            None
        }
    }
}

/// Says so past the capture of the test's output. The project's workflow sets this variable, and there it is a fault.
fn left_out(what: &str) {
    assert!(env::var_os("TEST_NOTHING_LEFT_OUT").is_none(), "left out: {what}");
    std::io::stderr().write_all(format!("left out: {what}\n").as_bytes()).unwrap();
}

#[tokio::test]
async fn shells_and_kubectl_complete_subcommands_flags_and_the_names_of_connections() {
    let place = World::place("complete");
    for name in ["alpha", "alpine", "beta"] {
        place.connection(name, json!({})).await;
    }
    let names = place.plugin(&["__complete", "status", "-n", "complete", "al"]).await;
    assert_eq!((names.code, names.err.as_str()), (0, ""), "{names:?}");
    let answer = |words: &'static [&'static str]| {
        let admin = place.world.plane.admin_kubeconfig().to_str().unwrap().to_owned();
        async move { run(&[&["__complete"], words].concat(), &[("KUBECONFIG", &admin)]).await.out }
    };
    assert_eq!(answer(&["status", "-n", "complete", "al"]).await, "alpha\nalpine\n:4\n");
    assert!(answer(&["list", "-n", "comp"]).await.starts_with("complete\n"));
    assert!(answer(&["status", "--name"]).await.starts_with("--namespace\tThe namespace\n:4"));
    assert_eq!(answer(&["connect", "x", "--filename", ""]).await, ":0\n", "the shell offers files");
    assert_eq!(
        run(&["__complete", "status", "al"], &[]).await.out,
        ":4\n",
        "without a cluster nothing is told"
    );

    let folder = folder(&place).await;
    let script = |shell: &str| folder.join(format!("completion.{shell}"));
    for shell in ["bash", "zsh", "fish"] {
        std::fs::write(script(shell), run(&["completion", shell], &[]).await.out).unwrap();
    }
    let bash = format!(
        "source {}; COMP_WORDS=(kubectl-github_pat status -n complete al); COMP_CWORD=4; _kubectl_github_pat; echo \"${{COMPREPLY[@]}}\"",
        script("bash").display()
    );
    if let Some(offered) = printed(&place, &folder, "bash", &["-c", &bash]).await {
        assert_eq!(offered, "alpha alpine\n");
    }
    // As bash splits a line.
    for (line, words, expected) in [
        (
            "kubectl-github_pat status --namespace=complete al",
            "status --namespace = complete al",
            "alpha alpine",
        ),
        ("kubectl-github_pat list --output=w", "list --output = w", "wide"),
        ("kubectl-github_pat list --output=", "list --output =", "text wide json yaml"),
        ("kubectl-github_pat list --namespace=comp", "list --namespace = comp", "complete"),
        (
            "kubectl-github_pat connect x --package=a:b --dry-run=s",
            "connect x --package = a : b --dry-run = s",
            "server",
        ),
        // What completes an alias leaves the line as it was typed.
        ("ghs al", "status -n complete al", "alpha alpine"),
        ("kubectl-github_pats al", "status -n complete al", "alpha alpine"),
    ] {
        let bash = format!(
            "source {}; COMP_LINE='{line}'; COMP_WORDS=(kubectl-github_pat {words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _kubectl_github_pat; echo \"${{COMPREPLY[@]}}\"",
            script("bash").display()
        );
        if let Some(offered) = printed(&place, &folder, "bash", &["-c", &bash]).await {
            assert_eq!(offered.trim_end(), expected, "{line}");
        }
    }
    let fish = format!(
        "source {}; complete -C 'kubectl-github_pat status -n complete al'",
        script("fish").display()
    );
    if let Some(offered) = printed(&place, &folder, "fish", &["-c", &fish]).await {
        assert_eq!(offered, "alpha\nalpine\n");
    }
    let zsh = format!(
        "compdef() {{ : }}; _describe() {{ print -l -- \"${{(@P)2}}\" }}; source {}; words=(kubectl-github_pat status -n complete al); \
         CURRENT=5; _kubectl_github_pat",
        script("zsh").display()
    );
    if let Some(offered) = printed(&place, &folder, "zsh", &["-f", "-c", &zsh]).await {
        assert_eq!(offered, "alpha\nalpine\n");
    }
    let asked = ["__complete", "github-pat", "status", "-n", "complete", "al"];
    if let Some(offered) = printed(&place, &folder, "kubectl", &asked).await {
        assert_eq!(offered, "alpha\nalpine\n:4\n");
    }
}

#[tokio::test]
async fn every_subcommand_has_a_page_for_man() {
    let place = World::place("complete");
    let pages = place.world.folder.path().join("man");
    let folder = pages.join("man1");
    let ended = run(&["manual", folder.to_str().unwrap()], &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let help = run(&["--help"], &[]).await.out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<_> = commands.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(commands.contains(&"rotate"), "{commands:?}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        let page = std::fs::read_to_string(folder.join(format!("kubectl-github_pat-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains(".SH OPTIONS"), "{command}: {page}");
        let mut man = Command::new("man");
        man.args(["--warnings", "-M"]).arg(&pages).arg(format!("kubectl-github_pat-{command}"));
        man.env("MANPAGER", "cat").env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
        let shown = match man.output().await {
            Ok(shown) if !shown.stdout.starts_with(b"This system has been minimized") => shown,
            _ => {
                left_out("the manual pages by man");
                continue;
            }
        };
        let text = String::from_utf8(shown.stdout).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_shown =
            words.contains(&format!("NAME kubectl-github_pat-{command} - ")) && words.contains(" OPTIONS ");
        assert!(shown.status.success() && shown.stderr.is_empty() && is_shown, "{command}: {text}");
    }
    let ended = run(&["manual", "/proc/nothing"], &[]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
}
