//! What comes next where a rotation was begun, and when another token takes the place of the one to which it was.

use github_pat_operator::{
    api::{GithubPatConnection, SecretKeyRef},
    domain::token::HashedToken,
};
use kube::ResourceExt;

use super::progress::seen;
use crate::{
    apply::Present,
    cluster::Cluster,
    course::{Course, Wanted, course, in_use, marked, missing},
    error::Error,
    wait::Seen,
};

/// Who wants to know what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whoever has handed over the token of this hash; nothing if it is none.
    With(Option<HashedToken>),
    /// Whoever has handed over none, and is shown the end of the rotation that was begun.
    Without,
    /// Whoever looks and may hand over one next. The end of a rotation is shown elsewhere.
    Looking,
}

/// What is to be done next, as the person wants it.
///
/// # Errors
///
/// If the connection is suspended, the person names the Secret in use for another token, or the API server does not answer.
pub(crate) async fn next(
    cluster: &Cluster,
    connection: &GithubPatConnection,
    wanted: Wanted<'_>,
    asked: Asked,
) -> Result<Course, Error> {
    if connection.spec.suspend {
        let name = connection.name_any();
        return Err(Error::Usage(format!("connection {name} is suspended: set spec.suspend to false first")));
    }
    let anew = match marked(connection) {
        Some(begun) => wanted.anew || is_left(cluster, connection, begun, asked).await?,
        None => false,
    };
    let used = in_use(connection);
    let mut candidates = connection.spec.candidates();
    let overwritten = candidates.find(|candidate| candidate.name == used).filter(|_| wanted.in_place);
    Ok(match (course(connection, Wanted { anew, ..wanted }), overwritten) {
        (begun @ Course::Follow(_), _) => begun,
        // It was put back: another token over the one in use would drop it.
        (Course::Prefer(_, begun), Some(_))
            if marked(connection) == Some(begun) && asked != Asked::With(Some(begun)) =>
        {
            Course::Follow(begun)
        }
        (_, Some(reference)) => Course::Store(reference.clone()),
        (Course::Prefer(reference, _), None) if is_gone(cluster, connection, &reference).await? => {
            Course::Store(reference)
        }
        (Course::Store(reference), None)
            if reference.name == used
                && wanted.secret == Some(used)
                && !is_gone(cluster, connection, &reference).await? =>
        {
            return Err(Error::Usage(format!(
                "Secret {used} holds the token in use: --in-place stores the next one over it, or name another Secret; nothing was written"
            )));
        }
        (course, None) => course,
    })
}

/// True if the Secret was deleted, which the operator hears a little later. Who may not read it is told so by the operator alone, who may
/// not have heard yet that there is one again.
async fn is_gone(
    cluster: &Cluster,
    connection: &GithubPatConnection,
    reference: &SecretKeyRef,
) -> Result<bool, Error> {
    Ok(match cluster.secret(&reference.name).await? {
        Present::Absent => true,
        Present::There(_) => false,
        Present::Hidden => {
            missing(connection, &reference.name).is_some() && !cluster.has_secret(reference).await
        }
    })
}

/// True if the rotation that was begun is over, or another token takes the place of the one to which it was: GitHub refuses that one, or
/// its Secret is gone.
async fn is_left(
    cluster: &Cluster,
    connection: &GithubPatConnection,
    begun: HashedToken,
    asked: Asked,
) -> Result<bool, Error> {
    let may_be_another = match asked {
        Asked::With(handed) => handed != Some(begun),
        Asked::Without => false,
        Asked::Looking => true,
    };
    match seen(connection, begun) {
        Seen::Reached => Ok(may_be_another),
        Seen::Stalled if may_be_another => Ok(true),
        _ => is_gone(cluster, connection, &holder(connection, begun)).await,
    }
}

/// The Secret in which the token to which a rotation was begun is, or is to be.
fn holder(connection: &GithubPatConnection, begun: HashedToken) -> SecretKeyRef {
    let (spec, status) = (&connection.spec, connection.status.as_ref());
    let standbys = status.into_iter().flat_map(|status| &status.candidates);
    let standbys = standbys.filter_map(|candidate| candidate.token.as_deref());
    let mut known = status.and_then(|status| status.token.as_ref()).into_iter().chain(standbys);
    let Some(found) = known.find(|token| token.hashed_token == begun) else { return spec.secret_ref.clone() };
    let named = spec.candidates().find(|candidate| candidate.name == found.secret_name);
    named
        .cloned()
        .unwrap_or_else(|| SecretKeyRef { name: found.secret_name.clone(), ..spec.secret_ref.clone() })
}
