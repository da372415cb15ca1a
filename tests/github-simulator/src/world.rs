//! What the simulated GitHub knows: accounts, tokens, budgets, and how it is to misbehave.
//!
//! Time is an argument.

use crate::{
    account::{Account, Token, days},
    budget::{AddressLimit, Budget},
    grant::{self, Grant, Selection},
    inventory::Inventory,
    new_token::{NewToken, Origin, sorted},
    question::Question,
    refusal::Refused,
    reply::{Outage, Reply},
    repository,
    token::{self, TokenKind},
    whom::{Chosen, Whom},
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    time::Duration,
};
use tokio::sync::watch;

/// Bytes of a token's text that tell whether a look at all the others is worth while.
const BEGINNING: usize = 4;

pub(crate) struct World {
    /// How this host is reached: `http` or `https`.
    pub(crate) scheme: &'static str,
    /// By login in lower case: logins differ without regard to case.
    accounts: BTreeMap<String, Account>,
    /// Of all accounts.
    ids: HashSet<u32>,
    /// By name.
    tokens: BTreeMap<String, Token>,
    /// Every text ever made, and the name it was made for.
    texts: HashMap<String, String>,
    /// How those texts begin, so that most of what has none of them is seen at once.
    beginnings: HashSet<Vec<u8>>,
    pub(crate) inventory: Inventory,
    address_limit: AddressLimit,
    addresses: HashMap<IpAddr, Budget>,
    pub(crate) refused: Chosen,
    pub(crate) outage: Option<Outage>,
    pub(crate) latency: Duration,
    /// Whether answers are held back until that is over.
    pub(crate) held: watch::Sender<bool>,
    pub(crate) clock_offset: SignedDuration,
    pub(crate) date_offset: SignedDuration,
    scripts: BTreeMap<String, VecDeque<Reply>>,
    /// By name of the token and path.
    fixed: BTreeMap<(String, String), Reply>,
    pub(crate) random: fastrand::Rng,
}

impl World {
    pub(crate) fn new(scheme: &'static str) -> World {
        World {
            scheme,
            accounts: BTreeMap::new(),
            ids: HashSet::new(),
            tokens: BTreeMap::new(),
            texts: HashMap::new(),
            beginnings: HashSet::new(),
            inventory: Inventory::default(),
            address_limit: AddressLimit::default(),
            addresses: HashMap::new(),
            refused: Chosen::default(),
            outage: None,
            latency: Duration::ZERO,
            held: watch::Sender::new(false),
            clock_offset: SignedDuration::ZERO,
            date_offset: SignedDuration::ZERO,
            scripts: BTreeMap::new(),
            fixed: BTreeMap::new(),
            random: fastrand::Rng::new(),
        }
    }

    /// The time GitHub believes it is, when the machine believes it is `machine`.
    pub(crate) fn now(&self, machine: Timestamp) -> Timestamp {
        machine.saturating_add(self.clock_offset).unwrap_or(machine)
    }

    /// What the header `Date` says at this time of GitHub's.
    pub(crate) fn date(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.date_offset).unwrap_or(now)
    }

    /// The account of a login, made if there is none. Its id depends on the login, so that it is the same in every run.
    pub(crate) fn account(&mut self, login: &str) -> &mut Account {
        let key = login.to_lowercase();
        let ids = &mut self.ids;
        self.accounts.entry(key).or_insert_with_key(|key| {
            let mut id = crc32fast::hash(key.as_bytes()) % 200_000_000;
            while !ids.insert(id) {
                id = id.saturating_add(1);
            }
            Account { id, login: login.to_owned(), suspended: false, budget: Budget::of_user() }
        })
    }

    pub(crate) fn known_account(&mut self, login: &str) -> Result<&mut Account, Refused> {
        self.accounts.get_mut(&login.to_lowercase()).ok_or_else(|| Refused::no_account(login))
    }

    /// Makes a token, in place of one of the same name. `now` is when.
    pub(crate) fn make(&mut self, new: NewToken, now: Timestamp) -> Result<String, Refused> {
        if new.name.is_empty() {
            return Err(Refused::new("name", "a token needs one"));
        }
        if new.login.is_empty() {
            return Err(Refused::new("login", "a token belongs to an account"));
        }
        if !new.scopes.is_empty() && !new.kind.has_scopes() {
            return Err(Refused::new("scopes", format!("a token of kind {:?} has none", new.kind)));
        }
        let grant = grant_of(&new)?;
        let owner = self.account(&new.login).id;
        let text = match new.origin {
            Origin::Random => token::compose(new.kind, owner, &mut self.random),
            Origin::Seed(seed) => token::compose(new.kind, owner, &mut fastrand::Rng::with_seed(seed)),
            Origin::Text(text) => text,
        };
        if self.texts.get(&text).is_some_and(|name| *name != new.name) {
            return Err(Refused::new("text", "another token has the same"));
        }
        self.texts.insert(text.clone(), new.name.clone());
        self.beginnings.insert(text.bytes().take(BEGINNING).collect());
        let lifetime = new.lifetime_days.and_then(|length| now.checked_add(days(length)).ok());
        let token = Token {
            id: (crc32fast::hash(new.name.as_bytes()) % 9_000_000).saturating_add(1_000_000),
            name: new.name,
            login: new.login,
            kind: new.kind,
            text: text.clone(),
            scopes: sorted(new.scopes),
            expires: new.expires.or(lifetime),
            grant,
            authorized: BTreeSet::new(),
            created: now,
            lifetime_days: new.lifetime_days,
            claimed_expiry: None,
            layout: new.layout,
            client_id: new.client_id,
            revoked: false,
        };
        self.tokens.insert(token.name.clone(), token);
        Ok(text)
    }

    pub(crate) fn token(&self, name: &str) -> Option<&Token> {
        self.tokens.get(name)
    }

    /// Every token there is, by name.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// The token of a text, dead or alive, unless another took its place.
    pub(crate) fn presented(&self, text: &str) -> Option<&Token> {
        self.texts.get(text).and_then(|name| self.tokens.get(name)).filter(|token| token.text == text)
    }

    pub(crate) fn set_revoked(&mut self, name: &str, revoked: bool) -> Result<(), Refused> {
        self.known_token(name)?.revoked = revoked;
        Ok(())
    }

    pub(crate) fn set_scopes(&mut self, name: &str, scopes: Vec<String>) -> Result<(), Refused> {
        let token = self.known_token(name)?;
        if !token.kind.has_scopes() {
            return Err(Refused::new("scopes", format!("a token of kind {:?} has none", token.kind)));
        }
        token.scopes = sorted(scopes);
        Ok(())
    }

    pub(crate) fn set_permissions<'a>(
        &mut self,
        name: &str,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Refused> {
        self.fine_grained(name, "permissions")?.permissions = grant::permissions(pairs)?;
        Ok(())
    }

    /// `None` is every repository of the resource owner.
    pub(crate) fn set_repositories(&mut self, name: &str, names: Option<&[String]>) -> Result<(), Refused> {
        self.fine_grained(name, "repositories")?.selection = selection(names)?;
        Ok(())
    }

    pub(crate) fn approve(&mut self, name: &str) -> Result<(), Refused> {
        self.fine_grained(name, "token")?.approved = true;
        Ok(())
    }

    /// Authorises a token for an organization with single sign-on, or takes it back.
    pub(crate) fn set_authorized(&mut self, name: &str, organization: &str, is: bool) -> Result<(), Refused> {
        if self.inventory.organization(organization).is_none() {
            return Err(Refused::no_organization(organization));
        }
        let token = self.known_token(name)?;
        if !token.kind.has_scopes() {
            return Err(Refused::new("token", format!("a token of kind {:?} is not authorised", token.kind)));
        }
        let organization = organization.to_lowercase();
        match is {
            true => token.authorized.insert(organization),
            false => token.authorized.remove(&organization),
        };
        Ok(())
    }

    pub(crate) fn set_expiry(&mut self, name: &str, at: Option<Timestamp>) -> Result<(), Refused> {
        self.known_token(name)?.expires = at;
        Ok(())
    }

    pub(crate) fn set_claimed_expiry(
        &mut self,
        name: &str,
        ahead: Option<SignedDuration>,
    ) -> Result<(), Refused> {
        self.known_token(name)?.claimed_expiry = ahead;
        Ok(())
    }

    pub(crate) fn refuse(&mut self, whom: Whom) -> Result<(), Refused> {
        self.refused = whom.among(self.tokens.keys().map(String::as_str))?;
        Ok(())
    }

    /// Every address begins anew.
    pub(crate) fn set_address_limit(&mut self, limit: AddressLimit) -> Result<(), Refused> {
        self.address_limit = limit.check()?;
        self.addresses.clear();
        Ok(())
    }

    pub(crate) fn address_limit(&self) -> AddressLimit {
        self.address_limit
    }

    /// What an address has left for requests without good credentials.
    pub(crate) fn address(&mut self, address: IpAddr) -> &mut Budget {
        let limit = self.address_limit;
        self.addresses.entry(address).or_insert_with(|| limit.budget())
    }

    pub(crate) fn set_outage(&mut self, outage: Option<Outage>) -> Result<(), Refused> {
        outage.iter().try_for_each(Outage::check)?;
        self.outage = outage;
        Ok(())
    }

    /// Puts replies in place of what was left of an earlier script.
    pub(crate) fn set_script(&mut self, name: &str, replies: Vec<Reply>) -> Result<(), Refused> {
        self.known_token(name)?;
        replies.iter().try_for_each(Reply::check)?;
        self.scripts.insert(name.to_owned(), replies.into());
        Ok(())
    }

    /// What the script of a token says to its next call.
    pub(crate) fn next_reply(&mut self, name: &str) -> Reply {
        self.scripts.get_mut(name).and_then(VecDeque::pop_front).unwrap_or(Reply::AsUsual)
    }

    pub(crate) fn set_fixed(&mut self, name: &str, path: &str, reply: Reply) -> Result<(), Refused> {
        self.known_token(name)?;
        reply.check()?;
        if !path.starts_with('/') {
            return Err(Refused::new("path", format!("`{path}` does not begin with /")));
        }
        self.fixed.insert((name.to_owned(), path.to_owned()), reply);
        Ok(())
    }

    /// The answer fixed for a path with its query, else for the path alone.
    pub(crate) fn fixed(&self, name: &str, question: &Question) -> Option<&Reply> {
        // Most worlds have none, and a look-up makes two texts.
        if self.fixed.is_empty() {
            return None;
        }
        let at = |path: &str| self.fixed.get(&(name.to_owned(), path.to_owned()));
        at(question.target()).or_else(|| at(question.route()))
    }

    /// The same without the text of any token that was ever made here.
    pub(crate) fn redact(&self, text: &str) -> String {
        let begins = |at: &[u8]| {
            (1..=BEGINNING).any(|length| at.get(..length).is_some_and(|it| self.beginnings.contains(it)))
        };
        if !(0..text.len()).filter_map(|start| text.as_bytes().get(start..)).any(begins) {
            return text.to_owned();
        }
        // A shorter text may be part of a longer one.
        let mut found: Vec<_> =
            self.texts.iter().filter(|(secret, _)| text.contains(secret.as_str())).collect();
        found.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        found
            .into_iter()
            .fold(text.to_owned(), |text, (secret, name)| text.replace(secret, &format!("<{name}>")))
    }

    fn known_token(&mut self, name: &str) -> Result<&mut Token, Refused> {
        self.tokens.get_mut(name).ok_or_else(|| Refused::no_token(name))
    }

    fn fine_grained(&mut self, name: &str, field: &'static str) -> Result<&mut Grant, Refused> {
        let token = self.known_token(name)?;
        match token.kind {
            TokenKind::FineGrained => Ok(&mut token.grant),
            kind => Err(Refused::new(field, format!("a token of kind {kind:?} has none"))),
        }
    }
}

fn grant_of(new: &NewToken) -> Result<Grant, Refused> {
    let says_more = new.owner.is_some() || !new.permissions.is_empty() || new.repositories.is_some();
    if says_more && new.kind != TokenKind::FineGrained {
        return Err(Refused::new("permissions", format!("a token of kind {:?} has no grant", new.kind)));
    }
    let owner = new.owner.as_ref().unwrap_or(&new.login).to_lowercase();
    let pairs = new.permissions.iter().map(|(key, level)| (key.as_str(), level.as_str()));
    let permissions = grant::permissions(pairs)?;
    Ok(Grant { owner, permissions, selection: selection(new.repositories.as_deref())?, approved: false })
}

fn selection(names: Option<&[String]>) -> Result<Selection, Refused> {
    match names {
        None => Ok(Selection::All),
        Some(names) => {
            names.iter().map(|name| repository::key(name)).collect::<Result<_, _>>().map(Selection::Of)
        }
    }
}
