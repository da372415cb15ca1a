//! Outputs of which each token, and each layout of it, has a Secret of its own, which never changes.

use sha2::{Digest, Sha256};

use super::{Output, Stamp};

/// The number of hexadecimal digits of a digest that end the name of a version, after a hyphen.
const DIGITS: usize = 10;
/// How many earlier versions stay, if the spec does not say.
const KEPT: usize = 2;

impl Output {
    /// The name in the spec, of which a versioned output makes the names of its versions.
    pub fn base(&self) -> &str {
        self.version_of.as_deref().unwrap_or(&self.secret_name)
    }

    /// The name of the Secret that it is written to; `None` as long as nobody can tell which version that is.
    pub fn target(&self) -> Option<&str> {
        (!self.versioned || self.version_of.is_some()).then_some(&self.secret_name)
    }

    /// Of a versioned output, makes its target the version of this stamp.
    pub fn name_version(&mut self, stamp: Stamp) {
        if !self.versioned {
            return;
        }
        let base = self.base().to_owned();
        self.secret_name = format!("{base}-{}", digits(stamp));
        self.version_of = Some(base.into());
    }

    /// True if a Secret of this name is a version of the output, the present one or an earlier one.
    pub fn is_version(&self, name: &str) -> bool {
        self.versioned && base_of(name) == Some(self.base())
    }

    /// How many versions stay beside the present one.
    pub fn kept_versions(&self) -> usize {
        self.keep_versions.and_then(|kept| usize::try_from(kept).ok()).unwrap_or(KEPT).max(1)
    }
}

/// The name in a spec of which this may be the name of a version.
pub fn base_of(version: &str) -> Option<&str> {
    let (base, digits) = version.rsplit_once('-')?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digits.len() == DIGITS && digits.bytes().all(is_digit)).then_some(base)
}

/// Ten digits that stand for a payload. They tell nothing of the token: a stamp has only its hash.
fn digits(stamp: Stamp) -> String {
    let digest = Sha256::new()
        .chain_update(stamp.token.as_bytes())
        .chain_update(stamp.layout.to_be_bytes())
        .finalize();
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    text.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        answer::{Expiry, Grant},
        format::{Addresses, Format},
        token::Token,
    };

    fn output(name: &str) -> Output {
        serde_json::from_value(
            serde_json::json!({ "secretName": name, "format": "Opaque", "versioned": true }),
        )
        .unwrap()
    }

    fn stamp(output: &Output, letter: &str) -> Stamp {
        let token = Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap();
        let grant = Grant { account: None, scopes: None, expiry: Expiry::Never };
        output.stamp(token.hashed(), &grant, &Addresses::of_github())
    }

    #[test]
    fn each_token_and_each_layout_has_a_name_of_its_own_that_stays_the_same() {
        let named = |letter: &str, format: Format| {
            let mut output = Output { format, ..output("pull") };
            let stamp = stamp(&output, letter);
            output.name_version(stamp);
            let again = output.clone();
            output.name_version(stamp);
            assert_eq!(output, again, "it is named once");
            assert_eq!((output.base(), output.target()), ("pull", Some(&*output.secret_name)));
            assert!(output.is_version(&output.secret_name), "{}", output.secret_name);
            output.secret_name
        };
        let names = [named("a", Format::Opaque), named("b", Format::Opaque), named("a", Format::BasicAuth)];
        assert_eq!(names[0], named("a", Format::Opaque));
        let more = Output { keep_versions: Some(5), ..output("pull") };
        assert_eq!(stamp(&more, "a"), stamp(&output("pull"), "a"), "how many are kept is no other version");
        assert!(names[0] != names[1] && names[0] != names[2] && names[1] != names[2], "{names:?}");
        assert!(names.iter().all(|name| name.len() == "pull-0123456789".len()), "{names:?}");
    }

    #[test]
    fn a_version_is_told_by_its_name() {
        let rows = [
            ("pull-0123456789", true),
            ("pull-abcdef0123", true),
            ("pull", false),
            ("pull-012345678", false),
            ("pull-01234567890", false),
            ("pull-ABCDEF0123", false),
            ("pull-next-01234", false),
            ("push-0123456789", false),
            ("pull0123456789a", false),
        ];
        for (name, expected) in rows {
            assert_eq!(output("pull").is_version(name), expected, "{name}");
            assert!(!Output { versioned: false, ..output("pull") }.is_version(name), "{name}");
        }
        assert_eq!(output("pull").target(), None, "nobody can tell yet");
        assert_eq!(Output { versioned: false, ..output("pull") }.target(), Some("pull"));
    }
}
