//! The file that container runtimes read to pull images:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Definition, Entry, Field, Material, PLAIN, Terms, escape, packages::PULLS};
use crate::domain::{Finding, Reason};

pub(super) const DOCKER_CONFIG_JSON: Definition = Definition {
    secret_type: "kubernetes.io/dockerconfigjson",
    takes: &[Field::Registries, Field::PublicOnly],
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
    auths: BTreeMap<&'a str, Auth<'a>>,
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
    let auths = registries.map(|registry| (&**registry, Auth { auth: &auth, password, username })).collect();
    vec![(".dockerconfigjson".to_owned(), escape::json(&Config { auths }))]
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
