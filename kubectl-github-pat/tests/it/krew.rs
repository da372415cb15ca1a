//! The manifest for krew, as far as it can be held without a release; `.ci/krew` has krew itself install from it.

use std::{os::unix::fs::symlink, path::Path};

use github_pat_operator::settings::from_yaml;
use serde_json::Value;

use crate::world::{PLUGIN, run};

#[test]
fn the_manifest_for_krew_names_the_program_and_keeps_to_krews_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/github-pat.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let manifest: Value = from_yaml(&text).unwrap();
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!((&manifest["kind"], &manifest["metadata"]["name"]), (&"Plugin".into(), &"github-pat".into()));
    let spec = &manifest["spec"];
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(short.len() <= 50 && !short.contains('\n') && !short.ends_with('.'), "{short:?}");
    let platforms = spec["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for platform in platforms {
        let arch = platform["selector"]["matchLabels"]["arch"].as_str().unwrap();
        assert_eq!(platform["selector"]["matchLabels"]["os"], "linux", "{arch}");
        assert_eq!(
            platform["bin"],
            std::path::Path::new(PLUGIN).file_name().unwrap().to_str().unwrap(),
            "{arch}"
        );
        assert_eq!(platform["sha256"], format!("SHA256_{}", arch.to_uppercase()), "filled in by .ci/krew");
        let uri = format!("URL/releases/download/VERSION/kubectl-github_pat-linux-{arch}.tar.gz");
        assert_eq!(platform["uri"], uri);
    }
}

#[tokio::test]
async fn a_link_gives_the_program_its_short_name_where_path_finds_it() {
    let (elsewhere, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // As krew has it: a link to where the program is.
    symlink(PLUGIN, folder.path().join("kubectl-github_pat")).unwrap();
    let path = format!("{}:{}", elsewhere.path().display(), folder.path().display());
    let short = folder.path().join("kubectl-ghpat");
    for said in ["is made", "is there already"] {
        let ended = run(&["link"], &[("PATH", &path)]).await;
        let expected = format!("{} {said}: kubectl ghpat\n", short.display());
        assert_eq!((ended.code, ended.out), (0, expected), "{}", ended.err);
        assert_eq!(
            short.read_link().unwrap(),
            Path::new("kubectl-github_pat"),
            "it stays good when krew upgrades"
        );
    }
    let version = std::process::Command::new(&short).arg("--version").output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"kubectl-github_pat "), "{version:?}");

    std::fs::remove_file(&short).unwrap();
    std::fs::write(&short, "of somebody else").unwrap();
    let ended = run(&["link"], &[("PATH", &path)]).await;
    assert!(
        ended.code == 3 && ended.err.contains("is something else already, and is left alone"),
        "{ended:?}"
    );
    assert_eq!(std::fs::read_to_string(&short).unwrap(), "of somebody else");
    let ended = run(&["link"], &[("PATH", elsewhere.path().to_str().unwrap())]).await;
    assert!(ended.code == 3 && ended.err.contains("PATH has no folder with kubectl-github_pat"), "{ended:?}");
}

#[test]
fn a_release_publishes_the_archives_that_the_manifest_names() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let release: Value = from_yaml(&read(".github/workflows/release.yml")).unwrap();
    let runs = |job: &str| {
        let steps = release["jobs"][job]["steps"].as_array().unwrap();
        steps.iter().filter_map(|step| step["run"].as_str()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        release["jobs"]["plugin"]["strategy"]["matrix"]["machine"],
        serde_json::json!(["ubuntu-22.04", "ubuntu-22.04-arm"]),
        "one for each platform of the manifest"
    );
    assert!(runs("plugin").contains(".ci/plugin dist"));
    let packs = read(".ci/plugin");
    assert!(
        !packs.contains("crt-static"),
        "only the C library of the machine reads how names are found there"
    );
    assert!(packs.contains("\"$work/kubectl-github_pat\" --version\n"), "what is packed has run");
    assert_eq!(
        release["jobs"]["plugin"]["permissions"],
        serde_json::json!({ "contents": "read" }),
        "what compiles can publish nothing"
    );
    for expected in [
        ".ci/manifest \"$GITHUB_SERVER_URL/$GITHUB_REPOSITORY\" dist",
        "gh release upload --clobber \"$GITHUB_REF_NAME\" dist/*",
    ] {
        assert!(runs("release").contains(expected), "{expected}");
    }
    let test: Value = from_yaml(&read(".github/workflows/test.yml")).unwrap();
    let kept = test["jobs"]["everything"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|step| step["with"]["path"].as_str());
    assert_eq!(kept, Some("target/ui/*.png"), "the pictures of the page");

    // As krew has it: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest
    let folder = tempfile::tempdir().unwrap();
    let archives = ["amd64", "arm64"].map(|arch| format!("kubectl-github_pat-linux-{arch}.tar.gz"));
    let manifest = |is_whole: bool| {
        let mut command = std::process::Command::new(root.join(".ci/manifest"));
        command.arg("https://example.com/owner/name").arg(folder.path()).env_remove("SOME");
        if !is_whole {
            command.env("SOME", "yes");
        }
        command.output().unwrap()
    };
    assert!(!manifest(true).status.success(), "without archives there is no manifest");
    std::fs::write(folder.path().join(&archives[0]), "one").unwrap();
    assert!(!manifest(true).status.success(), "nor with one of them");
    assert!(manifest(false).status.success());
    std::fs::write(folder.path().join(&archives[1]), "other").unwrap();
    let text = String::from_utf8(manifest(true).stdout).unwrap();
    let filled: Value = from_yaml(&text).unwrap();
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    assert_eq!(filled["spec"]["version"], version);
    for (platform, archive) in filled["spec"]["platforms"].as_array().unwrap().iter().zip(archives) {
        let uri = format!("https://example.com/owner/name/releases/download/{version}/{archive}");
        assert_eq!(platform["uri"], uri.as_str());
        let sum = std::process::Command::new("sha256sum").arg(folder.path().join(archive)).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        assert_eq!(platform["sha256"], sum.split(' ').next().unwrap());
    }
}
