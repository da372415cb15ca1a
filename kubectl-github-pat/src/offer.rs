//! Where a token comes from: a file, a pipe, or a person who pastes it; never an argument, which other users of the machine see.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use github_pat_operator::{
    domain::token::{HashedToken, LegacyTokens, Token},
    settings::unread,
};
use zeroize::Zeroizing;

use crate::{error::Error, screen, terminal};

/// What a person at a terminal is asked.
pub(crate) const QUESTION: &str = "Paste the token, which is not shown, and press Enter:";
/// Longer than any token with what people put around it.
const LONGEST: u64 = 64 * 1024;

/// What may be a token.
pub(crate) struct Offer {
    /// Where it stood, as sentences name it.
    pub(crate) source: String,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl Offer {
    /// The hash of the token, if it is one for a host that takes such tokens.
    pub(crate) fn hashed(&self, legacy: LegacyTokens) -> Option<HashedToken> {
        Token::parse(self.bytes.trim_ascii(), legacy).ok().map(|token| token.hashed())
    }
}

/// True if another one can be had after this one.
pub(crate) fn is_pasted(file: Option<&Path>) -> bool {
    file.is_none() && terminal::is_there()
}

/// What is offered: by the file if one is named, else by the terminal, else by the pipe.
///
/// # Errors
///
/// If it cannot be read, or a person gives up.
pub(crate) fn take(file: Option<&Path>) -> Result<Offer, Error> {
    if let Some(path) = file {
        let name = path.display().to_string();
        return read(|| fs::File::open(path), name);
    }
    if terminal::is_there() {
        let bytes = terminal::hidden(QUESTION)?;
        return Ok(Offer { source: "what was pasted".to_owned(), bytes });
    }
    read(|| Ok(io::stdin()), "standard input".to_owned())
}

/// What a program or a file hands over without being asked: nothing at a terminal, nor from a pipe without anything in it.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn handed(file: Option<&Path>) -> Result<Option<Offer>, Error> {
    if is_pasted(file) {
        return Ok(None);
    }
    let offer = take(file)?;
    Ok(Some(offer).filter(|offer| file.is_some() || !offer.bytes.trim_ascii().is_empty()))
}

fn read<R: Read>(open: impl FnOnce() -> io::Result<R>, source: String) -> Result<Offer, Error> {
    let capacity = usize::try_from(LONGEST).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let told = format!("reading the token from {source}");
    // A pipe with a name is opened once somebody writes to it.
    let read =
        screen::while_it_lasts(&told, || open().and_then(|from| from.take(LONGEST).read_to_end(&mut bytes)));
    match read {
        Ok(_) => Ok(Offer { source, bytes }),
        Err(error) => Err(Error::Usage(format!("cannot read {source}: {}", unread(&error)))),
    }
}
