//! Where the settings come from, and whether that has changed.
//!
//! Files are looked at, not watched: a stamp of each is compared. So it is the same for a file that somebody edits, for one that is
//! renamed into its place, and for a ConfigMap or Secret, whose files lead over a symbolic link that the kubelet swaps; and it works on
//! file systems that tell of no changes, and on nodes that have no inotify instance left.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Error, Settings, SettingsInput};

/// The command line with the environment, the settings file, and the files that this names.
#[derive(Clone, Debug, Default)]
pub struct Source {
    given: SettingsInput,
    file: Option<PathBuf>,
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Source {
    /// What the command line and the environment give, and the settings file, if there is one.
    pub fn new(given: SettingsInput, file: Option<PathBuf>) -> Self {
        Source { given, file, stamps: Vec::new() }
    }

    /// The settings as they stand now. From here on [`Source::has_changed`] compares with the files as they were before this read them.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or a setting cannot be used.
    pub fn read(&mut self) -> Result<Settings, Error> {
        let Some(file) = &self.file else {
            return Settings::new(self.given.clone(), SettingsInput::default());
        };
        // Before they are read: what changes meanwhile is read again.
        self.stamps = self.stamps.iter().map(|(path, _)| stamped(path)).collect();
        let own = stamped(file);
        if self.stamps.is_empty() {
            self.stamps.push(own.clone());
        }
        let input = SettingsInput::read(file)?;
        // The files that the operator reads anew whenever it uses them need no stamp: secretFile of a sink, and those of metricsTlsDirectory.
        let of_hosts = input.hosts.iter().flat_map(|host| host.files());
        let of_sinks = input.sinks.iter().filter_map(|sink| sink.ca_bundle.as_deref());
        let of_traces = self.given.traces_ca_bundle.as_deref().or(input.traces_ca_bundle.as_deref());
        let named: Vec<_> = of_hosts.chain(of_sinks).chain(of_traces).map(stamped).collect();
        self.stamps = [own].into_iter().chain(named).collect();
        Settings::new(self.given.clone(), input)
    }

    /// True if there is a settings file, which may change.
    pub const fn is_a_file(&self) -> bool {
        self.file.is_some()
    }

    /// The same once the operator runs: a file that is empty now is most likely one that is being written.
    ///
    /// # Errors
    ///
    /// As for [`Source::read`], and if the file is empty.
    pub fn read_again(&mut self) -> Result<Settings, Error> {
        let settings = self.read()?;
        let text = self.file.as_ref().map(fs::read);
        match (&self.file, text) {
            (Some(file), Some(Ok(text))) if text.trim_ascii().is_empty() => Err(Error::Empty(file.clone())),
            _ => Ok(settings),
        }
    }

    /// True if a file is another one than it was when the settings were read last, has come, or is gone.
    pub fn has_changed(&self) -> bool {
        self.stamps.iter().any(|(path, before)| Stamp::of(path) != *before)
    }

    /// The same source as it stands now, to be compared later.
    #[must_use]
    pub fn now(&self) -> Self {
        let stamps = self.stamps.iter().map(|(path, _)| stamped(path)).collect();
        Source { stamps, ..self.clone() }
    }
}

impl Stamp {
    /// Of what the path leads to; `None` if that is nothing.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn stamped(path: impl AsRef<Path>) -> (PathBuf, Option<Stamp>) {
    let path = path.as_ref();
    (path.to_owned(), Stamp::of(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const HOST: &str =
        "hosts: [{ name: a, apiUrl: 'https://a.example.com', proxy: { url: 'http://p:1', credentialsFile: ";

    /// A folder as the kubelet makes it of a ConfigMap: the files lead over `..data` to the folder of a version.
    fn publish(folder: &Path, version: &str, files: &[(&str, &str)]) {
        fs::create_dir(folder.join(version)).unwrap();
        for (name, text) in files {
            fs::write(folder.join(version).join(name), text).unwrap();
            let _ = symlink(Path::new("..data").join(name), folder.join(name));
        }
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    }

    #[test]
    fn a_swapped_link_an_edit_and_a_file_that_comes_or_goes_are_changes_and_a_look_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, word) = (folder.path().join("settings.yaml"), folder.path().join("credentials"));
        let settings = format!("{HOST}{} }} }}]", word.display());
        publish(folder.path(), "..1", &[("settings.yaml", &settings), ("credentials", "bot:a")]);
        let mut source = Source::new(SettingsInput::default(), Some(file.clone()));
        let before = source.read().unwrap();
        assert!(!source.has_changed());

        // Of the same sizes: only the link leads elsewhere.
        publish(folder.path(), "..2", &[("settings.yaml", &settings), ("credentials", "bot:b")]);
        assert!(source.has_changed());
        let after = source.read().unwrap();
        assert_ne!(before.hosts, after.hosts, "the credentials are others");
        assert!(!source.has_changed());

        for change in [
            || fs::remove_file,
            || |path: PathBuf| fs::write(path, "bot:b"),
            || |path: PathBuf| fs::write(path, "bot:c"),
        ] as [fn() -> fn(PathBuf) -> std::io::Result<()>; 3]
        {
            change()(word.clone()).unwrap();
            assert!(source.has_changed());
            let _ = source.read();
            assert!(!source.has_changed(), "told once, whether it can be used or not");
        }
        fs::remove_file(&file).unwrap();
        assert!(source.has_changed());
        assert!(source.read().unwrap_err().to_string().contains("cannot read the settings file"));
        fs::write(&word, "bot:d").unwrap();
        assert!(source.has_changed(), "what the last good file names is looked at while there is none");
        assert!(!source.now().has_changed() && source.has_changed());
        assert!(source.read().is_err());
        fs::write(&file, " \n").unwrap();
        assert!(source.has_changed());
        assert!(source.read_again().unwrap_err().to_string().contains("is empty"));
        assert!(source.read().is_ok(), "at the start it means the defaults");
    }

    #[test]
    fn authorities_of_a_host_a_sink_and_the_collector_are_looked_at_whoever_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pem) = (folder.path().join("settings.yaml"), folder.path().join("ca.pem"));
        let certificate = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        let path = pem.display();
        let traces = SettingsInput { traces_ca_bundle: Some(pem.clone()), ..SettingsInput::default() };
        let rows = [
            (
                "a host",
                SettingsInput::default(),
                format!("hosts: [{{ name: github.com, caBundle: {path} }}]"),
            ),
            (
                "a sink",
                SettingsInput::default(),
                format!("sinks: [{{ name: a, url: 'https://a.example.com', caBundle: {path} }}]"),
            ),
            (
                "the collector",
                SettingsInput::default(),
                format!("{{ tracesEndpoint: 'https://a.example.com', tracesCaBundle: {path} }}"),
            ),
            ("the collector, by a flag", traces, "tracesEndpoint: 'https://a.example.com'".to_owned()),
        ];
        for (name, given, text) in rows {
            fs::write(&file, text).unwrap();
            fs::write(&pem, certificate()).unwrap();
            let mut source = Source::new(given, Some(file.clone()));
            let before = source.read().unwrap();
            assert!(!source.has_changed(), "{name}");
            let other = folder.path().join("other.pem");
            fs::write(&other, certificate()).unwrap();
            fs::rename(other, &pem).unwrap();
            assert!(source.has_changed(), "{name}");
            let after = source.read().unwrap();
            assert_ne!(format!("{before:?}"), format!("{after:?}"), "{name}");
            assert!(!source.has_changed(), "{name}");
        }
    }
}
