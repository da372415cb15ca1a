//! The page of `ui`, served by the program, and what is asked of it as a browser would.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use reqwest::{
    Client, Method, Response, StatusCode,
    header::{COOKIE, HOST, HeaderMap, ORIGIN, SET_COOKIE},
    redirect,
};
use tokio::process::{Child, Command};

use crate::world::{PLUGIN, Place, SOON, holds_no, processes_hold_no};

/// The page, served, and a browser that may have opened the link.
pub(crate) struct Page {
    /// Ends with this.
    child: Child,
    /// What it may write: its output, and what it leaves where the desktop has files of its session.
    folder: PathBuf,
    pub(crate) link: String,
    /// Its name and port.
    pub(crate) host: String,
    pub(crate) cookie: String,
    address: SocketAddr,
    client: Client,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// Serves the page to whoever may use this kubeconfig, and opens its link.
    pub(crate) async fn open(place: &Place, kubeconfig: &Path, arguments: &[&str]) -> Page {
        let mut page = Page::closed(place, kubeconfig, arguments).await;
        let entered = page.get(&page.key()).await;
        assert_eq!(entered.status, StatusCode::OK, "{entered:?}");
        let cookie = entered.headers[SET_COOKIE].to_str().unwrap();
        page.cookie = cookie.split(';').next().unwrap().to_owned();
        page
    }

    /// Serves the page.
    pub(crate) async fn closed(place: &Place, kubeconfig: &Path, arguments: &[&str]) -> Page {
        let mut command = Command::new(PLUGIN);
        command.args([&["ui", "--no-open"], arguments].concat()).env_clear();
        let folder = place.world.folder.path().join(format!("page-{}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        command.envs(place.variables(kubeconfig)).env("XDG_RUNTIME_DIR", &folder);
        let file = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        let child = command.spawn().unwrap();
        let link = async {
            loop {
                let out = std::fs::read_to_string(folder.join("out")).unwrap();
                if let Some((link, _)) = out.split_once('\n') {
                    return link.to_owned();
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let link = tokio::time::timeout(SOON, link).await.unwrap();
        let host = link.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let port = host.split(':').next_back().unwrap().parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Page { child, folder, link, host, cookie: String::new(), address, client }
    }

    /// Fails if the token stands in anything that the program has written, or that others may see of it.
    pub(crate) fn is_silent_about(&self, token: &str) {
        let process = format!("/proc/{}", self.process());
        processes_hold_no(self.process(), token);
        let mut files: Vec<_> = ["out", "err"].map(|name| self.folder.join(name)).into();
        let left = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let left: Vec<_> = left.filter(|path| !files.contains(path)).collect();
        assert_eq!(left, [""; 0].map(PathBuf::from), "it writes no file");
        match std::fs::read_dir(format!("{process}/fd")) {
            Ok(open) => {
                let open = open.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap_or_default());
                files.extend(open.filter(|path| path.is_file()));
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
        for path in files {
            holds_no(&String::from_utf8_lossy(&std::fs::read(path).unwrap()), token);
        }
    }

    /// The process that serves it.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The path of the link.
    pub(crate) fn key(&self) -> String {
        self.link.strip_prefix(&format!("http://{}", self.host)).unwrap().to_owned()
    }

    /// Asks as the browser does that has the page open.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::GET, path, &[]).await).await
    }

    /// The same once the answer has this in it.
    pub(crate) async fn until(&self, path: &str, expected: &str) -> Answer {
        let until = async {
            loop {
                let answer = self.get(path).await;
                if answer.text.contains(expected) {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(SOON, until).await {
            Ok(answer) => answer,
            Err(_) => panic!("{expected:?} is not in {}", self.get(path).await.text),
        }
    }

    /// Asks with these headers in the place of the browser's own; an empty one is left out.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send(method, path, headers, "").await
    }

    /// The same with a form.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Response {
        let mut all = HeaderMap::new();
        all.insert(HOST, self.host.parse().unwrap());
        all.insert(COOKIE, self.cookie.parse().unwrap());
        if method != Method::GET {
            all.insert(ORIGIN, format!("http://{}", self.host).parse().unwrap());
            all.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        }
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            match *value {
                "" => drop(all.remove(name)),
                value => drop(all.insert(name, value.parse().unwrap())),
            }
        }
        let url = format!("http://{}{path}", self.address);
        let sent = self.client.request(method, url).headers(all).body(form.to_owned()).send();
        tokio::time::timeout(SOON, sent).await.unwrap().unwrap()
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}
