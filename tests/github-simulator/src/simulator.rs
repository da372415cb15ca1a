//! The handle of a running simulator.

use crate::{
    Error,
    authority::{self, Identity},
    budget::AddressLimit,
    journal::Call,
    new_token::NewToken,
    refusal::accepted,
    reply::{Outage, Reply},
    shared::Shared,
    statistics::Statistics,
    whom::Whom,
    wire::serve,
    world::World,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, MutexGuard},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

mod hosting;

/// A running GitHub on loopback. It stops when dropped, and its connections with it.
///
/// What its methods change holds from the next request on.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: Option<String>,
    client_pem: Option<(String, String)>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Over plain HTTP on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if there is no such port.
    pub async fn start() -> Result<Simulator, Error> {
        Simulator::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false).await
    }

    /// Over TLS on a free port of 127.0.0.1, for `localhost`, 127.0.0.1, `::1` and `api.github.com`, by a certificate authority made for
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if there is no such port, [`Error::Certificate`] or [`Error::Tls`] if the machine cannot make keys.
    pub async fn start_tls() -> Result<Simulator, Error> {
        Simulator::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), true).await
    }

    /// The same, and only a client with [`Simulator::client_pem`] is let in.
    ///
    /// # Errors
    ///
    /// As [`Simulator::start_tls`].
    pub async fn start_mutual_tls() -> Result<Simulator, Error> {
        Simulator::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(authority::identity(true)?)).await
    }

    /// On this address; port 0 is a free one.
    ///
    /// # Errors
    ///
    /// [`Error::NotLoopback`] for an address that others can reach, else as [`Simulator::start_tls`].
    pub async fn start_on(address: SocketAddr, tls: bool) -> Result<Simulator, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let identity = if tls { Some(authority::identity(false)?) } else { None };
        Simulator::listen(address, identity).await
    }

    async fn listen(address: SocketAddr, identity: Option<Identity>) -> Result<Simulator, Error> {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (ca_pem, acceptor, client_pem) = match identity {
            Some(identity) => {
                (Some(identity.ca_pem), Some(TlsAcceptor::from(identity.config)), identity.client)
            }
            None => (None, None, None),
        };
        let shared = Arc::new(Shared::new(if acceptor.is_some() { "https" } else { "http" }));
        let server = tokio::spawn(serve(listener, acceptor, Arc::clone(&shared)));
        Ok(Simulator { shared, address, ca_pem, client_pem, server })
    }

    /// Stops, and returns when port and connections are closed, so that another can listen there.
    pub async fn stop(mut self) {
        self.server.abort();
        // Cancelled is what it is to be.
        let _ = (&mut self.server).await;
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS; no slash at the end.
    pub fn url(&self) -> String {
        match self.ca_pem {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate a client must trust, as PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Certificate and key of the only client that is let in, as PEM; `None` if all are.
    pub fn client_pem(&self) -> Option<(&str, &str)> {
        self.client_pem.as_ref().map(|(certificate, key)| (certificate.as_str(), key.as_str()))
    }

    /// The numeric id of an account, which is made if there is none of that login.
    ///
    /// It depends on the login alone, so it is the same in every run.
    pub fn account(&self, login: &str) -> i64 {
        i64::from(self.world().account(login).id)
    }

    /// Makes a token, and its account if there is none, and gives its text.
    ///
    /// A token of the same name is replaced: its old text is unknown from then on.
    ///
    /// # Panics
    ///
    /// If its name or login is empty, if it is to have scopes or permissions that its kind cannot have, or if another token has
    /// its text.
    #[track_caller]
    pub fn token(&self, new: NewToken) -> String {
        let mut world = self.world();
        let now = world.now(Timestamp::now());
        accepted(world.make(new, now))
    }

    /// The text of a token; `None` if there is none of that name.
    pub fn token_text(&self, name: &str) -> Option<String> {
        self.world().token(name).map(|token| token.text.clone())
    }

    /// Name and text of every token, by name.
    pub fn token_texts(&self) -> Vec<(String, String)> {
        self.world().tokens().map(|token| (token.name.clone(), token.text.clone())).collect()
    }

    /// From now on the token is answered with 401.
    ///
    /// # Panics
    ///
    /// If there is no such token.
    #[track_caller]
    pub fn revoke(&self, name: &str) {
        accepted(self.world().set_revoked(name, true));
    }

    /// Takes a revocation back.
    ///
    /// # Panics
    ///
    /// If there is no such token.
    #[track_caller]
    pub fn restore(&self, name: &str) {
        accepted(self.world().set_revoked(name, false));
    }

    /// Gives a token these scopes in place of its others.
    ///
    /// # Panics
    ///
    /// If there is no such token, or its kind has no scopes.
    #[track_caller]
    pub fn set_scopes(&self, name: &str, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        accepted(self.world().set_scopes(name, scopes));
    }

    /// Lets a token expire at this instant of the simulator's clock, or never.
    ///
    /// # Panics
    ///
    /// If there is no such token.
    #[track_caller]
    pub fn set_expiry(&self, name: &str, at: Option<Timestamp>) {
        accepted(self.world().set_expiry(name, at));
    }

    /// From now on the token's answers name an expiry so far ahead of themselves, on the simulator's clock, and never come nearer:
    /// zero names the very moment of the answer. The token lives on as before. `None` takes it back.
    ///
    /// # Panics
    ///
    /// If there is no such token.
    #[track_caller]
    pub fn claim_expiry(&self, name: &str, ahead: Option<SignedDuration>) {
        accepted(self.world().set_claimed_expiry(name, ahead));
    }

    /// Suspends an account: its tokens are answered with 403.
    ///
    /// # Panics
    ///
    /// If there is no such account.
    #[track_caller]
    pub fn suspend(&self, login: &str) {
        accepted(self.world().known_account(login)).suspended = true;
    }

    /// Takes a suspension back.
    ///
    /// # Panics
    ///
    /// If there is no such account.
    #[track_caller]
    pub fn unsuspend(&self, login: &str) {
        accepted(self.world().known_account(login)).suspended = false;
    }

    /// The primary budget of a user from now on: so many requests, whichever of the user's tokens asks, then 403 until
    /// `reset` (whole seconds of the simulator's clock), and 5,000 an hour again after it.
    ///
    /// # Panics
    ///
    /// If there is no such account.
    #[track_caller]
    pub fn limit(&self, login: &str, remaining: u32, reset: Timestamp) {
        accepted(self.world().known_account(login)).budget.set(remaining, reset);
    }

    /// What happens to every call, whoever asks, until `None` ends it. Scripts wait meanwhile.
    ///
    /// # Panics
    ///
    /// If its status is not between 200 and 599.
    #[track_caller]
    pub fn outage(&self, outage: Option<Outage>) {
        accepted(self.world().set_outage(outage));
    }

    /// Whose good tokens are refused too: 401 `Bad credentials` with all that GitHub sends along, until another call says
    /// [`Whom::Nobody`]. Each refusal counts for its address. Scripts of the refused wait meanwhile.
    ///
    /// # Panics
    ///
    /// If there is no such token, or more than 100 percent are asked for.
    #[track_caller]
    pub fn refuse(&self, whom: Whom) {
        accepted(self.world().refuse(whom));
    }

    /// What each address has for requests without good credentials, from now on and anew.
    ///
    /// # Panics
    ///
    /// If the window is shorter than a second.
    #[track_caller]
    pub fn address_limit(&self, limit: AddressLimit) {
        accepted(self.world().set_address_limit(limit));
    }

    /// How long every answer, and every cut, is held back after the call was noted.
    pub fn latency(&self, duration: Duration) {
        self.world().latency = duration;
    }

    /// Whether every answer, and every cut, is held back after the call was noted, until this is called with false.
    pub fn hold(&self, held: bool) {
        self.world().held.send_replace(held);
    }

    /// How far the simulator's clock is ahead of the machine's: `Date`, expiry and resets go by it.
    pub fn clock_offset(&self, offset: SignedDuration) {
        self.world().clock_offset = offset;
    }

    /// How far every `Date` is ahead of the simulator's clock. Nothing else moves, and a `Date` that a reply names stays.
    pub fn date_offset(&self, offset: SignedDuration) {
        self.world().date_offset = offset;
    }

    /// What happens to the next calls of a token, in order, whatever their path; then all is as usual again.
    ///
    /// What was left of an earlier script is dropped. Requests without `User-Agent`, and those of an outage, use nothing up.
    ///
    /// # Panics
    ///
    /// If there is no such token, or HTTP cannot carry a reply.
    #[track_caller]
    pub fn script(&self, token_name: &str, replies: Vec<Reply>) {
        accepted(self.world().set_script(token_name, replies));
    }

    /// What a path answers to a token from now on, as long as the token lives: `/orgs/acme`, without `/api/v3`, with its query
    /// for that alone or without for any.
    ///
    /// [`Reply::AsUsual`] takes it back.
    ///
    /// # Panics
    ///
    /// If there is no such token, if the path does not begin with a slash, or HTTP cannot carry the reply.
    #[track_caller]
    pub fn at_path(&self, token_name: &str, path: &str, reply: Reply) {
        accepted(self.world().set_fixed(token_name, path, reply));
    }

    /// Every call so far, in order, without those of the admin endpoint.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.journal.calls()
    }

    /// Whether the calls came to be as wished before `deadline` had passed. Looks again after each call.
    pub async fn wait_until<F: Fn(&[Call]) -> bool>(&self, deadline: Duration, reached: F) -> bool {
        self.shared.journal.wait_until(deadline, |calls, _| reached(calls)).await
    }

    /// What happened so far, in numbers.
    pub fn statistics(&self) -> Statistics {
        self.shared.journal.statistics()
    }

    /// Whether the numbers came to be as wished before `deadline` had passed. Looks again after each call, and after each
    /// connection that begins or ends.
    pub async fn wait_until_counted<F: Fn(&Statistics) -> bool>(
        &self,
        deadline: Duration,
        reached: F,
    ) -> bool {
        self.shared.journal.wait_until(deadline, |_, statistics| reached(statistics)).await
    }

    /// Whether further calls are kept for [`calls`](Self::calls), as they are at first, or only counted: what they need of
    /// memory then does not grow with their number.
    pub fn keep_calls(&self, keep: bool) {
        self.shared.journal.keep_calls(keep);
    }

    /// Empties the log and begins all counts anew, but for the connections that are open.
    pub fn forget_calls(&self) {
        self.shared.journal.forget();
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
