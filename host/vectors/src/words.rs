//! A text as a query of FTS5: its words, each in quotes, any of which may match. Nothing of FTS5's own language is left
//! in it.

/// Most words of a query, and most characters of one.
const WORDS: usize = 32;
const CHARACTERS: usize = 64;

/// None where the text has no word.
pub(crate) fn query_of(text: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(CHARACTERS).flat_map(char::to_lowercase).collect();
        if !words.contains(&word) {
            words.push(word);
        }
        if words.len() == WORDS {
            break;
        }
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_nothing_else_is_left() {
        assert_eq!(query_of("When is it due? due!"), Some(r#""when" OR "is" OR "it" OR "due""#.to_owned()));
        assert_eq!(
            query_of(r#"text: NEAR("a" b*) AND ^c"#).as_deref(),
            Some(r#""text" OR "near" OR "a" OR "b" OR "and" OR "c""#)
        );
        assert_eq!(query_of(" … \" ' -- "), None);
    }

    #[test]
    fn a_long_text_is_cut() {
        let text: String = (0..1000).map(|n| format!("word{n} ")).collect();
        assert_eq!(query_of(&text).unwrap().matches(" OR ").count(), WORDS - 1);
        assert!(query_of(&"x".repeat(10_000)).unwrap().len() <= CHARACTERS + 2);
    }
}
