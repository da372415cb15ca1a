//! Chromium, driven through its own driver, and the page that it was sent to as a person's browser is.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::world::{PLUGIN, Place, SOON};

/// The browser, the driver and the page.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    /// Scheme, name and port of the page.
    pub(crate) origin: String,
    /// What the browser was told to open.
    pub(crate) file: String,
    pub(crate) link: String,
    page: Child,
    /// Ends with this.
    _chromedriver: Child,
}

impl Browser {
    /// Serves the page and starts a browser that has not opened it.
    pub(crate) async fn start(place: &Place, kubeconfig: &Path) -> Browser {
        Browser::start_with(place, kubeconfig, &[]).await
    }

    /// The same with more arguments.
    pub(crate) async fn start_with(place: &Place, kubeconfig: &Path, arguments: &[&str]) -> Browser {
        // What a desktop has as the browser writes down what it shall open.
        let told = place.world.folder.path().join(format!("told-{}", fastrand::u64(..)));
        let opener = place.world.file(
            "opener",
            &format!("#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n", told.display()),
        );
        std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o700)).unwrap();
        let mut command = Command::new(PLUGIN);
        command.arg("ui").args(arguments).env_clear().envs(place.variables(kubeconfig));
        command.envs([
            ("BROWSER", opener.as_str()),
            ("PATH", "/usr/bin:/bin"),
            ("XDG_RUNTIME_DIR", place.world.folder.path().to_str().unwrap()),
        ]);
        let mut page =
            command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let link = line(&mut page, "/enter/").await;
        let origin = link.split("/enter/").next().unwrap().to_owned();
        let file = until(|| async { std::fs::read_to_string(&told).ok() }).await;

        let mut command = Command::new("chromedriver");
        let mut driver = command.arg("--port=0").kill_on_drop(true).stdout(Stdio::piped()).spawn().unwrap();
        let started = line(&mut driver, "started successfully on port ").await;
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"]
        {
            capabilities.add_arg(argument).unwrap();
        }
        let driver_of = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        Browser { driver: driver_of, origin, file, link, page, _chromedriver: driver }
    }

    pub(crate) async fn end(self) {
        self.driver.quit().await.unwrap();
    }

    /// Ends the program that serves the page.
    pub(crate) async fn stop_serving(&mut self) {
        self.page.kill().await.unwrap();
    }

    /// Goes to a page of ours.
    pub(crate) async fn goto(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.origin)).await.unwrap();
    }

    /// What the script returns.
    pub(crate) async fn runs(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.unwrap().json().clone()
    }

    /// The element.
    pub(crate) async fn one(&self, css: &'static str) -> WebElement {
        self.driver.find(By::Css(css)).await.unwrap()
    }

    /// Waits until the page has this text.
    pub(crate) async fn reads(&self, expected: &str) {
        let seen = || async {
            let text = self.runs("return document.body ? document.body.innerText : ''").await;
            text.as_str().filter(|text| text.contains(expected)).map(str::to_owned)
        };
        if tokio::time::timeout(SOON, found(seen)).await.is_err() {
            panic!("{expected:?} is not in {}", self.runs("return document.body.innerText").await);
        }
    }

    /// Waits until the address has this path.
    pub(crate) async fn arrives(&self, expected: &str) {
        let seen = || async { Some(self.path().await).filter(|path| path == expected) };
        if tokio::time::timeout(SOON, found(seen)).await.is_err() {
            let text = self.runs("return document.body.innerText").await;
            panic!("{expected} is not reached, but {}: {text}", self.path().await);
        }
    }

    /// The path that the address has now.
    pub(crate) async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// How large the window is, and whether it is dark.
    pub(crate) async fn looks(&self, width: u32, height: u32, is_dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }
}

/// The first line of the output that has this in it.
async fn line(child: &mut Child, expected: &str) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let read = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if line.contains(expected) {
                return line;
            }
        }
    };
    tokio::time::timeout(SOON, read).await.unwrap()
}

/// What there is once there is something, which is soon.
#[track_caller]
pub(crate) fn until<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> impl Future<Output = T> {
    let asked = std::panic::Location::caller();
    async move {
        let found = tokio::time::timeout(SOON, found(&look)).await;
        found.unwrap_or_else(|_| panic!("what {asked} waits for does not come"))
    }
}

async fn found<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
