//! Whose token it must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{Reason, Verdict, answer::Grant},
    not_determined,
};

/// Whose token it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.login) || has(self.userId)",
    "message": "expect must name an account: give login, userId or both",
}]))]
pub struct Expectation {
    /// The login of the account, in any case. It changes when the account is renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[-_a-zA-Z0-9]+([[]bot[]])?$')",
        "message": "login must be that of a GitHub account, such as octocat, without @",
    }]))]
    pub login: Option<String>,
    /// The numeric id of the account, which stays when it is renamed. It decides where login is given too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub user_id: Option<i64>,
}

impl Expectation {
    /// Whether the token is of the account that is expected.
    pub fn judge(&self, grant: Option<&Grant>) -> Verdict<()> {
        if *self == Expectation::default() {
            return Verdict::Yes(());
        }
        let Some(grant) = grant else { return not_determined() };
        let account = grant.account.as_ref();
        let is_login =
            |login: &String| account.is_some_and(|account| account.login.eq_ignore_ascii_case(login));
        let is_id = |id: i64| account.is_some_and(|account| account.id == id);
        // A login under the same id is that of the same account, which was renamed.
        if self.user_id.map_or_else(|| self.login.as_ref().is_none_or(is_login), is_id) {
            return Verdict::Yes(());
        }
        let wanted = [self.login.clone(), self.user_id.map(|id| format!("id {id}"))];
        let wanted: Vec<_> = wanted.into_iter().flatten().collect();
        let found = account.map_or_else(
            || "belongs to an app installation and no account".to_owned(),
            |account| format!("belongs to {} (id {})", account.login, account.id),
        );
        Verdict::no(
            Reason::AnotherAccount,
            format!(
                "the token {found}, and spec.expect names {}: store a token of that account, or change spec.expect",
                wanted.join(", ")
            ),
        )
    }
}
