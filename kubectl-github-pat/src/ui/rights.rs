//! What the user may write, so that no form is shown in vain.

use github_pat_operator::api::GithubPatConnection;

use crate::{
    cluster::Cluster,
    course::Course,
    rights::{CONNECTIONS, Need, SECRETS, may},
};

/// What somebody wants to do by a form: the verbs without which it is in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Connect,
    /// The connection alone is changed.
    GoOn,
    /// The next token is stored in a Secret that is there and that the connection names.
    Store,
    /// It is stored in one that the connection names, of which nobody has said that it is there.
    StoreOrMake,
    /// It is stored in a new one.
    StoreAnew,
}

impl Intent {
    /// What a rotation needs that goes this way.
    fn of(course: &Course, connection: &GithubPatConnection) -> Self {
        match course {
            Course::Follow(_) | Course::Prefer(..) => Intent::GoOn,
            Course::Store(reference) => {
                let is_named = connection.spec.candidates().any(|candidate| candidate.name == reference.name);
                match is_named {
                    true if has_a_token(connection, &reference.name) => Intent::Store,
                    true => Intent::StoreOrMake,
                    false => Intent::StoreAnew,
                }
            }
        }
    }

    const fn needs(self) -> &'static [Need] {
        match self {
            Intent::Connect => {
                &[("patch", CONNECTIONS), ("create", CONNECTIONS), ("patch", SECRETS), ("create", SECRETS)]
            }
            Intent::GoOn => &[("patch", CONNECTIONS)],
            Intent::Store => &[("patch", CONNECTIONS), ("patch", SECRETS)],
            Intent::StoreOrMake | Intent::StoreAnew => {
                &[("patch", CONNECTIONS), ("patch", SECRETS), ("create", SECRETS)]
            }
        }
    }
}

/// True if the operator has seen a token in this Secret.
fn has_a_token(connection: &GithubPatConnection, secret: &str) -> bool {
    let Some(status) = &connection.status else { return false };
    let standbys = status.candidates.iter().filter(|candidate| candidate.secret_name == secret);
    let mut tokens = standbys.filter_map(|candidate| candidate.token.as_deref()).chain(status.token.as_ref());
    tokens.any(|token| token.secret_name == secret)
}

/// What the user may not do that a rotation needs which goes this way, as a sentence.
pub(super) async fn lacking_to_rotate(
    cluster: &Cluster,
    course: &Course,
    connection: &GithubPatConnection,
) -> Option<String> {
    let intent = Intent::of(course, connection);
    let secret = match course {
        Course::Store(reference) => Some(reference.name.as_str()),
        Course::Follow(_) | Course::Prefer(..) => None,
    };
    let named = (connection.metadata.name.as_deref(), secret);
    let lacks = lacking(cluster, intent, named).await?;
    // What the operator takes for no token stands in a Secret all the same.
    if let Course::Store(reference) = course
        && intent == Intent::StoreOrMake
        && cluster.has_secret(reference).await
    {
        return lacking(cluster, Intent::Store, named).await;
    }
    Some(lacks)
}

/// What the user may not do in the namespace of the cluster that it needs, as a sentence. A right may be one to an object of a name alone, so
/// the connection and the Secret are named where they are known.
pub(super) async fn lacking(
    cluster: &Cluster,
    intent: Intent,
    (connection, secret): (Option<&str>, Option<&str>),
) -> Option<String> {
    let namespace = &cluster.namespace;
    for need in intent.needs() {
        let name = if need.1 == SECRETS { secret } else { connection };
        // Where the API server does not tell, it is asked again before anything is written.
        if may(cluster, (Some(namespace), name), *need).await == Some(false) {
            let (verb, (resource, _)) = need;
            return Some(format!(
                "You may not {verb} {resource} in namespace {namespace}, so you can look and not write: {} shows what you may.",
                cluster.kubectl("auth can-i --list")
            ));
        }
    }
    None
}

/// True if the API server lets the user list and watch the connections of all namespaces.
pub(super) async fn may_look_everywhere(cluster: &Cluster) -> bool {
    let [lists, watches] = ["list", "watch"].map(|verb| may(cluster, (None, None), (verb, CONNECTIONS)));
    tokio::join!(lists, watches) == (Some(true), Some(true))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_secret_that_may_not_be_there_needs_the_right_to_create_it() {
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let token = |secret: &str| json!({ "secretName": secret, "host": "github.com", "kind": "Classic", "hashedToken": hash });
        let standby = |token: Value| json!([{ "secretName": "next", "usable": "False", "reason": "BadCredentials", "token": token }]);
        let status = |more: Value| {
            let mut status = json!({ "observedGeneration": 1, "conditions": [] });
            for (key, value) in more.as_object().unwrap() {
                status[key] = value.clone();
            }
            status
        };
        let rows = [
            ("next", Value::Null, Intent::StoreOrMake),
            ("next", status(json!({})), Intent::StoreOrMake),
            ("next", status(json!({ "token": token("pat") })), Intent::StoreOrMake),
            ("next", status(json!({ "candidates": standby(Value::Null) })), Intent::StoreOrMake),
            ("next", status(json!({ "candidates": standby(token("next")) })), Intent::Store),
            ("pat", status(json!({ "token": token("pat") })), Intent::Store),
            ("other", status(json!({ "token": token("pat") })), Intent::StoreAnew),
        ];
        for (secret, status, expected) in rows {
            let connection = serde_json::from_value(json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci", "generation": 1 },
                "spec": { "secretRef": { "name": "pat" }, "standby": [{ "name": "next" }] }, "status": status,
            }))
            .unwrap();
            let course = Course::Store(serde_json::from_value(json!({ "name": secret })).unwrap());
            assert_eq!(Intent::of(&course, &connection), expected, "{secret}: {status}");
        }
        let creates = |intent: Intent| intent.needs().contains(&("create", SECRETS));
        let [store, or_make, anew] = [Intent::Store, Intent::StoreOrMake, Intent::StoreAnew].map(creates);
        assert_eq!([store, or_make, anew], [false, true, true]);
    }
}
