//! What is wrong with a text, in our own words: the library's are for whoever programs with it.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use super::MAX_ALIASES;
use crate::text::MAX_DEPTH;

/// Without the place, which is kept apart.
pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => describe(error),
        // Of the reader that makes the value, for all notations.
        Error::Message { msg, .. } => msg.clone(),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key {key:?} appears twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key appears twice".to_owned(),
        Error::Eof { .. } => "not YAML: it ends before its time".to_owned(),
        Error::MultipleDocuments { .. } => more_than_one_document(),
        Error::Budget { breach, .. } => over_budget(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "its aliases (*name) repeat too much".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an anchor (&name) holds its own alias".to_owned(),
        Error::UnknownAnchor { .. } => "an alias (*name) has no anchor (&name) before it".to_owned(),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => "only a mapping can be merged (<<)".to_owned(),
        Error::NonFiniteFloat { .. } => "a number must be finite".to_owned(),
        Error::UnsupportedTag { tag, .. } => format!("the tag {tag} has no meaning here"),
        other => format!("not YAML: {}", UserMessageFormatter.format_message(other)),
    }
}

fn over_budget(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => format!("nested too deeply: at most {MAX_DEPTH} levels are read"),
        BudgetBreach::Documents { .. } => more_than_one_document(),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } | BudgetBreach::MergeKeys { .. } => {
            format!("more than {MAX_ALIASES} anchors (&name), aliases (*name) or merge keys (<<)")
        }
        BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => "its aliases (*name) repeat too much".to_owned(),
        BudgetBreach::SequenceUnbalanced => "not YAML: something is closed that was not opened".to_owned(),
        _ => "too much for a configuration".to_owned(),
    }
}

fn more_than_one_document() -> String {
    "more than one document: a line of --- begins another".to_owned()
}
