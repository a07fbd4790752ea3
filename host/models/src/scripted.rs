//! The scripted model: answers that a file gives, the same each time, without a network. It is for tests and for
//! trying things out, and where the script has no answer it says what it is.

use openclaw_billing::TokenCounts;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::event::Event;

/// What the model says where nothing in its script fits.
pub const NO_ANSWER: &str = "This is the scripted model: it understands nothing, and its script has no answer to this.";

/// Characters that it counts as one token, of input as of output.
const CHARACTERS_A_TOKEN: u64 = 4;

/// Answers in their order: the first that fits is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub answers: Vec<Answer>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    /// What the last message has to contain; an answer without it fits always.
    pub when: Option<String>,
    pub reasoning: Option<String>,
    /// The pieces in which the text is streamed.
    pub text: Vec<String>,
    pub tool_calls: Vec<ToolCall>,
    /// Fails with this error after what was said so far.
    pub fail: Option<Value>,
    /// The usage it reports, instead of one counted by characters.
    pub usage: Option<Used>,
}

/// Tokens by class, as a script writes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Used {
    input_uncached: u64,
    input_cache_read: u64,
    input_cache_write: u64,
    input_cache_write_1h: u64,
    output_text: u64,
    output_reasoning: u64,
}

impl From<Used> for TokenCounts {
    fn from(used: Used) -> Self {
        Self {
            input_uncached: used.input_uncached,
            input_cache_read: used.input_cache_read,
            input_cache_write: used.input_cache_write,
            input_cache_write_1h: used.input_cache_write_1h,
            output_text: used.output_text,
            output_reasoning: used.output_reasoning,
        }
    }
}

/// A call of one of the request's tools.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    pub name: String,
    #[serde(default)]
    pub arguments: Value,
}

impl Script {
    /// The answer to a request, whose `messages` are as those of chat completions.
    pub fn answer(&self, request: &Value) -> Vec<Event> {
        let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let last = messages.last().map(content).unwrap_or_default();
        let fits = |answer: &&Answer| answer.when.as_ref().is_none_or(|when| last.contains(when.as_str()));
        let input = messages.iter().map(|message| characters(&content(message))).sum();
        match self.answers.iter().find(fits) {
            Some(answer) => answer.events(input),
            None => Answer { text: vec![NO_ANSWER.into()], ..Answer::default() }.events(input),
        }
    }
}

impl Answer {
    fn events(&self, input_characters: u64) -> Vec<Event> {
        let mut events: Vec<Event> = self.reasoning.iter().cloned().map(Event::Reasoning).collect();
        events.extend(self.text.iter().cloned().map(Event::Text));
        events.extend((0..).zip(&self.tool_calls).map(|(index, call)| Event::ToolCall {
            index,
            id: Some(format!("call_{index}")),
            name: Some(call.name.clone()),
            arguments: call.arguments.to_string(),
        }));
        if let Some(error) = &self.fail {
            events.push(Event::Failed(error.clone()));
            return events;
        }
        events.push(Event::Stop(if self.tool_calls.is_empty() { "stop" } else { "tool_calls" }.into()));
        events.push(Event::Usage(Ok(self.usage.map_or_else(|| self.counted(input_characters), TokenCounts::from))));
        events
    }

    fn counted(&self, input_characters: u64) -> TokenCounts {
        let calls = self.tool_calls.iter().map(|call| characters(&call.name) + characters(&call.arguments.to_string()));
        let said = self.text.iter().map(|text| characters(text)).chain(calls).sum::<u64>();
        let thought = self.reasoning.as_deref().map_or(0, characters);
        TokenCounts {
            input_uncached: input_characters.div_ceil(CHARACTERS_A_TOKEN),
            output_text: said.div_ceil(CHARACTERS_A_TOKEN),
            output_reasoning: thought.div_ceil(CHARACTERS_A_TOKEN),
            ..TokenCounts::default()
        }
    }
}

/// A message's text: its content, or the texts of the content's parts.
fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(script: &Value, message: &str) -> Vec<Event> {
        let script: Script = serde_json::from_value(script.clone()).expect("a script");
        script.answer(&json!({"messages": [{"role": "user", "content": message}]}))
    }

    #[test]
    fn the_first_answer_that_fits_is_given_in_its_pieces() {
        let script = json!({"answers": [{"when": "weather", "text": ["It ", "rains."]}, {"text": ["What?"]}]});
        let used = |input, output| TokenCounts { input_uncached: input, output_text: output, ..TokenCounts::default() };
        let rain = [
            Event::Text("It ".into()),
            Event::Text("rains.".into()),
            Event::Stop("stop".into()),
            Event::Usage(Ok(used(2, 3))),
        ];
        assert_eq!(ask(&script, "weather?"), rain);
        assert_eq!(ask(&script, "tea?")[0], Event::Text("What?".into()));
        assert_eq!(ask(&script, "weather?"), rain, "the same again");
    }

    #[test]
    fn it_calls_tools_and_reports_what_the_script_says() {
        let usage = json!({"inputUncached": 7, "inputCacheRead": 1, "inputCacheWrite": 0, "inputCacheWrite1h": 0,
            "outputText": 2, "outputReasoning": 3});
        let script = json!({"answers": [{"toolCalls": [{"name": "ls", "arguments": {"path": "."}}], "usage": usage}]});
        let call = Event::ToolCall {
            index: 0,
            id: Some("call_0".into()),
            name: Some("ls".into()),
            arguments: r#"{"path":"."}"#.into(),
        };
        let used = TokenCounts {
            input_uncached: 7,
            input_cache_read: 1,
            output_text: 2,
            output_reasoning: 3,
            ..TokenCounts::default()
        };
        assert_eq!(ask(&script, "list"), [call, Event::Stop("tool_calls".into()), Event::Usage(Ok(used))]);
    }

    #[test]
    fn it_fails_on_demand_and_then_reports_no_usage() {
        let script = json!({"answers": [{"text": ["Well"], "fail": {"message": "overloaded"}}]});
        let expected = [Event::Text("Well".into()), Event::Failed(json!({"message": "overloaded"}))];
        assert_eq!(ask(&script, "hi"), expected);
    }

    #[test]
    fn without_an_answer_it_says_what_it_is() {
        assert_eq!(ask(&json!({"answers": []}), "hi")[0], Event::Text(NO_ANSWER.into()));
    }

    #[test]
    fn an_unknown_key_of_a_script_is_refused() {
        assert!(serde_json::from_value::<Script>(json!({"answers": [{"txt": ["typo"]}]})).is_err());
    }
}
