//! Texts that are checked in and compared with what is made now.

use std::{fs, path::Path};

use crate::workspace;

/// Compares a text with the file that has it; `OPENCLAW_REWRITE=1` writes the file anew.
///
/// # Panics
/// When they differ: with the first line that does.
#[track_caller]
pub fn same_as(path: impl AsRef<Path>, made: &str) {
    let file = workspace().join(&path);
    if std::env::var_os("OPENCLAW_REWRITE").is_some_and(|value| value == "1") {
        fs::write(&file, made).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    if kept != made {
        let (at, kept, made) = first_difference(&kept, made);
        panic!("{}:{at} is {kept:?} and should be {made:?} (OPENCLAW_REWRITE=1 writes it anew)", file.display());
    }
}

/// The number of the line, and what stands there in each.
fn first_difference<'t>(kept: &'t str, made: &'t str) -> (usize, &'t str, &'t str) {
    let (mut kept, mut made) = (kept.lines(), made.lines());
    let mut at = 0;
    loop {
        at += 1;
        match (kept.next(), made.next()) {
            (Some(kept), Some(made)) if kept == made => {}
            (kept, made) => return (at, kept.unwrap_or_default(), made.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\nc\n", "a\nx\nc\n"), (2, "b", "x"));
        assert_eq!(first_difference("a\n", "a\nb\n"), (2, "", "b"));
        assert_eq!(first_difference("a\nb", "a\nb\n"), (3, "", ""));
    }
}
