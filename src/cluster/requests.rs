//! What is asked of the API server, counted at the rim of the client: whoever asks for whatever.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Request, Response, StatusCode, Uri};
use jiff::Timestamp;
use kube::client::Body;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tower::{BoxError, ServiceExt, service_fn, util::BoxCloneService};

use super::transport::{Answer, Transport};

/// Secrets, as the API server's paths end.
pub const SECRETS: &str = "secrets";
/// The resources that are watched for as long as this replica works.
const WATCHED: [&str; 3] = ["githubpatconnections", SECRETS, "pods"];

/// The requests to the API server. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    counted: Family<Answered, Counter>,
    watches: Arc<Mutex<BTreeMap<Watch, Timestamp>>>,
}

/// What is watched: a resource, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Watch {
    resource: &'static str,
    namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    code: String,
    method: &'static str,
}

/// A request that has no answer yet. It counts when it is dropped, also where nobody waits any longer.
struct Open<'a> {
    requests: &'a Requests,
    method: &'static str,
    status: Option<StatusCode>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let code = self.status.map_or_else(|| "error".to_owned(), |status| status.as_str().to_owned());
        self.requests.counted.get_or_create(&Answered { code, method: self.method }).inc();
    }
}

impl Requests {
    /// The same transport, whose requests are counted.
    pub fn around(&self, transport: Transport) -> Transport {
        let requests = self.clone();
        BoxCloneService::new(service_fn(move |request: Request<Body>| {
            let (requests, transport) = (requests.clone(), transport.clone());
            async move { requests.send(transport, request).await }
        }))
    }

    async fn send(&self, transport: Transport, request: Request<Body>) -> Result<Answer, BoxError> {
        let watched = watched(request.uri());
        let mut open = Open { requests: self, method: word(request.method()), status: None };
        if let Some(watch) = &watched {
            // One that is never answered grows old as well.
            self.lock().entry(watch.clone()).or_insert_with(Timestamp::now);
        }
        let answer = transport.oneshot(request).await;
        open.status = answer.as_ref().ok().map(Response::status);
        if let Some(watch) = watched.filter(|_| open.status.is_some_and(|status| status.is_success())) {
            self.lock().insert(watch, Timestamp::now());
        }
        answer
    }

    /// Shows how many there were.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "rest_client_requests",
            "Requests to the API server, by method and status code; code is error if there was no answer",
            self.counted.clone(),
        );
    }

    /// When the API server began to answer the watch of each resource that it has answered for longest, or was asked in vain. `follows` tells of a resource
    /// in a namespace, or in all, whether its watch counts now; of `None` it is forgotten.
    pub fn oldest(
        &self,
        follows: impl Fn(&str, Option<&str>) -> Option<bool>,
    ) -> BTreeMap<&'static str, Timestamp> {
        let mut oldest = BTreeMap::new();
        self.lock().retain(|Watch { resource, namespace }, begun| {
            let counts = follows(resource, namespace.as_deref());
            if counts == Some(true) {
                let first = oldest.entry(*resource).or_insert(*begun);
                *first = (*first).min(*begun);
            }
            counts.is_some()
        });
        oldest
    }

    /// The resource is watched no more in this namespace.
    pub fn forget(&self, resource: &'static str, namespace: &str) {
        self.lock().remove(&Watch { resource, namespace: Some(namespace.to_owned()) });
    }

    /// Nothing that runs under the lock leaves it half changed, so one that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Watch, Timestamp>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The method as a label, from a closed set.
const fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// What the request watches.
fn watched(uri: &Uri) -> Option<Watch> {
    let is_watch = uri.query().is_some_and(|query| query.split('&').any(|part| part.starts_with("watch=")));
    let mut path = uri.path().rsplit('/').filter(|_| is_watch);
    let resource = path.next()?;
    let resource = WATCHED.into_iter().find(|watched| *watched == resource)?;
    let namespace = path.next().filter(|_| path.next() == Some("namespaces"));
    Some(Watch { resource, namespace: namespace.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_told_from_a_list_and_from_other_requests() {
        let rows = [
            ("/apis/githubpat.dev/v1alpha1/githubpatconnections?limit=5", None),
            (
                "/apis/githubpat.dev/v1alpha1/githubpatconnections?watch=true&resourceVersion=7",
                Some(("githubpatconnections", None)),
            ),
            ("/api/v1/namespaces/a/secrets?resourceVersion=7&watch=true", Some(("secrets", Some("a")))),
            ("/api/v1/secrets?watch=true", Some(("secrets", None))),
            ("/api/v1/namespaces/a/secrets/watch?fieldManager=x", None),
            ("/api/v1/pods?watch=true", Some(("pods", None))),
            ("/apis/coordination.k8s.io/v1/namespaces/a/leases?watch=true", None),
        ];
        for (uri, expected) in rows {
            let watched = watched(&uri.parse().unwrap());
            let watched = watched.as_ref().map(|watch| (watch.resource, watch.namespace.as_deref()));
            assert_eq!(watched, expected, "{uri}");
        }
    }

    #[test]
    fn of_many_watches_the_oldest_counts_that_is_followed() {
        let requests = Requests::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (namespace, begun) in [("dead", 10), ("gone", 20), ("refused", 30), ("well", 70), ("best", 80)] {
            let watch = Watch { resource: SECRETS, namespace: Some(namespace.to_owned()) };
            requests.lock().insert(watch, at(begun));
        }
        requests.lock().insert(Watch { resource: "pods", namespace: None }, at(60));
        let follows = |resource: &str, namespace: Option<&str>| match (resource, namespace) {
            (SECRETS, Some("gone")) => None,
            (SECRETS, Some("refused")) => Some(false),
            _ => Some(true),
        };
        assert_eq!(requests.oldest(follows), BTreeMap::from([("pods", at(60)), (SECRETS, at(10))]));
        assert_eq!(requests.lock().len(), 5, "what nobody follows is forgotten");
        assert_eq!(requests.oldest(|_, _| Some(true))[SECRETS], at(10));
    }
}
