//! What a rotation changes in the cluster, and what stands in its way.

use std::collections::{BTreeMap, BTreeSet};

use github_pat_operator::{
    api::{GithubPatConnection, SecretKeyRef},
    domain::token::{HashedToken, Token},
};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{Rotation, progress::seen};
use crate::{
    apply::{Basis, Change, Effect, Glimpse, Present, are_ours, is_ours, tool_among, tool_behind},
    cluster::Cluster,
    course::{
        Course, GIVEN_UP, ROTATING_TO, given_up, in_use, is_kept, is_old, is_past, is_told, marked, standby,
        token_in_use,
    },
    error::Error,
    left::Left,
    list::{is_named, reader},
    screen,
    wait::Seen,
};

impl Rotation<'_> {
    /// Finds out what stands in the way before a person makes a token: the token that another run has left in the Secret, and how that may
    /// take the next one.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    pub(crate) async fn prepare(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
    ) -> Result<(Option<Left>, Effect), Error> {
        self.may_be_preferred(connection, reference)?;
        self.cluster.change(connection, &self.patch(connection, reference, None), Change::DryRun).await?;
        let (left, stored) = self.may_be_stored(connection, reference).await?;
        let tried = match stored {
            Effect::Created { .. } => Effect::Created { dry_run: true },
            _ => Effect::DryRun,
        };
        let again = self.again(&connection.name_any());
        self.cluster.store(&reference.name, &reference.key, None, tried, &again).await?;
        Ok((left, stored))
    }

    /// Finds out what stands in the way of this course, before a person makes a token; gives the token that another run has left.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    pub(crate) async fn tried(
        &self,
        connection: &GithubPatConnection,
        course: &Course,
    ) -> Result<Option<Left>, Error> {
        match course {
            Course::Follow(_) => Ok(None),
            Course::Prefer(reference, hashed) => {
                self.may_be_preferred(connection, reference)?;
                let patch = self.patch(connection, reference, Some(*hashed));
                self.cluster.change(connection, &patch, Change::DryRun).await?;
                Ok(None)
            }
            Course::Store(reference) => Ok(self.prepare(connection, reference).await?.0),
        }
    }

    /// Stores a token that was judged usable, and makes it the preferred one. What was prepared tells what stands in the Secret.
    ///
    /// # Errors
    ///
    /// If it is in use already or another one would be lost, or what the API server did not let happen.
    pub(crate) async fn put(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
        token: &Token,
        (left, stored): (Option<Left>, Effect),
    ) -> Result<HashedToken, Error> {
        let hashed = token.hashed();
        if token_in_use(connection) == Some(hashed) && !is_put_back(connection, reference, &stored) {
            return Err(self.is_in_use(connection).await?);
        }
        let SecretKeyRef { name, key } = reference;
        let again = self.again(&connection.name_any());
        if let Some(left) = &left {
            let called = format!("{}/{}", self.cluster.namespace, connection.name_any());
            let blind = self.for_the_blind(connection, reference);
            self.trial.gives_way(left, &connection.spec, &called, hashed, [&again, &blind]).await?;
        }
        // Where the Secret alone makes the token the next one, a mark that came second could come too late: once it is in use, a run that
        // goes on would take it for the old one. A mark whose token was never stored is dropped.
        let is_marked_first = !self.changes_spec(connection, reference);
        let mut seen = connection.clone();
        if is_marked_first {
            self.prefer(connection, reference, hashed).await?;
        } else {
            self.give_up(&mut seen, hashed).await?;
        }
        if let Err(error) =
            self.cluster.store(name, key, Some((token, &connection.spec.host)), stored, &again).await
        {
            let is_given_up = given_up(&seen).len() > given_up(connection).len();
            return Err(match error {
                error @ (Error::Usage(_) | Error::Refused(_)) if is_marked_first => {
                    self.marked_as_before(connection, hashed, error).await
                }
                error @ (Error::Usage(_) | Error::Refused(_)) if is_given_up => error.after(
                    "the token to which a rotation was begun before is given up all the same, and the next run asks for another one",
                ),
                error @ (Error::Usage(_) | Error::Refused(_)) => error,
                // An answer that is lost is no proof that nothing was stored: the mark stays then, and the same command may give up this
                // very token.
                error => {
                    let onwards = self.onwards(&connection.name_any());
                    error.after(&format!("the token may be in Secret {name} all the same: {onwards} goes on"))
                }
            });
        }
        screen::say(&format!("the next token is in Secret {name}"));
        if !is_marked_first {
            let preferred = self.prefer(&seen, reference, hashed).await;
            preferred.map_err(|error| {
                let onwards = self.onwards(&connection.name_any());
                error.after(&format!(
                    "the token is in Secret {name} already: {onwards} goes on with it, with the same token if you may not read that Secret"
                ))
            })?;
        }
        Ok(hashed)
    }

    /// Remembers on the connection that the token to which a rotation was begun is given up for this one. A run that is cut off before the
    /// connection is told of this one does not go back to it.
    async fn give_up(&self, seen: &mut GithubPatConnection, hashed: HashedToken) -> Result<(), Error> {
        let given_up = self.marks(seen, hashed).into_iter().find(|(name, _)| *name == GIVEN_UP);
        let Some((name, Some(given_up))) = given_up else { return Ok(()) };
        let patch = json!({ "metadata": { "annotations": { name: given_up } } });
        self.cluster.change(seen, &patch, Change::Written).await?;
        seen.annotations_mut().insert(name.to_owned(), given_up);
        Ok(())
    }

    /// Why the token in use is not the next one.
    async fn is_in_use(&self, connection: &GithubPatConnection) -> Result<Error, Error> {
        let (name, secret) = (connection.name_any(), in_use(connection));
        Ok(Error::Usage(match self.cluster.secret(secret).await? {
            Present::Absent => {
                format!(
                    "this token is the one in use of {name}, and its Secret {secret} was deleted: {} puts it back",
                    self.there(&name, None)
                )
            }
            Present::There(_) | Present::Hidden => format!(
                "this token is the one in use of {name} already: make another one, and hand it to {}",
                self.again(&name)
            ),
        }))
    }

    /// The token in the Secret, if another run has left it there, and how the Secret may take another one.
    async fn may_be_stored(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
    ) -> Result<(Option<Left>, Effect), Error> {
        let SecretKeyRef { name, key } = reference;
        let host = self.trial.host(&connection.spec.host)?;
        let is_candidate = connection.spec.candidates().any(|candidate| candidate.name == *name);
        let present = self.cluster.secret(name).await?;
        let glimpse = match &present {
            Present::Hidden => self.cluster.glimpse(name, key).await?,
            Present::There(_) | Present::Absent => Glimpse::default(),
        };
        let tool = match &present {
            Present::There(found) => {
                tool_behind(&**found, ["data", key]).or_else(|| tool_behind(&**found, ["stringData", key]))
            }
            Present::Hidden if is_candidate => tool_among(&glimpse.holders),
            Present::Hidden | Present::Absent => None,
        };
        if let Some(tool) = tool.filter(|_| !self.force) {
            return Err(Error::Usage(format!(
                "Secret {name} is written by {tool}, which would put back what was there: store the token there, name another Secret {}, or \
                 {} writes it all the same",
                self.elsewhere,
                self.forced(&connection.name_any())
            )));
        }
        let is_held = match &present {
            Present::There(found) => found.data.iter().any(|data| data.contains_key(key)),
            Present::Hidden => !glimpse.holders.is_empty(),
            Present::Absent => false,
        };
        if is_candidate && is_held {
            self.is_read_by_no_other(connection, reference).await?;
        }
        let is_left = |left: &Left| {
            let is_new = match is_candidate {
                true => {
                    is_kept(connection, name, left.hashed)
                        && !(self.wanted.in_place && is_told(connection, left.hashed))
                }
                false => Some(left.hashed) != token_in_use(connection),
            };
            let is_given_up = self.wanted.anew && Some(left.hashed) == marked(connection)
                || given_up(connection).contains(&left.hashed);
            is_new && !is_given_up && !is_old(connection, left.hashed)
        };
        let found = match present {
            Present::There(found) => found,
            Present::Absent => return Ok((None, Effect::Created { dry_run: false })),
            // What the connection names may be overwritten. What it does not name may be of somebody else, unless a run that was
            // interrupted has made it.
            Present::Hidden => {
                let is_ours =
                    are_ours(&glimpse.holders) && !is_named(self.cluster, name, Some(connection)).await?;
                let basis = glimpse.basis.filter(|_| is_candidate || is_ours);
                // Somebody else may have stored it.
                let told = || Some(Left::told(name.clone(), standby(connection, name)?));
                return Ok((glimpse.left.or_else(told).filter(is_left), Effect::over(basis)));
            }
        };
        let is_foreign = !is_candidate
            && (!is_ours(&found, key) || is_named(self.cluster, name, Some(connection)).await?);
        if is_foreign {
            return Err(Error::Usage(format!(
                "there is a Secret {name} already, which connection {} does not name: name another one {}",
                connection.name_any(),
                self.elsewhere
            )));
        }
        let left = Left::read(&found, key, host, is_candidate).filter(is_left);
        if found.immutable == Some(true) && left.is_none() {
            return Err(Error::Usage(format!(
                "Secret {name} is immutable, so that it can take no other token: delete it, or name another one {}",
                self.elsewhere
            )));
        }
        Ok((left, Effect::over(Some(Basis::of(&found, key)))))
    }

    /// Finds out whether another connection reads its token from there too, unless the person has said that the token there is replaced.
    async fn is_read_by_no_other(
        &self,
        connection: &GithubPatConnection,
        SecretKeyRef { name, key }: &SecretKeyRef,
    ) -> Result<(), Error> {
        if self.wanted.in_place {
            return Ok(());
        }
        let Some(other) = reader(self.cluster, (name, Some(key)), Some(connection)).await? else {
            return Ok(());
        };
        Err(Error::Usage(format!(
            "connection {other} reads Secret {name} too, and its token would be lost: nothing was written; {} stores yours in another Secret",
            self.in_another(connection)
        )))
    }

    /// The command by which a person stores the next token in another Secret.
    fn in_another(&self, connection: &GithubPatConnection) -> String {
        self.there(&connection.name_any(), Some("NAME"))
    }

    /// What helps who may not read the Secret in which another run has left a token.
    fn for_the_blind(&self, connection: &GithubPatConnection, reference: &SecretKeyRef) -> String {
        let status = self.cluster.command(&format!("status {}", connection.name_any()));
        match self.changes_spec(connection, reference) {
            true => format!(
                "hand over that one, or name another Secret {} for yours: {} stores it there",
                self.elsewhere,
                self.in_another(connection)
            ),
            false => {
                format!(
                    "hand over that one, wait until {status} shows that the operator has looked at it, or name another Secret for yours"
                )
            }
        }
    }

    /// Makes the token in this Secret the preferred one, and remembers on the connection that it was.
    ///
    /// # Errors
    ///
    /// If a tool would put the spec back, or what the API server did not let happen.
    pub(crate) async fn prefer(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
        hashed: HashedToken,
    ) -> Result<(), Error> {
        self.may_be_preferred(connection, reference)?;
        let patch = self.patch(connection, reference, Some(hashed));
        self.cluster.change(connection, &patch, Change::Written).await
    }

    /// Puts back the mark that was there before the one of this token, which was not stored, unless its rotation has ended meanwhile, which
    /// found another mark and left it; gives the error with what did not let it happen.
    async fn marked_as_before(
        &self,
        connection: &GithubPatConnection,
        hashed: HashedToken,
        error: Error,
    ) -> Error {
        let now = self.cluster.connection(&connection.name_any()).await;
        let is_over = marked(connection).is_some_and(|before| {
            is_over(connection, before) || now.is_ok_and(|now| matches!(seen(&now, before), Seen::Reached))
        });
        let before = |name: &str| connection.annotations().get(name).filter(|_| !is_over).cloned();
        let mut marked = connection.clone();
        for (name, value) in self.marks(connection, hashed) {
            match value {
                Some(value) => marked.annotations_mut().insert(name.to_owned(), value),
                None => marked.annotations_mut().remove(name),
            };
        }
        let annotations = json!({ ROTATING_TO: before(ROTATING_TO), GIVEN_UP: before(GIVEN_UP) });
        let patch = json!({ "metadata": { "annotations": annotations } });
        match self.cluster.change(&marked, &patch, Change::Written).await {
            Ok(()) => error,
            Err(undone) => error.after(&format!("the annotation {ROTATING_TO} stays, since: {undone}")),
        }
    }

    /// Finds out whether a tool would put the spec back.
    fn may_be_preferred(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
    ) -> Result<(), Error> {
        let is_changed = self.changes_spec(connection, reference);
        match tool_behind(connection, ["spec", "secretRef"]).filter(|_| is_changed && !self.force) {
            Some(tool) => {
                let name = connection.name_any();
                let (in_place, force) = (self.there(&name, None), self.forced(&name));
                Err(Error::Usage(format!(
                    "spec.secretRef of connection {name} is written by {tool}, which would put it back: change it there, or {in_place} stores the \
                     token over the one in use, or {force} changes it all the same"
                )))
            }
            None => Ok(()),
        }
    }

    /// True if the spec is to be changed so that the token in this Secret is preferred.
    fn changes_spec(&self, connection: &GithubPatConnection, reference: &SecretKeyRef) -> bool {
        !self.wanted.in_place && connection.spec.secret_ref.name != reference.name
    }

    /// The annotations of a rotation to this token: the token, and those that are given up for it, whether the person has said so or it
    /// takes the place of one of no use. A run that is cut off before it has stored the token does not go back to one of them.
    fn marks(
        &self,
        connection: &GithubPatConnection,
        hashed: HashedToken,
    ) -> [(&'static str, Option<String>); 2] {
        let begun = marked(connection).filter(|begun| self.wanted.anew || !is_over(connection, *begun));
        let given_up = given_up(connection).into_iter().chain(begun);
        let given_up = given_up.filter(|given_up| *given_up != hashed).map(|given_up| given_up.to_string());
        let given_up = given_up.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ");
        [(ROTATING_TO, Some(hashed.to_string())), (GIVEN_UP, Some(given_up).filter(|all| !all.is_empty()))]
    }

    /// What of the connection is to be changed so that the token in this Secret is preferred.
    fn patch(
        &self,
        connection: &GithubPatConnection,
        reference: &SecretKeyRef,
        hashed: Option<HashedToken>,
    ) -> Value {
        let annotations = hashed.into_iter().flat_map(|hashed| self.marks(connection, hashed));
        let annotations: BTreeMap<_, _> = annotations.collect();
        let metadata = json!({ "annotations": annotations });
        if !self.changes_spec(connection, reference) {
            return json!({ "metadata": metadata });
        }
        let others = connection.spec.candidates().filter(|candidate| candidate.name != reference.name);
        let standby: Vec<_> = others.collect();
        json!({ "metadata": metadata, "spec": { "secretRef": reference, "standby": standby } })
    }
}

/// True if the rotation to this token is at its end, or another one has taken its place.
fn is_over(connection: &GithubPatConnection, begun: HashedToken) -> bool {
    is_past(connection, begun) || matches!(seen(connection, begun), Seen::Reached)
}

/// True if the token in use goes back to the Secret that had it and was deleted.
fn is_put_back(connection: &GithubPatConnection, reference: &SecretKeyRef, stored: &Effect) -> bool {
    reference.name == in_use(connection) && matches!(stored, Effect::Created { .. })
}

/// Takes away the marks of the rotation to this token.
///
/// # Errors
///
/// What the API server did not let happen.
pub(super) async fn forget(
    cluster: &Cluster,
    connection: &GithubPatConnection,
    hashed: HashedToken,
) -> Result<(), Error> {
    // Another rotation may have been begun meanwhile.
    if marked(connection) != Some(hashed) {
        return Ok(());
    }
    let cleared = json!({ "metadata": { "annotations": { ROTATING_TO: null, GIVEN_UP: null } } });
    cluster.change(connection, &cleared, Change::Written).await
}
