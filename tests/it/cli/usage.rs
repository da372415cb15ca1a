//! Wrong usage, help, and how `run` and `crds` end.

use std::os::unix::{
    fs::{MetadataExt, PermissionsExt},
    process::CommandExt,
};

use clap::CommandFactory;

use super::*;

#[tokio::test]
async fn wrong_usage_is_one_sentence_that_names_what_is_wrong() {
    let desk = Desk::new().await;
    let token = desk.github.token(NewToken::classic("ci", "acme-ci"));
    let file = |text: &str| desk.file("file.yaml", text);
    let manifest = |spec: &str| desk.manifest(spec);
    let other_kind =
        file("apiVersion: v1\nkind: Secret\nmetadata: { name: a }\nspec: { secretRef: { name: a } }\n");
    let two = "{ apiVersion: v1, kind: Secret }\n---\n{ apiVersion: v1, kind: ConfigMap }";
    let rows: Vec<(&str, Vec<String>, &str)> = vec![
        (
            "an unknown host",
            words("check --host nowhere"),
            "no host nowhere in the settings: name one of github.com",
        ),
        ("no such token file", words("check --secret-file /no/such"), "/no/such"),
        ("a folder for a token", words("check --secret-file /"), "cannot read /"),
        ("no such manifest", words("check -f /no/such"), "/no/such"),
        ("bad YAML", words(&format!("check -f {}", file("a: ["))), "file.yaml is wrong"),
        (
            "an empty manifest",
            words(&format!("check -f {}", file(""))),
            "has no GithubPatConnection: name the file",
        ),
        (
            "another kind",
            words(&format!("check -f {other_kind}")),
            "has no GithubPatConnection but Secret: name the file",
        ),
        ("two of other kinds", words(&format!("check -f {}", file(two))), "but ConfigMap, Secret"),
        (
            "an unknown field of a manifest",
            words(&format!("check -f {}", manifest("require: { scope: [repo] }"))),
            "spec.require.scope is no field",
        ),
        (
            "an unknown field of an output",
            words(&format!("check -f {}", manifest("publish: [{ secretName: a, format: Opaque, type: b }]"))),
            "spec.publish[0].type is no field",
        ),
        (
            "a wrong duration",
            words(&format!("check -f {}", manifest("interval: soon"))),
            "spec.interval: \"soon\" is not a duration",
        ),
        (
            "an unknown kind",
            words(&format!("check -f {}", manifest("require: { kinds: [Password] }"))),
            "spec.require.kinds[0]",
        ),
        ("no such settings", words("check --config /no/such"), "cannot read the settings file /no/such"),
        (
            "an unknown setting",
            words(&format!("check --config {}", file("nosuch: 1"))),
            "nosuch is no field: remove it, or write one of minimumInterval",
        ),
        (
            "a wrong setting",
            words(&format!("check --config {}", file("concurrency: 0"))),
            "the setting concurrency is wrong",
        ),
        ("a short pause", words("check --confirm-after 0s"), "the setting confirmAfter is wrong"),
        ("a wrong pause", words("check --confirm-after soon"), "--confirm-after"),
        ("a wrong filter", words("check --log-filter ==="), "the setting logFilter is wrong"),
        ("a wrong layout", words("check -o xml"), "--output"),
        ("an unknown flag", words("check --nosuch"), "--nosuch"),
        ("a token as an argument", words(&format!("check {token}")), "it may be a token"),
        ("a token as a flag", words(&format!("check --token={token}")), "--token"),
        ("a token as a subcommand", words(&token), "it may be a token"),
        ("a token as a value", words(&format!("check --output {token}")), "looks like a token"),
        ("a token as a duration", words(&format!("check --confirm-after {token}")), "looks like a token"),
        ("a token as a file", words(&format!("check -f {token}")), "there is no such file"),
        ("no subcommand", Vec::new(), "Usage"),
        (
            "run with a wrong setting",
            words("run --concurrency 0"),
            "the setting concurrency is wrong: 0 is not between",
        ),
        (
            "run with a wrong host",
            words(&format!("run --config {}", file("hosts: [{ name: a, apiUrl: 'http://a.example' }]"))),
            "hosts[0].apiUrl",
        ),
        ("run with a wrong address", words("run --listen nowhere"), "--listen"),
        (
            "run with a short interval",
            words("run --minimum-interval 1s"),
            "the setting minimumInterval is wrong",
        ),
        // Helm leaves these to the operator, and this is what its log says.
        (
            "run with trust below the heartbeat",
            words(&format!("run --config {}", file("trustFor: 59m"))),
            "the setting trustFor is wrong: it is below heartbeat",
        ),
        (
            "run with a short Lease",
            words(&format!("run --config {}", file("leaseDuration: 10s"))),
            "the setting renewDeadline is wrong: it is not below leaseDuration",
        ),
        (
            "run with rare renewals",
            words(&format!("run --config {}", file("renewDeadline: 3s"))),
            "the setting retryPeriod is wrong: it is above half of renewDeadline",
        ),
        (
            "run with a long handshake",
            words(&format!(
                "run --config {}",
                file("hosts: [{ name: github.com, timeout: 2s, connectTimeout: 3s }]")
            )),
            "the setting hosts[0].connectTimeout is wrong: it is above timeout",
        ),
        (
            "run with an impatient sink",
            words(&format!("run --config {}", file("sinks: [{ name: a, url: 'https://a', timeout: 0s }]"))),
            "the setting sinks[0].timeout is wrong: 0s is not between",
        ),
    ];
    for (name, arguments, expected) in rows {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let ended = run(&arguments, b"", &[]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{name}: {ended:?}");
        assert!(ended.err.contains(expected), "{name}: {}", ended.err);
        // What clap says of flags has a hint below the sentence.
        let sentence = ended.err.lines().next().unwrap_or_default();
        let hinted = sentence.starts_with("error: ") || name == "no subcommand";
        assert!(hinted || ended.err.lines().count() == 1, "{name}: {}", ended.err);
        assert!(name == "no subcommand" || sentence.contains(expected), "{name}: {sentence}");
        ended.holds_no(&token);
    }
    assert_eq!(desk.github.calls().len(), 0);
}

#[tokio::test]
async fn no_flag_or_variable_has_a_token_repeated() {
    let token = token_text_for(TokenKind::Classic, 12);
    let (path, cli) = (format!("/tmp/{token}"), github_pat_operator::cli::Cli::command());
    let flags = cli.get_subcommands().flat_map(|command| {
        let valued = command.get_arguments().filter(|flag| flag.get_action().takes_values());
        valued.map(|flag| (command.get_name(), flag.get_long().unwrap(), flag.get_env()))
    });
    let flags: Vec<_> = flags.collect();
    assert!(flags.len() > 20, "{flags:?}");
    for (subcommand, flag, variable) in flags {
        for value in [token.as_str(), &path] {
            let joined = format!("--{flag}={value}");
            let ended = run(&[subcommand, &joined], b"", &[]).await;
            assert_ne!(ended.code, 0, "--{flag}");
            ended.holds_no(&token);
            let Some(variable) = variable else { continue };
            let ended = run(&[subcommand], b"", &[(variable.to_str().unwrap(), value)]).await;
            assert_ne!(ended.code, 0, "{variable:?}");
            ended.holds_no(&token);
        }
    }
}

#[tokio::test]
async fn help_and_version_are_given_and_crds_are_the_checked_in_ones() {
    for (arguments, expected) in [
        ("--help", "Usage: github-pat-operator <COMMAND>"),
        ("--help", "0 usable, 1 not usable, 2 undetermined, 3 wrong usage"),
        (
            "check --help",
            "3  wrong usage: an argument, a file, a variable or a setting is wrong, and nothing was asked",
        ),
        ("run --help", "--minimum-interval"),
        ("--version", concat!("github-pat-operator ", env!("CARGO_PKG_VERSION"))),
    ] {
        let ended = run(&words(arguments).iter().map(String::as_str).collect::<Vec<_>>(), b"", &[]).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments}");
        assert!(ended.out.contains(expected), "{arguments}: {}", ended.out);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/githubpatconnections.githubpat.dev.yaml");
    let printed = run(&["crds"], b"", &[]).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert!(printed.out == fs::read_to_string(path).unwrap(), "run: {BINARY} crds > {path}");
}

#[tokio::test]
async fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = run(&["check", "--help"], b"", &[]).await.out;
    let codes = help.split_once("Exit codes:\n").unwrap().1.replace("\n     ", " ");
    let codes: Vec<_> = codes.lines().map(|line| line.trim().split_once("  ").unwrap()).collect();
    assert_eq!(codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap().replace('`', "");
    for (code, meaning) in codes {
        let rows = [format!("\n| {code} | {meaning} |\n"), format!("\n| {code} | {meaning}. |\n")];
        assert!(rows.iter().any(|row| readme.contains(row)), "README.md lacks: {code} {meaning}");
    }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(BINARY).arg("crds").stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

#[tokio::test]
async fn run_ends_at_once_with_one_sentence_where_it_cannot_work() {
    let desk = Desk::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let kubeconfig = desk.file(
        "kubeconfig",
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{ name: a, context: { cluster: a } }]\n\
         clusters: [{ name: a, cluster: { server: 'http://127.0.0.1:1' } }]\n",
    );
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    let broken = |name: &str, from: &str, to: &str| desk.file(name, &text.replace(from, to));
    let user = |name: &str, user: &str| {
        let with_user = text.replace("{ cluster: a }", "{ cluster: a, user: u }");
        desk.file(name, &format!("{with_user}users: [{{ name: u, user: {{ {user} }} }}]\n"))
    };
    let nowhere = desk.folder.path().join("nowhere").to_str().unwrap().to_owned();
    let folder = desk.folder.path().to_str().unwrap().to_owned();
    let socks = broken("socks", "server:", "proxy-url: 'socks5://bot:x@127.0.0.1:1', server:");
    let kubeconfigs = [
        ("a proxy of another kind", socks, "proxy-url of the cluster in the kubeconfig is no http"),
        ("no kubeconfig", nowhere, "nowhere: there is no such file: correct the path, set KUBECONFIG"),
        ("a folder", folder, "it is a folder: name a file in it"),
        ("no YAML", broken("yaml", "[{", "[[{"), "it is no YAML of a kubeconfig"),
        ("no context", broken("current", "current-context: a", ""), "kubectl config use-context"),
        (
            "an unknown context",
            broken("context", "current-context: a", "current-context: b"),
            "no context \"b\"",
        ),
        ("an unknown cluster", broken("cluster", "cluster: a }", "cluster: b }"), "no cluster \"b\""),
        ("no server", broken("none", "server: 'http://127.0.0.1:1'", ""), "its cluster has no server"),
        ("no URL", broken("url", "http://127.0.0.1:1", "not a url"), "not a URL: write it as in https://"),
        (
            "no URL of a proxy",
            broken("proxy", "server:", "proxy-url: '::', server:"),
            "is no http or https URL",
        ),
        (
            "no file of the authority",
            broken("ca", "server:", "certificate-authority: /no/ca.pem, server:"),
            "its certificate-authority /no/ca.pem: there is no such file: correct the path",
        ),
        (
            "no base64",
            broken("base64", "server:", "certificate-authority-data: '%%%', server:"),
            "certificate-authority-data is no base64: correct it",
        ),
        (
            "no file of the client",
            user("client", "client-certificate: /no/a, client-key: /no/b"),
            "its client-certificate /no/a: there is no such file",
        ),
        (
            "no command",
            user(
                "exec",
                "exec: { command: /no/such, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never }",
            ),
            "exec cannot be run",
        ),
        (
            "a command that fails",
            user(
                "fails",
                "exec: { command: 'false', apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never }",
            ),
            "names under exec failed with exit status: 1",
        ),
    ];
    let in_use = ("an address in use", kubeconfig.clone(), address.as_str(), "another process listens there");
    let elsewhere = ("an address of others", kubeconfig, "192.0.2.1:8080", "this machine does not have it");
    let rows = kubeconfigs.into_iter().map(|(name, file, expected)| (name, file, "127.0.0.1:0", expected));
    let rows = rows.chain([in_use, elsewhere]);
    for (name, kubeconfig, listen, expected) in rows {
        let begin = Instant::now();
        let arguments = ["run", "--listen", listen, "--log-filter", "off"];
        let ended = run(&arguments, b"", &[("KUBECONFIG", kubeconfig.as_str())]).await;
        assert_eq!((ended.code, ended.err.lines().count()), (1, 1), "{name}: {ended:?}");
        assert!(!ended.err.contains("bot"), "{name}: {}", ended.err);
        words::assert_plain(name, &ended.err, expected, expected);
        assert!(begin.elapsed() < Duration::from_secs(10), "{name}");
    }
}

#[tokio::test]
async fn run_ends_well_within_ten_seconds_of_a_signal_even_while_github_stalls() {
    let world = World::start().await;
    world.github.outage(Some(Outage::Stall));
    let kubeconfig = world.plane.admin_kubeconfig().to_owned();
    let settings = world.file("settings.yaml", &world.settings());
    let log = world.file("operator.log", "");
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", serde_json::json!({})).await;
    let launch = Launch::new(BINARY)
        .arguments(["run", "--listen", "127.0.0.1:0", "--config", settings.to_str().unwrap()])
        .variable("KUBECONFIG", kubeconfig)
        .output(&log, &log);
    let mut operator = Guarded::spawn(&launch).unwrap();
    world.until_asked("ci", 1).await;
    operator.terminate().unwrap();
    let status = operator.wait(Duration::from_secs(10)).await.unwrap();
    assert!(status.success(), "{status}: {}", fs::read_to_string(&log).unwrap());
}

#[test]
fn while_it_runs_its_memory_can_be_neither_dumped_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("operator");
    // To where every user gets, by another process: a file that one of this process's children holds open cannot be run.
    assert!(Command::new("cp").arg(BINARY).arg(&program).status().unwrap().success());
    let (input, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(&program);
    command.arg("check").env_clear().stdin(input).stdout(Stdio::null());
    // What belongs to root anyway cannot be seen to be kept from its owner.
    let mut user = fs::metadata(&program).unwrap().uid();
    if user == 0 {
        user = 65532;
        command.uid(user);
    }
    let mut running = command.spawn().unwrap();
    let proc = PathBuf::from(format!("/proc/{}", running.id()));
    let deadline = Instant::now() + Duration::from_secs(10);
    // Files of a process that is not dumpable belong to root: https://man7.org/linux/man-pages/man5/proc_pid.5.html
    let seen = loop {
        let limits = fs::read_to_string(proc.join("limits")).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        let limit: Vec<_> = limit.split_whitespace().take(2).map(str::to_owned).collect();
        let owners = [&proc, &proc.join("mem")].map(|path| fs::metadata(path).unwrap().uid());
        let seen = (limit.join(" "), owners);
        if seen == ("0 0".to_owned(), [user, 0]) || Instant::now() > deadline {
            break seen;
        }
        std::thread::yield_now();
    };
    drop(writer);
    running.wait().unwrap();
    assert_eq!(seen, ("0 0".to_owned(), [user, 0]));
}
