//! Variables of the environment, by the names that programs for GitHub read.
//!
//! `GITHUB_TOKEN` is read by most, `GH_TOKEN` by gh, which prefers it. On an Enterprise Server gh reads other names, and needs to
//! be told the host: without `GH_HOST` it takes github.com, and sends it what stands in `GH_TOKEN`:
//! <https://cli.github.com/manual/gh_help_environment>, <https://github.com/cli/go-gh/blob/trunk/pkg/auth/auth.go>.

use super::{Definition, Entry, Material, PLAIN, addresses::Product, entry};

pub(super) const ENV: Definition = Definition { data, ..PLAIN };

fn data(material: &Material<'_>) -> Vec<Entry> {
    let token = material.secret();
    let (product, host) = (material.addresses.product(), material.addresses.authority());
    let everywhere =
        vec![entry("GITHUB_TOKEN", token), entry("GH_TOKEN", token), entry("GITHUB_USER", material.username)];
    let elsewhere = (product != Product::GithubCom).then(|| entry("GH_HOST", host));
    let of_a_server =
        ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"].into_iter().filter(|_| product == Product::Server);
    everywhere.into_iter().chain(elsewhere).chain(of_a_server.map(|name| entry(name, token))).collect()
}
