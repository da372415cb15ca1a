//! npm and Maven themselves, against a registry that looks at the header: Npmrc, MavenSettings. For NuGetConfig there is dotnet, where
//! it is installed.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    material::{addresses, mounted, output, token},
    programs::{command, installed, missing, printed},
    server::{Scheme, Server, Service},
};

/// A package that holds nothing, as npm packs it.
fn packed(npm: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({ "name": "@acme/app", "version": "1.2.3" });
    fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
    printed(command(npm, folder.path()).current_dir(folder.path()).args(["pack", "--silent"]));
    fs::read(folder.path().join("acme-app-1.2.3.tgz")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_a_package_of_the_owner() {
    let Some(npm) = installed("npm") else { return };
    let (token, tarball) = (token(), packed(&npm));
    let server = Server::start(&token, Scheme::Bearer, |authority| {
        let root = "/_registry/npm/@acme";
        let url = format!("http://{authority}{root}/app/-/app-1.2.3.tgz");
        let version = json!({ "name": "@acme/app", "version": "1.2.3", "dist": { "tarball": url } });
        let package = json!({ "name": "@acme/app", "dist-tags": { "latest": "1.2.3" }, "versions": { "1.2.3": version } });
        Service::Files(vec![
            (format!("{root}%2fapp"), package.to_string().into_bytes()),
            (format!("{root}/app/-/app-1.2.3.tgz"), tarball),
        ])
    });
    let server = server.await;
    let folder = mounted(&output("Npmrc", json!({ "owner": "Acme" })), &token, &addresses(&server.authority));
    let (home, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut install = command(&npm, home.path());
    install.env("NPM_CONFIG_USERCONFIG", folder.path().join(".npmrc")).env("NPM_CONFIG_CACHE", home.path());
    install.current_dir(work.path()).args(["install", "--silent", "--no-audit", "--no-fund", "@acme/app"]);
    printed(&mut install);
    let installed = fs::read_to_string(work.path().join("node_modules/@acme/app/package.json")).unwrap();
    assert!(installed.contains("1.2.3"), "{installed}");
    assert_eq!((server.served().len(), server.refused()), (2, vec![]), "the package and its tarball");
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_reads_a_parent_from_the_repository_of_the_server_github() {
    let Some(maven) = installed("mvn") else { return };
    let token = token();
    let parent = "<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>parent</artifactId>\
                  <version>1.2.3</version><packaging>pom</packaging></project>";
    let root = "/_registry/maven/acme/app";
    let server = Server::start(&token, Scheme::Basic, |_| {
        let path = format!("{root}/com/acme/parent/1.2.3/parent-1.2.3.pom");
        Service::Files(vec![(path, parent.as_bytes().to_vec())])
    });
    let server = server.await;
    let folder = mounted(&output("MavenSettings", json!({})), &token, &addresses(&server.authority));
    let (home, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = format!(
        "<project><modelVersion>4.0.0</modelVersion><parent><groupId>com.acme</groupId><artifactId>parent</artifactId>\
         <version>1.2.3</version><relativePath/></parent><artifactId>app</artifactId><packaging>pom</packaging><repositories>\
         <repository><id>github</id><url>http://{}{root}</url></repository></repositories></project>",
        server.authority
    );
    fs::write(work.path().join("pom.xml"), project).unwrap();
    let mut validate = command(&maven, home.path());
    validate
        .current_dir(work.path())
        .args(["--batch-mode", "--settings"])
        .arg(folder.path().join("settings.xml"));
    // The parent is asked for at every repository, and the one of Maven itself is out of reach of a test.
    validate.arg(format!("-Dmaven.repo.local={}", home.path().display())).arg("validate");
    printed(&mut validate);
    assert!(server.served().iter().any(|path| path.ends_with("parent-1.2.3.pom")), "{:?}", server.served());
    assert!(server.refused().iter().all(Option::is_none), "{:?}", server.refused());
}

#[tokio::test(flavor = "multi_thread")]
async fn nuget_lists_a_package_of_the_owner() {
    let Some(dotnet) = installed("dotnet") else { return };
    let token = token();
    let root = "/_registry/nuget/acme";
    let server = Server::start(&token, Scheme::Basic, |authority| {
        let base = format!("http://{authority}{root}");
        let flat = json!({ "@id": format!("{base}/flat/"), "@type": "PackageBaseAddress/3.0.0" });
        let index = json!({ "version": "3.0.0", "resources": [flat] });
        let versions = json!({ "versions": ["1.2.3"] });
        Service::Files(vec![
            (format!("{root}/index.json"), index.to_string().into_bytes()),
            (format!("{root}/flat/acme.app/index.json"), versions.to_string().into_bytes()),
        ])
    });
    let server = server.await;
    let folder =
        mounted(&output("NuGetConfig", json!({ "owner": "acme" })), &token, &addresses(&server.authority));
    let home = tempfile::tempdir().unwrap();
    let mut search = command(&dotnet, home.path());
    search.env("DOTNET_CLI_TELEMETRY_OPTOUT", "1").args(["package", "search", "acme.app", "--configfile"]);
    // Whether there is such a package does not matter: it must have been asked for with the token.
    let output = search.arg(folder.path().join("nuget.config")).output().unwrap();
    if server.served().is_empty() {
        missing(
            "NuGet",
            &format!("this dotnet does not search: {}", String::from_utf8_lossy(&output.stderr)),
        );
    }
    assert!(server.refused().iter().all(Option::is_none), "{:?}", server.refused());
}
