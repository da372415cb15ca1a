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

/// Who runs a GitHub, which decides on the names of what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// github.com.
    GithubCom,
    /// A tenant of ghe.com.
    Tenant,
    /// An Enterprise Server.
    Server,
}

impl Addresses {
    #[cfg(test)]
    pub(crate) fn of_github() -> Self {
        Addresses {
            web_url: "https://github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
            registry: Some("ghcr.io".to_owned()),
        }
    }

    /// The host of its pages, with the port if that is not the usual one.
    pub(super) fn authority(&self) -> &str {
        let (_, rest) = self.parts();
        rest.split('/').next().unwrap_or_default()
    }

    /// The same without the port.
    pub(super) fn host(&self) -> &str {
        let authority = self.authority();
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
    }

    /// `https`, or `http` for a host on this machine.
    pub(super) fn scheme(&self) -> &str {
        self.parts().0
    }

    /// Who runs it.
    pub(super) fn product(&self) -> Product {
        match self.host() {
            "github.com" => Product::GithubCom,
            host if host.ends_with(".ghe.com") => Product::Tenant,
            _ => Product::Server,
        }
    }

    /// The root of the registry for packages of one ecosystem, such as `npm`, without a slash at the end.
    ///
    /// An Enterprise Server has them on hosts of their own if it has subdomain isolation. Its container registry, which the
    /// settings name, needs that, and is `containers.HOST` then:
    /// <https://docs.github.com/en/enterprise-server@latest/packages/working-with-a-github-packages-registry/working-with-the-npm-registry>,
    /// <https://docs.github.com/en/enterprise-server@latest/admin/configuring-settings/hardening-security-for-your-enterprise/enabling-subdomain-isolation>.
    pub(super) fn packages(&self, ecosystem: &str) -> String {
        let is_isolated =
            self.registry.as_deref().is_some_and(|registry| registry.starts_with("containers."));
        let (scheme, authority) = (self.scheme(), self.authority());
        match self.product() {
            Product::GithubCom => format!("https://{ecosystem}.pkg.github.com"),
            Product::Tenant => format!("{scheme}://{ecosystem}.{authority}"),
            Product::Server if is_isolated => format!("{scheme}://{ecosystem}.{authority}"),
            Product::Server => format!("{}/_registry/{ecosystem}", self.web_url),
        }
    }

    /// True if the URL is one of this host, so that its token may go there.
    pub(super) fn covers(&self, url: &str) -> bool {
        url.strip_prefix(&self.web_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn parts(&self) -> (&str, &str) {
        self.web_url.split_once("://").unwrap_or(("https", &self.web_url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_host_follow_from_its_pages_and_registry() {
        let rows = [
            (
                "https://github.com",
                Some("ghcr.io"),
                Product::GithubCom,
                "github.com",
                "https://npm.pkg.github.com",
            ),
            ("https://octo.ghe.com", None, Product::Tenant, "octo.ghe.com", "https://npm.octo.ghe.com"),
            (
                "https://ghe.example.com:8443",
                Some("containers.ghe.example.com"),
                Product::Server,
                "ghe.example.com",
                "https://npm.ghe.example.com:8443",
            ),
            (
                "https://ghe.example.com",
                None,
                Product::Server,
                "ghe.example.com",
                "https://ghe.example.com/_registry/npm",
            ),
            ("http://127.0.0.1:80", None, Product::Server, "127.0.0.1", "http://127.0.0.1:80/_registry/npm"),
            ("http://[::1]:8080", None, Product::Server, "[::1]", "http://[::1]:8080/_registry/npm"),
            ("http://[::1]", None, Product::Server, "[::1]", "http://[::1]/_registry/npm"),
            (
                "https://evilghe.com",
                None,
                Product::Server,
                "evilghe.com",
                "https://evilghe.com/_registry/npm",
            ),
        ];
        for (web_url, registry, product, host, npm) in rows {
            let addresses = Addresses {
                web_url: web_url.to_owned(),
                api_url: String::new(),
                registry: registry.map(str::to_owned),
            };
            assert_eq!((addresses.product(), addresses.host()), (product, host), "{web_url}");
            assert_eq!(addresses.packages("npm"), npm, "{web_url}");
        }
    }

    #[test]
    fn only_urls_of_the_host_are_covered() {
        let addresses =
            Addresses { web_url: "https://github.com".to_owned(), api_url: String::new(), registry: None };
        let rows = [
            ("https://github.com", true),
            ("https://github.com/", true),
            ("https://github.com/acme/app.git", true),
            ("https://github.com.example", false),
            ("https://github.com@evil.example/", false),
            ("https://github.com:444/", false),
            ("http://github.com/acme", false),
            ("https://gist.github.com/acme", false),
        ];
        for (url, covered) in rows {
            assert_eq!(addresses.covers(url), covered, "{url}");
        }
    }
}
