//! `rotate`: the next token takes the place of the one in use, and it is said when that one can be revoked.

mod begun;
mod change;
mod progress;

use std::{process::ExitCode, time::Duration};

use github_pat_operator::{
    api::{GithubPatConnection, SecretKeyRef, Usability},
    domain::{duration, token::HashedToken},
};
use jiff::Timestamp;
use kube::ResourceExt;

pub(crate) use self::begun::{Asked, next};
use self::{
    change::forget,
    progress::{outcome, seen, told},
};
use crate::{
    cluster::{Cluster, Way, object_name},
    course::{Course, Wanted, marked, overtaken, put_back},
    error::Error,
    form::Form,
    offer::{self, Offer},
    rights::may_follow,
    screen, status,
    trial::{Source, Trial},
    wait::{Ended, Seen, follow},
};

/// How long a rotation is followed that nobody waits for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Replaces the token of a connection by the next one.
///
/// Judges the next token, stores it in the Secret that stands by (which is made if there is none), makes it the preferred one, and
/// follows the rotation until the old one is safe to revoke. Interrupted at any point, running it again goes on. A usable token that
/// stands by already is the next one. If GitHub refuses the next token, or its Secret was deleted, another one that is handed over takes
/// its place.
#[derive(Debug, clap::Args)]
// What clap makes names each flag that a variable sets, as if it had to be there.
#[command(override_usage = "kubectl github-pat rotate [OPTIONS] <NAME>")]
pub(crate) struct Rotate {
    /// The connection
    #[arg(value_parser = object_name)]
    name: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    form: Form,
    /// The Secret that takes the next token [default: one of spec.standby that is not in use, else a new one]
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    secret: Option<String>,
    /// Stores the next token over the one in use, and leaves the spec alone
    #[arg(long, conflicts_with = "secret")]
    in_place: bool,
    /// Begins a rotation to another token in place of the one that was begun and is not over
    #[arg(long)]
    anew: bool,
    /// Writes also where a tool that syncs has written, which may put back what was there
    #[arg(long)]
    force: bool,
    /// How long to follow the rotation
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    timeout: duration::Duration,
    #[command(flatten)]
    way: Way,
}

/// One rotation.
pub(crate) struct Rotation<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) trial: &'a Trial,
    pub(crate) form: &'a Form,
    pub(crate) wanted: Wanted<'a>,
    /// Where the person names another Secret.
    pub(crate) elsewhere: &'static str,
    pub(crate) force: bool,
}

pub(crate) async fn run(rotate: Rotate) -> Result<ExitCode, Error> {
    let Rotate { name, source, form, secret, in_place, anew, force, timeout, way } = rotate;
    let (trial, cluster) = (source.trial()?, way.open().await?);
    let wanted = Wanted { secret: secret.as_deref(), in_place, anew };
    let elsewhere = "by --secret";
    let rotation = Rotation { cluster: &cluster, trial: &trial, form: &form, wanted, elsewhere, force };
    let connection = cluster.connection(&name).await?;
    let handed = offer::handed(trial.file())?;
    let asked = match &handed {
        Some(offer) => Asked::With(trial.hashed(&connection.spec, offer)?),
        None => Asked::Without,
    };
    let course = next(&cluster, &connection, wanted, asked).await?;
    rotation.takes(&connection, &course, handed.as_ref())?;
    rotation.comes_into_use(&connection, &course)?;
    may_follow(&cluster, &name).await?;
    let hashed = match course {
        Course::Follow(hashed) => {
            screen::say(&format!("going on with the rotation of {name} that was begun"));
            hashed
        }
        Course::Prefer(reference, hashed) => {
            let secret = &reference.name;
            let is_begun = marked(&connection) == Some(hashed);
            if !is_begun {
                screen::say(&format!("a usable token stands by in Secret {secret}: it is the next one"));
            }
            rotation.prefer(&connection, &reference, hashed).await?;
            if is_begun {
                screen::say(&format!(
                    "going on with the rotation of {name} that was begun: Secret {secret} is preferred once more"
                ));
            }
            hashed
        }
        Course::Store(reference) => rotation.store(&connection, &reference, handed).await?,
    };
    rotation.follow(&name, hashed, timeout.get().unsigned_abs()).await
}

impl Rotation<'_> {
    /// The command by which a person goes on with the rotation of this connection, which was begun.
    fn going_on(&self, name: &str) -> String {
        self.command(name, self.wanted.secret, (self.wanted.in_place, false, false))
    }

    /// The command by which a person goes on with the token that was stored, whether the connection was told of it or not.
    fn onwards(&self, name: &str) -> String {
        self.command(name, self.wanted.secret, (self.wanted.in_place, false, self.force))
    }

    /// The same command once more.
    pub(crate) fn again(&self, name: &str) -> String {
        let Wanted { secret, in_place, anew } = self.wanted;
        self.command(name, secret, (in_place, anew, self.force))
    }

    /// The command by which a person has another token take the place of the one to which a rotation was begun.
    fn anew(&self, name: &str) -> String {
        let Wanted { secret, in_place, .. } = self.wanted;
        self.command(name, secret, (in_place, true, self.force))
    }

    /// The same command, which writes also where a tool has written.
    fn forced(&self, name: &str) -> String {
        let Wanted { secret, in_place, anew } = self.wanted;
        self.command(name, secret, (in_place, anew, true))
    }

    /// The same command, which stores the next token in this Secret; over the one in use if none is named.
    fn there(&self, name: &str, secret: Option<&str>) -> String {
        self.command(name, secret, (secret.is_none(), self.wanted.anew, self.force))
    }

    fn command(
        &self,
        name: &str,
        secret: Option<&str>,
        (in_place, anew, force): (bool, bool, bool),
    ) -> String {
        let there = match secret {
            _ if in_place => " --in-place".to_owned(),
            Some(secret) => format!(" --secret {secret}"),
            None => String::new(),
        };
        let flags = [(anew, " --anew"), (force, " --force")];
        let flags: String =
            flags.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag).collect();
        self.cluster.command(&format!("rotate {name}{there}{flags}{}", self.trial.flag()))
    }

    /// Finds out whether the token that is handed over is the one that comes next, so that it is not dropped for another one.
    ///
    /// # Errors
    ///
    /// If another one comes next.
    pub(crate) fn takes(
        &self,
        connection: &GithubPatConnection,
        course: &Course,
        handed: Option<&Offer>,
    ) -> Result<(), Error> {
        let (Course::Follow(next) | Course::Prefer(_, next)) = course else { return Ok(()) };
        let Some(offer) = handed else { return Ok(()) };
        if self.trial.hashed(&connection.spec, offer)? == Some(*next) {
            return Ok(());
        }
        let (why, otherwise) = match course {
            Course::Prefer(reference, next) if marked(connection) != Some(*next) => {
                (format!("a usable one stands by in Secret {}", reference.name), String::new())
            }
            _ => {
                let anew = self.anew(&connection.name_any());
                ("a rotation was begun".to_owned(), format!("; {anew} rotates to yours in its place"))
            }
        };
        Err(Error::Usage(format!(
            "another token than the one that you hand over comes next, since {why}: nothing was written; {} without a token goes on with \
             that one{otherwise}",
            self.again(&connection.name_any())
        )))
    }

    /// Finds out whether there is an end to wait for where the rotation is followed that was begun.
    ///
    /// # Errors
    ///
    /// If another Secret is preferred to that of its token, and this command changes none.
    fn comes_into_use(&self, connection: &GithubPatConnection, course: &Course) -> Result<(), Error> {
        let Course::Follow(begun) = course else { return Ok(()) };
        let Some(reference) = put_back(connection, *begun) else { return Ok(()) };
        let name = connection.name_any();
        Err(Error::Usage(format!(
            "a rotation to the token in Secret {} was begun, and somebody has changed spec.secretRef, so that it does not come into use: {} \
             prefers that Secret once more, or hand the same token to {}",
            reference.name,
            self.command(&name, None, (false, false, self.force)),
            self.again(&name)
        )))
    }

    /// Has the next token judged and stored, and makes it the preferred one.
    async fn store(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
        handed: Option<Offer>,
    ) -> Result<HashedToken, Error> {
        let prepared = self.prepare(connection, reference);
        let (left, stored) = screen::during("asking the API server what stands in the way", prepared).await?;
        let called = format!("{}/{}", self.cluster.namespace, connection.name_any());
        let (spec, again) = (&connection.spec, self.again(&connection.name_any()));
        let token =
            self.trial.chosen(spec, &called, handed.as_ref(), left.as_ref(), (self.form, &again)).await?;
        let put = self.put(connection, reference, &token, (left, stored));
        screen::during("writing Secret and connection", put).await
    }

    /// Follows the rotation to this token, and shows what is left to do with the old one.
    async fn follow(&self, name: &str, hashed: HashedToken, limit: Duration) -> Result<ExitCode, Error> {
        let again = self.going_on(name);
        screen::say(&format!(
            "waiting until the old token is safe to revoke; Ctrl-C ends that, and {again} goes on with it"
        ));
        let told = |connection: &GithubPatConnection| told(connection, hashed);
        let seen = |connection: &GithubPatConnection| match (seen(connection, hashed), marked(connection)) {
            (Seen::Reached, _) => Ok(Seen::Reached),
            (_, Some(begun)) if begun != hashed => Err(Error::Refused(format!(
                "another rotation of connection {name} was begun meanwhile, so this one is followed no more: {} shows how far it is",
                self.cluster.command(&format!("status {name}"))
            ))),
            (seen, _) => Ok(overtaken(connection, hashed).map_or(seen, |_| Seen::Stalled)),
        };
        let ended = follow(self.cluster, name, limit, told, seen).await?;
        match ended {
            Ended::Reached => {
                let connection = self.cluster.connection(name).await?;
                screen::show(&outcome(&connection, hashed))?;
                // It is over all the same, and the next run takes the mark away.
                if let Err(error) = forget(self.cluster, &connection, hashed).await {
                    screen::say(&format!(
                        "warning: the mark of the rotation stays on the connection: {error}"
                    ));
                }
                Ok(ExitCode::SUCCESS)
            }
            Ended::Stalled => {
                let connection = self.cluster.connection(name).await?;
                if let Some(why) = overtaken(&connection, hashed) {
                    return Err(Error::Refused(format!(
                        "the rotation of connection {name} that was begun has no end any more, since {why}: {} shows how it is, and {again} \
                         rotates to the token that is handed to it",
                        self.cluster.command(&format!("status {name}"))
                    )));
                }
                screen::show(&status::sheet(self.cluster, &connection, Timestamp::now()))?;
                screen::say(&format!(
                    "the next token is of no use: mend it, and {again} goes on with it; {} takes another one in its place",
                    self.anew(name)
                ));
                Ok(ExitCode::from(Usability::NotUsable.exit_code()))
            }
            Ended::TimedOut => {
                screen::say(&format!("the rotation is not over: {again} goes on with it"));
                Ok(ExitCode::from(Usability::Undetermined.exit_code()))
            }
        }
    }
}

/// Follows a rotation that was begun, and forgets at its end that it was.
///
/// # Errors
///
/// If the connection is gone, or cannot be watched or changed.
pub(crate) async fn see_through(cluster: &Cluster, name: &str, hashed: HashedToken) -> Result<(), Error> {
    let told = |connection: &GithubPatConnection| told(connection, hashed);
    let seen = |connection: &GithubPatConnection| {
        // Another rotation takes the place of this one; one that the plugin has begun has its own mark.
        Ok(match marked(connection) {
            Some(begun) if begun != hashed => Seen::Reached,
            _ if overtaken(connection, hashed).is_some() => Seen::Settled,
            _ => seen(connection, hashed),
        })
    };
    let ended = follow(cluster, name, LONGEST, told, seen).await?;
    if matches!(ended, Ended::Reached) {
        forget(cluster, &cluster.connection(name).await?, hashed).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kube::Client;

    use super::*;

    #[tokio::test]
    async fn the_command_that_goes_on_has_the_flags_of_the_one_that_began() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my settings.yaml");
        std::fs::write(&file, "hosts: []\n").unwrap();
        let named = Trial::new(Some(&file), None).unwrap();
        let unnamed = Trial::new(None, None).unwrap();
        let config = format!(" --config '{}'", file.display());
        let nobody = tower::service_fn(async |_: axum::http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(axum::http::Response::new(axum::body::Body::empty()))
        });
        let cluster = Cluster::behind(Client::new(nobody, "team-a")).at("team-b");
        let form = Form::default();
        for (trial, secret, in_place, expected) in [
            (&unnamed, None, false, String::new()),
            (&named, None, false, config.clone()),
            (&named, None, true, format!(" --in-place{config}")),
            (&named, Some("other"), false, format!(" --secret other{config}")),
        ] {
            let wanted = Wanted { secret, in_place, anew: true };
            let elsewhere = "by --secret";
            let rotation =
                Rotation { cluster: &cluster, trial, form: &form, wanted, elsewhere, force: false };
            assert_eq!(rotation.going_on("ci"), format!("kubectl github-pat rotate ci{expected} -n team-b"));
        }
    }

    #[tokio::test]
    async fn the_command_of_an_error_has_all_flags_of_the_one_that_failed() {
        let nobody = tower::service_fn(async |_: axum::http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(axum::http::Response::new(axum::body::Body::empty()))
        });
        let cluster = Cluster::behind(Client::new(nobody, "team-a"));
        let (trial, form, elsewhere) = (Trial::new(None, None).unwrap(), Form::default(), "by --secret");
        for (secret, in_place, anew, force, given) in [
            (None, false, false, false, ""),
            (None, true, true, false, " --in-place --anew"),
            (Some("other"), false, false, true, " --secret other --force"),
            (Some("other"), false, true, true, " --secret other --anew --force"),
        ] {
            let wanted = Wanted { secret, in_place, anew };
            let rotation =
                Rotation { cluster: &cluster, trial: &trial, form: &form, wanted, elsewhere, force };
            let command = |flags: &str| format!("kubectl github-pat rotate ci{flags}");
            assert_eq!(rotation.again("ci"), command(given));
            // Another rotation that begins anew would give up the token that was stored.
            assert_eq!(rotation.onwards("ci"), command(&given.replace(" --anew", "")));
            let forced = if force { given.to_owned() } else { format!("{given} --force") };
            assert_eq!(rotation.forced("ci"), command(&forced));
            let beside = given.strip_prefix(" --in-place").unwrap_or(given);
            let beside = beside.strip_prefix(" --secret other").unwrap_or(beside);
            assert_eq!(rotation.there("ci", None), command(&format!(" --in-place{beside}")));
            assert_eq!(rotation.there("ci", Some("NAME")), command(&format!(" --secret NAME{beside}")));
        }
    }
}
