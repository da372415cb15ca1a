//! Who consumes the outputs of a connection, and who still runs with the earlier bytes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{output::Output, probing::schedule::later};

/// How long the kubelet may take until a mounted volume has the new bytes: its sync period of a minute, and as much for its cache of
/// Secrets: <https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-files-from-a-pod>.
pub const KUBELET_SYNC: SignedDuration = SignedDuration::from_mins(2);

/// How an object takes the bytes of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// As environment variables or by a `subPath` mount: a container keeps what it started with.
    AtStart,
    /// As a mounted volume, which the kubelet keeps up to date.
    Volume,
    /// To pull images: the next pull takes what is there then.
    Pull,
    /// By name only: its controller reads the Secret each time.
    Reference,
    /// It names an earlier version of a versioned output, which never changes, in whatever way.
    Earlier,
}

/// One object of the namespace that names an output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consumer {
    /// Its kind, as Kubernetes names it.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The Secret that it names.
    pub output: String,
    /// How it takes the bytes.
    pub used: Use,
    /// When the kubelet took the Pod on; `None` if it has not, or if it is no Pod.
    pub taken_on: Option<Timestamp>,
    /// When the first of its containers that run now was started, or one before them that names an output and has ended; `None` if there
    /// is none.
    pub started: Option<Timestamp>,
}

/// What names the outputs of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Consumers {
    /// Each use of an output, in the order of kind and name.
    pub all: Vec<Consumer>,
    /// The outputs that an earlier revision of a workload names: nothing runs with them, but somebody may roll back to it.
    pub revisions: BTreeSet<String>,
    /// The resources that may not be listed.
    pub forbidden: Vec<&'static str>,
    /// The custom resources that the API server could not list.
    pub unread: Vec<&'static str>,
}

impl Consumer {
    /// True if it has the bytes that an output held before it was written at this instant, as far as the time tells.
    pub fn is_behind(&self, written: Timestamp, now: Timestamp) -> bool {
        let was_there = self.taken_on.is_some_and(|taken_on| taken_on < written);
        // Until then the kubelet may give a container that it starts anew what it had before.
        let follows = later(written, KUBELET_SYNC);
        match (self.used, self.started) {
            (Use::AtStart, Some(started)) => started < written || was_there && started < follows,
            (Use::AtStart, None) => was_there && now < follows,
            (Use::Volume, started) => {
                (was_there || started.is_some_and(|started| started < written)) && now < follows
            }
            (Use::Pull | Use::Reference, _) => false,
            (Use::Earlier, _) => true,
        }
    }
}

/// The label by which Argo CD finds the Secrets of its repositories:
/// <https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories>.
const ARGO_CD: &str = "argocd.argoproj.io/secret-type";

/// What takes outputs by a label, so that nothing in the namespace names them: Argo CD, under the name of each such output.
pub fn by_label(outputs: &[Output]) -> impl Iterator<Item = Consumer> {
    let found = outputs.iter().filter(|output| output.marks().labels.contains_key(ARGO_CD));
    found.map(|output| Consumer {
        kind: "ArgoCD",
        name: output.secret_name.clone(),
        output: output.secret_name.clone(),
        used: Use::Reference,
        taken_on: None,
        started: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_there_before_has_the_old_bytes_until_replaced_and_a_volume_follows() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let rows = [
            ("environment, started before", Use::AtStart, (1, Some(9)), 1000, true),
            ("environment, started after", Use::AtStart, (10, Some(10)), 11, false),
            ("a container that was started anew, at once", Use::AtStart, (1, Some(11)), 1000, true),
            ("the same, once the kubelet has the new bytes", Use::AtStart, (1, Some(130)), 131, false),
            ("nothing runs", Use::AtStart, (11, None), 11, false),
            ("nothing runs yet in a Pod of before", Use::AtStart, (1, None), 129, true),
            ("the same later", Use::AtStart, (1, None), 130, false),
            ("a volume at once", Use::Volume, (1, Some(9)), 129, true),
            ("a volume at once, started anew", Use::Volume, (1, Some(11)), 129, true),
            ("a volume two minutes later", Use::Volume, (1, Some(9)), 130, false),
            ("a volume of a new Pod", Use::Volume, (10, Some(11)), 12, false),
            ("a pull secret", Use::Pull, (1, Some(9)), 11, false),
            ("a name", Use::Reference, (1, None), 11, false),
            ("an earlier version, started after", Use::Earlier, (10, Some(10)), 11, true),
            ("an earlier version, and nothing runs", Use::Earlier, (1, None), 1000, true),
        ];
        for (name, used, (taken_on, started), now, expected) in rows {
            let (pod, output) = ("web-0".to_owned(), "out".to_owned());
            let (taken_on, started) = (Some(at(taken_on)), started.map(at));
            let consumer = Consumer { kind: "Pod", name: pod, output, used, taken_on, started };
            assert_eq!(consumer.is_behind(at(10), at(now)), expected, "{name}");
        }
    }

    #[test]
    fn argo_cd_takes_what_has_its_label_by_format_or_by_the_spec() {
        let output = |name: &str, fields: serde_json::Value| -> Output {
            let mut output = serde_json::json!({ "secretName": name, "format": "Opaque" });
            output.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            serde_json::from_value(output).unwrap()
        };
        let outputs = [
            output("plain", serde_json::json!({})),
            output(
                "repo",
                serde_json::json!({ "format": "ArgoCDRepository", "url": "https://github.com/acme/app" }),
            ),
            output(
                "own",
                serde_json::json!({ "labels": { "argocd.argoproj.io/secret-type": "repo-creds" } }),
            ),
        ];
        let found: Vec<_> = by_label(&outputs).map(|found| (found.kind, found.name, found.used)).collect();
        let expected = ["repo", "own"].map(|name| ("ArgoCD", name.to_owned(), Use::Reference));
        assert_eq!(found, expected);
    }
}
