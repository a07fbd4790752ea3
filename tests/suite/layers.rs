//! Native crates depend downward only, in the order of ARCHITECTURE.md's table, and so do the modules of
//! `host/runtime` that the others stand on.

use std::{collections::BTreeMap, fs, path::Path};

use openclaw_tests::workspace;

#[test]
fn each_crate_depends_on_crates_below_it_alone() {
    let order = layers(&read("ARCHITECTURE.md"));
    let folders = fs::read_dir(workspace().join("host")).expect("host/");
    let mut crates: Vec<String> =
        folders.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    crates.sort();
    let mut listed = order.clone();
    listed.sort();
    assert_eq!(listed, crates, "the crates of the table are those of host/");
    for (at, name) in order.iter().enumerate() {
        for dependency in dependencies(&read(&format!("host/{name}/Cargo.toml"))) {
            let below = order[at + 1..].contains(&dependency);
            assert!(below, "host/{name} depends on {dependency}, which is not below it in ARCHITECTURE.md's table");
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The crates of `host/`, from the top of the table to its bottom.
fn layers(page: &str) -> Vec<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `host/"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

/// What a crate needs of ours, besides what its tests do.
fn dependencies(manifest: &str) -> Vec<String> {
    let table = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let ours = table.take_while(|line| !line.starts_with('[')).filter_map(|line| line.strip_prefix("openclaw-"));
    ours.filter_map(|line| line.split(['.', ' ']).next()).map(str::to_owned).collect()
}

#[test]
fn the_table_and_the_manifests_are_read() {
    assert_eq!(layers("| crate | |\n| `host/b` | x |\n| `host/a` | `host/b`'s |\n| `sdk/` | y |\n"), ["b", "a"]);
    let manifest = "[package]\nname = \"openclaw-x\"\n\n[dependencies]\nopenclaw-a.workspace = true\n\
                    openclaw-b = { workspace = true }\nserde = \"1\"\n\n[dev-dependencies]\nopenclaw-c.workspace = true\n";
    assert_eq!(dependencies(manifest), ["a", "b"]);
}

/// Modules of `host/runtime`, each of which uses those before it alone. What is not here is a call with all that it
/// reaches: its state holds the services, and these the components, which are compiled for that state.
const STAND_ON: &[&str] = &[
    "backtrace",
    "claims",
    "digest",
    "disk",
    "events",
    "free_space",
    "log_rate",
    "long_calls",
    "yielding",
    "meter",
    "stats",
    "tasks",
    "trace",
    "expected",
    "heavy",
    "limits",
    "error",
    "admission",
    "cache",
    "engine",
    "grant",
    "compile",
    "workshop",
    "cost",
    "manifest",
    "compatible",
    "fixtures",
    "grants",
];

#[test]
fn what_the_runtime_stands_on_uses_nothing_above_it() {
    let homes = homes(&read("host/runtime/src/lib.rs"));
    for (at, module) in STAND_ON.iter().enumerate() {
        for (file, source) in sources(module) {
            for name in used(&source) {
                let home = homes.get(&name).unwrap_or(&name).as_str();
                let below = home == *module || STAND_ON[..at].contains(&home);
                assert!(below, "{file} uses {home}, which does not stand before {module} in the list");
            }
        }
    }
}

/// The module of each name that the crate's root has of one.
fn homes(root: &str) -> BTreeMap<String, String> {
    let uses = root.split("\npub use ").skip(1).filter_map(|rest| rest.split_once(';')?.0.split_once("::"));
    let names = |text: &str| text.split(|c: char| !is_of_name(c)).map(str::to_owned).collect::<Vec<_>>();
    uses.flat_map(|(home, rest)| names(rest).into_iter().map(move |name| (name, home.to_owned()))).collect()
}

/// The files of a module of `host/runtime` but its tests, by their names.
fn sources(module: &str) -> Vec<(String, String)> {
    let folder = workspace().join("host/runtime/src");
    let file = format!("{module}.rs");
    // What is above a module's own file is the root; its tests take all that the module itself has.
    let top = read(&format!("host/runtime/src/{file}")).replace("super::*", "").replace("super::", "crate::");
    let mut found = vec![(file, top)];
    add_sources(&folder.join(module), &mut found);
    found
}

fn add_sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_sources(&path, found);
        } else if path.file_stem().is_some_and(|stem| !stem.to_string_lossy().ends_with("tests")) {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("a source")));
        }
    }
}

/// The first names of the paths that begin at the crate's root.
fn used(source: &str) -> Vec<String> {
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    code.join("\n").split("crate::").skip(1).flat_map(first_names).collect()
}

/// Of `a::b` it is `a`, of `{a, b::{c, d}}` they are `a` and `b`.
fn first_names(path: &str) -> Vec<String> {
    let name = |item: &str| item.trim_start().chars().take_while(|c| is_of_name(*c)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => items.push(String::new()),
            _ if depth == 0 => items.last_mut().expect("an item").push(c),
            _ => {}
        }
    }
    items.iter().map(|item| name(item)).filter(|name| !name.is_empty()).collect()
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn the_uses_of_a_module_are_read() {
    let source = "use crate::{\n    A,\n    b::{self, C},\n    d::E,\n};\n// crate::no\nfn f(g: crate::g::H) {}\n";
    assert_eq!(used(source), ["A", "b", "d", "g"]);
    let root = homes("mod a;\n\npub use a::A;\npub use b::{\n    B, c::{D as E},\n};\nuse f::F;\n");
    assert_eq!((root.get("A"), root.get("D"), root.get("F")), (Some(&"a".to_owned()), Some(&"b".to_owned()), None));
}
