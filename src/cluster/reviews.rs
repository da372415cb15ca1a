//! What the API server says of a bearer token and of what its user may do.

use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec},
    authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};

use super::{Fault, within};

/// Asks for reviews.
#[derive(Clone)]
pub struct Reviews {
    client: Client,
}

/// What the API server says of whoever shows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Its user may.
    Allowed,
    /// Its user may not.
    Forbidden,
    /// It is no token of anybody.
    Unknown,
}

impl Reviews {
    /// Reviews by this client. They are writes by their method and change nothing, so no fence is to hold them up.
    pub fn new(client: Client) -> Self {
        Reviews { client }
    }

    /// Whether the user of this token may `get` this path, which is that of no resource.
    ///
    /// # Errors
    ///
    /// If the API server does not tell.
    pub async fn may_get(&self, token: &str, path: &str) -> Result<Review, Fault> {
        let params = PostParams::default();
        let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviewed = within(Api::all(self.client.clone()).create(&params, &review)).await?;
        let status = reviewed.status.filter(|status| status.authenticated == Some(true));
        let Some(user) = status.and_then(|status| status.user) else { return Ok(Review::Unknown) };
        let attributes = NonResourceAttributes { path: Some(path.to_owned()), verb: Some("get".to_owned()) };
        let spec = SubjectAccessReviewSpec {
            user: user.username,
            uid: user.uid,
            groups: user.groups,
            extra: user.extra,
            non_resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let reviewed = within(Api::all(self.client.clone()).create(&params, &review)).await?;
        let is_allowed = reviewed.status.is_some_and(|status| status.allowed);
        Ok(if is_allowed { Review::Allowed } else { Review::Forbidden })
    }
}
