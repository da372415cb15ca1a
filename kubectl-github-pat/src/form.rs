//! GitHub's form for a new token, shown or opened.

use std::{
    process::{Command, Stdio},
    thread,
};

use github_pat_operator::{api::GithubPatConnectionSpec as Spec, links::links, settings::Host};

use crate::{
    screen,
    sheet::{Cell, Colour, Sheet},
};

/// Whether the form is opened too.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Form {
    /// Opens GitHub's form in the browser
    #[arg(long)]
    open: bool,
}

impl Form {
    /// Shows the form, filled in as far as GitHub lets it be, and what is to be ticked there. `connection` is its name in the form.
    pub(crate) fn show(&self, host: &Host, connection: &str, spec: &Spec) {
        let links = links(host, connection, spec, None, &[]);
        let mut sheet = Sheet::default();
        sheet.line([Cell::new("Make a token on").colour(Colour::Strong), Cell::new(&links.create_token)]);
        links.fill_in.iter().for_each(|text| sheet.line([Cell::new(text)]));
        screen::tell(&sheet);
        if self.open {
            browse(&links.create_token);
        }
    }
}

/// Opens a page by the first program that can be run of those that the person or the desktop has for it.
pub(crate) fn browse(page: &str) {
    let named = std::env::var("BROWSER").ok().filter(|named| !named.is_empty());
    let commands = named.as_deref().unwrap_or("xdg-open");
    if !commands.split(':').any(|command| begins(command, page)) {
        screen::say(&format!("{commands} cannot be run, so open the page by hand, or set BROWSER"));
    }
}

/// Runs a command as BROWSER has it: a program with its arguments. `%s` among these is the page, which comes last if none is.
fn begins(command: &str, page: &str) -> bool {
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else { return false };
    let mut arguments: Vec<_> = words.map(|word| word.replace("%s", page)).collect();
    if !command.contains("%s") {
        arguments.push(page.to_owned());
    }
    let mut command = Command::new(program);
    let command = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // It may end long before the plugin does, and would stay in the table of processes.
        Ok(mut child) => drop(thread::spawn(move || child.wait())),
        Err(_) => return false,
    }
    true
}
