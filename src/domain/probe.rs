//! What can be asked of GitHub about a token.

/// What GitHub can be asked about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// Whose token it is, by `GET /user`: tells validity, owner, classic scopes and expiry at once.
    Identity,
}

impl Probe {
    /// All there are.
    pub const ALL: &[Probe] = &[Probe::Identity];
}
