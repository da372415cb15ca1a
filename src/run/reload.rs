//! Takes other settings while the operator runs, when the file changes that has them. Those that cannot be used change nothing.

use std::{
    collections::BTreeMap,
    env,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use jiff::Timestamp;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{sync::watch, time};

use crate::{
    cluster::{events::Pod, object::ObjectKey},
    domain::event::{Event, EventType, SETTINGS_REFUSED, SETTINGS_RELOADED},
    github::Github,
    prober::HostChange,
    reconcile::Context,
    settings::{AUTHORITIES_OF_SINKS, Settings, Source, Taken},
    telemetry::Filter,
};

/// How often the files are looked at. The kubelet takes up to a minute to bring a changed ConfigMap.
const EVERY: Duration = Duration::from_secs(2);
/// The time without a change after which a file that is written in place is read.
const SETTLED: Duration = Duration::from_secs(1);
/// What no reconcile reads.
const OF_THE_PROCESS: [&str; 3] = [AUTHORITIES_OF_SINKS, "logFilter", "metricsPerConnection"];

/// Where other settings come from, and what of them is not kept in the context.
#[derive(Debug)]
pub struct Reload {
    source: Source,
    filter: Filter,
    reloads: Reloads,
}

/// What `/metrics` tells, as Prometheus does of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Reloads {
    successful: Gauge,
    succeeded: Gauge<f64, AtomicU64>,
}

impl Reload {
    /// From a source that was read, with the log that follows these settings; `None` if nothing can change.
    pub fn new(source: Source, filter: Filter) -> Option<Self> {
        source.is_a_file().then(|| {
            let reloads = Reloads::default();
            reloads.succeed();
            Reload { source, filter, reloads }
        })
    }

    /// What `/metrics` tells.
    pub(super) fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// Takes what comes, for ever.
    pub(super) async fn follow(mut self, ctx: &Context, github: &watch::Sender<Arc<Github>>) {
        let pod = pod();
        loop {
            self.changed().await;
            let event = match self.take(ctx, github) {
                Ok(taken) => {
                    let was_refused = !self.reloads.succeed();
                    tell(&taken, was_refused)
                }
                Err(error) => {
                    self.reloads.fail();
                    tracing::error!(%error, "the changed settings were refused; those of before stay in effect");
                    let message = format!("{error}; the settings of before stay in effect");
                    Some(Event::new(EventType::Warning, SETTINGS_REFUSED, message))
                }
            };
            // A replica that waits writes nothing; all of them have the same file.
            if let (Some(event), Some(pod), true) = (event, &pod, ctx.leads()) {
                ctx.events.post_of(pod, Timestamp::now(), event);
            }
        }
    }

    /// Waits until a file has changed, and whoever changed it is done with it.
    async fn changed(&self) {
        loop {
            time::sleep(EVERY).await;
            if self.source.has_changed() {
                let seen = self.source.now();
                time::sleep(SETTLED).await;
                if !seen.has_changed() {
                    return;
                }
            }
        }
    }

    /// Takes the settings as they stand in the file now, all or nothing.
    fn take(
        &mut self,
        ctx: &Context,
        github: &watch::Sender<Arc<Github>>,
    ) -> Result<Taken, Box<dyn std::error::Error>> {
        let before = ctx.settings();
        let taken = before.take(self.source.read_again()?)?;
        let renewed = github.borrow().renewed(&taken.settings)?;
        let of_sinks = ctx.sinks.renewed(&taken.settings.sinks.all)?;
        self.filter.set(&taken.settings.log_filter)?;
        github.send_replace(Arc::new(renewed));
        ctx.sinks.take(of_sinks);
        ctx.prober.reconfigure(taken.settings.limited_hosts(), &rerouted(&before, &taken.settings));
        let concerns = taken.changed.iter().any(|name| !OF_THE_PROCESS.contains(name));
        ctx.take(taken.settings.clone(), concerns);
        Ok(taken)
    }
}

impl Reloads {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "github_pat_operator_config_last_reload_successful",
            "1 unless the settings file was refused when it changed last",
            self.successful.clone(),
        );
        registry.register(
            "github_pat_operator_config_last_reload_success_timestamp_seconds",
            "When the settings file was taken last",
            self.succeeded.clone(),
        );
    }

    /// Gives whether the time before was a success, too.
    fn succeed(&self) -> bool {
        self.succeeded.set(Timestamp::now().as_duration().as_secs_f64());
        self.successful.set(1) == 1
    }

    fn fail(&self) {
        self.successful.set(0);
    }
}

/// The hosts that stay, but have another address, or are asked over another way.
fn rerouted<'a>(before: &Settings, after: &'a Settings) -> BTreeMap<&'a str, HostChange> {
    let changed = after.hosts.iter().filter_map(|host| {
        let before = before.host(&host.name).filter(|before| *before != host)?;
        let is_moved = before.addresses.api_url != host.addresses.api_url;
        Some((host.name.as_str(), if is_moved { HostChange::Address } else { HostChange::Way }))
    });
    changed.collect()
}

/// Logs what was taken, and what was not; gives the event that says so.
fn tell(taken: &Taken, was_refused: bool) -> Option<Event> {
    let (changed, waiting) = (taken.changed.join(", "), taken.waiting.join(", "));
    let told = match (changed.as_str(), waiting.as_str()) {
        ("", "") if was_refused => {
            tracing::info!("settings reloaded; the file can be used again, and has those of before");
            "the settings file can be used again; it has the settings of before".to_owned()
        }
        ("", "") => return None,
        (changed, "") => {
            tracing::info!(changed, "settings reloaded");
            format!("in effect now: {changed}")
        }
        ("", waiting) => {
            tracing::warn!(waiting, "settings reloaded; all that differ need a restart of the operator");
            format!("in effect after a restart: {waiting}")
        }
        (changed, waiting) => {
            tracing::warn!(changed, waiting, "settings reloaded; some need a restart of the operator");
            format!("in effect now: {changed}; after a restart: {waiting}")
        }
    };
    let type_ = if waiting.is_empty() { EventType::Normal } else { EventType::Warning };
    Some(Event::new(type_, SETTINGS_RELOADED, told))
}

/// The Pod, as the chart has Kubernetes tell it; `None` elsewhere.
fn pod() -> Option<Pod> {
    let named = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let (namespace, name) = (named("POD_NAMESPACE")?, named("POD_NAME")?);
    Some(Pod { key: ObjectKey::new(&namespace, &name), uid: named("POD_UID")? })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::settings::{SettingsInput, from_yaml};

    #[test]
    fn what_was_taken_and_what_waits_for_a_restart_is_told_by_name_and_no_change_is_not() {
        let settings = |text: &str| {
            Settings::new(from_yaml::<SettingsInput>(text).unwrap(), SettingsInput::default()).unwrap()
        };
        let rows = [
            ("{}", false, None),
            ("{}", true, Some(("Normal", "can be used again"))),
            ("trustFor: 48h", false, Some(("Normal", "in effect now: trustFor"))),
            ("listen: '127.0.0.1:1'", false, Some(("Warning", "in effect after a restart: listen"))),
            (
                "{ trustFor: 48h, heartbeat: 2h, concurrency: 8 }",
                true,
                Some(("Warning", "in effect now: trustFor, heartbeat; after a restart: concurrency")),
            ),
        ];
        for (text, was_refused, expected) in rows {
            let event = tell(&settings("{}").take(settings(text)).unwrap(), was_refused);
            let told = event.as_ref().map(|event| (event.type_.as_str(), event.message.as_str()));
            match expected {
                None => assert_eq!(told, None, "{text}"),
                Some((type_, words)) => {
                    assert!(
                        told.is_some_and(|told| told.0 == type_ && told.1.contains(words)),
                        "{text}: {told:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_line_has_an_empty_list() {
        let settings = |text: &str| {
            Settings::new(from_yaml::<SettingsInput>(text).unwrap(), SettingsInput::default()).unwrap()
        };
        let rows = [
            ("{}", true, "INFO", "can be used again", [false, false]),
            ("{}", false, "", "", [false, false]),
            ("trustFor: 48h", false, "INFO", "settings reloaded", [true, false]),
            ("listen: '127.0.0.1:1'", false, "WARN", "all that differ need a restart", [false, true]),
            ("{ trustFor: 48h, concurrency: 8 }", false, "WARN", "some need a restart", [true, true]),
        ];
        for (text, was_refused, level, words, lists) in rows {
            let taken = settings("{}").take(settings(text)).unwrap();
            let log = tempfile::NamedTempFile::new().unwrap();
            let writer = Mutex::new(log.reopen().unwrap());
            let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
            tracing::subscriber::with_default(subscriber, || tell(&taken, was_refused));
            let line = std::fs::read_to_string(log.path()).unwrap();
            let has = ["changed=", "waiting="].map(|list| line.contains(list));
            assert_eq!(line.is_empty(), level.is_empty(), "{line}");
            assert!(line.contains(level) && line.contains(words) && !line.contains("=\"\""), "{line}");
            assert_eq!(has, lists, "{line}");
        }
    }

    #[test]
    fn a_host_is_asked_anew_if_anything_of_it_is_another_and_a_new_one_is_not() {
        let settings = |text: &str| {
            let text = format!("hosts: [{text}]");
            Settings::new(from_yaml::<SettingsInput>(&text).unwrap(), SettingsInput::default()).unwrap()
        };
        let before = settings(
            "{ name: a, apiUrl: 'https://a.example.com' }, { name: b, apiUrl: 'https://b.example.com' }",
        );
        let after = settings(
            "{ name: a, apiUrl: 'https://a.example.com', timeout: 9s }, { name: b, apiUrl: 'https://b.example.com' }, \
             { name: c, apiUrl: 'https://c.example.com' }",
        );
        assert_eq!(rerouted(&before, &after), BTreeMap::from([("a", HostChange::Way)]));
        let swapped = settings(
            "{ name: b, apiUrl: 'https://a.example.com' }, { name: a, apiUrl: 'https://b.example.com' }",
        );
        let both = BTreeMap::from([("a", HostChange::Address), ("b", HostChange::Address)]);
        assert_eq!(rerouted(&before, &swapped), both);
        assert!(rerouted(&after, &after).is_empty());
    }
}
