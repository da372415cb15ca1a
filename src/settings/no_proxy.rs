//! What is reached without the proxy: names, addresses and networks.

use std::net::IpAddr;

/// One entry of `noProxy`. The HTTP client reads a text of its own and takes for a name whatever it cannot read, so only what it
/// can is an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Everything.
    All,
    /// A name and those below it.
    Name(String),
    /// An address, or the network of that many leading bits.
    Network(IpAddr, u8),
}

impl Entry {
    /// The entry that the text is.
    pub(super) fn parse(text: &str) -> Option<Entry> {
        if text == "*" {
            return Some(Entry::All);
        }
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
            return Some(Entry::Network(address, bits));
        }
        let name = text.strip_prefix('.').unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        name.split('.').all(is_label).then(|| Entry::Name(name.to_ascii_lowercase()))
    }

    /// True if the host of a URL is meant by it.
    pub(super) fn has(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match (self, address) {
            (Entry::All, _) => true,
            (Entry::Network(network, bits), Ok(address)) => {
                leading(*network, *bits) == leading(address, *bits)
            }
            (Entry::Name(name), Err(_)) => {
                host.strip_suffix(name.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.'))
            }
            (Entry::Network(..), Err(_)) | (Entry::Name(_), Ok(_)) => false,
        }
    }

    /// The same for the HTTP client, to which `*` means all names.
    pub(super) fn for_client(&self) -> String {
        match self {
            Entry::All => "*,0.0.0.0/0,::/0".to_owned(),
            Entry::Name(name) => name.clone(),
            Entry::Network(address, bits) => format!("{address}/{bits}"),
        }
    }
}

/// The family of the address, and so many of its first bits.
fn leading(address: IpAddr, bits: u8) -> (bool, u128) {
    let (all, length) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32_u32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let rest = length.saturating_sub(u32::from(bits));
    (address.is_ipv4(), all.checked_shr(rest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_name_an_address_a_network_or_a_star() {
        for text in
            ["*", "ghe.example.com", ".example.com", "a_b", "10.0.0.7", "10.0.0.0/8", "::1", "fd00::/8"]
        {
            assert!(Entry::parse(text).is_some(), "{text}");
        }
        let wrong = [
            "",
            " ",
            ".",
            "*.example.com",
            "ghe.example.com:443",
            "https://ghe.example.com",
            "a/b",
            "a..b",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::1/129",
            ":::",
            "a,b",
        ];
        for text in wrong {
            assert_eq!(Entry::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_reached_with_those_below_it_and_a_network_by_its_addresses() {
        let rows = [
            ("ghe.example.com", "ghe.example.com", true),
            ("GHE.example.com", "ghe.example.com", true),
            ("example.com", "ghe.example.com", true),
            (".example.com", "ghe.example.com", true),
            (".example.com", "example.com", true),
            ("xample.com", "ghe.example.com", false),
            ("other.example.com", "ghe.example.com", false),
            ("*", "ghe.example.com", true),
            ("*", "10.0.0.7", true),
            ("*", "[::1]", true),
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.7", false),
            ("10.0.0.0/8", "ghe.example.com", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("0.0.7", "10.0.0.7", false),
            ("10.0.0.7", "10.0.0.8", false),
            ("0.0.0.0/0", "10.0.0.8", true),
            ("0.0.0.0/0", "[::1]", false),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
        ];
        for (text, host, expected) in rows {
            let entry = Entry::parse(text).unwrap();
            assert_eq!(entry.has(host), expected, "{text} {host}");
        }
    }
}
