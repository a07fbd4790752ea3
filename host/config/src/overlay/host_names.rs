//! Keys that reach the host: files, programs, and how they are run. The open sections take keys that
//! no table names, so there the name itself decides, at every depth.

/// A key whose last word is one of these names a file, a program, or what a program is given.
pub(super) const LAST_WORDS: &[&str] = &[
    "args",
    "argv",
    "bin",
    "binaries",
    "binary",
    "bins",
    "cmd",
    "command",
    "cwd",
    "dir",
    "directories",
    "directory",
    "dirs",
    "env",
    "executable",
    "file",
    "files",
    "path",
    "paths",
    "root",
    "roots",
    "runtime",
    "script",
    "shell",
];

/// A key whose first word is one of these says how programs are found, run or confined.
pub(super) const FIRST_WORDS: &[&str] = &["bash", "bin", "elevated", "exec", "sandbox"];

/// Keys of the same kind that no word of theirs gives away.
pub(super) const WHOLE_KEYS: &[&str] = &["acp", "cliBackends", "remoteHost"];

/// Keys that only sound like it: routes of webhooks, commands of a chat.
pub(super) const HARMLESS_KEYS: &[&str] = &["callbackPath", "slashCommand", "webhookPath"];

/// What the loader of every program obeys, before the program does.
pub(super) const LOADER_VARIABLES: &[&str] = &["LD_", "DYLD_"];

pub(super) fn reaches_host(key: &str) -> bool {
    if HARMLESS_KEYS.contains(&key) {
        return false;
    }
    let words = words(key);
    let is_one_of = |word: Option<&String>, list: &[&str]| word.is_some_and(|word| list.contains(&word.as_str()));
    WHOLE_KEYS.contains(&key) || is_one_of(words.first(), FIRST_WORDS) || is_one_of(words.last(), LAST_WORDS)
}

pub(super) fn steers_loader(variable: &str) -> bool {
    LOADER_VARIABLES.iter().any(|prefix| variable.to_ascii_uppercase().starts_with(prefix))
}

/// The words of `cliPath`, `cli_path` and `CLIPath`, in lower case.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase() && (!previous.is_ascii_uppercase() || next_is_small)
            || !letter.is_alphanumeric();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.push(letter.to_ascii_lowercase());
        }
        previous = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}
