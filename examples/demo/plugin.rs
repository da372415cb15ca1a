//! What to try with the plugin: a token that works and one that does not, and the commands.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, process::ExitCode};

use github_simulator::{NewToken, Simulator};
use tokio::process::Command;

use super::{Failed, show};

/// Makes the tokens, each in a file of its own, and prints the commands.
pub(crate) fn commands(github: &Simulator, directory: &Path) -> Result<(), Failed> {
    let good = NewToken::classic("first", "acme-ci").scopes(&["repo"]);
    let next = NewToken::classic("next", "acme-ci").scopes(&["repo"]);
    let lacking = NewToken::classic("lacking", "acme-ci").scopes(&["gist"]);
    for (name, token) in [("first", good), ("next", next), ("lacking", lacking)] {
        let mut file = fs::OpenOptions::new();
        let mut file =
            file.write(true).create_new(true).mode(0o600).open(directory.join(format!("{name}.txt")))?;
        file.write_all(github.token(token).as_bytes())?;
    }
    let directory = directory.display();
    let plugin = "cargo run -qp kubectl-github-pat --";
    let connect = format!("{plugin} connect mine -n demo --host github.simulated --scope repo");
    show::line(&format!(
        "  with the plugin, which finds the simulated GitHub by the operator's settings, and tokens to paste:\n\n  \
           export GITHUB_PAT_OPERATOR_CONFIG={directory}/settings.yaml\n  \
           {plugin} list -A\n  \
           {connect} < {directory}/lacking.txt\n  \
           {connect} < {directory}/first.txt\n  \
           kubectl patch ghpat mine -n demo --type merge --patch '{{\"spec\": {{\"holdDown\": \"0s\"}}}}'\n  \
           {plugin} rotate mine -n demo < {directory}/next.txt\n"
    ))
}

/// Serves the page until it ends. Its tokens to paste are in the files that were told.
pub(crate) async fn page(kubeconfig: &Path, directory: &Path) -> Result<ExitCode, Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "kubectl-github-pat", "--", "ui"]).kill_on_drop(true);
    // What cargo tells the demo of the demo's own package would have crates built anew that look at it, ring among them.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command.env("KUBECONFIG", kubeconfig).env("GITHUB_PAT_OPERATOR_CONFIG", directory.join("settings.yaml"));
    let is_done = command.status().await?.success();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
