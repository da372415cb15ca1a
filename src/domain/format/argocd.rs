//! Secrets of Argo CD, which it finds by a label in its own namespace: a repository, or credentials for all repositories whose URL
//! begins with one.
//!
//! Sources: <https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories> and, for what may be pushed
//! to, <https://argo-cd.readthedocs.io/en/stable/user-guide/source-hydrator/>; the keys are read by
//! <https://github.com/argoproj/argo-cd/blob/master/util/db/repository_secrets.go>, the values of the label stand in
//! <https://github.com/argoproj/argo-cd/blob/master/common/common.go>.

use super::{Definition, Entry, Field, Material, PLAIN, Terms, basic_auth, entry};
use crate::domain::{Finding, Reason};

pub(super) const REPOSITORY: Definition =
    Definition { takes: &[Field::Project], labels: &[(SECRET_TYPE, "repository")], ..OF_ARGOCD };

pub(super) const REPOSITORY_WRITE: Definition =
    Definition { takes: &[Field::Project], labels: &[(SECRET_TYPE, "repository-write")], ..OF_ARGOCD };

pub(super) const REPO_CREDS: Definition =
    Definition { suits: suits_as_beginning, labels: &[(SECRET_TYPE, "repo-creds")], ..OF_ARGOCD };

pub(super) const REPO_CREDS_WRITE: Definition =
    Definition { suits: suits_as_beginning, labels: &[(SECRET_TYPE, "repo-write-creds")], ..OF_ARGOCD };

const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

const OF_ARGOCD: Definition =
    Definition { needs: &[Field::Url], polled_by: Some("Argo CD"), suits, data, ..PLAIN };

fn data(material: &Material<'_>) -> Vec<Entry> {
    let output = material.output;
    let fields = [("url", &output.url), ("project", &output.project)];
    let given = fields.into_iter().filter_map(|(key, value)| Some(entry(key, value.as_deref()?)));
    basic_auth::pair(material).into_iter().chain([entry("type", "git")]).chain(given).collect()
}

/// Argo CD gives the credentials to every repository whose URL begins with theirs, whatever character comes next:
/// <https://github.com/argoproj/argo-cd/blob/master/util/db/repository_secrets.go>. `https://github.com` is the beginning of
/// `https://github.com.example` too.
fn suits_as_beginning(terms: &Terms<'_>) -> Result<(), Finding> {
    suits(terms)?;
    let root = &terms.addresses.web_url;
    match terms.output.url.as_deref() {
        Some(url) if url == root => Err(Finding::new(
            Reason::OutputInvalid,
            format!(
                "Secret {} is not written: other hosts have URLs that begin with {root} too, and Argo CD would send them the token; \
                 end url with a slash",
                terms.output.secret_name
            ),
        )),
        _ => Ok(()),
    }
}

fn suits(terms: &Terms<'_>) -> Result<(), Finding> {
    terms.output.url.as_deref().map_or(Ok(()), |url| terms.covers("url", url))
}
