//! What metrics and notifications show of a connection beside its conditions.

use serde::Deserialize;

use super::Error;

/// What else of a connection `/metrics` may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum MetricsDetail {
    /// The login of the account of its token.
    Account,
    /// What names its outputs.
    Consumers,
}

/// The keys of labels, if all are some.
pub(super) fn label_keys(keys: Vec<String>) -> Result<Vec<String>, Error> {
    for (place, key) in keys.iter().enumerate() {
        if !is_label_key(key) {
            let message = format!("{key:?} is no key of a label, as in team or example.com/owner");
            return Err(Error::value("connectionLabels", message));
        }
        let earlier = keys.iter().take(place).find(|before| are_one_label(before, key));
        let message = match earlier {
            None => continue,
            Some(before) if before == key => format!("{key} stands in it twice"),
            Some(before) => format!("{before} and {key} are one label of a metric: leave one of them out"),
        };
        return Err(Error::value("connectionLabels", message));
    }
    Ok(keys)
}

/// True if metrics show both keys under one name: Prometheus refuses a scrape in which a line has a label twice.
fn are_one_label(one: &str, other: &str) -> bool {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    one.chars().map(plain).eq(other.chars().map(plain))
}

/// True for a key of a label: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
pub(super) fn is_label_key(key: &str) -> bool {
    let is_rim = |c: char| c.is_ascii_alphanumeric();
    let is_part = |part: &str, longest: usize, others: &str| {
        (1..=longest).contains(&part.len())
            && part.starts_with(is_rim)
            && part.ends_with(is_rim)
            && part.chars().all(|c| is_rim(c) || others.contains(c))
    };
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    is_part(name, 63, "-_.") && prefix.is_none_or(|prefix| is_part(prefix, 253, "-."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_named_by_their_keys() {
        let keys = |keys: &[&str]| label_keys(keys.iter().map(|key| (*key).to_owned()).collect());
        assert!(keys(&["team", "example.com/owner", "a_b.c-d"]).is_ok());
        for wrong in [&["a b"][..], &[""], &["-a"], &["a/b/c"], &["/a"], &["team", "team"], &["a,b"]] {
            let said = keys(wrong).unwrap_err().to_string();
            assert!(said.starts_with("the setting connectionLabels is wrong: "), "{wrong:?}: {said}");
        }
        for both in [["team.x", "team_x"], ["team/x", "team_x"], ["a.b/c-d", "a-b/c.d"]] {
            let said = keys(&both).unwrap_err().to_string();
            let words = format!("{} and {} are one label of a metric", both[0], both[1]);
            assert!(said.contains(&words), "{said}");
        }
        assert!(keys(&["team.x", "team.X", "teamx", "xteam"]).is_ok());
    }
}
