//! The examples that each leaf's help shows are run.

use openclaw_tests::cli::Cli;

use crate::contract::*;

/// The paths of all leaf commands, by walking the help.
fn leaves(path: &[String]) -> Vec<Vec<String>> {
    let below = verbs_below(&help(path));
    if below.is_empty() {
        return vec![path.to_vec()];
    }
    below.into_iter().flat_map(|verb| leaves(&[path, &[verb]].concat())).collect()
}

fn help(path: &[String]) -> String {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    Cli::bare(&arguments).run().succeeded().stdout
}

/// The names in the section `Commands:`.
fn verbs_below(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The lines of the section `EXAMPLES:`.
fn examples(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "EXAMPLES:").skip(1).take_while(|line| !line.is_empty());
    section.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn each_leaf_has_two_and_they_work() {
    let leaves = leaves(&[]);
    assert!(leaves.len() > 15, "{leaves:?}");
    let mut failures = Vec::new();
    for leaf in leaves {
        let examples = examples(&help(&leaf));
        if examples.len() < 2 {
            failures.push(format!("{leaf:?} has {} examples", examples.len()));
        }
        // What goes on is tested elsewhere (`cli::projects`), and so is what wants a compiler's file (`languages`)
        // or a registry (`components::registry`).
        let elsewhere =
            [["serve"].as_slice(), &["components", "dev"], &["components", "encode"], &["components", "publish"]];
        for example in examples.iter().filter(|_| !elsewhere.iter().any(|verbs| leaf == *verbs)) {
            if let Some(failure) = run(example) {
                failures.push(failure);
            }
        }
    }
    assert_eq!(failures, Vec::<String>::new());
}

/// Runs an example beside a daemon that has the tenant `demo`.
fn run(example: &str) -> Option<String> {
    let daemon = Daemon::start();
    let _demo = daemon.tenant("demo");
    let bin = daemon.home().path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    // What the author of a component has at hand: the file and its calls.
    let work = daemon.home().path().join("work");
    std::fs::create_dir(&work).expect("a folder");
    std::os::unix::fs::symlink(openclaw_tests::program(), bin.join("openclaw")).expect("openclaw on the PATH");
    if example.contains(" components ") {
        super::components::workshop(&daemon, &work);
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = std::process::Command::new("bash")
        .args(["-c", example])
        .current_dir(&work)
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("OPENCLAW_HOME", &daemon.home().path().to_string_lossy()),
            ("LANG", "C.UTF-8"),
        ])
        .output()
        .expect("bash runs");
    // A preview of a deletion says by its code that nothing was done; a doctor may find something about this machine.
    let previews = example.ends_with("tenants delete demo") || example.contains("openclaw doctor");
    // The call of this example was never made.
    let unknown = example.contains("billing explain") && output.status.code() == Some(3);
    let fine = output.status.success() || unknown || (previews && output.status.code() == Some(1));
    (!fine).then(|| format!("{example}: {} {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn every_level_of_help_names_the_exit_codes_or_its_verbs() {
    let top = help(&[]);
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "70", "130"] {
        assert!(top.split_whitespace().any(|word| word == code), "{code} is not explained");
    }
    for verb in [
        "serve",
        "tenants",
        "billing",
        "components",
        "sandbox",
        "terminal",
        "call",
        "config",
        "doctor",
        "logs",
        "completions",
        "version",
    ] {
        assert!(verbs_below(&top).contains(&verb.to_owned()), "{verb} is missing");
    }
}
