//! Where the programs come from, and how they are run.

use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::{Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

/// One build at a time: each takes all there is of the machine.
static BUILDING: Mutex<()> = Mutex::new(());

/// A program on the `PATH`; a line says so if there is none.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let found =
        env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        missing(name, "it is not installed");
    }
    found
}

/// The program of the module in `go/<name>`, or the package that it requires as a tool. Built once for each state of its sources.
pub(crate) fn built(name: &str, package: &str) -> Option<PathBuf> {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consumers/go").join(name);
    let path = folder(package)?.join(format!("consumers-{name}-{:016x}", digest(&sources)));
    if path.is_file() {
        return Some(path);
    }
    let partial = path.with_extension(std::process::id().to_string());
    let go =
        |arguments: &[&std::ffi::OsStr]| Command::new("go").current_dir(&sources).args(arguments).output();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // All that the package is made of. What can be had and is not built is a fault.
    let fetched = match go(&["list", "-deps", "-f", "{{.ImportPath}}", package].map(AsRef::as_ref)) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(said(&output).lines().last().unwrap_or_default().to_owned()),
        Err(error) => Err(format!("go cannot be run: {error}")),
    };
    if let Err(why) = fetched {
        missing(package, &why);
        return None;
    }
    let flags = ["build", "-ldflags", "-s -w", "-o"].map(AsRef::as_ref);
    let output = go(&[&flags[..], &[partial.as_os_str(), package.as_ref()]].concat()).unwrap();
    assert!(output.status.success(), "{name} is not built: {}", said(&output));
    fs::rename(&partial, &path).unwrap();
    Some(path)
}

/// A program from packages of Debian's archive, which are unpacked and not installed; what they depend on is not fetched with them.
pub(crate) fn from_debian(packages: &[&str], program: &str) -> Option<PathBuf> {
    let packages = packages.join(" ");
    // A machine that is new has no list of packages yet.
    let script = format!(
        "download() {{ apt-get download {packages}; }}; download || {{ apt-get update && download; }} && \
         for package in *.deb; do dpkg -x \"$package\" . && rm \"$package\" || exit; done"
    );
    fetched(&script, program)
}

/// A file of packages from npm, with what they need but without what they can do without. No script of theirs is run.
pub(crate) fn from_npm(packages: &[&str], file: &str) -> Option<PathBuf> {
    let packages = packages.join(" ");
    let options = "--prefix . --silent --no-audit --no-fund --ignore-scripts --omit=optional";
    fetched(&format!("npm install {options} {packages}"), &format!("node_modules/{file}"))
}

/// A file of what a script of the shell fetches into an empty folder, once for each text of the script.
fn fetched(script: &str, file: &str) -> Option<PathBuf> {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hasher = DefaultHasher::new();
    script.hash(&mut hasher);
    let folder = folder(file)?.join(format!("fetched-{:016x}", hasher.finish()));
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    let partial = folder.with_extension(std::process::id().to_string());
    fs::create_dir_all(&partial).unwrap();
    let output = Command::new("sh").current_dir(&partial).args(["-c", script]).output().unwrap();
    if output.status.success() && partial.join(file).is_file() {
        fs::rename(&partial, &folder).unwrap();
        return Some(path);
    }
    fs::remove_dir_all(&partial).unwrap();
    missing(file, String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or_default());
    None
}

/// What the program prints; the test fails with all of its words if it does not succeed.
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    succeeded(command, &output)
}

/// The same of a program that reads these values, one a line.
pub(crate) fn fed(command: &mut Command, values: &[Value]) -> String {
    let output = feed(command, values);
    succeeded(command, &output)
}

/// How a program ends that reads these values, one a line.
pub(crate) fn feed(command: &mut Command, values: &[Value]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn succeeded(command: &Command, output: &Output) -> String {
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{printed}\n{said}", output.status);
    printed.into_owned()
}

/// A command without the environment of whoever runs the tests, but for what finds programs and networks.
pub(crate) fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    let kept = ["PATH", "LANG", "JAVA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let kept = kept.into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
    command.env_clear().envs(kept).env("HOME", home);
    command
}

/// What could not be had. The project's workflow sets this variable, and there it is a fault.
pub(crate) fn missing(what: &str, why: &str) {
    assert!(env::var_os("TEST_NOTHING_LEFT_OUT").is_none(), "{what} could not be had: {why}");
    untried(what, why);
}

/// Tells a person who waits what is not tried, past the capture of the test harness.
pub(crate) fn untried(what: &str, why: &str) {
    let _ = writeln!(io::stderr(), "consumers: {what} could not be had and is not tried: {why}");
}

/// The folder that such a thing is kept in.
fn folder(what: &str) -> Option<PathBuf> {
    let cache = cache();
    if cache.is_none() {
        missing(what, "there is no folder to keep it in: set HOME");
    }
    cache
}

fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let folder = base
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?
        .join("github-pat-operator");
    fs::create_dir_all(&folder).ok()?;
    Some(folder)
}

/// Of the names and the texts of the sources.
fn digest(sources: &Path) -> u64 {
    let mut files: Vec<_> = fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (file.file_name(), fs::read(&file).unwrap()).hash(&mut hasher);
    }
    hasher.finish()
}
