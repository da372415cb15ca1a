//! Git over HTTPS: the advertisement of refs, with which every fetch and every push begins.
//!
//! Sources: <https://git-scm.com/docs/http-protocol> for the form, third-party reports for the texts of refusals, which git shows
//! behind `remote: `. It costs nothing of the budget of the REST API.

use crate::{
    account::Token,
    answer::{Answer, Manner},
    inventory::Inventory,
    policy::Touch,
    question::Question,
    repository::{Access, Block, Feature, Repository},
    scope,
    token::TokenKind,
};

/// What a client wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pack {
    Upload,
    Receive,
}

impl Pack {
    fn parse(name: &str) -> Option<Pack> {
        [Pack::Upload, Pack::Receive].into_iter().find(|pack| pack.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Pack::Upload => "git-upload-pack",
            Pack::Receive => "git-receive-pack",
        }
    }
}

impl Inventory {
    /// The advertisement of a repository's refs, or a refusal. `token` is a live one, `None` for a request without credentials.
    pub(crate) fn advertise(&self, question: &Question, token: Option<&Token>, scheme: &str) -> Answer {
        self.admit(question, token, scheme).unwrap_or_else(|refusal| refusal)
    }

    fn admit(&self, question: &Question, token: Option<&Token>, scheme: &str) -> Result<Answer, Answer> {
        let full_name = named(question.route());
        let Some(pack) = question.parameter("service").and_then(Pack::parse) else {
            return Err(refusal(403, "Please upgrade your git client."));
        };
        let current = self.repository(full_name);
        let repository = current.or_else(|| self.moved(full_name));
        let is_public = repository.is_some_and(Repository::is_public);
        let Some(token) = token else {
            return match (repository, pack) {
                (Some(repository), Pack::Upload) if is_public => Ok(advertisement(repository, pack)),
                (_, Pack::Receive) => Err(unauthenticated("No anonymous write access.")),
                (_, Pack::Upload) => Err(unauthenticated("Repository not found.")),
            };
        };
        // A push is no public read.
        let touch =
            if is_public && pack == Pack::Upload { Touch::PublicRepository } else { Touch::Repository };
        let owner = repository.map_or(full_name, |repository| &repository.name).split('/').next();
        if let Some(breach) = self.breach(owner.unwrap_or_default(), token, touch) {
            return Err(refusal(403, &breach.git_text()));
        }
        let repository = repository
            .filter(|repository| repository.is_public() || self.sees(repository, token))
            .ok_or_else(|| refusal(404, "Repository not found."))?;
        if current.is_none() {
            return Err(redirect(question, repository, scheme));
        }
        match pack {
            Pack::Upload => self.may_fetch(repository, token)?,
            Pack::Receive => self.may_push(repository, token)?,
        }
        match repository.state.block {
            Some(Block::Terms) => {
                return Err(refusal(403, "Access to this repository has been disabled by GitHub staff."));
            }
            Some(Block::Dmca) => {
                return Err(refusal(451, "Repository unavailable due to DMCA takedown."));
            }
            None => {}
        }
        if pack == Pack::Receive && repository.state.archived {
            return Err(refusal(403, "This repository was archived so it is read-only."));
        }
        Ok(advertisement(repository, pack))
    }

    /// A classic token that sees a repository fetches it; the text is the one that fetches get too.
    fn may_fetch(&self, repository: &Repository, token: &Token) -> Result<(), Answer> {
        let lacks = token.kind == TokenKind::FineGrained && !token.grant.meets("contents=read");
        if lacks && !repository.is_public() {
            return Err(refusal(403, NOT_GRANTED));
        }
        Ok(())
    }

    fn may_push(&self, repository: &Repository, token: &Token) -> Result<(), Answer> {
        let granted = match token.kind {
            TokenKind::FineGrained => self.covers(repository, token) && token.grant.meets("contents=write"),
            kind => {
                let wanted = if repository.is_public() { "public_repo" } else { "repo" };
                kind.has_scopes() && scope::include(&token.scopes, wanted)
            }
        };
        let has_rank = self.access(repository, &token.login).is_some_and(|access| access >= Access::Push);
        match (granted, token.kind) {
            (true, _) if has_rank => Ok(()),
            (false, TokenKind::FineGrained) => Err(refusal(403, NOT_GRANTED)),
            _ => {
                let (name, login) = (&repository.name, &token.login);
                Err(refusal(403, &format!("Permission to {name}.git denied to {login}.")))
            }
        }
    }
}

/// What a fine-grained token gets that lacks the permission for contents.
const NOT_GRANTED: &str = "Write access to repository not granted.";

/// 401 for credentials that are none.
pub(crate) fn bad_credentials() -> Answer {
    unauthenticated("Invalid username or token. Password authentication is not supported for Git operations.")
}

/// 403 for the user of a suspended account.
pub(crate) fn suspended() -> Answer {
    refusal(403, "Your account is suspended.")
}

/// `owner/name`, from `/owner/name.git/info/refs`.
fn named(route: &str) -> &str {
    let path = route.strip_suffix("/info/refs").unwrap_or(route).trim_start_matches('/');
    path.strip_suffix(".git").unwrap_or(path)
}

fn unauthenticated(text: &str) -> Answer {
    let mut answer = refusal(401, text);
    answer.headers.push(("www-authenticate".to_owned(), "Basic realm=\"GitHub\"".to_owned()));
    answer
}

fn refusal(status: u16, text: &str) -> Answer {
    written(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn redirect(question: &Question, repository: &Repository, scheme: &str) -> Answer {
    let host = question.header("host").unwrap_or("github.com");
    let query = question.path.split_once('?').map_or("", |(_, query)| query);
    let to = format!("{scheme}://{host}/{}.git/info/refs?{query}", repository.name);
    let mut answer = written(301, "text/html; charset=utf-8", String::new());
    answer.headers.push(("location".to_owned(), to));
    answer
}

/// Refs in pkt-lines: one branch, or no ref at all.
fn advertisement(repository: &Repository, pack: Pack) -> Answer {
    let capabilities = match pack {
        Pack::Upload => "multi_ack side-band-64k ofs-delta shallow no-progress symref=HEAD:refs/heads/main",
        Pack::Receive => "report-status delete-refs side-band-64k ofs-delta atomic object-format=sha1",
    };
    let mut body = line(&format!("# service={}", pack.name()));
    body.push_str(FLUSH);
    if repository.has(Feature::Commits) {
        let commit = format!("{:040x}", repository.id);
        let names: &[&str] =
            if pack == Pack::Upload { &["HEAD", "refs/heads/main"] } else { &["refs/heads/main"] };
        let mut tail = format!("\0{capabilities}");
        for name in names {
            body.push_str(&line(&format!("{commit} {name}{tail}")));
            tail.clear();
        }
    } else {
        body.push_str(&line(&format!("{:040x} capabilities^{{}}\0{capabilities}", 0)));
    }
    body.push_str(FLUSH);
    written(200, &format!("application/x-{}-advertisement", pack.name()), body)
}

const FLUSH: &str = "0000";

/// Four hex digits of length, themselves and the line's end included, and the text.
fn line(text: &str) -> String {
    format!("{:04x}{text}\n", text.len().saturating_add(5))
}

fn written(status: u16, content_type: &str, body: String) -> Answer {
    let headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("server".to_owned(), "GitHub-Babel/3.0".to_owned()),
        ("cache-control".to_owned(), "no-cache, max-age=0, must-revalidate".to_owned()),
    ];
    Answer { status, headers, body, manner: Manner::Whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_its_length() {
        assert_eq!(line("# service=git-upload-pack"), "001e# service=git-upload-pack\n");
        assert_eq!(line("# service=git-receive-pack"), "001f# service=git-receive-pack\n");
    }

    #[test]
    fn a_route_names_its_repository_with_and_without_git() {
        for route in ["/acme/app.git/info/refs", "/acme/app/info/refs"] {
            assert_eq!(named(route), "acme/app");
        }
    }
}
