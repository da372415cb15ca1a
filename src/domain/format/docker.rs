//! The file that container runtimes read to pull images:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{CONFIG, Definition, Entry, Extra, Field, Material, PLAIN, Terms, escape, packages::PULLS};
use crate::domain::{Finding, Reason};

pub(super) const DOCKER_CONFIG_JSON: Definition = Definition {
    secret_type: "kubernetes.io/dockerconfigjson",
    takes: &[Field::Registries, Field::ExtraEntriesFrom, Field::PublicOnly],
    registry: Some("container registry"),
    scope: |output| (!output.public_only).then_some(PULLS),
    suits,
    data,
    ..PLAIN
};

/// `~/.docker/config.json`, as far as it is about credentials:
/// <https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go>.
#[derive(Serialize)]
struct Config<'a> {
    auths: BTreeMap<&'a str, Credentials<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Credentials<'a> {
    Ours(Auth<'a>),
    Further(&'a RawValue),
}

#[derive(Serialize)]
struct Auth<'a> {
    auth: &'a str,
    password: &'a str,
    username: &'a str,
}

fn data(material: &Material<'_>) -> Vec<Entry> {
    let (username, password) = (material.username, material.secret());
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let auth = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    let of_the_host = material.addresses.registry.as_ref().filter(|_| material.output.registries.is_empty());
    let registries = material.output.registries.iter().chain(of_the_host);
    let ours: Vec<&str> = registries.map(String::as_str).collect();
    let further = match &material.output.extra {
        Extra::Read(entries) => Some(entries),
        _ => None,
    };
    let further = further.into_iter().flat_map(|entries| entries.iter()).filter_map(|(registry, entry)| {
        let is_ours = ours.iter().any(|our| place(our) == place(registry));
        (!is_ours).then_some((registry, Credentials::Further(serde_json::from_str(entry).ok()?)))
    });
    let own = ours.iter().map(|our| (*our, Credentials::Ours(Auth { auth: &auth, password, username })));
    let auths = further.chain(own).collect();
    vec![(CONFIG.to_owned(), escape::json(&Config { auths }))]
}

/// A registry without its scheme and the version of its API, as the kubelet compares them:
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/credentialprovider/keyring.go>.
fn place(registry: &str) -> &str {
    let bare = registry.strip_prefix("https://").or_else(|| registry.strip_prefix("http://"));
    let bare = bare.unwrap_or(registry).trim_end_matches('/');
    bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare)
}

fn suits(terms: &Terms<'_>) -> Result<(), Finding> {
    if terms.addresses.registry.is_none() && terms.output.registries.is_empty() {
        let name = &terms.output.secret_name;
        return Err(Finding::new(
            Reason::RegistryUnknown,
            format!(
                "Secret {name} is not written: the settings name no container registry for the host; \
                 have an administrator set registry for it, or give registries"
            ),
        ));
    }
    Ok(())
}
