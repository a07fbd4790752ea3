//! What doctor does where no daemon runs. What it finds beside one is in `damage`.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

use openclaw_tests::cli::Cli;

use crate::contract::*;

/// What doctor says of the components.
fn components(home: &Home) -> Value {
    let report = home.cli(&["doctor", "--json"]).json();
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["check"] == "components").cloned().unwrap_or_default()
}

/// The smallest file of the cache: what is compiled the fastest.
fn smallest_compiled(home: &Home) -> PathBuf {
    let mut cache = home.files();
    cache.retain(|file| file.extension().is_some_and(|kind| kind == "cwasm"));
    cache.sort_by_key(|file| fs::metadata(home.path().join(file)).map(|file| file.len()).unwrap_or_default());
    home.path().join(&cache[0])
}

#[test]
fn each_check_is_told_as_it_ends() {
    let home = Home::warm();
    let pipe = smallest_compiled(&home);
    fs::remove_file(&pipe).expect("one is removed");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    let mut doctor = Cli::on(home.path(), &["doctor"]).start();
    // The last check waits at the pipe; all before it are told.
    while !doctor.line().contains("bubblewrap") {}
    drop(File::options().write(true).open(&pipe).expect("it is let go"));
    let last = loop {
        let line = doctor.line();
        if line.contains("components") {
            break line;
        }
    };
    assert!(last.starts_with("ok    components") && last.contains("; 1 had to be compiled"), "{last}");
}

#[test]
fn what_is_compiled_is_not_compiled_for_the_check_and_the_home_stays_as_it_is() {
    let home = Home::warm();
    let before = home.files();
    let found = components(&home);
    assert_eq!(found["status"], "ok", "{found}");
    assert!(!found.to_string().contains("compiled"), "{found}");
    fs::remove_file(smallest_compiled(&home)).expect("one is removed");
    let found = components(&home);
    assert!(found["message"].as_str().is_some_and(|told| told.contains("; 1 had to be compiled")), "{found}");
    assert_eq!(home.files().len(), before.len() - 1, "doctor changed the home");
}

#[test]
fn a_key_that_is_no_key_leaves_the_components_for_later() {
    let home = Home::warm();
    fs::write(home.path().join("secret.key"), "short").expect("a short key");
    let found = components(&home);
    assert_eq!((&found["status"], &found["advice"]), (&json!("warn"), &json!("mend the key first")), "{found}");
}

#[test]
fn what_stands_in_a_broken_config_is_not_called_good() {
    let home = Home::warm();
    fs::write(home.path().join("config.yaml"), "gateway: {listen: nowhere}\n").expect("a broken file");
    let report = home.cli(&["doctor", "--json"]).exited(1).json();
    let checks = report["checks"].as_array().expect("checks");
    let status = |name: &str| checks.iter().find(|check| check["check"] == name).map(|check| &check["status"]);
    assert_eq!(status("config"), Some(&json!("fail")), "{report}");
    for check in ["port", "components"] {
        assert_eq!(status(check), Some(&json!("warn")), "{report}");
    }
}
