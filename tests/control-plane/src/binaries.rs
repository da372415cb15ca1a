//! Where the programs of a control plane come from: a folder of the user's, our cache, or Go modules.
//!
//! The versions are those in the `go.mod` files of this crate, whose `go.sum` files hold the checksums of all they need.

use std::{
    env,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

const GO_STDERR_LINES: usize = 12;
const WAYS_OUT: &str =
    "install Go (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver";

/// A program of the control plane or for its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Program {
    /// The store of the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// That of the oldest Kubernetes that tests run on.
    OldestKubeApiserver,
    /// Garbage collection and the deletion of namespaces, among others.
    KubeControllerManager,
    /// What chooses a node for each Pod.
    KubeScheduler,
    /// What runs the Pods of a node.
    Kubelet,
    /// The package manager, for the test of the chart.
    Helm,
    /// What checks manifests against schemas.
    Kubeconform,
    /// The Lua that Argo CD runs health checks with, as a program.
    Lua,
    /// What scrapes the operator and evaluates its rules.
    Prometheus,
    /// What tests rules.
    Promtool,
    /// What checks the configuration of Alertmanager.
    Amtool,
    /// What evaluates the mixin.
    Jsonnet,
}

/// Why a program could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing worked.
    #[error("cannot find or build {program}: {}; {WAYS_OUT}", tried.join("; "))]
    NotFound {
        /// The program's name.
        program: &'static str,
        /// What was tried, in order, each with its outcome.
        tried: Vec<String>,
    },
    /// The cache cannot be used.
    #[error("cannot use {path} in the cache of {program}: {source}", path = path.display())]
    Cache {
        /// The program's name.
        program: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `go.mod` does not require the module that the program is in.
    #[error("go.mod does not require {module}")]
    Unpinned {
        /// The module.
        module: &'static str,
    },
}

impl Program {
    /// The name of the program's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver | Self::OldestKubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::Helm => "helm",
            Self::Kubeconform => "kubeconform",
            Self::Lua => "glua",
            Self::Prometheus => "prometheus",
            Self::Promtool => "promtool",
            Self::Amtool => "amtool",
            Self::Jsonnet => "jsonnet",
        }
    }

    /// The version we build, such as `v1.37.2`, as `go.mod` requires it.
    ///
    /// # Errors
    ///
    /// [`Error::Unpinned`].
    pub fn version(self) -> Result<&'static str, Error> {
        let (module, go_mod) = match self {
            Self::Etcd => ("go.etcd.io/etcd/server/v3", include_str!("../go/etcd/go.mod")),
            Self::KubeApiserver | Self::KubeControllerManager | Self::KubeScheduler | Self::Kubelet => {
                ("k8s.io/kubernetes", include_str!("../go/kubernetes/go.mod"))
            }
            Self::OldestKubeApiserver => ("k8s.io/kubernetes", include_str!("../go/kubernetes-1.33/go.mod")),
            Self::Helm => ("helm.sh/helm/v4", include_str!("../go/helm/go.mod")),
            Self::Kubeconform => ("github.com/yannh/kubeconform", include_str!("../go/kubeconform/go.mod")),
            Self::Lua => ("github.com/yuin/gopher-lua", include_str!("../go/lua/go.mod")),
            Self::Prometheus | Self::Promtool => {
                ("github.com/prometheus/prometheus", include_str!("../go/prometheus/go.mod"))
            }
            Self::Amtool => ("github.com/prometheus/alertmanager", include_str!("../go/alertmanager/go.mod")),
            Self::Jsonnet => ("github.com/google/go-jsonnet", include_str!("../go/jsonnet/go.mod")),
        };
        required(module, go_mod).ok_or(Error::Unpinned { module })
    }

    /// The package to build, and the folder of the module that requires it.
    fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Etcd => ("go.etcd.io/etcd/server/v3", concat!(env!("CARGO_MANIFEST_DIR"), "/go/etcd")),
            Self::KubeApiserver => (
                "k8s.io/kubernetes/cmd/kube-apiserver",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubernetes"),
            ),
            Self::OldestKubeApiserver => (
                "k8s.io/kubernetes/cmd/kube-apiserver",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubernetes-1.33"),
            ),
            Self::KubeControllerManager => (
                "k8s.io/kubernetes/cmd/kube-controller-manager",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubernetes"),
            ),
            Self::KubeScheduler => (
                "k8s.io/kubernetes/cmd/kube-scheduler",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubernetes"),
            ),
            Self::Kubelet => {
                ("k8s.io/kubernetes/cmd/kubelet", concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubernetes"))
            }
            Self::Helm => ("helm.sh/helm/v4/cmd/helm", concat!(env!("CARGO_MANIFEST_DIR"), "/go/helm")),
            Self::Kubeconform => (
                "github.com/yannh/kubeconform/cmd/kubeconform",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/kubeconform"),
            ),
            Self::Lua => {
                ("github.com/yuin/gopher-lua/cmd/glua", concat!(env!("CARGO_MANIFEST_DIR"), "/go/lua"))
            }
            Self::Prometheus => (
                "github.com/prometheus/prometheus/cmd/prometheus",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/prometheus"),
            ),
            Self::Promtool => (
                "github.com/prometheus/prometheus/cmd/promtool",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/prometheus"),
            ),
            Self::Amtool => (
                "github.com/prometheus/alertmanager/cmd/amtool",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/alertmanager"),
            ),
            Self::Jsonnet => (
                "github.com/google/go-jsonnet/cmd/jsonnet",
                concat!(env!("CARGO_MANIFEST_DIR"), "/go/jsonnet"),
            ),
        }
    }

    /// Parts that are left out: Prometheus finds its targets in files, and the clients of all clouds take long to build.
    const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Prometheus | Self::Promtool => &["-tags", "remove_all_sd"],
            _ => &[],
        }
    }

    /// Flags of the linker: no debug information, and for Kubernetes its version, which is empty otherwise.
    fn linker_flags(self, version: &str) -> String {
        let mut flags = "-s -w".to_owned();
        if self.package().0.starts_with("k8s.io/kubernetes/") {
            let mut numbers = version.trim_start_matches('v').split('.');
            let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            for (variable, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
                flags.push_str(&format!(" -X k8s.io/component-base/version.{variable}={value}"));
            }
        }
        flags
    }
}

/// The path of a program that can be run.
///
/// It is `$KUBEBUILDER_ASSETS/<program>` if there is such a file, else
/// `${XDG_CACHE_HOME:-$HOME/.cache}/github-pat-operator/<program>-<version>`, and if that is not there either, Go builds
/// it: minutes the first time, so this is not for a thread of an async runtime. Of several processes that ask at once, one
/// builds and the others wait for it. A line on stderr says that a build begins or is waited for, and one that it ended.
///
/// # Errors
///
/// [`Error::NotFound`] names all that was tried, with Go's last words, and what to do.
pub fn find(program: Program) -> Result<PathBuf, Error> {
    let mut tried = Vec::new();
    match folder_in("KUBEBUILDER_ASSETS") {
        // An old one is not what a user keeps there.
        Some(_) if program == Program::OldestKubeApiserver => {}
        Some(folder) => {
            let path = folder.join(program.name());
            if path.is_file() {
                return Ok(path);
            }
            tried.push(format!("KUBEBUILDER_ASSETS: there is no {}", path.display()));
        }
        None => tried.push("KUBEBUILDER_ASSETS is not set".to_owned()),
    }
    let Some(cache) = cache() else {
        tried.push("there is no cache, as neither XDG_CACHE_HOME nor HOME is set".to_owned());
        return Err(Error::NotFound { program: program.name(), tried });
    };
    let version = program.version()?;
    let path = cache.join(format!("{}-{version}", program.name()));
    if path.is_file() {
        return Ok(path);
    }
    tried.push(format!("cache: there is no {}", path.display()));
    build_once(program, version, &cache, &path, tried)?;
    Ok(path)
}

/// Builds `path` in the cache, unless somebody else has just done so.
fn build_once(
    program: Program,
    version: &str,
    cache: &Path,
    path: &Path,
    mut tried: Vec<String>,
) -> Result<(), Error> {
    let broken = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Cache { program: program.name(), path, source }
    };
    fs::create_dir_all(cache).map_err(broken(cache))?;
    let lock = cache.join(format!("{}.lock", program.name()));
    // Held until the end of this function, or of the process whatever way it ends.
    let _lock = locked(program, version, &lock).map_err(broken(&lock))?;
    if path.is_file() {
        return Ok(());
    }
    // A folder of its own for each build: if we are killed, Go may still be writing when the next build begins.
    let folder = tempfile::tempdir_in(cache).map_err(broken(cache))?;
    let built = folder.path().join(program.name());
    if let Err(cause) = build(program, version, &built) {
        tried.push(cause);
        return Err(Error::NotFound { program: program.name(), tried });
    }
    fs::rename(&built, path).map_err(broken(path))
}

pub(crate) fn required(module: &str, go_mod: &'static str) -> Option<&'static str> {
    let mut lines = go_mod.lines().map(|line| line.trim().trim_start_matches("require "));
    lines.find_map(|line| line.strip_prefix(module)?.strip_prefix(' ')?.split_whitespace().next())
}

fn cache() -> Option<PathBuf> {
    let base = folder_in("XDG_CACHE_HOME").or_else(|| Some(folder_in("HOME")?.join(".cache")))?;
    Some(base.join("github-pat-operator"))
}

fn folder_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn locked(program: Program, version: &str, path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(&format!("waiting for the build of {} {version} by somebody else", program.name()));
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

fn build(program: Program, version: &str, output: &Path) -> Result<(), String> {
    let name = program.name();
    let (package, folder) = program.package();
    progress(&format!("building {name} {version} from source, a few minutes the first time"));
    let begin = Instant::now();
    let result = Command::new("go")
        .current_dir(folder)
        .arg("build")
        .args(program.tags())
        .args(["-ldflags", &program.linker_flags(version), "-o"])
        .args([output.as_os_str(), package.as_ref()])
        .output();
    let output = result.map_err(|error| format!("go cannot be run: {error}"))?;
    if output.status.success() {
        progress(&format!("built {name} {version} in {} s", begin.elapsed().as_secs()));
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr.lines().collect();
    let last = lines.get(lines.len().saturating_sub(GO_STDERR_LINES)..).unwrap_or_default();
    Err(format!("go build {package} in {folder} ended with {}:\n{}\n", output.status, last.join("\n")))
}

/// Tells a person who waits, past the capture of test harnesses. It does not matter if nobody listens.
fn progress(line: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_pinned() {
        for program in [
            Program::Etcd,
            Program::KubeApiserver,
            Program::OldestKubeApiserver,
            Program::KubeControllerManager,
            Program::KubeScheduler,
            Program::Kubelet,
            Program::Helm,
            Program::Kubeconform,
            Program::Lua,
            Program::Prometheus,
            Program::Promtool,
            Program::Amtool,
            Program::Jsonnet,
        ] {
            assert!(program.version().unwrap().starts_with('v'), "{program:?}");
        }
    }

    #[test]
    fn a_version_is_that_of_the_module_and_not_of_one_with_a_longer_name() {
        let go_mod = "require (\n\texample.org/a/b v2.0.0\n\texample.org/a v1.2.3 // indirect\n)\n";
        assert_eq!(required("example.org/a", go_mod), Some("v1.2.3"));
        assert_eq!(required("example.org/a", "require example.org/a v1.0.0\n"), Some("v1.0.0"));
        assert_eq!(required("example.org/c", go_mod), None);
    }

    #[test]
    fn kubernetes_programs_know_their_version() {
        let flags = Program::KubeApiserver.linker_flags("v1.37.2");
        assert!(flags.contains("gitVersion=v1.37.2") && flags.ends_with("gitMinor=37"), "{flags}");
        assert_eq!(Program::Etcd.linker_flags("v3.6.16"), "-s -w");
    }
}
