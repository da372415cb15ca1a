//! Who else may still have the bytes of a token that is being replaced.

/// Who still has a token beside what one connection publishes now, as far as the operator knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holders {
    /// The connection's own outputs, by name.
    pub own: Vec<String>,
    /// Those of its outputs that have it in the entries of another Secret, by name.
    pub taken_in: Vec<String>,
    /// The other connections of the namespace that hold it in an output, or have not ended their own change from it, by name.
    pub beside: Vec<String>,
    /// How many connections of other namespaces do. Nobody is told which ones.
    pub elsewhere: usize,
    /// How many other connections may have it in namespaces in which the operator may not read Secrets, as they say themselves: nobody
    /// waits for them.
    pub unseen: usize,
    /// Whether the operator could not look everywhere for those of another operator, so that there may be more.
    pub is_partial: bool,
}

impl Holders {
    /// Adds who has another token.
    pub fn add(&mut self, more: Holders) {
        self.own.extend(more.own);
        self.taken_in.extend(more.taken_in);
        let new: Vec<_> = more.beside.into_iter().filter(|name| !self.beside.contains(name)).collect();
        self.beside.extend(new);
        self.elsewhere = self.elsewhere.max(more.elsewhere);
        self.unseen = self.unseen.max(more.unseen);
        self.is_partial |= more.is_partial;
    }

    /// How many other connections have it.
    pub fn others(&self) -> usize {
        self.beside.len().saturating_add(self.elsewhere)
    }
}
