//! `connect`: from a token in a person's hands to a connection that the operator has judged.

mod demand;
mod dry;
mod output;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use github_pat_operator::{
    api::{GithubPatConnection, GithubPatConnectionSpec as Spec, STALLED, SecretKeyRef, Usability},
    cli::{holds_a_token, manifest},
    domain::{duration, output::Output as Published, token::Token},
    settings::from_value,
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use self::{demand::Demands, output::secret_of};
use self::{
    dry::{as_applied, dry},
    output::{are_names, may_be_output},
};
use crate::{
    apply::{Basis, Effect, Present, are_ours, is_ours},
    cluster::{Cluster, Way, object_name, quoted},
    error::Error,
    form::Form,
    format,
    left::Left,
    list::{is_named, reader},
    offer::{self, Offer},
    rights::may_follow,
    screen, status,
    summary::Summary,
    terminal,
    trial::{Source, Trial},
    wait::{Ended, Seen, follow},
};

/// Makes a connection from a token that is judged first.
///
/// Asks for what is missing, shows GitHub's form, reads the token without showing it, judges it as the operator does, makes Secret and
/// connection, and waits until the operator agrees. A token that is not usable writes nothing, and a Secret of others is left alone.
#[derive(Debug, clap::Args)]
// What clap makes names each flag that a variable sets, as if it had to be there.
#[command(override_usage = "kubectl github-pat connect [OPTIONS] <NAME>")]
pub(crate) struct Connect {
    /// The connection
    #[arg(value_parser = object_name)]
    name: String,
    #[command(flatten)]
    demands: Demands,
    /// A manifest with the connection, in place of flags; of a Secret in it the value under the key of spec.secretRef alone is written
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with = "demands")]
    manifest: Option<PathBuf>,
    /// The Secret that takes the token [default: that of the manifest, else NAME-pat]
    #[arg(long, value_name = "NAME", value_parser = object_name, conflicts_with = "manifest")]
    secret: Option<String>,
    /// The key of the Secret [default: token]
    #[arg(long, conflicts_with = "manifest")]
    key: Option<String>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    form: Form,
    /// Writes nothing: client asks the API server nothing either, server has it tell whether it would let it happen
    #[arg(long, value_enum, default_value_t = DryRun::None)]
    dry_run: DryRun,
    /// How to print what becomes of it; yaml and json print the connection, and never the token
    #[arg(short = 'o', value_name = "PRINT", value_enum, default_value_t = Output::Text)]
    output: Output,
    /// How long to wait for the operator
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    timeout: duration::Duration,
    #[command(flatten)]
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum DryRun {
    None,
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
    Yaml,
}

/// What is to be written.
pub(crate) struct Plan {
    pub(crate) name: String,
    /// The connection, as it is applied.
    object: Value,
    pub(crate) spec: Spec,
    /// The token in the manifest, if there is one.
    offer: Option<Offer>,
    /// Where another Secret is named.
    elsewhere: &'static str,
}

pub(crate) async fn run(connect: Connect) -> Result<ExitCode, Error> {
    let Connect { name, demands, manifest, secret, key, source, form, dry_run, output, timeout, way } =
        connect;
    let trial = source.trial()?;
    let mut opened = None;
    let mut plan = match &manifest {
        Some(path) => Plan::read(path, name, &trial)?,
        None => {
            let secret = secret.unwrap_or_else(|| secret_of(&name));
            let plan = |demands: &Demands| {
                Plan::made(name.clone(), demands.spec(&secret, key.as_deref())?, "by --secret")
            };
            if demands.are_asked_for() {
                opened = plan(&demands)?.before_questions(&trial, &way, dry_run).await?;
            }
            plan(&demands.or_asked(&trial)?)?
        }
    };
    trial.host(&plan.spec.host)?;
    if dry_run == DryRun::Client {
        return plan.client(&trial, &way, output).await;
    }
    let is_eaten = manifest.as_deref().is_some_and(manifest::is_standard_input) && !terminal::is_there();
    if is_eaten && plan.offer.is_none() && trial.file().is_none() {
        return Err(Error::Usage(
            "standard input has the manifest, so the token cannot come from there: add its Secret, or give the token by --token-file"
                .to_owned(),
        ));
    }
    let cluster = match opened {
        Some(cluster) => cluster,
        None => way.open().await?,
    };
    let asked =
        screen::during("asking the API server what stands in the way", plan.may_be_made(&cluster, &trial));
    let (left, _) = asked.await?;
    may_follow(&cluster, &plan.name).await?;
    let (handed, called) = (plan.handed(&trial)?, plan.called(&cluster));
    let token = {
        let again = plan.again(&cluster);
        trial.chosen(&plan.spec, &called, handed.as_ref(), left.as_ref(), (&form, &again)).await?
    };
    if dry_run == DryRun::Server {
        plan.takes_the_place(&cluster, &trial, &token, left.as_ref()).await?;
        let made = cluster.would_make(&plan.name, &plan.object).await?;
        let made =
            serde_json::to_value(&made).map_err(|error| Error::Usage(format!("cannot print: {error}")))?;
        return dry(&plan, as_applied(made), output, "server dry run");
    }
    screen::during("writing Secret and connection", plan.write(&cluster, &trial, &token)).await?;
    screen::say(&format!(
        "Secret {} and connection {} are written; waiting for the operator",
        plan.spec.secret_ref.name, plan.name
    ));
    let limit = timeout.get().unsigned_abs();
    plan.agreed(&cluster, &token, limit, output).await
}

impl Plan {
    fn read(path: &std::path::Path, name: String, trial: &Trial) -> Result<Plan, Error> {
        let manifest::Manifest { object, spec, secret } =
            manifest::read(path, Some(&name)).map_err(|error| {
                // The flag is that of check.
                let text = error.to_string();
                match text.strip_suffix(" with --name") {
                    Some(text) => Error::Usage(format!(
                        "{text}, as in kubectl github-pat connect NAME -f {}",
                        quoted(&path.display().to_string())
                    )),
                    None => error.into(),
                }
            })?;
        let offer = secret.and_then(|secret| Some(Offer { source: secret.source, bytes: secret.value? }));
        let object = as_applied(object);
        let has_a_token = trial.holds_a_token(&object.get("spec").map(Value::to_string).unwrap_or_default());
        if has_a_token || holds_a_token(&object.to_string()) {
            return Err(Error::Usage(
                "the connection in the manifest has what looks like a token, which belongs into a Secret alone (not repeated here)".to_owned(),
            ));
        }
        are_names(&spec)?;
        Ok(Plan { name, object, spec, offer, elsewhere: "in spec.secretRef of the manifest" })
    }

    /// What is to be written for a connection of this spec. `elsewhere` is where another Secret is named.
    ///
    /// # Errors
    ///
    /// If the spec cannot be read.
    pub(crate) fn made(name: String, spec: Value, elsewhere: &'static str) -> Result<Plan, Error> {
        let read: Spec = from_value("spec", &spec).map_err(Error::Usage)?;
        are_names(&read)?;
        let object = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": name }, "spec": spec,
        });
        Ok(Plan { name, object, spec: read, offer: None, elsewhere })
    }

    /// Finds out what stands in the way before a person answers questions; gives the cluster, unless it is not to be asked.
    async fn before_questions(
        &self,
        trial: &Trial,
        way: &Way,
        dry_run: DryRun,
    ) -> Result<Option<Cluster>, Error> {
        trial.host(&self.spec.host)?;
        if dry_run == DryRun::Client {
            return Ok(None);
        }
        let cluster = way.open().await?;
        let asked =
            screen::during("asking the API server what stands in the way", self.may_be_made(&cluster, trial));
        asked.await?;
        Ok(Some(cluster))
    }

    /// What is handed over: by the file that is named, else by the manifest, else by a pipe.
    fn handed(&mut self, trial: &Trial) -> Result<Option<Offer>, Error> {
        match self.offer.take().filter(|_| trial.file().is_none()) {
            Some(offer) => Ok(Some(offer)),
            None => offer::handed(trial.file()),
        }
    }

    /// The connection with its namespace.
    pub(crate) fn called(&self, cluster: &Cluster) -> String {
        format!("{}/{}", cluster.namespace, self.name)
    }

    /// Finds out whether it is for this namespace.
    fn is_for(&self, namespace: &str) -> Result<(), Error> {
        let named = self.object.pointer("/metadata/namespace").and_then(Value::as_str);
        match named.filter(|it| *it != namespace) {
            Some(other) => Err(Error::Usage(format!(
                "the manifest is for namespace {other}: add -n {other}, or correct it"
            ))),
            None => Ok(()),
        }
    }

    /// Finds out what stands in the way before a person makes a token; gives the token that another run has left in the Secret, and how that
    /// may be written.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    pub(crate) async fn may_be_made(
        &self,
        cluster: &Cluster,
        trial: &Trial,
    ) -> Result<(Option<Left>, Effect), Error> {
        let (name, namespace) = (&self.name, &cluster.namespace);
        self.is_for(namespace)?;
        if cluster.find(name).await?.is_some() {
            return Err(Error::Usage(format!(
                "there is a connection {name} in namespace {namespace} already: {} shows it",
                cluster.command(&format!("status {name}"))
            )));
        }
        let SecretKeyRef { name: secret, key } = &self.spec.secret_ref;
        let present = cluster.secret(secret).await?;
        if let Present::There(found) = &present {
            let (is_ours, reader) = (is_ours(found, key), reader(cluster, (secret, None), None).await);
            // Who may not list connections hears of the Secret alone.
            let reader = if is_ours { reader? } else { reader.ok().flatten() };
            if !is_ours || reader.is_some() {
                let read = reader.map(|name| format!(", which connection {name} reads")).unwrap_or_default();
                return Err(Error::Usage(format!(
                    "there is a Secret {secret} in namespace {namespace} already{read}, and it is not overwritten: name another one {}",
                    self.elsewhere
                )));
            }
        }
        let (left, seen) = match present {
            Present::There(found) => {
                (Left::read(&found, key, trial.host(&self.spec.host)?, false), Some(Basis::of(&found, key)))
            }
            Present::Absent => (None, None),
            // What an interrupted run of somebody has left who may not read Secrets.
            Present::Hidden => {
                let glimpse = cluster.glimpse(secret, key).await?;
                let is_left = are_ours(&glimpse.holders) && !is_named(cluster, secret, None).await?;
                (glimpse.left.filter(|_| is_left), glimpse.basis.filter(|_| is_left))
            }
        };
        for output in self.spec.publish.iter().filter_map(Published::target) {
            may_be_output(cluster, name, output).await?;
        }
        cluster.would_make(name, &self.object).await?;
        let stored = Effect::over(seen);
        let tried = match stored {
            Effect::Created { .. } => Effect::Created { dry_run: true },
            _ => Effect::DryRun,
        };
        cluster.store(secret, key, None, tried, &self.again(cluster)).await?;
        Ok((left, stored))
    }

    /// Writes Secret and connection, unless something came in the way while a person made the token.
    ///
    /// # Errors
    ///
    /// What came in the way, or what the API server did not let happen.
    pub(crate) async fn write(&self, cluster: &Cluster, trial: &Trial, token: &Token) -> Result<(), Error> {
        let (left, stored) = self.may_be_made(cluster, trial).await?;
        let SecretKeyRef { name, key } = &self.spec.secret_ref;
        let again = self.again(cluster);
        self.takes_the_place(cluster, trial, token, left.as_ref()).await?;
        cluster.store(name, key, Some((token, &self.spec.host)), stored, &again).await?;
        match cluster.make(&self.name, &self.object).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Cluster(format!(
                "somebody else has made connection {} meanwhile, and your token is in Secret {name}: {} shows which token it uses",
                self.name,
                cluster.command(&format!("status {}", self.name))
            ))),
            Err(error) => {
                Err(error.after(&format!(
                    "the token is in Secret {name} already: {again} goes on with it, and asks for it once more if you may not read that Secret"
                )))
            }
        }
    }

    /// Finds out whether the token may take the place of the one that another run has left.
    ///
    /// # Errors
    ///
    /// If another one would be lost, or nobody can tell.
    async fn takes_the_place(
        &self,
        cluster: &Cluster,
        trial: &Trial,
        token: &Token,
        left: Option<&Left>,
    ) -> Result<(), Error> {
        let Some(left) = left else { return Ok(()) };
        let (again, blind) = (self.again(cluster), "hand over that one, or name another Secret for yours");
        trial.gives_way(left, &self.spec, &self.called(cluster), token.hashed(), [&again, blind]).await
    }

    /// The command by which a person makes it once more.
    pub(crate) fn again(&self, cluster: &Cluster) -> String {
        let command = cluster.command(&format!("connect {}", self.name));
        format!("{command} with the same values")
    }

    /// Waits until the operator has judged this very token, and shows what it says.
    async fn agreed(
        &self,
        cluster: &Cluster,
        token: &Token,
        limit: Duration,
        output: Output,
    ) -> Result<ExitCode, Error> {
        let hashed = token.hashed();
        let told = |connection: &GithubPatConnection| {
            let summary = Summary::of(connection, Timestamp::now());
            (summary.reason, summary.message)
        };
        let seen = |connection: &GithubPatConnection| {
            let status = connection.status.as_ref();
            let is_it =
                status.and_then(|status| status.token.as_ref()).is_some_and(|it| it.hashed_token == hashed);
            let is_stalled = status.is_some_and(|status| status.condition(STALLED).is_some());
            Ok(match connection.usability() {
                Usability::Usable if is_it => Seen::Reached,
                Usability::NotUsable if is_it && is_stalled => Seen::Stalled,
                _ => Seen::Not,
            })
        };
        let ended = follow(cluster, &self.name, limit, told, seen).await?;
        let connection = cluster.connection(&self.name).await?;
        match output {
            Output::Text => screen::show(&status::sheet(cluster, &connection, Timestamp::now()))?,
            Output::Json => screen::print(&format::json(&connection)?)?,
            Output::Yaml => screen::print(&format::yaml(&connection)?)?,
        }
        Ok(ExitCode::from(match ended {
            Ended::Reached => Usability::Usable.exit_code(),
            Ended::Stalled => Usability::NotUsable.exit_code(),
            Ended::TimedOut => {
                let command = |word: &str| cluster.command(&format!("{word} {}", self.name));
                let next = match connection.usability() {
                    Usability::NotUsable => format!("only a person can help: {} says how", command("status")),
                    _ => format!("{} goes on waiting", command("wait")),
                };
                screen::say(&format!("the operator did not agree in time: {next}"));
                Usability::Undetermined.exit_code()
            }
        }))
    }
}
