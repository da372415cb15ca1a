//! The GitHub provider of Terraform and OpenTofu, and the one of Crossplane that is made from it.

use serde::Serialize;

use super::{Addresses, Definition, Entry, Field, Material, PLAIN, addresses::Product, entry, escape};

/// Variables of the environment: <https://registry.terraform.io/providers/integrations/github/latest/docs>.
pub(super) const TERRAFORM_GITHUB: Definition =
    Definition { takes: &[Field::Owner], data: variables, ..PLAIN };

/// JSON under the key `credentials`, for a ProviderConfig with the source `Secret`:
/// <https://github.com/crossplane-contrib/provider-upjet-github/blob/main/README.md>,
/// <https://github.com/crossplane-contrib/provider-upjet-github/blob/main/internal/clients/github.go>.
pub(super) const CROSSPLANE_GITHUB: Definition =
    Definition { needs: &[Field::Owner], data: credentials, ..PLAIN };

#[derive(Serialize)]
struct Credentials<'a> {
    token: &'a str,
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
}

fn variables(material: &Material<'_>) -> Vec<Entry> {
    let owner = material.output.owner.as_deref().map(|owner| entry("GITHUB_OWNER", owner));
    let base_url = base_url(material.addresses).map(|url| entry("GITHUB_BASE_URL", &url));
    [entry("GITHUB_TOKEN", material.secret())].into_iter().chain(owner).chain(base_url).collect()
}

fn credentials(material: &Material<'_>) -> Vec<Entry> {
    let credentials = Credentials {
        token: material.secret(),
        owner: material.output.owner.as_deref(),
        base_url: base_url(material.addresses),
    };
    vec![("credentials".to_owned(), escape::json(&credentials))]
}

/// What the provider takes for the address of a GitHub other than github.com: of an Enterprise Server the root, to which it adds the
/// path of the API, of a tenant of ghe.com the API itself:
/// <https://github.com/integrations/terraform-provider-github/blob/main/github/config.go>.
fn base_url(addresses: &Addresses) -> Option<String> {
    match addresses.product() {
        Product::GithubCom => None,
        Product::Tenant => Some(format!("{}/", addresses.api_url)),
        Product::Server => Some(format!("{}/", addresses.web_url)),
    }
}
