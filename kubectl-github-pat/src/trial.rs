//! A token is judged by the operator's own judgement before anything is written.

use std::{
    env,
    path::{Path, PathBuf},
};

use github_pat_operator::{
    api::{GithubPatConnectionSpec as Spec, SEE_READY, Usability},
    cli::{self, holds_a_token, host},
    domain::{
        duration::Duration,
        requirement::State,
        token::{HashedToken, LegacyTokens, Token},
    },
    judge::{Judged, judge},
    settings::{Host, Settings, SettingsInput},
};

use crate::{
    cluster::quoted,
    error::Error,
    form::Form,
    left::{Left, is_dead},
    offer::{self, Offer},
    screen,
    sheet::{Cell, Colour, Sheet},
    summary::of_condition,
    terminal,
};

/// The variable of the environment that names the settings file.
pub(crate) const CONFIG: &str = "GITHUB_PAT_OPERATOR_CONFIG";
/// How long after a refusal the confirming question comes: a person waits.
const CONFIRM_AFTER: Duration = Duration::seconds(2);

/// Where a token comes from, and by which settings it is judged.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// The file that holds the token; else it comes from a file or pipe on standard input, or is asked for without being shown
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The settings file with the GitHub hosts, as the operator has it
    #[arg(long, env = CONFIG, hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A place where tokens are judged.
pub(crate) struct Trial {
    settings: Settings,
    /// The settings file, unless the environment names it.
    config: Option<PathBuf>,
    file: Option<PathBuf>,
}

impl Source {
    /// The place.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(crate) fn trial(&self) -> Result<Trial, Error> {
        Trial::new(self.config.as_deref(), self.token_file.clone())
    }
}

impl Trial {
    /// The place with this settings file, if there is one, and the file that the token comes from.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(crate) fn new(config: Option<&Path>, file: Option<PathBuf>) -> Result<Self, Error> {
        let inner = config.map(SettingsInput::read).transpose().map_err(cli::Error::from)?;
        let given = SettingsInput { confirm_after: Some(CONFIRM_AFTER), ..SettingsInput::default() };
        let settings = Settings::new(given, inner.unwrap_or_default()).map_err(cli::Error::from)?;
        let is_in_the_environment = |path: &Path| env::var_os(CONFIG).is_some_and(|named| named == *path);
        let config = config.filter(|path| !is_in_the_environment(path)).map(Path::to_owned);
        Ok(Trial { settings, config, file })
    }

    /// True if a host takes tokens of the form of before 2021 by the settings that a command line names, which is not read yet, or by those
    /// that the environment names.
    pub(crate) fn takes_legacy(words: &[String]) -> bool {
        let after = words.iter().skip_while(|word| *word != "--config").nth(1).map(String::as_str);
        let joined = words.iter().find_map(|word| word.strip_prefix("--config="));
        let named = after.into_iter().chain(joined).map(PathBuf::from);
        let mut all = named.chain(env::var_os(CONFIG).map(PathBuf::from));
        all.any(|path| {
            Trial::new(Some(&path), None).is_ok_and(|trial| trial.legacy_tokens() == LegacyTokens::Allowed)
        })
    }

    /// Whether a host takes tokens of the form of before 2021.
    pub(crate) fn legacy_tokens(&self) -> LegacyTokens {
        let mut all = self.settings.hosts.iter().map(|host| host.legacy_tokens);
        all.find(|legacy| *legacy == LegacyTokens::Allowed).unwrap_or_default()
    }

    /// True if the text may have a token for one of the hosts in it, so that nothing may repeat it.
    pub(crate) fn holds_a_token(&self, text: &str) -> bool {
        let takes_legacy = self.legacy_tokens() == LegacyTokens::Allowed;
        holds_a_token(text) || (takes_legacy && Token::legacy_may_be_in(text))
    }

    /// The flag by which a person names the settings file again, after a blank.
    pub(crate) fn flag(&self) -> String {
        let config = self.config.as_ref().map(|path| quoted(&path.display().to_string()));
        config.map(|path| format!(" --config {path}")).unwrap_or_default()
    }

    /// The names of the hosts.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.settings.hosts.iter().map(|host| host.name.as_str())
    }

    /// The host of this name.
    ///
    /// # Errors
    ///
    /// If the settings do not have it.
    pub(crate) fn host(&self, name: &str) -> Result<&Host, Error> {
        host(&self.settings, name).map_err(|error| {
            Error::Usage(format!("{error}, or the settings file that has it by --config FILE"))
        })
    }

    /// The hash of what is offered, if it is a token for the host of this spec.
    ///
    /// # Errors
    ///
    /// If the settings do not have the host.
    pub(crate) fn hashed(&self, spec: &Spec, offer: &Offer) -> Result<Option<HashedToken>, Error> {
        Ok(offer.hashed(self.host(&spec.host)?.legacy_tokens))
    }

    /// The file that the token comes from, if one is named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The token that comes next, once it is usable: what is handed over goes before what another run has left. Whoever is asked for one is
    /// shown GitHub's form before.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if it is not usable.
    pub(crate) async fn chosen(
        &self,
        spec: &Spec,
        connection: &str,
        handed: Option<&Offer>,
        left: Option<&Left>,
        (form, again): (&Form, &str),
    ) -> Result<Token, Error> {
        if let Some(offer) = handed {
            return self.judged(spec, connection, offer).await;
        }
        if let Some(left) = left {
            match &left.offer {
                Some(offer) => {
                    screen::say(&format!("going on with the token in {}", offer.source));
                    let (judged, token) = self.verdict(spec, connection, offer).await?;
                    screen::tell(&sheet(&judged));
                    if let Some(token) = token {
                        return Ok(token);
                    }
                    let usability = judged.status.usability();
                    if usability == Usability::Undetermined {
                        return Err(Error::Rejected(usability));
                    }
                    if !is_dead(&judged.status) {
                        return Err(left.stays(usability, again));
                    }
                    if !terminal::is_there() {
                        screen::say(&format!(
                            "that is the token in {}, which an earlier run has left: hand over another one, which takes its place",
                            offer.source
                        ));
                        return Err(Error::Rejected(usability));
                    }
                }
                None => screen::say(&left.holds()),
            }
        }
        if terminal::is_there() {
            form.show(self.host(&spec.host)?, connection, spec);
        }
        self.usable(spec, connection).await
    }

    /// Finds out whether the token of this hash may take the place of the one that was left: it is the same, or GitHub says that the one there
    /// is of no use. `again` is the command by which a person goes on with the one there, `blind` what helps who may not read it.
    ///
    /// # Errors
    ///
    /// If another one would be lost, or nobody can tell.
    pub(crate) async fn gives_way(
        &self,
        left: &Left,
        spec: &Spec,
        connection: &str,
        next: HashedToken,
        [again, blind]: [&str; 2],
    ) -> Result<(), Error> {
        if left.hashed == next {
            return Ok(());
        }
        let Some(offer) = &left.offer else { return Err(left.unread(blind)) };
        let (judged, _) = self.verdict(spec, connection, offer).await?;
        if is_dead(&judged.status) { Ok(()) } else { Err(left.stays(judged.status.usability(), again)) }
    }

    /// The token that a person or a program hands over, once it is usable; shows what is said of it. Whoever pastes may try again.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if it is not usable.
    pub(crate) async fn usable(&self, spec: &Spec, connection: &str) -> Result<Token, Error> {
        loop {
            let offer = offer::take(self.file())?;
            match self.judged(spec, connection, &offer).await {
                Err(Error::Rejected(usability)) if offer::is_pasted(self.file()) => {
                    screen::say(match usability {
                        Usability::Undetermined => {
                            "nothing was written, since nobody can tell yet: paste it again to have GitHub asked once more; Ctrl-C gives up"
                        }
                        _ => {
                            "nothing was written: mend the token, or make another one, and paste it again; Ctrl-C gives up"
                        }
                    })
                }
                judged => return judged,
            }
        }
    }

    /// The token, once it is usable; shows what is said of it.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if it is not usable.
    pub(crate) async fn judged(&self, spec: &Spec, connection: &str, offer: &Offer) -> Result<Token, Error> {
        let (judged, token) = self.verdict(spec, connection, offer).await?;
        screen::tell(&sheet(&judged));
        token.ok_or_else(|| Error::Rejected(judged.status.usability()))
    }

    /// What is said of the token, and the token if it is usable.
    ///
    /// # Errors
    ///
    /// If nobody can be asked.
    pub(crate) async fn verdict(
        &self,
        spec: &Spec,
        connection: &str,
        offer: &Offer,
    ) -> Result<(Judged, Option<Token>), Error> {
        let host = self.host(&spec.host)?;
        let token = Token::parse(&offer.bytes, host.legacy_tokens);
        let kept = token.as_ref().ok().cloned();
        let judging = judge(&self.settings, host, spec, connection, &offer.source, token);
        let judged = screen::during(&format!("asking {} about the token", host.name), judging).await;
        let judged = judged.map_err(cli::Error::from)?;
        let token = kept.filter(|_| judged.status.usability() == Usability::Usable);
        Ok((judged, token))
    }
}

/// What is said of a token, with the pages that help if it is of no use.
fn sheet(judged: &Judged) -> Sheet {
    let mut sheet = Sheet::default();
    let status = &judged.status;
    let conditions = status.conditions.iter().map(|condition| {
        let colour = of_condition(condition, status.usability());
        vec![
            Cell::new(&condition.type_),
            Cell::new(condition.status.as_str()).colour(colour),
            Cell::new(&condition.reason).colour(colour),
            Cell::new(if condition.message == SEE_READY { "" } else { &condition.message }),
        ]
    });
    sheet.table(2, conditions);
    let lines = judged.lines.iter().filter(|line| line.state != State::Met).map(|line| {
        let on = line.on.as_deref().filter(|on| !on.is_empty()).map(|on| format!("on {on}: "));
        let message = on.unwrap_or_default() + &line.finding.message;
        let word = Cell::new(format!("{:?} {}", line.kind, line.name));
        vec![word, Cell::new(line.finding.reason.as_str()).colour(Colour::Warn), Cell::new(message)]
    });
    sheet.table(2, lines);
    if let Some(links) = status.links.as_ref().filter(|_| status.usability() == Usability::NotUsable) {
        let pages = links.act_on.iter().chain(&links.also_act_on).map(|page| format!("act on {page}"));
        let form = [format!("make a new token on {}", links.create_token)];
        let ready = status.condition("Ready").into_iter();
        let more = ready.map(|ready| format!("kubectl github-pat explain {} says more", ready.reason));
        let texts = pages.chain(form).chain(links.fill_in.clone()).chain(more);
        texts.for_each(|text| sheet.line([Cell::new(format!("  {text}"))]));
    }
    sheet
}
