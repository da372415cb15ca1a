//! The way through a proxy to a host that cannot be reached directly.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{no_proxy::Entry, unread, url::parsed};

/// The proxy of a host. The operator asks it for a tunnel (CONNECT), so it sees neither token nor answer.
#[derive(Clone)]
pub struct Proxy {
    url: Url,
    credentials: Option<(String, SecretString)>,
    no_proxy: Vec<Entry>,
}

/// A proxy as the file gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyInput {
    /// Its URL, as in `http://proxy.example.com:3128`.
    pub url: String,
    /// The path of a file with `user:password`.
    pub credentials_file: Option<PathBuf>,
    /// Names, addresses and networks that are reached without it.
    #[serde(default)]
    pub no_proxy: Vec<String>,
}

impl Proxy {
    /// The proxy for the HTTP client.
    ///
    /// # Errors
    ///
    /// If the client does not take the URL.
    pub fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::all(self.url.clone())?;
        let without: Vec<_> = self.no_proxy.iter().map(Entry::for_client).collect();
        let proxy = proxy.no_proxy(reqwest::NoProxy::from_string(&without.join(",")));
        Ok(match &self.credentials {
            Some((user, password)) => proxy.basic_auth(user, password.expose_secret()),
            None => proxy,
        })
    }
}

impl Proxy {
    /// True if this host is reached without it.
    pub fn skips(&self, host: &str) -> bool {
        self.no_proxy.iter().any(|entry| entry.has(host))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.credentials, &other.credentials) {
            (Some((user, word)), Some((other, others))) => {
                user == other && word.expose_secret() == others.expose_secret()
            }
            (one, other) => one.is_none() && other.is_none(),
        };
        same && self.url == other.url && self.no_proxy == other.no_proxy
    }
}

impl ProxyInput {
    /// The file with the credentials, if it names one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.credentials_file.as_deref()
    }

    /// The proxy, or the field that is wrong and why.
    pub(super) fn checked(self) -> Result<Proxy, (&'static str, String)> {
        let url = url(&self.url).map_err(|message| ("proxy.url", message))?;
        let credentials = self.credentials_file.as_deref().map(|path| {
            let read = fs::read_to_string(path).map_err(|error| unread(&error));
            let credentials = read.and_then(|text| credentials(&text));
            credentials.map_err(|message| ("proxy.credentialsFile", format!("{}: {message}", path.display())))
        });
        let no_proxy = self.no_proxy.iter().map(|text| {
            Entry::parse(text).ok_or_else(|| {
                let message = format!(
                    "{text:?} is not a host name, an address or a network, as in example.com (which is also what lies below it), \
                     10.0.0.7 or 10.0.0.0/8"
                );
                ("proxy.noProxy", message)
            })
        });
        let no_proxy = no_proxy.collect::<Result<_, _>>()?;
        Ok(Proxy { url, credentials: credentials.transpose()?, no_proxy })
    }
}

/// An `http` or `https` URL of a host, with nothing else in it.
fn url(text: &str) -> Result<Url, String> {
    // Not repeated here: it may have a password in it.
    let url = parsed(text, "http://proxy.example.com:3128")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "it has a user or password: put them into a file, and name that as credentialsFile".to_owned()
        );
    }
    match url.scheme() {
        "http" | "https" if url.has_host() => {}
        other => return Err(format!("{other} is not supported: use an http or https proxy")),
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(
            "it has a path, query or fragment, which a proxy does not have: leave them out".to_owned()
        );
    }
    Ok(url)
}

/// User and password from `user:password`, with or without a newline at the end.
fn credentials(text: &str) -> Result<(String, SecretString), String> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let plain = !line.chars().any(char::is_control);
    match line.split_once(':').filter(|(user, _)| plain && !user.is_empty()) {
        Some((user, password)) => Ok((user.to_owned(), password.into())),
        None => Err("it does not hold user:password on one line".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_or_https_url_without_anything_secret_in_it() {
        let rows = [
            ("http://proxy.example.com:3128", ""),
            ("https://proxy.example.com", ""),
            ("http://10.0.0.7:3128/", ""),
            ("proxy.example.com:3128", "use an http or https proxy"),
            ("socks5://proxy.example.com", "use an http or https proxy"),
            ("proxy", "not a URL"),
            ("http://proxy.example.com/path", "has a path"),
        ];
        for (text, words) in rows {
            match url(text) {
                Ok(_) => assert_eq!(words, "", "{text}"),
                Err(message) => assert!(!words.is_empty() && message.contains(words), "{text}: {message}"),
            }
        }
        let message = url("http://user:hunter2@proxy.example.com").unwrap_err();
        assert!(message.contains("credentialsFile") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn credentials_are_a_user_and_a_password_on_one_line() {
        for text in ["bot:a:b", "bot:a:b\n", "bot:a:b\r\n"] {
            let (user, password) = credentials(text).unwrap();
            assert_eq!((user.as_str(), password.expose_secret()), ("bot", "a:b"), "{text:?}");
        }
        for text in ["", "bot", ":secret", "bot:a\nbot:b\n"] {
            let message = credentials(text).unwrap_err();
            assert!(message.contains("user:password"), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_proxy_does_not_show_its_password() {
        let proxy = Proxy {
            url: url("http://proxy.example.com").unwrap(),
            credentials: Some(("bot".to_owned(), "hunter2".into())),
            no_proxy: Vec::new(),
        };
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
