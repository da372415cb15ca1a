//! What a form of the page has sent.
//!
//! A token in it is in the body of the request alone. It is wiped when it is dropped, and so is what came over the wire.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{FromRequest, RawForm, Request},
    http::{Method, StatusCode},
};
use zeroize::{Zeroize, Zeroizing};

use super::{answer::Failure, site::Site};
use crate::{error::Error, offer::Offer, trial::Trial};

/// The field that shows that the form is of this page.
const FORM_TOKEN: &str = "form";
/// The field with the token of GitHub.
const TOKEN: &str = "token";

/// The fields of a form.
pub(super) struct Posted(BTreeMap<String, Zeroizing<String>>);

impl FromRequest<Arc<Site>> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Failure> {
        // The query of another method would be read as a form.
        if request.method() != Method::POST {
            return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "a form is sent by POST"));
        }
        let RawForm(bytes) = RawForm::from_request(request, site)
            .await
            .map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
        let fields = form_urlencoded::parse(&bytes);
        let fields = fields.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())));
        let posted = Posted(fields.collect());
        if let Ok(mut bytes) = bytes.try_into_mut() {
            bytes.as_mut().zeroize();
        }
        if !site.door.is_of_a_form(posted.text(FORM_TOKEN)) {
            return Err(Failure::new(
                StatusCode::FORBIDDEN,
                "the form is not one of this page: go back, load it anew, and send it again",
            ));
        }
        Ok(posted)
    }
}

impl Posted {
    /// What stands in the field, without what stands around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(|value| value.trim()).unwrap_or_default()
    }

    /// Finds out whether a token stands where something else belongs, which would be shown and stored.
    ///
    /// # Errors
    ///
    /// In which field.
    pub(super) fn has_no_token_elsewhere(&self, trial: &Trial) -> Result<(), Error> {
        let mut others = self.0.iter().filter(|(name, _)| *name != TOKEN);
        match others.find(|(_, value)| trial.holds_a_token(value)) {
            Some((name, _)) if trial.holds_a_token(name) => {
                Err(Error::Usage("a token is the name of a field".to_owned()))
            }
            Some((name, _)) => Err(Error::Usage(format!(
                "what looks like a token stands in the field {name}, where it does not belong; it is stored and repeated nowhere"
            ))),
            None => Ok(()),
        }
    }

    /// What was pasted as the token; nothing if the field is empty.
    pub(super) fn offer(&self) -> Option<Offer> {
        // Who selects a token with the pointer takes what stands around it along.
        let pasted = Some(self.text(TOKEN)).filter(|pasted| !pasted.is_empty())?;
        let bytes = Zeroizing::new(pasted.as_bytes().to_vec());
        Some(Offer { source: "what was pasted".to_owned(), bytes })
    }
}
