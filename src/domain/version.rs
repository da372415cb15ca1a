//! Which object it is, and in which state, in few bytes: an index has one of these for each Secret.

use std::fmt;

/// One state of one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion`.
    pub resource_version: ResourceVersion,
}

/// A `metadata.uid`. The API server makes UUIDs (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#uids>),
/// which take 16 bytes here; any other text is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uid(UidForm);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum UidForm {
    Uuid([u8; 16]),
    Text(Box<str>),
}

/// A `metadata.resourceVersion`. It is a number that can be compared since Kubernetes 1.35
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>), and was in practice before; any other text is
/// kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceVersion(ResourceVersionForm);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ResourceVersionForm {
    Number(u64),
    Text(Box<str>),
}

impl ResourceVersion {
    /// True if it comes before that one. Of what are no numbers, only equality is known.
    pub const fn is_older(&self, than: &ResourceVersion) -> bool {
        match (&self.0, &than.0) {
            (ResourceVersionForm::Number(number), ResourceVersionForm::Number(than)) => *number < *than,
            _ => false,
        }
    }
}

impl From<&str> for ResourceVersion {
    fn from(text: &str) -> Self {
        let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
        ResourceVersion(match number {
            Some(number) => ResourceVersionForm::Number(number),
            None => ResourceVersionForm::Text(text.into()),
        })
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ResourceVersionForm::Number(number) => number.fmt(f),
            ResourceVersionForm::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Uid(match uuid(text).filter(|bytes| hyphenated(*bytes) == text) {
            Some(bytes) => UidForm::Uuid(bytes),
            None => UidForm::Text(text.into()),
        })
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidForm::Uuid(bytes) => f.write_str(&hyphenated(*bytes)),
            UidForm::Text(text) => f.write_str(text),
        }
    }
}

/// The bytes of 32 hexadecimal digits, with hyphens anywhere.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.split('-').collect();
    let number = u128::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 32).then_some(number.to_be_bytes())
}

fn hyphenated(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let uids = [
            "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "00000000-0000-0000-0000-000000000000",
            "6F9619FF-8B86-D011-B42D-00CF4FC964FF",
            "6f9619ff8b86d011b42d00cf4fc964ff",
            "+f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "6f9619ff-8b86-d011-b42d-00cf4fc964f",
            "uid of ci",
            "",
        ];
        for text in uids {
            assert_eq!(Uid::from(text).to_string(), text);
        }
        for text in ["0", "7", "18446744073709551615", "18446744073709551616", "007", "+7", "v7", ""] {
            assert_eq!(ResourceVersion::from(text).to_string(), text);
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let rows = [("9", "10", true), ("10", "9", false), ("10", "10", false), ("x", "10", false)];
        for (version, than, older) in rows {
            assert_eq!(ResourceVersion::from(version).is_older(&than.into()), older, "{version} {than}");
        }
    }

    #[test]
    fn a_state_takes_few_bytes() {
        assert!(size_of::<Version>() <= 40, "{}", size_of::<Version>());
        assert!(size_of::<Option<Version>>() <= 40, "{}", size_of::<Option<Version>>());
    }
}
