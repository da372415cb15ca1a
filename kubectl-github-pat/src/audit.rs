//! `audit`: what of the tokens of a cluster somebody should look at.

mod finding;
mod plan;
mod secrets;

use std::{path::PathBuf, process::ExitCode};

use github_pat_operator::{api::GithubPatConnection, domain::requirement::Expectation};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
};

use self::{
    finding::{Audit, Named},
    secrets::Stored,
};
use crate::{
    cluster::Way,
    error::Error,
    format, list, screen,
    sheet::{Cell, Colour, Sheet},
    trial::{CONFIG, Trial},
};

/// Tells what of the tokens of a cluster somebody should look at.
///
/// Which connections share a token or an account, which tokens never expire, which have more scopes than are demanded, and which
/// Secrets have a GitHub token that no connection looks after; of tokens kinds and hashes alone. The exit code is 0 if there is nothing
/// but shared accounts and what may be a commit, and 2 if that is only so as far as you may look. Of what has the form of a token of before 2021, and of a commit, it
/// is told where a connection has the same, or a host of the settings file takes such tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Auditing {
    #[command(flatten)]
    way: Way,
    /// Those of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Leaves Secrets alone, so that no right to read them is needed
    #[arg(long)]
    no_secrets: bool,
    /// The settings file with the GitHub hosts, as the operator has it
    #[arg(long, env = CONFIG, hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print; plan is YAML with a connection for each Secret that no connection looks after
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
    Plan,
}

pub(crate) async fn run(auditing: Auditing) -> Result<ExitCode, Error> {
    let trial = Trial::new(auditing.config.as_deref(), None)?;
    let legacy = trial.legacy_tokens();
    let cluster = auditing.way.open().await?;
    let resource = ApiResource::erase::<GithubPatConnection>(&());
    let api: Api<DynamicObject> = match auditing.all_namespaces {
        true => Api::all_with(cluster.client.clone(), &resource),
        false => Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource),
    };
    let listed = list::all(&cluster, &api, None).await?;
    let all: Vec<_> = listed.iter().map(Named::of).collect();
    let (connections, unreadable) = finding::read(listed);
    let looking = async {
        if auditing.no_secrets {
            return Ok(Stored::default());
        }
        if auditing.all_namespaces {
            let known = all.iter().map(|named| named.namespace.clone()).collect();
            return secrets::everywhere(&cluster, known).await;
        }
        secrets::of_namespaces(&cluster, [cluster.namespace.clone()]).await
    };
    let stored = screen::during("looking through the Secrets for tokens", looking).await?;
    let audit = finding::audit(&connections, unreadable, stored, legacy);
    match auditing.output {
        Output::Text => {
            let everywhere = if auditing.all_namespaces { " -A" } else { "" };
            let plan = cluster.command(&format!("audit{everywhere} -o plan{}", trial.flag()));
            screen::show(&sheet(&audit, &plan))?;
        }
        Output::Json => screen::print(&format::json(&audit)?)?,
        Output::Plan => screen::print(&plan::plan(&audit, &all)?)?,
    }
    Ok(ExitCode::from(audit.usability().exit_code()))
}

/// What was found. `plan` is the command that prints connections for it.
fn sheet(audit: &Audit, plan: &str) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.line([Cell::new(format!(
        "{} connections, {} tokens of {} accounts",
        audit.connections, audit.tokens, audit.accounts
    ))]);
    let joined = |named: &[Named]| named.iter().map(Named::to_string).collect::<Vec<_>>().join(", ");
    let row = |one: String, other: String| vec![Cell::new(one), Cell::new(other)];
    section(&mut sheet, Colour::Warn, "Tokens that several connections share", || {
        let shared = audit.shared_tokens.iter();
        shared.map(|shared| row(shared.hashed_token.to_string(), joined(&shared.connections))).collect()
    });
    section(&mut sheet, Colour::Strong, "Accounts of several connections", || {
        let shared = audit.shared_accounts.iter();
        shared
            .map(|shared| {
                let account = account(&shared.account);
                row(
                    format!("{account} on {}, {} tokens", shared.host, shared.tokens),
                    joined(&shared.connections),
                )
            })
            .collect()
    });
    section(&mut sheet, Colour::Warn, "Tokens that never expire", || {
        let never = audit.never_expiring.iter();
        never
            .map(|never| row(never.connection.to_string(), format!("Secret {}", never.secret_name)))
            .collect()
    });
    section(&mut sheet, Colour::Warn, "Tokens with more scopes than are demanded", || {
        let excess = audit.excess.iter();
        excess
            .map(|excess| {
                let secret = format!("Secret {}", excess.secret_name);
                vec![
                    Cell::new(excess.connection.to_string()),
                    Cell::new(secret),
                    Cell::new(excess.scopes.join(", ")),
                ]
            })
            .collect()
    });
    section(&mut sheet, Colour::Bad, "Secrets with a token that no connection looks after", || {
        let uncovered = audit.uncovered.iter();
        uncovered
            .map(|found| {
                let also = joined(&found.also_of);
                let also = if also.is_empty() { also } else { format!("the same token as of {also}") };
                vec![
                    Cell::new(format!("{}/{}, key {}", found.namespace, found.secret_name, found.key)),
                    Cell::new(found.kind.words()),
                    Cell::new(found.hashed_token.to_string()),
                    Cell::new(also),
                ]
            })
            .collect()
    });
    section(
        &mut sheet,
        Colour::Warn,
        "Secrets with 40 hexadecimal digits, which may be a token of before 2021, or a commit",
        || {
            let possible = audit.possible.iter();
            possible
                .map(|found| {
                    row(
                        format!("{}/{}, key {}", found.namespace, found.secret_name, found.key),
                        found.hashed_token.to_string(),
                    )
                })
                .collect()
        },
    );
    section(&mut sheet, Colour::Warn, "Namespaces whose Secrets you may not list", || {
        audit.not_listed.iter().map(|namespace| vec![Cell::new(namespace)]).collect()
    });
    section(
        &mut sheet,
        Colour::Warn,
        "Namespaces without a connection, since you may list neither them nor all Secrets",
        || {
            let unknown =
                audit.namespaces_unknown.then(|| vec![Cell::new("nobody has looked for Secrets there")]);
            unknown.into_iter().collect()
        },
    );
    section(&mut sheet, Colour::Bad, "Connections that this version cannot read", || {
        audit.unreadable.iter().map(|named| vec![Cell::new(named.to_string())]).collect()
    });
    if !audit.uncovered.is_empty() {
        sheet.gap();
        let text =
            format!("{plan} prints connections for these Secrets, to be applied once they are looked at");
        sheet.line([Cell::new(text)]);
    }
    sheet
}

fn section(sheet: &mut Sheet, colour: Colour, heading: &str, rows: impl Fn() -> Vec<Vec<Cell>>) {
    let rows = rows();
    if !rows.is_empty() {
        sheet.gap();
        sheet.line([Cell::new(heading).colour(colour)]);
        sheet.table(2, rows);
    }
}

fn account(account: &Expectation) -> String {
    let id = account.user_id.map(|id| format!("(id {id})"));
    account.login.iter().cloned().chain(id).collect::<Vec<_>>().join(" ")
}
