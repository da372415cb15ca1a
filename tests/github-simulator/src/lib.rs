//! A GitHub for tests and for the demo: it answers as documented, over plain HTTP or TLS.
//!
//! It knows `GET /user` and `GET /rate_limit`; organizations with their policies and members, repositories, and the endpoints
//! that prove a permission; the advertisement with which git begins, and the token endpoint of the container registry. It only
//! reads: nothing that a request says changes anything.
//!
//! A test makes accounts, tokens, organizations and repositories, changes them while the product runs, and reads in a log what was asked how often.
//! Tokens are made at run time with good prefixes and checksums; the log has their names, never their texts.
//!
//! ```no_run
//! # async fn example() -> Result<(), github_simulator::Error> {
//! use github_simulator::{NewToken, Reply, Simulator};
//!
//! let github = Simulator::start().await?;
//! let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
//! github.script("ci", vec![Reply::Status(503), Reply::AsUsual]);
//! # let _ = text;
//! # Ok(())
//! # }
//! ```
//!
//! What the answers are like comes from <https://docs.github.com/rest> and, where that is silent, from recorded answers of
//! GitHub that other projects publish with their tests; each item names its source.

mod account;
mod admin;
mod answer;
mod authority;
mod body;
mod budget;
mod document;
mod endpoint;
mod error;
mod git;
mod grant;
mod inventory;
mod journal;
mod new_token;
mod organization;
mod policy;
mod question;
mod refusal;
mod registry;
mod reply;
mod repository;
mod resource;
mod rest;
mod scope;
mod service;
mod settings;
mod shared;
mod simulator;
mod statistics;
mod token;
mod whom;
mod wire;
mod wish;
mod wording;
mod world;

pub use budget::{AddressLimit, WhenSpent};
pub use error::Error;
pub use journal::Call;
pub use new_token::{ExpiryLayout, NewToken};
pub use organization::{NewOrganization, Role};
pub use reply::{Outage, Reply};
pub use repository::{Access, Feature, NewRepository, Visibility};
pub use simulator::Simulator;
pub use statistics::{Statistics, most_within};
pub use token::{TokenKind, checksummed, token_text_for};
pub use whom::Whom;
