//! What metrics and notifications show of a connection beside its conditions, as far as the settings name it.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{ConsumersStatus, GithubPatConnectionStatus as Status};

/// The most consumers that are named.
const NAMED: usize = 5;
/// Kinds whose names change with each roll-out, so that they are of no use to tell what hangs on a token.
const PASSING: [&str; 4] = ["ControllerRevision", "Job", "Pod", "ReplicaSet"];

/// What is shown of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The login of the account of its token.
    pub account: Option<Box<str>>,
    /// What names its outputs.
    pub consumers: Option<Box<str>>,
}

/// What of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The keys of labels.
    pub labels: BTreeSet<String>,
    /// Whether the account is.
    pub account: bool,
    /// Whether the consumers are.
    pub consumers: bool,
}

impl Shown {
    pub(super) fn of(labels: Option<BTreeMap<String, String>>, status: Option<&Status>) -> Self {
        let account = status.and_then(|status| status.token.as_ref()?.login.as_deref());
        let consumers = status.and_then(|status| status.consumers.as_ref());
        Shown {
            labels: labels.unwrap_or_default(),
            account: account.map(Into::into),
            consumers: consumers.and_then(names).map(Into::into),
        }
    }

    /// The same without what is not to be kept; `None` if nothing is left, so that it mostly costs no memory.
    pub(super) fn kept(mut self, kept: &Kept) -> Option<Box<Self>> {
        self.labels.retain(|key, _| kept.labels.contains(key));
        self.account = self.account.filter(|_| kept.account);
        self.consumers = self.consumers.filter(|_| kept.consumers);
        (self != Shown::default()).then(|| Box::new(self))
    }
}

/// The first of them by kind and name, and how many more there are.
fn names(consumers: &ConsumersStatus) -> Option<String> {
    let lasting = |kind: &str| !PASSING.contains(&kind);
    let named = consumers.objects.iter().filter(|object| lasting(&object.kind));
    let named: BTreeSet<_> = named.map(|object| format!("{}/{}", object.kind, object.name)).collect();
    let counted = consumers.counts.iter().filter(|(kind, _)| lasting(kind)).map(|(_, count)| *count);
    let all = counted.fold(0_i64, i64::saturating_add);
    let first: Vec<_> = named.into_iter().take(NAMED).collect();
    let more = all.saturating_sub(i64::try_from(first.len()).unwrap_or(i64::MAX));
    let text = first.join(", ");
    match more {
        _ if text.is_empty() => None,
        ..=0 => Some(text),
        more => Some(format!("{text} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_are_named_that_outlast_a_roll_out() {
        let consumers = |objects: &[(&str, &str)], counts: serde_json::Value| {
            let objects: Vec<_> = objects
                .iter()
                .map(|(kind, name)| serde_json::json!({ "kind": kind, "name": name }))
                .collect();
            let consumers = serde_json::json!({
                "observedAt": "2026-03-01T10:00:00Z", "counts": counts, "objects": objects,
            });
            names(&serde_json::from_value(consumers).unwrap())
        };
        let few = [("Pod", "a-1"), ("ServiceAccount", "b"), ("Deployment", "a")];
        let counts = serde_json::json!({ "Pod": 1, "ServiceAccount": 1, "Deployment": 1 });
        assert_eq!(consumers(&few, counts).as_deref(), Some("Deployment/a, ServiceAccount/b"));
        let many = ["f", "e", "d", "c", "b", "a"].map(|name| ("Deployment", name));
        let shown = consumers(&many, serde_json::json!({ "Deployment": 30 })).unwrap();
        assert_eq!(shown, "Deployment/a, Deployment/b, Deployment/c, Deployment/d, Deployment/e and 25 more");
        assert_eq!(consumers(&few[..1], serde_json::json!({ "Pod": 1 })), None);
    }

    #[test]
    fn what_the_settings_do_not_name_costs_no_memory() {
        let labels =
            BTreeMap::from([("team", "infra"), ("other", "x")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        let shown =
            || Shown { labels: labels.clone(), account: Some("bot".into()), consumers: Some("a".into()) };
        assert_eq!(shown().kept(&Kept::default()), None);
        let kept = Kept { labels: ["team".to_owned()].into(), account: true, consumers: false };
        let left = shown().kept(&kept).unwrap();
        assert_eq!((left.labels.len(), left.account.as_deref(), left.consumers), (1, Some("bot"), None));
    }
}
