//! Connections, as their statuses say: all of them counted, and each by namespace and name unless a setting drops those.
//!
//! Of each connection, `Ready` is always shown, and of the other conditions those that are not as they should be: ten thousand
//! connections that are well make four samples each.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::gauge;
use crate::{
    api::ConditionStatus,
    cluster::{
        connections::Connection,
        index::{Index, OutputCounts},
    },
    domain::{
        Reason,
        notice::DAYS,
        reason::{Dead, Severity},
    },
    prober::Prober,
};

/// Stands for a host that the settings do not name, and for a token of which nothing is known.
const UNKNOWN: &str = "unknown";

/// Shows the connections.
pub(super) struct Connections {
    pub(super) index: Arc<Index>,
    pub(super) prober: Prober,
    pub(super) per_connection: Box<dyn Fn() -> bool + Send + Sync>,
    /// The labels of connections that are shown: as a label of a metric, and its key.
    pub(super) labels: Vec<(String, String)>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

/// The label of a metric for the label of a connection, by the rule of kube-state-metrics:
/// <https://github.com/kubernetes/kube-state-metrics/blob/main/docs/README.md>.
pub(super) fn shown(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    std::iter::once("label_").flat_map(str::chars).chain(key.chars().map(plain)).collect()
}

/// Namespace and name.
type Named<'a> = [(&'static str, &'a str); 2];

fn named(connection: &Connection) -> Named<'_> {
    [("namespace", connection.key.namespace()), ("name", connection.key.name())]
}

/// The conditions of a connection; one that was never judged is Pending, as the schema's default says.
fn conditions(
    connection: &Connection,
) -> impl Iterator<Item = (&'static str, ConditionStatus, Reason)> + use<'_> {
    let said = connection.status.as_ref().map(|status| status.conditions());
    let pending = said.is_none().then_some(("Ready", ConditionStatus::Unknown, Reason::Pending));
    said.into_iter().flatten().chain(pending)
}

/// True if it is as it should be.
fn is_well(status: ConditionStatus, reason: Reason) -> bool {
    status == ConditionStatus::True && reason.severity() == Severity::Fine
}

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut all = self.index.connections();
        all.retain(|connection| !connection.deleting);
        self.counts(&all, &mut encoder)?;
        if !(self.per_connection)() {
            return Ok(());
        }
        all.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        self.each(&all, &mut encoder)
    }
}

impl Connections {
    /// All of them together.
    fn counts(&self, all: &[Arc<Connection>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now = Timestamp::now();
        let (mut said, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        let (mut outputs, mut expiring, mut expired) = (OutputCounts::default(), [0_u64; DAYS.len()], 0_u64);
        for connection in all {
            for (type_, status, reason) in conditions(connection) {
                count(&mut said, (type_, status.as_str(), reason.as_str()));
            }
            count(&mut kinds, (self.host(connection), kind(connection)));
            outputs = outputs.and(self.index.count_outputs(connection));
            let ends = ends(connection).filter(|_| !is_refused(connection));
            let Some(left) = ends.map(|at| at.duration_since(now)) else { continue };
            if left.is_negative() || left.is_zero() {
                expired = expired.saturating_add(1);
            }
            for (count, (_, days)) in expiring.iter_mut().zip(DAYS) {
                let is_within =
                    left.is_positive() && left <= SignedDuration::from_hours(days.saturating_mul(24));
                *count = count.saturating_add(is_within.into());
            }
        }
        let help = "Connections by what each of their conditions says";
        let mut family = gauge(encoder, "github_pat_connections", help)?;
        for ((condition, status, reason), number) in said {
            let labels = [("condition", condition), ("status", status), ("reason", reason)];
            family.encode_family(&labels)?.encode_gauge(&number)?;
        }
        let help = "Connections by host and by the kind of their token";
        let mut family = gauge(encoder, "github_pat_connections_by_host", help)?;
        for ((host, kind), number) in kinds {
            family.encode_family(&[("host", &*host), ("kind", kind)])?.encode_gauge(&number)?;
        }
        let help = "Tokens that work and will end within this time, by GitHub or by the spec";
        let mut family = gauge(encoder, "github_pat_tokens_expiring", help)?;
        for ((_, days), number) in DAYS.into_iter().zip(expiring) {
            family.encode_family(&[("within", &*format!("{days}d"))])?.encode_gauge(&number)?;
        }
        let help = "Tokens of connections whose end has passed, by GitHub or by the spec";
        gauge(encoder, "github_pat_tokens_expired", help)?.encode_gauge(&expired)?;
        let help = "Secrets that connections have made, by what they hold";
        let mut family = gauge(encoder, "github_pat_outputs", help)?;
        for (state, number) in states(outputs) {
            family.encode_family(&[("state", state)])?.encode_gauge(&number)?;
        }
        Ok(())
    }

    /// Each by itself.
    fn each(&self, all: &[Arc<Connection>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 for what a condition says; those that are well are shown for Ready only";
        let mut family = gauge(encoder, "github_pat_connection_condition", help)?;
        for connection in all {
            let [namespace, name] = named(connection);
            for (type_, status, reason) in conditions(connection) {
                if type_ == "Ready" || !is_well(status, reason) {
                    let said =
                        [("condition", type_), ("status", status.as_str()), ("reason", reason.as_str())];
                    let [condition, status, reason] = said;
                    family
                        .encode_family(&[namespace, name, condition, status, reason])?
                        .encode_gauge(&1_u32)?;
                }
            }
        }
        let help = "When the token ends; absent if GitHub named no expiry";
        instants(encoder, "github_pat_token_expiration_timestamp_seconds", help, all, expires_at)?;
        let help =
            "When GitHub had accepted the token, as checkedAt in the status says, up to a heartbeat late";
        let proven = |connection: &Connection| connection.status.as_ref()?.checked_at();
        instants(encoder, "github_pat_token_checked_timestamp_seconds", help, all, proven)?;
        let help = "1 for each connection, with its host, the kind of its token, and the organization that it demands, if that is one";
        let mut family = gauge(encoder, "github_pat_connection_info", help)?;
        for connection in all {
            let [namespace, name] = named(connection);
            let host = self.host(connection);
            let organization = connection.spec.organization();
            let mut labels = vec![namespace, name, ("host", &*host), ("kind", kind(connection))];
            labels.extend(organization.as_deref().map(|organization| ("organization", organization)));
            if let Some(shown) = &connection.shown {
                let details = [("account", &shown.account), ("consumers", &shown.consumers)];
                labels.extend(details.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
                let chosen = self.labels.iter();
                labels.extend(chosen.filter_map(|(name, key)| Some((&**name, &**shown.labels.get(key)?))));
            }
            family.encode_family(&labels)?.encode_gauge(&1_u32)?;
        }
        let help = "Secrets that the connection has made and that do not hold its token; current ones are counted in github_pat_outputs";
        let mut family = gauge(encoder, "github_pat_connection_outputs", help)?;
        for connection in all {
            let [namespace, name] = named(connection);
            let others = states(self.index.count_outputs(connection)).into_iter().skip(1);
            for (state, number) in others.filter(|(_, number)| *number > 0) {
                family.encode_family(&[namespace, name, ("state", state)])?.encode_gauge(&number)?;
            }
        }
        self.known(all, encoder)
    }

    /// What few connections have.
    fn known(&self, all: &[Arc<Connection>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Secrets that the token may come from, by whether it could; of connections with standbys";
        let mut family = gauge(encoder, "github_pat_connection_candidates", help)?;
        for connection in all {
            let [namespace, name] = named(connection);
            let Some(usable) = connection.status.as_ref().and_then(|status| status.candidates()) else {
                continue;
            };
            for (usable, number) in usable {
                let labels = [namespace, name, ("usable", usable.as_str())];
                family.encode_family(&labels)?.encode_gauge(&u32::from(number))?;
            }
        }
        let help =
            "When the token ends at the latest by spec.require.expiry.expiresAt, whatever GitHub names";
        instants(encoder, "github_pat_token_declared_expiration_timestamp_seconds", help, all, declared)?;
        let help = "When the last of the usable among them ends, in the year 9999 if one does not end; of connections with standbys";
        let last_end = |connection: &Connection| {
            let last = connection.status.as_ref()?.last_end()?;
            Some(declared(connection).map_or(last, |declared| declared.min(last)))
        };
        instants(encoder, "github_pat_candidates_expiration_timestamp_seconds", help, all, last_end)?;
        let help =
            "Objects that name an output, by whether they still have what it held before; if they are listed";
        let mut family = gauge(encoder, "github_pat_connection_consumers", help)?;
        for connection in all {
            let [namespace, name] = named(connection);
            let Some((count, behind)) = connection.status.as_ref().and_then(|status| status.consumers())
            else {
                continue;
            };
            for (word, number) in [("false", count.saturating_sub(behind)), ("true", behind)] {
                family.encode_family(&[namespace, name, ("behind", word)])?.encode_gauge(&number)?;
            }
        }
        Ok(())
    }

    /// The host that the connection names, from the closed set of the settings.
    fn host(&self, connection: &Connection) -> Arc<str> {
        let host = connection.spec.host();
        host.and_then(|host| self.prober.name(&host)).unwrap_or_else(|| UNKNOWN.into())
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn states(of: OutputCounts) -> [(&'static str, u32); 4] {
    [("current", of.current), ("outdated", of.outdated), ("earlier", of.earlier), ("leaving", of.leaving)]
}

fn kind(connection: &Connection) -> &'static str {
    connection.status.as_ref().and_then(|status| status.kind).map_or(UNKNOWN, |kind| kind.as_str())
}

fn expires_at(connection: &Connection) -> Option<Timestamp> {
    connection.status.as_ref()?.expires_at()
}

/// When the token ends, by whatever ends it first.
fn ends(connection: &Connection) -> Option<Timestamp> {
    expires_at(connection).into_iter().chain(declared(connection)).min()
}

/// When the token ends at the latest by the spec, if there is one.
fn declared(connection: &Connection) -> Option<Timestamp> {
    connection.status.as_ref()?.token?;
    connection.spec.declared_end()
}

/// True if GitHub refuses the token.
fn is_refused(connection: &Connection) -> bool {
    conditions(connection).any(|(type_, status, reason)| {
        let is_refused = reason.dead().is_some_and(Dead::is_refused);
        type_ == "Ready" && status == ConditionStatus::False && is_refused
    })
}

/// One instant of each connection that has it, in seconds since 1970.
fn instants(
    encoder: &mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &str,
    all: &[Arc<Connection>],
    of: impl Fn(&Connection) -> Option<Timestamp>,
) -> fmt::Result {
    let mut family = gauge(encoder, name, help)?;
    for connection in all {
        if let Some(at) = of(connection) {
            family.encode_family(&named(connection))?.encode_gauge(&at.as_second())?;
        }
    }
    Ok(())
}
