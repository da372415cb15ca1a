//! How a text is written so that the reader of a format gets the same text back.

use std::{borrow::Cow, io};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use zeroize::Zeroizing;

/// What may stand in a part of a URL as it is: <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As the user or password of a URL.
pub(super) fn url(text: &str) -> Zeroizing<String> {
    Zeroizing::new(utf8_percent_encode(text, RESERVED).to_string())
}

/// As text or attribute of XML.
pub(super) fn xml(text: &str) -> Zeroizing<String> {
    Zeroizing::new(quick_xml::escape::escape(text).into_owned())
}

/// Between double quotes, as JSON has it; YAML takes the same: <https://yaml.org/spec/1.2.2/#12-relation-to-json>.
pub(super) fn quoted(text: &str) -> Zeroizing<String> {
    let mut bytes = json(&text);
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *bytes)).unwrap_or_default())
}

/// As a word of a netrc file. Words with characters that would end them stand between quotes, which curl, and with it git, reads:
/// <https://github.com/curl/curl/blob/master/lib/netrc.c>.
pub(super) fn netrc(text: &str) -> Zeroizing<String> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'#');
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Zeroizing::new(text.to_owned());
    }
    let mut word = Zeroizing::new(String::from("\""));
    for character in text.chars() {
        word.push_str(&match character {
            '"' | '\\' => Cow::Owned(format!("\\{character}")),
            '\n' => Cow::Borrowed("\\n"),
            '\r' => Cow::Borrowed("\\r"),
            '\t' => Cow::Borrowed("\\t"),
            other => Cow::Owned(other.to_string()),
        });
    }
    word.push('"');
    word
}

/// As a value of npm's ini files, in which `;` and `#` begin a comment and `${NAME}` stands for a variable:
/// <https://github.com/npm/ini/blob/main/lib/ini.js>, <https://docs.npmjs.com/cli/configuring-npm/npmrc>.
pub(super) fn ini(text: &str) -> Zeroizing<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~+/".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Zeroizing::new(text.to_owned());
    }
    quoted(&Zeroizing::new(text.replace("${", "\\${")))
}

/// A value as JSON, in one buffer that is made large enough from the start: one that grows leaves copies behind.
pub(super) fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    let counted = serde_json::to_writer(&mut length, value);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    // Neither can fail: texts and maps by text have a form in JSON, and memory takes every byte.
    if counted.and_then(|()| serde_json::to_writer(&mut *bytes, value)).is_err() {
        bytes.clear();
    }
    bytes
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_stays_and_what_would_be_misread_is_escaped() {
        type Escape = fn(&str) -> Zeroizing<String>;
        let rows: &[(&str, Escape, &str, &str)] = &[
            ("url", url, "octo-cat_acme.~1", "octo-cat_acme.~1"),
            ("url", url, "a:b@c/d?e#f%[bot] é", "a%3Ab%40c%2Fd%3Fe%23f%25%5Bbot%5D%20%C3%A9"),
            ("xml", xml, "octo-cat[bot]", "octo-cat[bot]"),
            ("xml", xml, "<a>&\"b'", "&lt;a&gt;&amp;&quot;b&apos;"),
            ("quoted", quoted, "octo-cat", "\"octo-cat\""),
            ("quoted", quoted, "a\"b\\c\nd: {e}", "\"a\\\"b\\\\c\\nd: {e}\""),
            ("netrc", netrc, "octo-cat[bot]", "octo-cat[bot]"),
            ("netrc", netrc, "a b\"c\\\t\r\n", "\"a b\\\"c\\\\\\t\\r\\n\""),
            ("netrc", netrc, "#a", "\"#a\""),
            ("netrc", netrc, "", "\"\""),
            ("ini", ini, "octo-cat_acme", "octo-cat_acme"),
            ("ini", ini, "a;b#c=d", "\"a;b#c=d\""),
            ("ini", ini, "a${HOME}", "\"a\\\\${HOME}\""),
        ];
        for (name, escape, text, escaped) in rows {
            assert_eq!(**escape(text), **escaped, "{name}: {text:?}");
        }
    }

    #[test]
    fn json_is_written_into_one_buffer() {
        let bytes = json(&serde_json::json!({ "a": "x".repeat(100_000) }));
        assert_eq!((bytes.len(), bytes.capacity()), (100_008, 100_008));
    }
}
