//! Finds the served methods in the sources of the components and the host, and
//! makes one test module of each. A method without a file, or with a file that
//! tests nothing of it, fails the build.

#![allow(clippy::disallowed_methods, reason = "no tenant's files: sources and OUT_DIR")]

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

fn main() {
    let tests = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let files = tests.join("suite/methods");
    println!("cargo::rerun-if-changed={}", files.display());
    let served = served(tests.parent().expect("the workspace"));
    let mut modules = String::new();
    for method in &served {
        let file = files.join(format!("{method}.rs"));
        assert!(file.is_file(), "{method} is served and has no test: write tests/suite/methods/{method}.rs");
        let text = read(&file);
        let names_it = text.contains("#[test]") && text.contains(&format!("\"{method}\""));
        assert!(names_it, "tests/suite/methods/{method}.rs has no test that calls {method}");
        writeln!(modules, "#[path = {file:?}]\nmod {};", method.replace('.', "_")).expect("a string");
    }
    writeln!(modules, "pub(crate) const SERVED: &[&str] = &{served:?};").expect("a string");
    for file in names_in(&files) {
        assert!(served.contains(&file), "tests/suite/methods/{file}.rs is about a method that nobody serves");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("methods.rs"), modules).expect("OUT_DIR can be written");
}

fn served(workspace: &Path) -> Vec<String> {
    let components = workspace.join("components");
    println!("cargo::rerun-if-changed={}", components.display());
    let mut methods = Vec::new();
    for entry in fs::read_dir(&components).expect("components/").flatten() {
        let source = entry.path().join("src/lib.rs");
        if source.is_file() {
            methods.extend(methods_of(&read(&source)));
        }
    }
    let gateway = workspace.join("host/gateway/src");
    methods.extend(quoted_after(&read(&gateway.join("admin.rs")), "=> \"tenants."));
    methods.extend(quoted_after(&read(&gateway.join("admin.rs")), "=> \"admin."));
    methods.extend(quoted_after(&read(&gateway.join("billing.rs")), "=> \"billing."));
    methods.extend(quoted_after(&read(&gateway.join("components.rs")), "=> \"components."));
    methods.extend(quoted_after(&read(&gateway.join("discover.rs")), "= \"rpc."));
    methods.sort();
    methods.dedup();
    assert!(methods.len() > 1, "no handler was found in {}", components.display());
    methods
}

fn read(source: &Path) -> String {
    println!("cargo::rerun-if-changed={}", source.display());
    fs::read_to_string(source).unwrap_or_else(|error| panic!("{}: {error}", source.display()))
}

/// The names of the methods of a `#[openclaw_sdk::handler(family = "…")]` module: what its `#[method(…)]` says, or
/// the family's name and that of the function below.
fn methods_of(source: &str) -> Vec<String> {
    let Some(family) = source.lines().find_map(|line| value_of(line, "family")) else { return Vec::new() };
    // What other attributes say stands between the two.
    let of_macro = |line: &&str| !line.starts_with("#[") || line.starts_with("#[method(");
    let lines: Vec<&str> = source.lines().map(str::trim).filter(of_macro).collect();
    let methods = lines.windows(2).filter(|pair| pair[0].starts_with("#[method("));
    methods
        .filter_map(|pair| {
            let named = value_of(pair[0], "name").map(str::to_owned);
            named.or_else(|| Some(format!("{family}.{}", function(pair[1])?)))
        })
        .collect()
}

/// The value of `key = "value"`.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    Some(line.split_once(&format!("{key} = \""))?.1.split_once('"')?.0)
}

/// The last name of `fn name(…`, `use path::name;` or `use path::other as name;`.
fn function(line: &str) -> Option<&str> {
    let head = line.split(['(', ';']).next()?;
    head.rsplit([' ', ':']).next()
}

/// The string literals that begin with what stands behind the quote of `mark`.
fn quoted_after(source: &str, mark: &str) -> Vec<String> {
    let prefix = mark.rsplit('"').next().unwrap_or_default();
    let rests = source.split(mark).skip(1);
    rests
        .filter_map(|rest| Some(format!("{prefix}{}", rest.split_once('"')?.0)))
        .filter(|name| !name.contains(' '))
        .collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("suite/methods");
    files.flatten().filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.to_owned())).collect()
}
