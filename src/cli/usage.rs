//! Which of clap's messages must not be printed: people put a token where a name belongs, and a message would repeat it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::may_be_a_token;

/// True if clap's message would repeat a word that is no flag.
pub fn names_a_word(error: &clap::Error) -> bool {
    let word = match error.kind() {
        ErrorKind::UnknownArgument => error.get(ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => error.get(ContextKind::InvalidSubcommand),
        _ => None,
    };
    matches!(word, Some(ContextValue::String(word)) if !word.starts_with('-'))
}

/// True if clap's message would repeat what may be a token.
pub fn repeats_a_token(error: &clap::Error) -> bool {
    error.context().any(|(_, value)| match value {
        ContextValue::String(word) => may_be_a_token(word),
        ContextValue::Strings(words) => words.iter().any(|word| may_be_a_token(word)),
        _ => false,
    })
}
