//! npm, Maven and NuGet themselves, against a registry that looks at the header: Npmrc, MavenSettings, NuGetConfig.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    material::{addresses, mounted, output, token},
    programs::{command, from_debian, from_npm, installed, printed},
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
    assert_eq!(server.served().len(), 2, "the package and its tarball: {:?}", server.served());
    assert_eq!(server.refused(), []);
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

/// What NuGet needs of Mono: the runtime, and of the libraries those that it loads.
const MONO: &[&str] = &[
    "libmono-corlib4.5-dll",
    "libmono-microsoft-build-framework4.0-cil",
    "libmono-microsoft-build-utilities-v4.0-4.0-cil",
    "libmono-microsoft-csharp4.0-cil",
    "libmono-security4.0-cil",
    "libmono-system-componentmodel-composition4.0-cil",
    "libmono-system-componentmodel-dataannotations4.0-cil",
    "libmono-system-configuration4.0-cil",
    "libmono-system-core4.0-cil",
    "libmono-system-data-services-client4.0-cil",
    "libmono-system-data4.0-cil",
    "libmono-system-io-compression4.0-cil",
    "libmono-system-net-http4.0-cil",
    "libmono-system-numerics4.0-cil",
    "libmono-system-runtime-serialization4.0-cil",
    "libmono-system-security4.0-cil",
    "libmono-system-servicemodel4.0a-cil",
    "libmono-system-xml-linq4.0-cil",
    "libmono-system-xml4.0-cil",
    "libmono-system4.0-cil",
    "libmono-windowsbase4.0-cil",
    "mono-runtime-common",
    "mono-runtime-sgen",
];

/// A package with one file, as NuGet packs it.
fn nupkg(nuget: impl Fn() -> Command) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "<package><metadata><id>Acme.App</id><version>1.2.3</version><authors>acme</authors>\
                    <description>an app</description></metadata><files><file src=\"app.txt\"/></files></package>";
    fs::write(folder.path().join("acme.nuspec"), manifest).unwrap();
    fs::write(folder.path().join("app.txt"), "an app").unwrap();
    printed(nuget().current_dir(folder.path()).args(["pack", "acme.nuspec"]));
    fs::read(folder.path().join("Acme.App.1.2.3.nupkg")).unwrap()
}

/// What a source tells of a package: <https://learn.microsoft.com/en-us/nuget/api/service-index> and the pages beside it.
fn source(authority: &str, nupkg: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let root = "/_registry/nuget/acme";
    let base = format!("http://{authority}{root}");
    let package = format!("{base}/flat/acme.app/1.2.3/acme.app.1.2.3.nupkg");
    let leaf = json!({ "id": "Acme.App", "version": "1.2.3", "listed": true });
    let leaf =
        json!({ "@id": format!("{base}/about/1.2.3"), "catalogEntry": leaf, "packageContent": package });
    let page = json!({ "@id": base, "count": 1, "lower": "1.2.3", "upper": "1.2.3", "items": [leaf] });
    let about = json!({
        "@id": format!("{base}/about/"), "@type": "RegistrationsBaseUrl/Versioned", "clientVersion": "4.3.0",
    });
    let flat = json!({ "@id": format!("{base}/flat/"), "@type": "PackageBaseAddress/3.0.0" });
    let files = [
        ("index.json", json!({ "version": "3.0.0", "resources": [about, flat] })),
        ("about/acme.app/index.json", json!({ "count": 1, "items": [page] })),
    ];
    let files = files.map(|(path, file)| (format!("{root}/{path}"), file.to_string().into_bytes()));
    let package = (format!("{root}/flat/acme.app/1.2.3/acme.app.1.2.3.nupkg"), nupkg);
    files.into_iter().chain([package]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nuget_installs_a_package_of_the_owner() {
    let Some(mono) = from_debian(MONO, "usr/bin/mono-sgen") else { return };
    let Some(program) = from_npm(&["nuget-exe@5.8.0"], "nuget-exe/nuget-5.8.0.exe") else { return };
    let home = tempfile::tempdir().unwrap();
    let installed = mono.ancestors().nth(2).unwrap();
    let nuget = || {
        let mut nuget = command(&mono, home.path());
        nuget.env("MONO_CFG_DIR", installed.with_file_name("etc")).env("MONO_GAC_PREFIX", installed);
        nuget.arg(&program);
        nuget
    };
    let (token, nupkg) = (token(), nupkg(nuget));
    let server = Server::start(&token, Scheme::Basic, |authority| Service::Files(source(authority, nupkg)));
    let server = server.await;
    let folder =
        mounted(&output("NuGetConfig", json!({ "owner": "acme" })), &token, &addresses(&server.authority));
    let work = tempfile::tempdir().unwrap();
    let mut install = nuget();
    install.current_dir(work.path()).args(["install", "Acme.App", "-Version", "1.2.3", "-NonInteractive"]);
    printed(install.arg("-ConfigFile").arg(folder.path().join("nuget.config")));
    assert!(work.path().join("Acme.App.1.2.3").is_dir(), "{:?}", server.served());
    assert_eq!(server.served().len(), 3, "{:?}", server.served());
    assert!(server.refused().iter().all(Option::is_none), "{:?}", server.refused());
}
