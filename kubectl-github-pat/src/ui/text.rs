//! The one way of a text into a page, whoever wrote it: a browser shows it, and neither obeys nor hides any of it.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

use github_pat_operator::cli::plain::plain;

/// What the templates put every text through, by askama.toml.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Escaper for Plain {
    fn write_escaped_str<W: Write>(&self, page: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(page, &plain(text))
    }
}

/// The address, if a browser may be sent there. What a status names was written by whoever may write it.
pub(super) fn address(text: &str) -> Option<&str> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    Some(text).filter(|_| is_web)
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;

    #[derive(Template)]
    #[template(source = "<p title=\"{{ text }}\">{{ text }}</p>", ext = "html")]
    struct Paragraph<'a> {
        text: &'a str,
    }

    #[test]
    fn what_others_wrote_is_shown_as_text() {
        let text = "<b>\"x\"&'\u{1b}[31m\u{202e}y";
        let shown = "&#60;b&#62;&#34;x&#34;&#38;&#39;\\u{1b}[31m\\u{202e}y";
        assert_eq!(Paragraph { text }.render().unwrap(), format!("<p title=\"{shown}\">{shown}</p>"));
    }

    #[test]
    fn only_pages_of_the_web_are_linked() {
        assert_eq!(address("https://github.com/settings/tokens"), Some("https://github.com/settings/tokens"));
        for text in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "//host",
            "/connect",
            " https://x",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
