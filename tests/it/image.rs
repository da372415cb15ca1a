//! What the image is built from: the files that .dockerignore lets through, and nothing else in the folder.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

#[test]
fn the_build_of_the_image_gets_the_manifest_and_sources_of_every_crate_by_name() {
    let crates = crates();
    assert!(crates.len() > 1, "{crates:?}");
    let mut expected = BTreeSet::from(["Cargo.lock".to_owned()]);
    for folder in &crates {
        expected.extend(["Cargo.toml", "src"].map(|name| folder.join(name).to_str().unwrap().to_owned()));
    }
    let (excluded, included) = rules();
    assert_eq!(excluded, ["*"], "all but what is named stays out");
    assert_eq!(included, expected);
}

#[test]
fn cargo_reads_the_workspace_from_what_the_build_of_the_image_gets() {
    let context = tempfile::tempdir().unwrap();
    for path in rules().1 {
        copy(&root().join(&path), &context.path().join(&path));
    }
    // `cargo metadata` does not miss the file of a target.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["fetch", "--locked", "--offline", "--target", &target];
    let read = Command::new(env!("CARGO")).args(arguments).current_dir(context.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn the_image_that_it_is_built_in_is_named_by_digest_and_what_is_pulled_is_no_other() {
    let dockerfile = dockerfile();
    let lines =
        |word: &str| -> Vec<&str> { dockerfile.lines().filter_map(|line| line.strip_prefix(word)).collect() };
    let [builder] = lines("ARG BUILDER=").try_into().unwrap();
    let (_, digest) = builder.split_once("@sha256:").unwrap();
    let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    assert!(digest.len() == 64 && digest.bytes().all(hexadecimal), "{digest}");
    assert_eq!(lines("FROM "), ["${BUILDER} AS builder", "scratch"]);
    // A frontend would be pulled too.
    assert!(!dockerfile.contains("syntax="));
}

#[test]
fn who_builds_the_program_without_docker_builds_it_as_the_dockerfile_does() {
    let (dockerfile, script) = (dockerfile(), fs::read_to_string(root().join(".ci/release")).unwrap());
    let (_, version) = script.split_once("auditable_version=").unwrap();
    let version = version.lines().next().unwrap();
    assert!(dockerfile.contains(&format!("cargo install cargo-auditable --version {version} --locked")));
    let of_image = fs::read_to_string(root().join(".ci/image")).unwrap();
    for part in [
        format!("auditable_version={version}\n"),
        "cargo install cargo-auditable --version \"$auditable_version\" --locked\n".to_owned(),
    ] {
        assert!(of_image.contains(&part) && script.contains(&part), "{part}");
    }
    for part in [
        "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs",
        "RUSTC_WORKSPACE_WRAPPER=cargo-auditable \\\n",
        "CARGO_AUDITABLE_ORIG_ARGS='{\"offline\":false,\"locked\":true,\"frozen\":false,\"config\":[]}' \\\n",
        "cargo build --release --locked --target \"$triple\" --bin github-pat-operator",
        "triple=\"$(uname -m)-unknown-linux-gnu\"",
    ] {
        assert!(dockerfile.contains(part) && script.contains(part), "{part}");
    }
    // Where cargo installs it need not be on the path.
    assert!(script.contains("PATH=\"$cargo_home/bin:$PATH\" \\\n"));
    assert!(
        of_image.contains("\nbuilder=$(sed -n 's/^ARG BUILDER="),
        "its name stands in the Dockerfile alone"
    );
    // Where the Dockerfile has the sources and the crates of others.
    for folder in ["WORKDIR /src", "target=/usr/local/cargo/registry"] {
        assert!(dockerfile.contains(folder), "{folder}");
    }
    for (own, shown) in [("$PWD", "/src"), ("$cargo_home", "/usr/local/cargo")] {
        assert!(script.contains(&format!("--remap-path-prefix={own}={shown}")), "{shown}");
        assert!(dockerfile.contains(&format!("--remap-path-prefix={shown}={shown}")), "{shown}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn dockerfile() -> String {
    fs::read_to_string(root().join("Dockerfile")).unwrap()
}

/// The paths that .dockerignore excludes, and those that it includes again.
fn rules() -> (Vec<String>, BTreeSet<String>) {
    let text = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let rules = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (included, excluded): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.starts_with('!'));
    let included = included.iter().map(|rule| rule.trim_start_matches('!').to_owned()).collect();
    (excluded.into_iter().map(str::to_owned).collect(), included)
}

/// The folders of the crates of the workspace, from the root.
fn crates() -> BTreeSet<PathBuf> {
    let metadata: Value = serde_json::from_slice(&metadata(&root()).stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let manifests = packages.map(|package| PathBuf::from(package["manifest_path"].as_str().unwrap()));
    manifests.map(|manifest| manifest.parent().unwrap().strip_prefix(root()).unwrap().to_owned()).collect()
}

fn metadata(folder: &Path) -> Output {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    Command::new(env!("CARGO")).args(arguments).current_dir(folder).output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}
