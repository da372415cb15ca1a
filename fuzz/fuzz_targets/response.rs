//! Responses for the targets that read them.

use jiff::Timestamp;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};

/// A response out of bytes: a status in the first line, headers up to an empty line, and a body.
pub fn response(bytes: &[u8]) -> Option<github_pat_operator::github::Response> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 2..)?);
    let mut lines = head.lines();
    let status = StatusCode::from_u16(lines.next()?.trim().parse().ok()?).ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(header).collect();
    Some(github_pat_operator::github::Response { status, headers, body: body.to_vec() })
}

/// An instant at which nothing in particular happens.
pub fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}
