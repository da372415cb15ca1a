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
    let read = metadata(context.path());
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
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
