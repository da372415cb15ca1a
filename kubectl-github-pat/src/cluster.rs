//! The way into a cluster: the kubeconfig of whoever runs the plugin, and nothing else.

use std::{env, path::PathBuf, time::Duration};

use github_pat_operator::{api::GithubPatConnection, run::kubeconfig::unusable};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config, ResourceExt,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
    core::DeserializeGuard,
};

use crate::{error::Error, screen};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the name of an object can be.
const LONGEST_NAME: usize = 253;

/// Which cluster to talk to, as whom.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Way {
    /// The kubeconfig file [default: KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace [default: that of the context]
    #[arg(short = 'n', long, value_name = "NAME", value_parser = object_name)]
    namespace: Option<String>,
}

/// A cluster, and the namespace that is meant.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// What it is called, for a person who works with several: the context and the address.
    pub(crate) place: String,
    /// How it was named.
    way: Way,
}

impl Way {
    /// What a command line that is not complete says of it.
    pub(crate) fn among(words: &[String]) -> Self {
        let after = |flags: &[&str]| {
            let place = words.iter().rposition(|word| flags.contains(&word.as_str()))?;
            words.get(place.saturating_add(1)).cloned()
        };
        let equal = |flag: &str| {
            words.iter().find_map(|word| word.strip_prefix(&format!("{flag}=")).map(str::to_owned))
        };
        // As clap reads it: -nteam-a and -n=team-a.
        let joined = || {
            let mut flags = words.iter().filter(|word| !word.starts_with("--"));
            let value = flags.find_map(|word| word.strip_prefix("-n").filter(|value| !value.is_empty()))?;
            Some(value.strip_prefix('=').unwrap_or(value).to_owned())
        };
        Way {
            kubeconfig: after(&["--kubeconfig"]).or_else(|| equal("--kubeconfig")).map(PathBuf::from),
            context: after(&["--context"]).or_else(|| equal("--context")),
            namespace: after(&["-n", "--namespace"]).or_else(|| equal("--namespace")).or_else(joined),
        }
    }

    /// The namespace, if somebody has said which one is meant.
    pub(crate) fn named_namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The flags by which a person names it again.
    fn flags(&self) -> String {
        let Way { kubeconfig, context, namespace } = self;
        let file = kubeconfig.as_ref().map(|file| file.display().to_string());
        let flags =
            [("-n", namespace.as_ref()), ("--context", context.as_ref()), ("--kubeconfig", file.as_ref())];
        flags.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", quoted(value?)))).collect()
    }

    /// The cluster.
    ///
    /// # Errors
    ///
    /// What is wrong with the kubeconfig.
    pub(crate) async fn open(&self) -> Result<Cluster, Error> {
        let (config, context) = self.config().await?;
        let address = config.cluster_url.to_string();
        let place = context.map_or_else(|| address.clone(), |context| format!("{context} ({address})"));
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        // A program that the kubeconfig names for credentials is run here, and may ask somebody far away.
        let made = screen::while_it_lasts("getting credentials for the cluster", || Client::try_from(config));
        let client = made.map_err(|error| Error::of_cluster("talk to the cluster", &error, &self.flags()))?;
        Ok(Cluster { client, namespace, place, way: self.clone() })
    }

    /// How to talk to it, and the name of its context if it has one.
    async fn config(&self) -> Result<(Config, Option<String>), Error> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => named_by_the_environment().unwrap_or_else(Kubeconfig::read),
        };
        let loaded = match read {
            Ok(kubeconfig) => {
                let context = self.context.clone().or_else(|| kubeconfig.current_context.clone());
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
                config.map(|config| (config, context))
            }
            Err(error) => Err(error),
        };
        let error = match loaded {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        let is_missing = matches!(error, KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath);
        if is_missing
            && self.kubeconfig.is_none()
            && self.context.is_none()
            && let Ok(config) = Config::incluster()
        {
            return Ok((config, None));
        }
        let file = Way { context: None, namespace: None, ..self.clone() }.flags();
        Err(Error::Usage(match (&error, &self.context) {
            (KubeconfigError::LoadContext(name), Some(_)) => format!(
                "no cluster to talk to: the kubeconfig has no context {name:?}: kubectl config get-contexts{file} shows which it has"
            ),
            _ => format!("no cluster to talk to: {}", unusable(&error)),
        }))
    }
}

impl Cluster {
    /// The cluster behind this client, which nobody has named.
    #[cfg(test)]
    pub(crate) fn behind(client: Client) -> Self {
        let (namespace, place) = (client.default_namespace().to_owned(), "test".to_owned());
        Cluster { client, namespace, place, way: Way::among(&[]) }
    }

    /// The same cluster, with this namespace meant.
    pub(crate) fn at(&self, namespace: &str) -> Self {
        let way = Way { namespace: Some(namespace.to_owned()), ..self.way.clone() };
        Cluster { namespace: namespace.to_owned(), way, ..self.clone() }
    }

    /// A command of the plugin, as a person types it who means this cluster and namespace.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("kubectl github-pat {words}{}", self.way.flags())
    }

    /// One of kubectl, likewise.
    pub(crate) fn kubectl(&self, words: &str) -> String {
        format!("kubectl {words}{}", self.way.flags())
    }

    /// What the API server, or the way to it, did not let happen.
    pub(crate) fn refusal(&self, doing: &str, error: &kube::Error) -> Error {
        Error::of_cluster(doing, error, &self.way.flags())
    }

    /// The API server took too long.
    pub(crate) fn too_slow(&self, doing: &str) -> Error {
        Error::Cluster(format!(
            "cannot {doing}: the API server did not answer in time; {} shows whether it can be reached",
            self.kubectl("version")
        ))
    }

    /// The connections of the namespace, as far as they can be read.
    pub(crate) fn connections(&self) -> Api<DeserializeGuard<GithubPatConnection>> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The connection of this name.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be read.
    pub(crate) async fn connection(&self, name: &str) -> Result<GithubPatConnection, Error> {
        self.find(name).await?.ok_or_else(|| self.no_such(name))
    }

    /// The connection of this name, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<GithubPatConnection>, Error> {
        let doing = format!("read connection {name} in namespace {}", self.namespace);
        let found = self.call(&doing, self.connections().get_opt(name)).await?;
        found.map(readable).transpose()
    }

    /// There is no connection of this name.
    pub(crate) fn no_such(&self, name: &str) -> Error {
        let namespace = &self.namespace;
        Error::Usage(format!(
            "there is no connection {name} in namespace {namespace}: {} shows which there are",
            self.command("list")
        ))
    }

    /// The connection of this name was there before.
    pub(crate) fn deleted(&self, name: &str) -> Error {
        Error::Cluster(format!(
            "connection {name} was deleted meanwhile; {} shows which there are",
            self.command("list")
        ))
    }

    /// The names of the namespaces.
    ///
    /// # Errors
    ///
    /// What the API server did not let happen.
    pub(crate) async fn namespaces(self) -> Result<Vec<String>, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = self.call("list namespaces", api.list_metadata(&ListParams::default())).await?;
        Ok(found.items.iter().map(ResourceExt::name_any).collect())
    }

    /// One call to the API server, within its time.
    ///
    /// # Errors
    ///
    /// What it did not let happen.
    pub(crate) async fn call<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Error> {
        let told = format!("waiting for the API server to {doing}");
        let called = screen::during(&told, tokio::time::timeout(PATIENCE, call)).await;
        called.map_err(|_| self.too_slow(doing))?.map_err(|error| self.refusal(doing, &error))
    }
}

/// What the files of a list in KUBECONFIG say together; nothing if it names one file at most, or none of them is there.
fn named_by_the_environment() -> Option<Result<Kubeconfig, KubeconfigError>> {
    let list = env::var_os("KUBECONFIG")?;
    let named: Vec<_> = env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    // As kubectl has it: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
    let mut there = named.iter().filter(|path| path.exists()).peekable();
    there.peek().filter(|_| named.len() > 1)?;
    let whole = Kubeconfig::default();
    Some(there.try_fold(whole, |whole, path| whole.merge(Kubeconfig::read_from(path)?)))
}

/// The connection, if this version can read it.
///
/// # Errors
///
/// Why it cannot.
pub(crate) fn readable(guarded: DeserializeGuard<GithubPatConnection>) -> Result<GithubPatConnection, Error> {
    guarded.0.map_err(|invalid| {
        let name = invalid.metadata.name.unwrap_or_default();
        let cause = invalid.error;
        Error::Cluster(format!(
            "connection {name} cannot be read by this version of the plugin: {cause}; kubectl github-pat explain SpecUnreadable"
        ))
    })
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The name with this end, and shorter in front of it where an object can have no name as long as that.
pub(crate) fn fitting(name: &str, end: &str) -> String {
    let begin = name.get(..LONGEST_NAME.saturating_sub(end.len())).unwrap_or(name);
    format!("{}{end}", begin.trim_end_matches(['-', '.']))
}

/// The name of an object of Kubernetes.
pub(crate) fn object_name(text: &str) -> Result<String, &'static str> {
    let is_part = |part: &str| {
        let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(is_inside) && !part.starts_with('-') && !part.ends_with('-')
    };
    if text.len() <= LONGEST_NAME && text.split('.').all(is_part) {
        Ok(text.to_owned())
    } else {
        Err("no name of a Kubernetes object, which has lower case letters, digits, dots and hyphens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_read_as_people_write_it() {
        for words in [&["-n", "a"][..], &["--namespace", "a"], &["--namespace=a"], &["-na"], &["-n=a"]] {
            let words: Vec<_> = ["status"].iter().chain(words).map(|word| (*word).to_owned()).collect();
            assert_eq!(Way::among(&words).named_namespace(), Some("a"), "{words:?}");
        }
        assert_eq!(Way::among(&["--not-ready".to_owned()]).named_namespace(), None);
    }

    #[tokio::test]
    async fn a_next_command_names_the_cluster_and_the_namespace_as_the_person_did() {
        let nobody = tower::service_fn(async |_: axum::http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(axum::http::Response::new(axum::body::Body::empty()))
        });
        let unnamed = Cluster::behind(Client::new(nobody, "team-a"));
        let words = ["-n", "team-b", "--context", "my cluster", "--kubeconfig=/etc/kube/config"];
        let words = words.map(str::to_owned);
        let named = Cluster { way: Way::among(&words), namespace: "team-b".to_owned(), ..unnamed.clone() };
        let there = " --context 'my cluster' --kubeconfig /etc/kube/config";
        for (cluster, expected) in [
            (unnamed.clone(), String::new()),
            (unnamed.at("team-c"), " -n team-c".to_owned()),
            (named.clone(), format!(" -n team-b{there}")),
            (named.at("team-c"), format!(" -n team-c{there}")),
        ] {
            assert_eq!(cluster.command("status ci"), format!("kubectl github-pat status ci{expected}"));
            for (said, next) in [
                (cluster.no_such("ci"), "kubectl github-pat list"),
                (cluster.too_slow("look"), "kubectl version"),
                (cluster.refusal("look", &kube::Error::LinesCodecMaxLineLengthExceeded), "kubectl version"),
            ] {
                let said = said.to_string();
                assert!(said.contains(&format!("{next}{expected} shows ")), "{said}");
            }
        }
    }

    #[tokio::test]
    async fn a_context_that_is_not_there_is_looked_for_in_the_kubeconfig_of_the_person() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my config");
        std::fs::write(&file, "apiVersion: v1\nkind: Config\n").unwrap();
        let file = file.to_str().unwrap();
        let words = ["-n", "team-b", "--context", "nope", "--kubeconfig", file].map(str::to_owned);
        let Err(error) = Way::among(&words).open().await else { panic!("there is no such context") };
        let next = format!("kubectl config get-contexts --kubeconfig '{file}' shows which it has");
        assert!(error.to_string().ends_with(&next), "{error}");
    }

    #[test]
    fn a_name_with_an_end_is_one_of_an_object() {
        let dotted = format!("{}.x", "d".repeat(248));
        for (name, expected) in [
            ("ci", "ci-pat".to_owned()),
            (&*"n".repeat(249), format!("{}-pat", "n".repeat(249))),
            (&*"n".repeat(253), format!("{}-pat", "n".repeat(249))),
            (&*dotted, format!("{}-pat", "d".repeat(248))),
        ] {
            let fitted = fitting(name, "-pat");
            assert_eq!(fitted, expected);
            assert_eq!(object_name(&fitted), Ok(fitted.clone()));
        }
    }

    #[test]
    fn a_word_is_one_for_a_shell() {
        let rows = [
            ("team-a", "team-a"),
            ("admin@prod", "admin@prod"),
            ("my cluster", "'my cluster'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ];
        for (word, expected) in rows {
            assert_eq!(quoted(word), expected);
        }
    }
}
