//! A handler in each language that `scripts/build-languages` builds: it answers, and the file API that
//! its language has sees the tenant's own directory as `/` and nothing else.
//!
//! A language that is not built is left out and told of (`not_tested.rs`); with `OPENCLAW_LANGUAGES=1` it fails.

use std::path::PathBuf;

use crate::contract::*;
use openclaw_tests::{cli::Cli, home::files_below, workspace};

/// A language's component, and the family of its handler.
struct Language {
    name: &'static str,
    family: String,
    file: PathBuf,
}

impl Language {
    /// None where it is not built.
    fn built(name: &'static str) -> Option<Self> {
        let file = file(name);
        let family = format!("notes_{}", name.replace('-', "_"));
        if file.is_file() {
            return Some(Self { name, family, file });
        }
        assert!(
            std::env::var_os("OPENCLAW_LANGUAGES").is_none_or(|value| value != "1"),
            "{} is missing: scripts/build-languages {name}",
            file.display()
        );
        None
    }

    fn serve(&self) -> Daemon {
        Daemon::start_with(&format!("components: {{load: [{:?}]}}\n", self.file))
    }

    fn method(&self, name: &str) -> String {
        format!("{}.{name}", self.family)
    }
}

fn file(name: &str) -> PathBuf {
    workspace().join(format!("target/languages/{name}.wasm"))
}

/// The languages that are not built, each with why, or with how it is.
pub(crate) fn missing() -> impl Iterator<Item = String> {
    NAMES.iter().filter(|name| !file(name).is_file()).map(|name| {
        let skipped = std::fs::read_to_string(file(name).with_extension("skipped"));
        let why = skipped.unwrap_or_else(|_| format!("it is not built (scripts/build-languages {name})"));
        format!("a handler in {name}: {why}")
    })
}

fn answers(name: &'static str) {
    let Some(language) = Language::built(name) else { return };
    let daemon = language.serve();
    let tenant = daemon.tenant("a");
    let greeting = tenant.ok(&language.method("greet"), json!({ "name": "Zoë \"Z\" 🦀" }));
    let text = greeting["text"].as_str().expect("a text");
    assert!(text.starts_with("Hello, Zoë \"Z\" 🦀, from "), "{}: {text}", language.name);
    let refused = tenant.err(&language.method("greet"), json!({ "name": 1 }));
    assert_eq!(refused.name(), "INVALID_REQUEST", "{refused}");
}

/// WASI's interfaces come in as many releases as there are toolchains.
fn passes_the_check(name: &'static str) {
    let Some(language) = Language::built(name) else { return };
    let file = language.file.display().to_string();
    let report = Cli::bare(&["components", "check", &file, "--json"]).run().exited(0).json();
    assert_eq!((&report["family"], &report["grants"]), (&json!(language.family), &json!([])), "{report}");
}

fn sees_only_its_directory(name: &'static str) {
    let Some(language) = Language::built(name) else { return };
    let daemon = language.serve();
    let [ours, theirs] = ["ours", "theirs"].map(|id| daemon.tenant(id));
    let (put, get) = (language.method("put"), language.method("get"));
    let note = "line 1\nline 2\t\u{1f980}";
    let kept = ours.ok(&put, json!({ "path": "/note.txt", "text": note }));
    assert_eq!(kept["bytes"], note.len());
    assert_eq!(ours.ok(&get, json!({ "path": "/note.txt" }))["text"], note);

    // Where the gateway keeps the files of that family and tenant.
    let directory = daemon.home().tenant("ours");
    let stored: Vec<PathBuf> = files_below(&directory).into_iter().filter(|path| path.ends_with("note.txt")).collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(std::fs::read_to_string(directory.join(&stored[0])).expect("the note"), note);

    assert_eq!(theirs.err(&get, json!({ "path": "/note.txt" })).name(), "NOT_FOUND", "another tenant's note");
    assert_eq!(ours.err(&get, json!({ "path": "/etc/passwd" })).name(), "NOT_FOUND", "the machine's file");
    for outside in ["../note.txt", "/../note.txt", "../../../../../../etc/passwd"] {
        let refused = ours.call(&get, json!({ "path": outside })).expect_err(outside);
        assert!(["FORBIDDEN", "NOT_FOUND"].contains(&refused.name()), "{outside}: {refused}");
        let refused = ours.call(&put, json!({ "path": outside, "text": "out" })).expect_err(outside);
        assert!(["FORBIDDEN", "NOT_FOUND"].contains(&refused.name()), "{outside}: {refused}");
    }
}

/// What `components new` makes, built beside the example.
fn new_project_passes_its_tests(name: &'static str) {
    if Language::built(name).is_none() {
        return;
    }
    let project = workspace().join("target/languages/projects").join(name);
    let component = project.join(format!("hello_{name}.wasm")).display().to_string();
    let tested = Cli::bare(&["components", "test", &component]).within(&project).run().exited(0);
    assert!(tested.stdout.contains("3 calls, 0 failed"), "{tested:?}");
}

macro_rules! languages {
    ($($module:ident: $name:literal),+ $(,)?) => {
        const NAMES: &[&str] = &[$($name),+];

        $(mod $module {
            #[test]
            fn answers() {
                super::answers($name);
            }

            #[test]
            fn passes_the_check() {
                super::passes_the_check($name);
            }

            #[test]
            fn sees_only_its_directory() {
                super::sees_only_its_directory($name);
            }
        })+
    };
}

languages! {
    rust_std: "rust-std",
    c: "c",
    javascript: "javascript",
    python: "python",
}

#[test]
fn a_new_project_in_c_passes_its_tests_as_it_is() {
    new_project_passes_its_tests("c");
}

#[test]
fn a_new_project_in_javascript_passes_its_tests_as_it_is() {
    new_project_passes_its_tests("javascript");
}

#[test]
fn a_new_project_in_python_passes_its_tests_as_it_is() {
    new_project_passes_its_tests("python");
}
