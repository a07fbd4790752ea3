//! Native crates depend downward only, in the order of ARCHITECTURE.md's table.

use std::fs;

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
