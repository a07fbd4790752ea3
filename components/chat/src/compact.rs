//! Compaction: where a conversation is about to outgrow its model, the model sums it up, and goes on from there.
//!
//! The transcript keeps everything; a line of the type `compaction` says from where on a model reads it.

use crate::answer::{Asking, Read};
use crate::context::Context;
use crate::run::Usage;
use crate::session::Session;
use openclaw_sdk::model::Model;
use openclaw_sdk::{Error, Result};
use serde_json::json;

/// The share of a model's window, in hundredths, from which on a conversation is summed up.
const FULL: u64 = 75;

const INSTRUCTION: &str = "Sum up the conversation so far for whoever goes on with it: what is wanted, what was done \
    and found (names, paths, numbers to the letter), what is decided, what is open. Answer with the summary alone.";

/// Whether a request would take so much of the model's window that an answer may not fit.
pub(crate) fn is_due(context: &Context, system: &str, window: u64) -> bool {
    let tokens = context.tokens() + (system.len() / 4) as u64;
    context.messages().len() > 2 && tokens.saturating_mul(100) >= window.saturating_mul(FULL)
}

/// Has the model sum the conversation up, and begins it anew from there; `message` is the one that is being answered.
/// What that took is the answer.
pub(crate) fn compact(
    asking: &Asking<'_>,
    model: &Model,
    session: &Session<'_>,
    context: &mut Context,
    message: &str,
) -> Result<(Usage, u128)> {
    let tokens_before = context.tokens();
    context.add("user", INSTRUCTION)?;
    let (answer, read) = Asking { tools: &[], ..*asking }.ask(model, context, None, || Ok(true));
    if let Read::Failed(error) = read {
        return Err(error);
    }
    if answer.text.trim().is_empty() {
        return Err(Error::unavailable("the conversation is too long, and the model did not sum it up", None));
    }
    let summary = format!("{}\n\nThe message that is being answered:\n{message}", answer.text.trim());
    session.append(&[("compaction", json!({ "summary": summary, "tokensBefore": tokens_before }))], |_| ())?;
    *context = Context::summed_up(&summary)?;
    Ok((answer.usage, answer.cost))
}
