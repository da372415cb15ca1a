//! Files with credentials that git reads.

use zeroize::Zeroizing;

use super::{Definition, Entry, Material, PLAIN, entry, escape};

/// The file of `git credential-store`, one URL a line: <https://git-scm.com/docs/git-credential-store#_storage_format>.
pub(super) const GIT_CREDENTIALS: Definition = Definition { data: credentials, ..PLAIN };

/// What curl reads, and git through it:
/// <https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>, <https://everything.curl.dev/usingcurl/netrc.html>.
pub(super) const NETRC: Definition = Definition { data: netrc, ..PLAIN };

fn credentials(material: &Material<'_>) -> Vec<Entry> {
    let (scheme, authority) = (material.addresses.scheme(), material.addresses.authority());
    let (user, password) = (escape::url(material.username), escape::url(material.secret()));
    let line = Zeroizing::new(format!("{scheme}://{}:{}@{authority}\n", *user, *password));
    vec![entry(".git-credentials", &line)]
}

/// The machine is a name without a port.
fn netrc(material: &Material<'_>) -> Vec<Entry> {
    let (login, password) = (escape::netrc(material.username), escape::netrc(material.secret()));
    let machine = material.addresses.host();
    let line = Zeroizing::new(format!("machine {machine} login {} password {}\n", *login, *password));
    vec![entry(".netrc", &line)]
}
