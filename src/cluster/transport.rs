//! How a request reaches the API server, below kube's client: what counts requests and what holds writes back lies around it.
//!
//! A client around a client would hand each request from task to task twice more.

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes};
use kube::{
    Client,
    client::{Body, DynBody},
};
use tower::{BoxError, Service, ServiceExt, service_fn, util::BoxCloneService};

/// An answer of the API server.
pub type Answer = Response<Box<DynBody>>;
/// What sends requests to the API server. Clones share its connections.
pub type Transport = BoxCloneService<Request<Body>, Answer, BoxError>;

/// This service as a transport.
pub fn transport<S, B>(service: S) -> Transport
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let boxed = |answer: Response<B>| answer.map(|body| Box::new(body.map_err(Into::into)) as Box<DynBody>);
    BoxCloneService::new(service.map_response(boxed).map_err(Into::into))
}

/// What a client sends its requests by.
pub fn of(client: Client) -> Transport {
    transport(service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    }))
}
