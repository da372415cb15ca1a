//! Variables of the environment of a self-hosted Renovate: <https://docs.renovatebot.com/modules/platform/github/>,
//! <https://docs.renovatebot.com/self-hosted-configuration/>.

use super::{Definition, Entry, Material, PLAIN, addresses::Product, entry};

pub(super) const RENOVATE: Definition = Definition { data, ..PLAIN };

fn data(material: &Material<'_>) -> Vec<Entry> {
    let addresses = material.addresses;
    let endpoint = (addresses.product() != Product::GithubCom)
        .then(|| entry("RENOVATE_ENDPOINT", &format!("{}/", addresses.api_url)));
    let everywhere = [entry("RENOVATE_PLATFORM", "github"), entry("RENOVATE_TOKEN", material.secret())];
    everywhere.into_iter().chain(endpoint).collect()
}
