//! How a text is written so that the reader of a format gets the same text back.

use std::io;

use serde::Serialize;
use zeroize::Zeroizing;

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
    fn json_is_written_into_one_buffer() {
        let bytes = json(&serde_json::json!({ "a": "x".repeat(100_000) }));
        assert_eq!((bytes.len(), bytes.capacity()), (100_008, 100_008));
    }
}
