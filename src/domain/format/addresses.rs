//! Where a GitHub host is, in the words of the programs that use its tokens.

/// The addresses of a GitHub host, from the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// The root of its pages and of git, without a slash at the end, as in `https://github.com`.
    pub web_url: String,
    /// The root of its REST API, without a slash at the end, as in `https://api.github.com`.
    pub api_url: String,
    /// Its container registry, if the settings name one.
    pub registry: Option<String>,
}

#[cfg(test)]
impl Addresses {
    pub(crate) fn of_github() -> Self {
        Addresses {
            web_url: "https://github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
            registry: Some("ghcr.io".to_owned()),
        }
    }
}
