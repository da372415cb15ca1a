//! URLs in settings, and what is said of wrong ones.

use reqwest::Url;

/// The URL. What the library says of a wrong one is of no help but for the port.
pub(super) fn parsed(text: &str, example: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| match error.to_string().as_str() {
        "invalid port number" => "its port is not a number from 1 to 65535".to_owned(),
        _ => format!("it is not a URL: write it as in {example}"),
    })
}
