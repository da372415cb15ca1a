//! The folder of gh's configuration, for `GH_CONFIG_DIR`.
//!
//! `hosts.yml` has the token twice, for the host and for the user that is active there:
//! <https://github.com/cli/cli/blob/trunk/internal/config/config.go>. The version in `config.yml` says that this is so already;
//! without it gh rewrites both files, which it cannot do in a Secret:
//! <https://github.com/cli/cli/blob/trunk/internal/config/migration/multi_account.go>.

use zeroize::Zeroizing;

use super::{Definition, Entry, Material, PLAIN, entry, escape};

pub(super) const HOSTS: Definition = Definition { data, ..PLAIN };

fn data(material: &Material<'_>) -> Vec<Entry> {
    let host = escape::quoted(material.addresses.authority());
    let (user, token) = (escape::quoted(material.username), escape::quoted(material.secret()));
    let hosts = Zeroizing::new(format!(
        "{host}:\n    user: {user}\n    oauth_token: {token}\n    git_protocol: https\n    users:\n        {user}:\n            \
         oauth_token: {token}\n",
        host = *host,
        user = *user,
        token = *token
    ));
    vec![entry("config.yml", "version: \"1\"\n"), entry("hosts.yml", &hosts)]
}
