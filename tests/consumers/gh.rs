//! gh, from Debian, and its library for extensions, from Go modules: GhHosts and Env.

use github_pat_operator::domain::format::Addresses;
use serde_json::json;

use crate::{
    material::{LOGIN, environment, mounted, output, token},
    programs::{built, command, from_debian, printed},
};

/// github.com, a tenant of ghe.com, and an Enterprise Server.
fn hosts() -> [(&'static str, Addresses); 3] {
    let addresses = |web_url: &str, api_url: &str| Addresses {
        web_url: web_url.to_owned(),
        api_url: api_url.to_owned(),
        registry: None,
    };
    [
        ("github.com", addresses("https://github.com", "https://api.github.com")),
        ("octo.ghe.com", addresses("https://octo.ghe.com", "https://api.octo.ghe.com")),
        ("ghe.example.com", addresses("https://ghe.example.com", "https://ghe.example.com/api/v3")),
    ]
}

#[test]
fn the_library_of_gh_finds_the_token_in_files_and_in_the_environment() {
    let Some(program) = built("gh", ".") else { return };
    let home = tempfile::tempdir().unwrap();
    for (host, at) in hosts() {
        let token = token();
        let folder = mounted(&output("GhHosts", json!({})), &token, &at);
        let mut of_files = command(&program, home.path());
        let found = printed(of_files.env("GH_CONFIG_DIR", folder.path()).arg(""));
        assert_eq!(found, format!("{host}\n{}\noauth_token\n{LOGIN}\n", token.expose()), "files of {host}");

        let folder = mounted(&output("Env", json!({})), &token, &at);
        let mut of_variables = command(&program, home.path());
        // Without a host among the arguments, it is the one to which gh would send the token.
        let found = printed(of_variables.envs(environment(&folder)).arg(""));
        let variable = if host == "ghe.example.com" { "GH_ENTERPRISE_TOKEN" } else { "GH_TOKEN" };
        assert_eq!(found, format!("{host}\n{}\n{variable}\n\n", token.expose()), "variables of {host}");
    }
}

#[test]
fn gh_takes_the_token_from_its_folder_and_leaves_the_files_as_they_are() {
    let Some(gh) = from_debian(&["gh"], "usr/bin/gh") else { return };
    let home = tempfile::tempdir().unwrap();
    for (host, at) in hosts() {
        let token = token();
        let folder = mounted(&output("GhHosts", json!({})), &token, &at);
        let before = environment(&folder);
        let mut command = command(&gh, home.path());
        command.env("GH_CONFIG_DIR", folder.path()).args(["auth", "token", "--hostname", host]);
        assert_eq!(printed(&mut command).trim(), token.expose(), "{host}");
        assert_eq!(environment(&folder), before, "{host}");
    }
}
