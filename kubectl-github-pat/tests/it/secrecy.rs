//! A token that stands where something else belongs is not repeated, wherever that is.

use github_simulator::{NewToken, TokenKind};
use tokio::io::AsyncBufReadExt;

use crate::{
    terminal::Person,
    world::{SOON, UNWATCHED, World, holds_no, processes_hold_no, run},
};

/// The subcommands and flags that take a value, as docs/cli.md has them.
fn taking_a_value() -> Vec<[String; 2]> {
    let page = include_str!("../../../docs/cli.md");
    let sections = page.split("\n## ").skip(2);
    let flags = sections.flat_map(|section| {
        let subcommand = section.lines().next().unwrap();
        let values = section.lines().filter(|line| line.trim_start().starts_with('-') && line.contains(" <"));
        values.flat_map(move |line| {
            let names = line.trim().split(" <").next().unwrap();
            names.split(", ").map(move |name| [subcommand.to_owned(), name.to_owned()])
        })
    });
    flags.collect()
}

#[tokio::test]
async fn no_flag_argument_or_variable_has_a_token_repeated() {
    let place = World::place(UNWATCHED);
    let token = place.world.github.token(NewToken::classic("misplaced", "acme-ci"));
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap();
    let path = format!("/tmp/{token}/x");
    let flags = taking_a_value();
    assert!(
        flags.len() > 50 && flags.contains(&["connect".to_owned(), "--token-file".to_owned()]),
        "{flags:?}"
    );
    let mut rows: Vec<Vec<String>> = Vec::new();
    for [subcommand, flag] in flags {
        for value in [&token, &path] {
            rows.push(vec![subcommand.clone(), flag.clone(), value.clone()]);
            let joined =
                if flag.starts_with("--") { format!("{flag}={value}") } else { format!("{flag}{value}") };
            rows.push(vec![subcommand.clone(), joined]);
        }
    }
    let page = include_str!("../../../docs/cli.md");
    for subcommand in
        page.lines().filter_map(|line| line.strip_prefix("## ")).skip(1).chain(["help", "nothing"])
    {
        rows.push(vec![subcommand.to_owned(), token.clone()]);
    }
    rows.push(vec!["list".to_owned(), format!("-An{token}")]);
    for row in rows {
        let arguments: Vec<_> = row.iter().map(String::as_str).collect();
        let ended = run(&arguments, &[("KUBECONFIG", admin)]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{:?}", ended.err.replace(&token, "TOKEN"));
        assert!(ended.err.contains("revoke this one"), "{}", ended.err.replace(&token, "TOKEN"));
        holds_no(&ended.err, &token);
    }
    let named = page.split("[env: ").skip(1).map(|rest| rest.split([']', '=']).next().unwrap());
    let variables: std::collections::BTreeSet<_> = named.chain(["KUBECONFIG"]).collect();
    assert!(variables.contains("GITHUB_PAT_OPERATOR_CONFIG"), "{variables:?}");
    for variable in variables {
        for value in [&token, &path] {
            for subcommand in ["rotate", "connect"] {
                let arguments = [subcommand, "misplaced", "--token-file", "/dev/null"];
                let ended = run(&arguments, &[("KUBECONFIG", admin), (variable, value)]).await;
                assert_eq!(ended.code, 3, "{variable}: {}", ended.err.len());
                holds_no(&(ended.out + &ended.err), &token);
            }
        }
    }
    let folder = place.world.folder.path().join(&token);
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(crate::world::PLUGIN, folder.join("kubectl-github_pat")).unwrap();
    for _ in 0..2 {
        let ended = run(&["link"], &[("PATH", folder.to_str().unwrap())]).await;
        assert_eq!(ended.code, 0, "{}", ended.err.len());
        holds_no(&(ended.out + &ended.err), &token);
    }
    std::fs::remove_dir_all(folder).unwrap();
    // Where the file for the browser cannot be written, and where it can and the browser cannot be run.
    let folder = place.world.folder.path().join(format!("misplaced-{}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    for (folder, is_written) in [(path.as_str(), false), (folder.to_str().unwrap(), true)] {
        let variables = [("KUBECONFIG", admin), ("BROWSER", &*path), ("XDG_RUNTIME_DIR", folder)];
        let mut page = tokio::process::Command::new(crate::world::PLUGIN);
        page.arg("ui").env_clear().envs(variables).kill_on_drop(true).stdout(std::process::Stdio::piped());
        let mut page = page.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut told = tokio::io::BufReader::new(page.stderr.take().unwrap()).lines();
        for expected in ["works once", "looks like a token, so it is left out"] {
            let line = tokio::time::timeout(SOON, told.next_line()).await.unwrap().unwrap().unwrap();
            holds_no(&line, &token);
            assert!(line.contains(expected), "{expected}: {}", line.replace(&token, "TOKEN"));
        }
        let left = std::fs::read_dir(folder).map_or(0, Iterator::count);
        assert_eq!(left, usize::from(is_written), "the browser is told where it can be");
        page.kill().await.unwrap();
    }
    let manifest = format!(
        "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: {{ name: misplaced }}\n\
         spec: {{ host: simulated, secretRef: {{ name: misplaced }}, require: {{ scopes: [{token}] }} }}\n"
    );
    let manifest = place.world.file("misplaced.yaml", &manifest);
    for how in ["client", "server"] {
        let arguments = ["connect", "misplaced", "-f", &manifest, "--dry-run", how, "-o", "yaml"];
        let ended = place.plugin_with(admin.as_ref(), &arguments, token.as_bytes()).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err.len());
        assert!(ended.err.contains("looks like a token"), "{how}");
        holds_no(&ended.err, &token);
    }
    std::fs::remove_file(manifest).unwrap();
}

#[tokio::test]
async fn no_flag_or_argument_has_a_token_of_before_2021_repeated_where_a_host_takes_such_tokens() {
    let place = World::place(UNWATCHED);
    let token = place.world.github.token(NewToken::of(TokenKind::Legacy, "legacy-misplaced", "acme-ci"));
    let admin = place.world.plane.admin_kubeconfig().to_str().unwrap();
    let url = place.world.github.url();
    let settings = format!("hosts: [{{ name: simulated, apiUrl: '{url}', legacyTokens: true }}]\n");
    let settings = place.world.file("legacy.yaml", &settings);
    let variables = [("KUBECONFIG", admin), ("GITHUB_PAT_OPERATOR_CONFIG", settings.as_str())];
    let path = format!("/tmp/{token}/x");
    for [subcommand, flag] in taking_a_value() {
        for value in [&token, &path] {
            let ended = run(&[&subcommand, &flag, value], &variables).await;
            assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{subcommand} {flag}");
            assert!(ended.err.contains("revoke this one"), "{}", ended.err.replace(&token, "TOKEN"));
            holds_no(&ended.err, &token);
        }
    }
    let named = ["connect", &token, "--config", &settings];
    for arguments in [&["connect", token.as_str()][..], &[&format!("-n{token}")], &named] {
        let ended = run(arguments, &variables).await;
        assert!(ended.code == 3 && ended.err.contains("revoke this one"), "{}", ended.err.len());
        holds_no(&ended.err, &token);
    }
    // Where no host is known to take such tokens, it may be a commit; what is refused is not repeated all the same.
    for arguments in [
        &["connect", "ci", "--host", &token][..],
        &["connect", "ci", "--kind", &token],
        &["connect", "ci", "--output", &token],
        &["check", "--host", &token, "--secret-file", "/dev/null"],
        &["check", "-o", &token],
    ] {
        let ended = run(arguments, &[("KUBECONFIG", admin)]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err.replace(&token, "TOKEN"));
        holds_no(&ended.err, &token);
    }
    // A person is asked, and a manifest is read.
    let flags = ["connect", "legacy", "--host", "simulated"];
    let mut person = Person::with(&place, admin.as_ref(), &flags, &variables[1..]);
    person.reads("Which kind of token").await;
    person.types(&format!("{token}\n")).await;
    person.reads("that looks like a token, which is asked for later").await;
    person.types("\u{3}").await;
    let manifest = format!(
        "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: {{ name: legacy }}\n\
         spec: {{ host: simulated, secretRef: {{ name: legacy }}, expect: {{ login: '{token}' }} }}\n"
    );
    let manifest = place.world.file("legacy-misplaced.yaml", &manifest);
    let arguments = ["connect", "legacy", "-f", &manifest, "--dry-run", "client", "-o", "yaml"];
    let ended = run(&arguments, &variables).await;
    assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{}", ended.err.len());
    assert!(ended.err.contains("looks like a token"), "{}", ended.err.len());
    holds_no(&ended.err, &token);
    std::fs::remove_file(manifest).unwrap();
}

/// The process itself is older than its token, so what the search is worth is seen where there is something to find.
#[test]
fn a_token_in_the_arguments_or_the_environment_of_a_process_is_found() {
    let token = github_simulator::token_text_for(github_simulator::TokenKind::Classic, 7);
    let script = "sleep 60 & wait";
    for (row, arguments, variable, is_found) in [
        ("nowhere", ["-c", script, "sh", ""], "", false),
        ("an argument", ["-c", script, "sh", token.as_str()], "", true),
        ("a variable, which its child has too", ["-c", script, "sh", ""], token.as_str(), true),
    ] {
        let mut command = std::process::Command::new("sh");
        let mut child = command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("OF", variable)
            .spawn()
            .unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let deadline = std::time::Instant::now() + SOON;
        let grandchild: u32 = loop {
            let started = std::fs::read_to_string(&children).unwrap();
            if let Some(started) = started.split_whitespace().next() {
                break started.parse().unwrap();
            }
            assert!(std::time::Instant::now() < deadline, "{row}: nothing was started");
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        let found = std::panic::catch_unwind(|| processes_hold_no(child.id(), &token)).is_err();
        let ended = std::process::Command::new("kill").arg(grandchild.to_string()).status();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ended.unwrap().success());
        assert_eq!(found, is_found, "{row}");
    }
}
