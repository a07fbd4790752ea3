//! What dpkg knows: the installed packages, what they need, and their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    architecture: String,
    /// One of each list is needed.
    needs: Vec<Vec<String>>,
}

#[derive(Debug)]
pub(super) struct Database {
    directory: PathBuf,
    packages: BTreeMap<String, Package>,
    /// What a virtual package is provided by.
    providers: BTreeMap<String, String>,
}

impl Database {
    pub(super) fn read(host: &Path) -> io::Result<Self> {
        let directory = host.join("var/lib/dpkg");
        let status = fs::read_to_string(directory.join("status"))?;
        let (mut packages, mut providers) = (BTreeMap::new(), BTreeMap::new());
        for paragraph in status.split("\n\n") {
            let fields = fields(paragraph);
            let field = |name: &str| fields.get(name).copied().unwrap_or("");
            if !field("Status").ends_with(" installed") {
                continue;
            }
            let needs = [field("Pre-Depends"), field("Depends")].into_iter().flat_map(alternatives).collect();
            let [name, version, architecture] =
                ["Package", "Version", "Architecture"].map(|name| field(name).to_owned());
            for provided in alternatives(field("Provides")).into_iter().flatten() {
                providers.entry(provided).or_insert_with(|| name.clone());
            }
            packages.insert(name.clone(), Package { name, version, architecture, needs });
        }
        Ok(Self { directory, packages, providers })
    }

    /// The packages with all that they need; or the names of those that are not installed.
    pub(super) fn closure(&self, wanted: &[&str]) -> Result<Vec<&Package>, Vec<String>> {
        let (mut found, mut missing) = (BTreeMap::new(), BTreeSet::new());
        let mut waiting: Vec<Vec<String>> = wanted.iter().map(|name| vec![(*name).to_owned()]).collect();
        while let Some(alternatives) = waiting.pop() {
            let Some(package) = alternatives.iter().find_map(|name| self.installed(name)) else {
                missing.extend(alternatives.into_iter().next());
                continue;
            };
            if found.insert(package.name.as_str(), package).is_none() {
                waiting.extend(package.needs.iter().cloned());
            }
        }
        if missing.is_empty() { Ok(found.into_values().collect()) } else { Err(missing.into_iter().collect()) }
    }

    fn installed(&self, name: &str) -> Option<&Package> {
        self.packages.get(name).or_else(|| self.packages.get(self.providers.get(name)?))
    }

    /// Relative to the host's root.
    pub(super) fn files(&self, package: &Package) -> io::Result<Vec<PathBuf>> {
        let info = self.directory.join("info");
        let of_architecture = info.join(format!("{}:{}.list", package.name, package.architecture));
        let list = fs::read_to_string(of_architecture)
            .or_else(|_| fs::read_to_string(info.join(format!("{}.list", package.name))))?;
        Ok(list
            .lines()
            .map(|line| PathBuf::from(line.trim_start_matches('/')))
            .filter(|path| path.as_os_str() != ".")
            .collect())
    }
}

/// The fields of a paragraph that stand on one line; what goes on over lines is not needed here.
fn fields(paragraph: &str) -> BTreeMap<&str, &str> {
    let lines = paragraph.lines().filter(|line| !line.starts_with(' '));
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect()
}

/// `a (>= 1), b:any | c` is `[[a], [b, c]]`.
fn alternatives(field: &str) -> Vec<Vec<String>> {
    let name = |text: &str| text.split([' ', '(', ':']).find(|part| !part.is_empty()).unwrap_or("").to_owned();
    let group = |group: &str| group.split('|').map(name).filter(|name| !name.is_empty()).collect::<Vec<_>>();
    field.split(',').map(group).filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_names_to_choose_from() {
        let parsed = alternatives("libc6 (>= 2.36), perl:any | awk (<< 2), debconf");
        assert_eq!(parsed, [vec!["libc6"], vec!["perl", "awk"], vec!["debconf"]]);
        assert!(alternatives("").is_empty());
    }

    #[test]
    fn what_is_needed_comes_along_and_what_is_missing_is_named() {
        let host = tempfile::tempdir().unwrap();
        let directory = host.path().join("var/lib/dpkg");
        fs::create_dir_all(&directory).unwrap();
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\nDepends: virtual, x | b\n\n\
                      Package: b\nStatus: install ok installed\nVersion: 2\nProvides: virtual (= 2)\n\n\
                      Package: c\nStatus: deinstall ok config-files\nVersion: 3\n";
        fs::write(directory.join("status"), status).unwrap();
        let database = Database::read(host.path()).unwrap();
        let names = |wanted: &[&str]| {
            database
                .closure(wanted)
                .map(|packages| packages.iter().map(|package| package.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["a"]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["a", "c", "d"]).unwrap_err(), ["c", "d"]);
    }
}
