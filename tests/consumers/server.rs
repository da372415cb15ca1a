//! A server on this machine that answers only who has the token, and remembers what it was asked with.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use github_pat_operator::domain::token::Token;
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command, task::AbortHandle};

use crate::material::LOGIN;

/// How a client is to say who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Login and token, as git and Maven do.
    Basic,
    /// The token alone, as npm does.
    Bearer,
    /// The token alone, as clients of GitHub's API do.
    Token,
}

/// What the server does for who is let in.
#[derive(Clone, Debug)]
pub(crate) enum Service {
    /// `git http-backend` over the repositories in this folder.
    Git(PathBuf),
    /// Files by their paths, which may have escapes in them.
    Files(Vec<(String, Vec<u8>)>),
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    /// Address and port.
    pub(crate) authority: String,
    inner: Arc<Inner>,
    task: AbortHandle,
}

struct Inner {
    expected: String,
    scheme: Scheme,
    service: Service,
    refused: Mutex<Vec<Option<String>>>,
    served: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) async fn start(
        token: &Token,
        scheme: Scheme,
        service: impl FnOnce(&str) -> Service,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let expected = match scheme {
            Scheme::Basic => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{LOGIN}:{}", token.expose())))
            }
            Scheme::Bearer => format!("Bearer {}", token.expose()),
            Scheme::Token => format!("token {}", token.expose()),
        };
        let service = service(&authority);
        let inner = Arc::new(Inner {
            expected,
            scheme,
            service,
            refused: Mutex::default(),
            served: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Server { authority, inner, task }
    }

    /// What was asked with the right credentials.
    pub(crate) fn served(&self) -> Vec<String> {
        self.inner.served.lock().unwrap().clone()
    }

    /// What was sent as credentials that were not right; `None` for none.
    pub(crate) fn refused(&self) -> Vec<Option<String>> {
        self.inner.refused.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let given =
        parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned());
    if given.as_ref() != Some(&inner.expected) {
        inner.refused.lock().unwrap().push(given);
        let challenge = match inner.scheme {
            Scheme::Basic => "Basic realm=\"GitHub\"",
            Scheme::Bearer | Scheme::Token => "Bearer",
        };
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    let path = parts.uri.path().to_owned();
    inner.served.lock().unwrap().push(path.clone());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    match &inner.service {
        Service::Files(files) => match files.iter().find(|(known, _)| path.eq_ignore_ascii_case(known)) {
            Some((_, content)) => content.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Service::Git(root) => {
            let query = parts.uri.query().unwrap_or_default();
            backend(root, parts.method.as_str(), &path, query, &parts.headers, body).await
        }
    }
}

/// One request to `git http-backend`, which speaks CGI: <https://git-scm.com/docs/git-http-backend>.
async fn backend(
    root: &PathBuf,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", LOGIN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let (written, output) = tokio::join!(
        async move {
            input.write_all(&body).await?;
            input.shutdown().await
        },
        child.wait_with_output()
    );
    written.unwrap();
    let output = output.unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(Body::from(output[end.saturating_add(4)..].to_vec())).unwrap()
}
