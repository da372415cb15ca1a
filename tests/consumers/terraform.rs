//! The GitHub provider of Terraform and OpenTofu, from Go modules, against a server that speaks for an Enterprise Server: TerraformGithub
//! by its environment, and CrossplaneGithub as the arguments that Crossplane's provider hands on to the same code.
//!
//! It is version 5, which can be had with its checksum. Version 6 reads the same variables:
//! <https://github.com/integrations/terraform-provider-github/blob/main/github/provider.go>.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    material::{addresses, environment, mounted, output, token},
    programs::{built, command, fed},
    server::{Scheme, Server, Service},
};

/// What the provider asks: who owns what it is about to manage, and the user that it is to read.
const ASKED: [&str; 4] = [
    "/api/v3/orgs/acme",
    "/api/v3/users/acme-ci",
    "/api/v3/users/acme-ci/gpg_keys",
    "/api/v3/users/acme-ci/keys",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_of_terraform_signs_in_with_the_environment_and_as_crossplane_configures_it() {
    let Some(program) = built("terraform", ".") else { return };
    let (token, home) = (token(), tempfile::tempdir().unwrap());
    let answers =
        [json!({ "login": "acme", "id": 1 }), json!({ "login": "acme-ci", "id": 7 }), json!([]), json!([])];
    let files =
        ASKED.map(str::to_owned).into_iter().zip(answers.map(|answer| answer.to_string().into_bytes()));
    let files: Vec<_> = files.collect();
    for format in ["TerraformGithub", "CrossplaneGithub"] {
        let server = Server::start(&token, Scheme::Bearer, |_| Service::Files(files.clone())).await;
        let at = addresses(&server.authority);
        let folder = mounted(&output(format, json!({ "owner": "acme" })), &token, &at);
        let mut provider = command(&program, home.path());
        // Crossplane takes one key, and Terraform everything as it is.
        let arguments = match format {
            "CrossplaneGithub" => vec![credentials(&environment(&folder))],
            _ => with(&mut provider, environment(&folder)),
        };
        assert_eq!(fed(provider.arg("acme-ci"), &arguments), "acme-ci\n", "{format}");
        assert_eq!(
            (server.served(), server.refused()),
            (ASKED.map(str::to_owned).to_vec(), vec![]),
            "{format}"
        );
    }
}

/// What stands under the only key.
fn credentials(entries: &[(String, String)]) -> Value {
    let [(key, value)] = entries else { panic!("{} keys in place of one", entries.len()) };
    assert_eq!(key, "credentials");
    serde_json::from_str(value).unwrap()
}

/// Puts them into the environment, and nothing on the input.
fn with(command: &mut Command, variables: Vec<(String, String)>) -> Vec<Value> {
    command.envs(variables);
    Vec::new()
}
