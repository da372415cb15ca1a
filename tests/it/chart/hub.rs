//! What Artifact Hub is told of the chart beside the resource.

use std::collections::BTreeSet;

use super::*;

/// Text on one line, as it reads.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn artifact_hub_is_told_the_image_that_runs_and_changes_that_the_changelog_has() {
    let about: Value = from_yaml(&fs::read_to_string(chart().join("Chart.yaml")).unwrap()).unwrap();
    let told = |name: &str| -> Vec<Value> {
        let text = about["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
        serde_saphyr::from_str(text).unwrap()
    };
    let manifests = rendered(&[]);
    let container = &of_kind(&manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(told("images"), [json!({ "name": container["name"], "image": container["image"] })]);

    let changelog = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    let newest = changelog.split("\n## ").nth(1).unwrap();
    let changes = told("changes");
    assert!(!changes.is_empty());
    for change in changes {
        // https://artifacthub.io/docs/topics/annotations/helm
        let kinds = ["added", "changed", "deprecated", "removed", "fixed", "security"];
        let (kind, said) = (change["kind"].as_str().unwrap(), change["description"].as_str().unwrap());
        assert!(kinds.contains(&kind), "{kind}");
        let section = newest.split("\n### ").find(|section| section.to_lowercase().starts_with(kind));
        assert!(flowing(section.unwrap()).contains(said), "{kind}: {said}");
    }
    let links = told("links");
    let urls: BTreeSet<_> = links.iter().map(|link| link["url"].as_str().unwrap()).collect();
    assert!(urls.len() == links.len() && urls.iter().all(|url| url.starts_with("https://")), "{urls:?}");
}

#[test]
fn the_chart_of_a_release_names_the_image_of_that_release() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/chart");
    let program = binaries::find(Program::Helm).unwrap();
    let made = Command::new(script).arg("ghcr.io/Acme/Pats").arg(folder.path()).env("HELM", program).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", said(&made));

    let packages: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(packages.len(), 1, "{packages:?}");
    let package = packages[0].to_str().unwrap();
    let shown = helm(&["show", "chart", package]);
    let about: Value = from_yaml(&said(&shown)).unwrap();
    let image = format!("ghcr.io/acme/pats:{}", about["appVersion"].as_str().unwrap());
    let images: Value =
        serde_saphyr::from_str(about["annotations"]["artifacthub.io/images"].as_str().unwrap()).unwrap();
    assert_eq!(images, json!([{ "name": "operator", "image": image }]));
    let runs = said(&helm(&["template", RELEASE, package]));
    assert!(runs.contains(&format!("image: \"{image}\"")), "{runs}");
}
