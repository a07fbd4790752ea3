//! The files of a new project: a template, and the part of this repository that it stands on.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Language;

/// Path in the repository and text of each embedded file, in the order of the paths.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// What stands for the family in a template.
const NAME: &str = "NAME";

/// The line of Rust's template that the SDK's own settings take.
const SDK_WORKSPACE: &str = "SDK_WORKSPACE\n";

/// One file of the project.
#[derive(Debug)]
pub(super) struct File {
    /// Below the project's directory.
    path: PathBuf,
    text: String,
}

impl File {
    #[allow(clippy::disallowed_methods, reason = "a directory that the author names")]
    pub(super) fn write_below(&self, directory: &Path) -> io::Result<()> {
        let path = directory.join(&self.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &self.text)?;
        if path.extension().is_some_and(|extension| extension == "sh") {
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// All files of a project.
pub(super) fn files(language: Language, name: &str) -> Vec<File> {
    let mut files = below("sdk/templates/common/", "", name);
    files.extend(below(&format!("sdk/templates/{}/", language.template()), "", name));
    if language == Language::Rust {
        files.extend(sdk());
        // The releases that the SDK was tested with: cargo drops what is not of this project.
        files.extend(copies("Cargo.lock", "Cargo.lock"));
    } else {
        files.extend(contract());
    }
    files
}

impl Language {
    fn template(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::C => "c",
        }
    }
}

/// The embedded files below `from`, as they lie below `to`, with the family's name in them.
fn below(from: &str, to: &str, name: &str) -> Vec<File> {
    embedded(from)
        .map(|(rest, text)| File {
            path: format!("{to}{rest}").into(),
            text: text.replace(NAME, name).replace(SDK_WORKSPACE, &sdk_workspace()),
        })
        .collect()
}

/// The embedded files below a directory: the rest of the path, and the text.
pub(super) fn embedded(directory: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    EMBEDDED.iter().filter_map(move |(path, text)| Some((path.strip_prefix(directory)?, *text)))
}

fn copies(from: &str, to: &str) -> impl Iterator<Item = File> {
    embedded(from).map(move |(rest, text)| File { path: format!("{to}{rest}").into(), text: text.to_owned() })
}

/// The SDK's crates and what they are made from, side by side as here.
fn sdk() -> Vec<File> {
    let crates = copies("sdk/", "openclaw/sdk/").filter(|file| !file.path.starts_with("openclaw/sdk/templates"));
    let handed_on = crates.map(|file| match file.path.file_name() {
        Some(name) if name == "Cargo.toml" => File { text: without_tests(&file.text), ..file },
        _ => file,
    });
    handed_on.chain(copies("wit/", "openclaw/wit/")).collect()
}

/// The contract, in the layout that every toolchain reads.
fn contract() -> Vec<File> {
    copies("wit/", "")
        .map(|file| {
            let path = match file.path.strip_prefix("deps") {
                Ok(standard) => Path::new("wit/deps").join(standard),
                Err(_) => Path::new("wit/deps/gateway").join(&file.path),
            };
            File { path, ..file }
        })
        .collect()
}

/// The tables of this workspace that the SDK's manifests refer to.
fn sdk_workspace() -> String {
    let manifest = text("Cargo.toml");
    let manifests = [text("sdk/Cargo.toml"), text("sdk/macros/Cargo.toml")].map(without_tests);
    let package = table(manifest, "workspace.package");
    let used = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default();
        let inherited = [format!("{name}.workspace = true"), format!("{name} = {{ workspace = true")];
        manifests
            .iter()
            .flat_map(|manifest| manifest.lines())
            .any(|line| inherited.iter().any(|by| line.starts_with(by)))
    };
    let dependencies: Vec<String> = table(manifest, "workspace.dependencies")
        .filter(used)
        .map(|line| line.replace("path = \"sdk", "path = \"openclaw/sdk"))
        .collect();
    let package = package.collect::<Vec<_>>().join("\n");
    let dependencies = dependencies.join("\n");
    format!("[workspace.package]\n{package}\n\n[workspace.dependencies]\n{dependencies}\n\n[workspace.lints]\n")
}

/// A manifest without what only the SDK's own tests need, which are run here.
fn without_tests(manifest: &str) -> String {
    let mut kept = String::new();
    let mut of_tests = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            of_tests = line.ends_with("dev-dependencies]");
        }
        if !of_tests {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// The lines of a table in a manifest that are settings.
fn table<'m>(manifest: &'m str, name: &str) -> impl Iterator<Item = &'m str> {
    let header = format!("[{name}]");
    manifest
        .lines()
        .skip_while(move |line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn text(path: &str) -> &'static str {
    EMBEDDED.iter().find(|(known, _)| *known == path).map_or("", |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use wit_bindgen_core::wit_parser::Resolve;

    use super::*;

    #[test]
    fn the_family_takes_the_place_of_its_name_in_every_language() {
        for language in [Language::Rust, Language::JavaScript, Language::Python, Language::C] {
            let files = files(language, "lookup");
            let of_template = files.iter().filter(|file| !file.path.starts_with("openclaw"));
            for file in of_template.filter(|file| !file.path.starts_with("wit/deps")) {
                assert!(!file.text.contains(NAME), "{language:?}: {}", file.path.display());
            }
            assert!(files.iter().any(|file| file.text.contains("lookup.hello")), "{language:?}");
        }
    }

    #[test]
    fn the_world_of_a_project_can_be_read_whatever_its_family_is_called() {
        for language in [Language::JavaScript, Language::Python, Language::C] {
            // What is no name in WIT, and what is a word of its own there.
            for family in ["look_up", "interface"] {
                let directory = tempfile::tempdir().unwrap();
                for file in files(language, family) {
                    file.write_below(directory.path()).unwrap();
                }
                let refused = Resolve::default().push_path(directory.path().join("wit")).err();
                assert!(refused.is_none(), "{language:?}, {family}: {refused:?}");
            }
        }
    }

    #[test]
    fn no_file_of_a_project_is_written_twice() {
        for language in [Language::Rust, Language::JavaScript, Language::Python, Language::C] {
            let mut paths: Vec<PathBuf> = files(language, "lookup").into_iter().map(|file| file.path).collect();
            let all = paths.len();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), all, "{language:?}");
        }
    }

    #[test]
    fn the_sdk_finds_all_that_it_inherits() {
        let tables = sdk_workspace();
        for manifest in ["sdk/Cargo.toml", "sdk/macros/Cargo.toml"] {
            let manifest = without_tests(text(manifest));
            let inherited = manifest.lines().filter(|line| line.contains("workspace = true"));
            for line in inherited.filter(|line| !line.starts_with("workspace")) {
                let name = line.split(['.', ' ']).next().unwrap();
                assert!(tables.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name}");
            }
        }
        assert!(!tables.contains("path = \"host/"), "it stands alone: {tables}");
    }
}
