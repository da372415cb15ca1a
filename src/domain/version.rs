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
    /// Its place in the order of changes, if it is a number.
    pub const fn number(&self) -> Option<u64> {
        match &self.0 {
            ResourceVersionForm::Number(number) => Some(*number),
            ResourceVersionForm::Text(_) => None,
        }
    }

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
        Uid(uuid(text).map_or_else(|| UidForm::Text(text.into()), UidForm::Uuid))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match &self.0 {
            UidForm::Uuid(bytes) => bytes,
            UidForm::Text(text) => return f.write_str(text),
        };
        for (position, byte) in bytes.iter().enumerate() {
            if HYPHENS.contains(&position) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Before these bytes a UUID has a hyphen.
const HYPHENS: [usize; 4] = [4, 6, 8, 10];

/// The bytes of a UUID in its canonical form: lower case, with hyphens in their places.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut characters = text.chars();
    let mut bytes = [0; 16];
    for (position, byte) in bytes.iter_mut().enumerate() {
        if HYPHENS.contains(&position) && characters.next()? != '-' {
            return None;
        }
        let mut digit = || characters.next().filter(|digit| !digit.is_ascii_uppercase())?.to_digit(16);
        *byte = u8::try_from(digit()? << 4 | digit()?).ok()?;
    }
    characters.next().is_none().then_some(bytes)
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
