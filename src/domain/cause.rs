//! What an error comes from.

use std::error::Error;

/// The cause at the bottom, which says most: "connection refused" rather than "error trying to connect".
pub fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
