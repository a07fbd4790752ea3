use clap::{CommandFactory, Parser};

use super::{Cli, verbs_there_are};

#[test]
fn the_grammar_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_flags_stand_before_or_after_the_verb() {
    for line in ["openclaw --json --home /h tenants list", "openclaw tenants list --json --home /h"] {
        let cli = Cli::try_parse_from(line.split(' ')).expect(line);
        assert!(cli.global.json, "{line}");
        assert_eq!(cli.global.home.as_deref(), Some("/h".as_ref()), "{line}");
    }
}

#[test]
fn every_leaf_shows_two_examples_of_itself() {
    fn check(command: &mut clap::Command, path: &str) {
        let leaf = command.get_subcommands().next().is_none();
        if leaf {
            let help = command.render_long_help().to_string();
            let examples = help.split("EXAMPLES:\n").nth(1).unwrap_or_else(|| panic!("{path} has no examples"));
            let count = examples.lines().filter(|line| line.contains(path)).count();
            assert!(count >= 2, "{path} has {count} examples");
        }
        for verb in command.get_subcommands_mut() {
            let path = format!("{path} {}", verb.get_name());
            check(verb, &path);
        }
    }
    check(&mut Cli::command(), "openclaw");
}

#[test]
fn the_original_spellings_are_understood() {
    for line in [
        "openclaw gateway --listen 127.0.0.1:0",
        "openclaw tenants token demo",
        "openclaw tenants token rotate demo",
        "openclaw tenants remove demo --force --delete-data",
    ] {
        Cli::try_parse_from(line.split(' ')).expect(line);
    }
}

#[test]
fn a_verb_that_is_like_none_is_told_those_that_there_are() {
    let told = |line: &str| Cli::try_parse_from(line.split(' ')).err().and_then(|error| verbs_there_are(&error));
    let tenants = told("openclaw tenants usage acme").unwrap_or_default();
    assert!(tenants.starts_with("`openclaw tenants` has create, ") && tenants.contains("quota"), "{tenants}");
    let quota = told("openclaw tenants quota zzz").unwrap_or_default();
    assert!(quota.starts_with("`openclaw tenants quota` has ") && quota.contains("show"), "{quota}");
    assert!(told("openclaw xyzzy").is_some_and(|told| told.starts_with("`openclaw` has serve, ")));
    assert_eq!(told("openclaw tenants creat"), None);
}
