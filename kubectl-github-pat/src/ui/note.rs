//! What a form says of a token that another run has left where it would write.

use github_pat_operator::api::GithubPatConnectionSpec as Spec;

use crate::{
    error::Error,
    left::{Left, is_dead},
    trial::Trial,
};

/// What is said before a person makes a token.
pub(super) struct Note {
    pub(super) text: String,
    /// Whether the form does without another token.
    pub(super) is_enough: bool,
}

impl Note {
    /// What is said of this one, of which the host is asked. `again` is the command by which a person goes on with it.
    ///
    /// # Errors
    ///
    /// If nobody can be asked.
    pub(super) async fn of(
        trial: &Trial,
        spec: &Spec,
        called: &str,
        left: &Left,
        again: &str,
    ) -> Result<Self, Error> {
        let Some(offer) = &left.offer else { return Ok(Note { text: left.holds(), is_enough: false }) };
        let (judged, token) = trial.verdict(spec, called, offer).await?;
        let (source, is_enough) = (&offer.source, token.is_some());
        let text = if is_enough {
            format!(
                "An earlier run has left a token in {source}: send the form without a token to go on with that one."
            )
        } else if is_dead(&judged.status) {
            format!(
                "An earlier run has left a token in {source} that is of no use any more: yours takes its place."
            )
        } else {
            left.stays(judged.status.usability(), again).to_string()
        };
        Ok(Note { text, is_enough })
    }
}
