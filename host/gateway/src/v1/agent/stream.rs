//! A turn as a stream: what the agent says, while it says it.

use std::sync::Arc;

use axum::response::Response;
use futures_util::{StreamExt, stream};
use openclaw_models::{
    Rendering,
    event::{Event as ModelEvent, Frame},
};
use openclaw_runtime::Event;
use serde::Deserialize;

use super::{AbortOnDrop, Asked, Outcome, Question, told};
use crate::{
    Gateway,
    reply::Problem,
    run_stream::{self, Next, Run, Watched},
    server_sent::event,
};

/// Between two answers of the agent's model, where it used a tool.
const PAUSE: &str = "\n\n";

/// A comment, which clients pass over: that the connection is alive.
const AT_WORK: &str = ": the agent uses a tool\n\n";

struct Streamed {
    run: Run<Result<Outcome, Problem>>,
    abort: Option<AbortOnDrop>,
    rendering: Rendering,
    said: Said,
    tells_usage: bool,
    id: Arc<str>,
}

/// Answers once there is something to tell; a turn that fails before is refused as any request.
pub(super) async fn respond(
    (gateway, asked): (&Arc<Gateway>, &Asked),
    question: Question,
    rendering: Rendering,
    (turn, abort): (impl Future<Output = Result<Outcome, Problem>> + Send + 'static, AbortOnDrop),
    id: &Arc<str>,
) -> Result<Response, Problem> {
    let watched = Watched::new(asked.tenant.clone(), question.run_id.clone());
    let mut streamed = Streamed {
        run: Run::begin(gateway.clone(), watched, turn),
        abort: Some(abort),
        rendering,
        said: Said::default(),
        tells_usage: question.tells_usage,
        id: id.clone(),
    };
    let first = loop {
        let next = streamed.run.next().await;
        if let Next::Reply(Err(problem)) = next {
            streamed.disarm();
            return Err(problem);
        }
        let text = streamed.text_of(next);
        if text.is_some() || streamed.has_ended() {
            break text.unwrap_or_default();
        }
    };
    let rest = stream::unfold(streamed, |mut streamed| async move { Some((streamed.text().await?, streamed)) });
    let mut response = run_stream::response(stream::iter([first]).chain(rest));
    told(&mut response, &question);
    Ok(response)
}

impl Streamed {
    async fn text(&mut self) -> Option<String> {
        loop {
            if self.has_ended() {
                return None;
            }
            let next = self.run.next().await;
            if let Some(text) = self.text_of(next) {
                return Some(text);
            }
        }
    }

    /// Nothing more happens: the run has ended, or is nobody's here any more.
    fn has_ended(&self) -> bool {
        self.abort.is_none()
    }

    fn disarm(&mut self) {
        if let Some(abort) = self.abort.take() {
            abort.disarm();
        }
    }

    fn text_of(&mut self, next: Next<Result<Outcome, Problem>>) -> Option<String> {
        match next {
            Next::Event(happened) => match Step::of(&happened)? {
                Step::Says { so_far, piece } => {
                    let piece = self.said.piece(so_far.as_deref(), &piece)?;
                    Some(self.events(&ModelEvent::Text(piece)))
                }
                Step::UsesATool => {
                    self.said.pause();
                    Some(AT_WORK.to_owned())
                }
            },
            // The next piece makes up for them.
            Next::Missed(_) => None,
            Next::Reply(Ok(outcome)) => {
                self.disarm();
                Some(self.end(&outcome))
            }
            Next::Reply(Err(problem)) => {
                self.disarm();
                Some(self.failure(&problem))
            }
            // The token opens nothing: the run is ended as one that nobody waits for.
            Next::End => {
                self.abort = None;
                None
            }
        }
    }

    fn end(&mut self, outcome: &Outcome) -> String {
        let mut text = match self.said.rest_of(&outcome.text) {
            Some(rest) => self.events(&ModelEvent::Text(rest)),
            None => String::new(),
        };
        text += &self.events(&ModelEvent::Stop(outcome.stop.clone()));
        if self.tells_usage {
            text += &self.events(&ModelEvent::Usage(Ok(outcome.tokens)));
        }
        text += &texts(self.rendering.end(&outcome.tokens));
        // Its digits and a point: nothing else of a component's is told outside of JSON.
        let cost: String = outcome.cost.chars().filter(|digit| digit.is_ascii_digit() || *digit == '.').collect();
        text += &format!(": cost-usd {cost} outcome ok\n\n");
        if self.is_chat() { text + "data: [DONE]\n\n" } else { text }
    }

    fn failure(&self, problem: &Problem) -> String {
        if let Some(detail) = &problem.log {
            tracing::warn!(request_id = &*self.id, detail, "a streamed turn failed");
        }
        let name = if self.is_chat() { "" } else { "error" };
        event(name, &problem.openai_body(&self.id).to_string())
    }

    fn is_chat(&self) -> bool {
        matches!(self.rendering, Rendering::Chat(_))
    }

    fn events(&mut self, happened: &ModelEvent) -> String {
        texts(self.rendering.tell(happened))
    }
}

fn texts(frames: Vec<Frame>) -> String {
    frames.into_iter().map(|Frame { name, data }| event(name, &data.to_string())).collect()
}

/// What an event of a run means for a stream.
enum Step {
    Says { so_far: Option<String>, piece: String },
    UsesATool,
}

impl Step {
    #[allow(clippy::disallowed_methods, reason = "checked when it was published; into a type of ours")]
    fn of(event: &Event) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told {
            stream: String,
            #[serde(default)]
            data: Data,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            text: Option<String>,
            delta: String,
        }
        let Told { stream, data } = serde_json::from_str(event.payload.get()).ok()?;
        match stream.as_str() {
            "assistant" => Some(Self::Says { so_far: data.text, piece: data.delta }),
            "tool" => Some(Self::UsesATool),
            _ => None,
        }
    }
}

/// What a client has been told of the agent's words. Events that it missed are made up for by the next.
#[derive(Default)]
struct Said {
    /// Of the answer that is being given.
    current: String,
    /// There was another before it.
    goes_on: bool,
}

impl Said {
    /// The next piece; none where it says nothing new.
    fn piece(&mut self, so_far: Option<&str>, piece: &str) -> Option<String> {
        let new = match so_far {
            Some(text) => text.strip_prefix(self.current.as_str()).unwrap_or(piece),
            None => piece,
        };
        if new.is_empty() {
            return None;
        }
        let separates = self.current.is_empty() && std::mem::take(&mut self.goes_on);
        self.current.push_str(new);
        Some(if separates { format!("{PAUSE}{new}") } else { new.to_owned() })
    }

    /// What comes is another answer.
    fn pause(&mut self) {
        self.goes_on |= !self.current.is_empty();
        self.current.clear();
    }

    /// What of the last answer was not told yet.
    fn rest_of(&mut self, answer: &str) -> Option<String> {
        // A long answer is kept shortened, with an ellipsis.
        let kept = answer.strip_suffix('…').unwrap_or(answer);
        if self.current.starts_with(kept) {
            return None;
        }
        if !answer.starts_with(self.current.as_str()) {
            self.pause();
        }
        self.piece(Some(answer), answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_were_missed_are_made_up_for() {
        let mut said = Said::default();
        assert_eq!(said.piece(Some("It "), "It ").as_deref(), Some("It "));
        assert_eq!(said.piece(Some("It rains."), "s.").as_deref(), Some("rains."));
        assert_eq!(said.rest_of("It rains."), None);
        assert_eq!(said.rest_of("It rains. Much.").as_deref(), Some(" Much."));
    }

    #[test]
    fn answers_before_and_after_a_tool_are_kept_apart() {
        let mut said = Said::default();
        said.pause();
        assert_eq!(said.piece(Some("Let me see."), "Let me see.").as_deref(), Some("Let me see."));
        said.pause();
        said.pause();
        assert_eq!(said.piece(Some("Six."), "Six.").as_deref(), Some("\n\nSix."));
        assert_eq!(said.rest_of("Six."), None);
    }

    #[test]
    fn an_answer_of_which_no_event_told_is_told_at_the_end() {
        assert_eq!(Said::default().rest_of("It rains.").as_deref(), Some("It rains."));
        let mut said = Said { current: "Let me see.".into(), goes_on: false };
        assert_eq!(said.rest_of("Six.").as_deref(), Some("\n\nSix."));
        assert_eq!(Said { current: "abc".into(), goes_on: false }.rest_of("ab…"), None, "it was told whole");
    }
}
