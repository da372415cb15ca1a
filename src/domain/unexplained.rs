//! An answer whose cause is not known here, by what GitHub's support finds it.

use std::{fmt, str::FromStr};

/// How GitHub answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unexplained {
    /// The status of the answer.
    pub status: u16,
    /// The id of the request, if it has GitHub's form.
    pub request: Option<RequestId>,
}

impl Unexplained {
    /// As a sentence has it at its end.
    pub fn told(self) -> String {
        let request = self.request.as_ref().map(|id| format!(", X-GitHub-Request-Id {}", id.as_str()));
        format!(" (status {}{})", self.status, request.unwrap_or_default())
    }
}

/// As a status has it: `403 0400:1DC1:1A2B:3C4D:69A42C40`, or the number alone.
impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        self.request.map_or(Ok(()), |request| write!(f, " {}", request.as_str()))
    }
}

/// This is no such answer.
#[derive(Debug, thiserror::Error)]
#[error("this is no status with the id of a request")]
pub struct NotUnexplained;

impl FromStr for Unexplained {
    type Err = NotUnexplained;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (status, request) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Unexplained {
            status: status.parse().map_err(|_| NotUnexplained)?,
            request: RequestId::read(request),
        })
    }
}

/// The longest id: five groups of hexadecimal digits, and what stands between them.
const LONGEST: usize = GROUPS * LONGEST_GROUP + GROUPS - 1;
const GROUPS: usize = 5;
const LONGEST_GROUP: usize = 8;

/// The value of `X-GitHub-Request-Id`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; LONGEST]);

impl RequestId {
    /// The id, if the text has GitHub's form.
    pub fn read(text: &str) -> Option<Self> {
        let is_group = |group: &str| {
            (1..=LONGEST_GROUP).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if text.split(':').count() != GROUPS || !text.split(':').all(is_group) {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(RequestId(bytes))
    }

    /// The same as a text.
    pub fn as_str(&self) -> &str {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_form_of_an_id_is_kept_as_one() {
        let rows = [
            ("403 0400:1DC1:1A2B:3C4D:69A42C40", Some("403 0400:1DC1:1A2B:3C4D:69A42C40")),
            ("404 A:B:C:D:E", Some("404 A:B:C:D:E")),
            (
                "404 12345678:12345678:12345678:12345678:12345678",
                Some("404 12345678:12345678:12345678:12345678:12345678"),
            ),
            ("403", Some("403")),
            ("403 0400:1DC1", Some("403")),
            ("403 0400:1DC1:1A2B:3C4D:69A42C401", Some("403")),
            ("403 0400:1DC1:1A2B:3C4D:<script>", Some("403")),
            ("403 0400:1DC1:1A2B::69A42C40", Some("403")),
            ("many", None),
        ];
        for (text, expected) in rows {
            let read = text.parse::<Unexplained>().ok().map(|read| read.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
