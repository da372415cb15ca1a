//! Files that Go modules bring beside their programs, at the versions in the `go.mod` files of this crate.

use std::{io, path::PathBuf, process::Command};

use serde_json::Value;

use crate::binaries::required;

/// Why there are no such files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `go.mod` does not require the module.
    #[error("go.mod does not require {0}")]
    Unpinned(&'static str),
    /// Go cannot be run.
    #[error("go cannot be run: {0}")]
    Go(#[from] io::Error),
    /// Go cannot fetch the module.
    #[error("go mod download {module} brought nothing: {said}")]
    Download {
        /// The module with its version.
        module: String,
        /// Go's words.
        said: String,
    },
}

/// The folder with the CustomResourceDefinitions of the operator of Prometheus, one YAML file each.
///
/// # Errors
///
/// If Go cannot fetch them.
pub fn prometheus_operator_crds() -> Result<PathBuf, Error> {
    let go_mod = include_str!("../go/prometheus-operator/go.mod");
    let module = "github.com/prometheus-operator/prometheus-operator";
    Ok(folder("prometheus-operator", go_mod, module)?.join("example/prometheus-operator-crd"))
}

/// The files with the CustomResourceDefinitions of Argo CD's Application and of Flux: Kustomization, HelmRelease, and the sources
/// GitRepository, HelmChart and OCIRepository.
///
/// # Errors
///
/// If Go cannot fetch them.
pub fn gitops_crds() -> Result<[PathBuf; 6], Error> {
    let of = |module| folder("gitops", include_str!("../go/gitops/go.mod"), module);
    let bases = "config/crd/bases";
    let sources = of("github.com/fluxcd/source-controller")?.join(bases);
    Ok([
        of("github.com/argoproj/argo-cd/v3")?.join("manifests/crds/application-crd.yaml"),
        of("github.com/fluxcd/kustomize-controller")?
            .join(bases)
            .join("kustomize.toolkit.fluxcd.io_kustomizations.yaml"),
        of("github.com/fluxcd/helm-controller")?.join(bases).join("helm.toolkit.fluxcd.io_helmreleases.yaml"),
        sources.join("source.toolkit.fluxcd.io_gitrepositories.yaml"),
        sources.join("source.toolkit.fluxcd.io_helmcharts.yaml"),
        sources.join("source.toolkit.fluxcd.io_ocirepositories.yaml"),
    ])
}

/// The file with the CustomResourceDefinition of Tekton's TaskRun.
///
/// # Errors
///
/// If Go cannot fetch it.
pub fn task_run_crd() -> Result<PathBuf, Error> {
    let go_mod = include_str!("../go/tekton/go.mod");
    Ok(folder("tekton", go_mod, "github.com/tektoncd/pipeline")?.join("config/300-crds/300-taskrun.yaml"))
}

/// The folder of a module at the version that the `go.mod` in this folder of `go/` requires.
fn folder(place: &str, go_mod: &'static str, name: &'static str) -> Result<PathBuf, Error> {
    let version = required(name, go_mod).ok_or(Error::Unpinned(name))?;
    let module = format!("{name}@{version}");
    let output = Command::new("go")
        .current_dir(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/go")).join(place))
        .args(["mod", "download", "-json", &module])
        .output()?;
    let fetched = serde_json::from_slice::<Value>(&output.stdout).ok();
    match fetched.as_ref().and_then(|fetched| fetched.get("Dir")?.as_str()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => {
            let said =
                [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Err(Error::Download { module, said: said.concat() })
        }
    }
}
