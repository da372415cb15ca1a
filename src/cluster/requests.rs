//! What is asked of the API server, counted at the rim of the client: whoever asks for whatever.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode, Uri};
use jiff::Timestamp;
use kube::{Client, client::Body};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Secrets, as the API server's paths end.
pub const SECRETS: &str = "secrets";
/// The resources that are watched.
const WATCHED: [&str; 2] = ["githubpatconnections", SECRETS];

/// The requests to the API server. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    counted: Family<Answered, Counter>,
    watches: Arc<Mutex<[Option<Timestamp>; WATCHED.len()]>>,
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
    /// The same client, whose requests are counted.
    pub fn around(&self, client: Client) -> Client {
        let (requests, namespace) = (self.clone(), client.default_namespace().to_owned());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (requests, client) = (requests.clone(), client.clone());
            async move { requests.send(&client, request).await }
        });
        Client::new(service, namespace)
    }

    async fn send(&self, client: &Client, request: Request<Body>) -> kube::Result<Response<Body>> {
        let watched = watched(request.uri());
        let mut open = Open { requests: self, method: word(request.method()), status: None };
        let answer = client.send(request).await;
        open.status = answer.as_ref().ok().map(Response::status);
        if let Some(place) = watched.filter(|_| open.status.is_some_and(|status| status.is_success())) {
            self.watched(place, Timestamp::now());
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

    /// When the API server last began to answer a watch of each resource; none of one that it never did.
    pub fn watches(&self) -> impl Iterator<Item = (&'static str, Timestamp)> {
        let begun = *self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        WATCHED.into_iter().zip(begun).filter_map(|(resource, begun)| Some((resource, begun?)))
    }

    fn watched(&self, place: usize, now: Timestamp) {
        let mut begun = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = begun.get_mut(place) {
            *begun = Some(now);
        }
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

/// Which resource the request watches.
fn watched(uri: &Uri) -> Option<usize> {
    let is_watch = uri.query().is_some_and(|query| query.split('&').any(|part| part.starts_with("watch=")));
    let resource = uri.path().rsplit('/').next().filter(|_| is_watch);
    resource.and_then(|resource| WATCHED.iter().position(|watched| *watched == resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_told_from_a_list_and_from_other_requests() {
        let rows = [
            ("/apis/githubpat.dev/v1alpha1/githubpatconnections?limit=5", None),
            ("/apis/githubpat.dev/v1alpha1/githubpatconnections?watch=true&resourceVersion=7", Some(0)),
            ("/api/v1/namespaces/a/secrets?resourceVersion=7&watch=true", Some(1)),
            ("/api/v1/namespaces/a/secrets/watch?fieldManager=x", None),
            ("/api/v1/pods?watch=true", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(watched(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
