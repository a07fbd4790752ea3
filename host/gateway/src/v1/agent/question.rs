//! What a request of OpenAI's interface asks of an agent: the message, what it is told besides, and the session.

use axum::http::StatusCode;
use openclaw_models::{Endpoint, chat_request};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use crate::reply::Problem;

/// The longest name of a user.
const USER: usize = 256;

/// Members of a request that an agent cannot honour, and why.
const REFUSED: [(&str, &str); 6] = [
    ("tools", "an agent uses its own tools"),
    ("functions", "an agent uses its own tools"),
    ("previous_response_id", "a session goes on by the member user or the header X-OpenClaw-Session-Key"),
    ("conversation", "a session goes on by the member user or the header X-OpenClaw-Session-Key"),
    ("background", "the answer comes with the response"),
    ("response_format", "an agent answers in words"),
];

pub(super) struct Question {
    /// As it was asked for.
    pub(super) model: String,
    agent: String,
    message: String,
    /// The system's messages, for this turn alone.
    system: String,
    pub(super) session_key: String,
    /// Also the name of the answer.
    pub(super) run_id: String,
    pub(super) is_streamed: bool,
    pub(super) tells_usage: bool,
}

impl Question {
    pub(super) fn read(
        endpoint: Endpoint,
        body: &Map<String, Value>,
        session: Option<String>,
    ) -> Result<Self, Problem> {
        refuse(body)?;
        let translated = match endpoint {
            Endpoint::Responses => Some(chat_request(body).map_err(|error| invalid(error.to_string()))?),
            Endpoint::Chat | Endpoint::Embeddings => None,
        };
        let chat = translated.as_ref().unwrap_or(body);
        refuse(chat)?;
        let messages = chat.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let last = messages.iter().rfind(|message| message["role"] == "user");
        let last = last.ok_or_else(|| invalid("messages has none of the role user"))?;
        let is_system = |message: &&Value| message["role"] == "system" || message["role"] == "developer";
        let system = messages.iter().filter(is_system).map(|message| text(&message["content"]));
        let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
        let agent = super::named(model).filter(|agent| !agent.is_empty()).ok_or_else(|| Problem::no_model(model))?;
        let run_id = Ulid::new().to_string();
        let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or_default();
        Ok(Self {
            message: text(&last["content"])?,
            system: system.collect::<Result<Vec<_>, _>>()?.join("\n\n"),
            session_key: session_key(agent, session, user(body)?, &run_id),
            is_streamed: flag(body.get("stream")),
            tells_usage: flag(body.get("stream_options").and_then(|options| options.get("include_usage"))),
            model: model.to_owned(),
            agent: agent.to_owned(),
            run_id,
        })
    }

    /// The params of `agent`.
    pub(super) fn params(&self) -> Value {
        let mut params = json!({
            "message": self.message, "agentId": self.agent, "sessionKey": self.session_key,
            "idempotencyKey": self.run_id,
        });
        if !self.system.is_empty() {
            params["extraSystemPrompt"] = self.system.as_str().into();
        }
        params
    }
}

/// The session that is named, else the one of the user, else one of its own.
fn session_key(agent: &str, named: Option<String>, user: Option<&str>, run_id: &str) -> String {
    match (named, user) {
        (Some(named), _) => named,
        (None, Some(user)) => format!("agent:{agent}:openai-user:{user}"),
        (None, None) => format!("agent:{agent}:openai:{run_id}"),
    }
}

fn user(body: &Map<String, Value>) -> Result<Option<&str>, Problem> {
    match body.get("user") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(user)) if user.is_empty() => Ok(None),
        Some(Value::String(user)) if user.len() <= USER && !user.chars().any(char::is_control) => Ok(Some(user)),
        Some(_) => Err(invalid(format!("user is a text of at most {USER} bytes, without control characters"))),
    }
}

fn refuse(body: &Map<String, Value>) -> Result<(), Problem> {
    let is_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(format) => format.get("type").is_some_and(|kind| kind == "text"),
        _ => false,
    };
    let given = |name: &str| body.get(name).is_some_and(|value| !is_nothing(value));
    if let Some((name, why)) = REFUSED.iter().find(|(name, _)| given(name)) {
        return Err(invalid(format!("{name} is not supported by an agent: {why}")));
    }
    match body.get("n") {
        None | Some(Value::Null) => Ok(()),
        Some(n) if n.as_u64() == Some(1) => Ok(()),
        Some(_) => Err(invalid("n is not supported by an agent: it answers once")),
    }
}

/// The words of a content, its parts one a line.
fn text(content: &Value) -> Result<String, Problem> {
    let word = |part: &Value| match part["type"].as_str() {
        Some("text") => Ok(part["text"].as_str().unwrap_or_default().to_owned()),
        _ => Err(invalid("an agent reads text: put files into its workspace")),
    };
    match content {
        Value::Array(parts) => Ok(parts.iter().map(word).collect::<Result<Vec<_>, _>>()?.join("\n")),
        Value::String(text) => Ok(text.clone()),
        _ => Ok(String::new()),
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::params(message).status(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Endpoint, body: &Value, session: Option<&str>) -> Result<Question, Problem> {
        Question::read(endpoint, body.as_object().expect("an object"), session.map(str::to_owned))
    }

    fn ask(more: &Value) -> Value {
        let messages = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": [{"type": "text", "text": "second"}, {"type": "text", "text": "line"}]},
        ]);
        let mut body = json!({"model": "agent:ada", "messages": messages});
        for (name, value) in more.as_object().expect("an object") {
            body[name.as_str()] = value.clone();
        }
        body
    }

    #[test]
    fn the_last_message_is_the_turn_and_the_systems_go_along() {
        let question = read(Endpoint::Chat, &ask(&json!({})), None).expect("a question");
        let params = question.params();
        assert_eq!((&params["message"], &params["agentId"]), (&json!("second\nline"), &json!("ada")));
        assert_eq!(params["extraSystemPrompt"], "Be brief.");
        assert_eq!(params["sessionKey"], format!("agent:ada:openai:{}", question.run_id));
    }

    #[test]
    fn a_session_is_the_named_one_then_the_users() {
        let key = |more: Value, session| read(Endpoint::Chat, &ask(&more), session).expect("a question").session_key;
        assert_eq!(key(json!({"user": "ann"}), None), "agent:ada:openai-user:ann");
        assert_eq!(key(json!({"user": "ann"}), Some("agent:ada:main")), "agent:ada:main");
        let fresh = || key(json!({"user": ""}), None);
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn a_request_of_responses_asks_the_same() {
        let body = json!({"model": "openclaw:ada", "instructions": "Be brief.", "input": "hello", "stream": true});
        let question = read(Endpoint::Responses, &body, None).expect("a question");
        assert_eq!((question.message.as_str(), question.system.as_str()), ("hello", "Be brief."));
        assert!(question.is_streamed);
    }

    #[test]
    fn what_an_agent_cannot_honour_is_refused_by_name() {
        let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/"}}]}]);
        for (more, name) in [
            (json!({"tools": [{"type": "function", "function": {"name": "ls"}}]}), "tools"),
            (json!({"n": 2}), "n is"),
            (json!({"response_format": {"type": "json_object"}}), "response_format"),
            (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
            (json!({"messages": [{"role": "assistant", "content": "x"}]}), "role user"),
            (json!({"messages": image}), "reads text"),
            (json!({"user": "a\nb"}), "user"),
            (json!({"model": "agent:"}), "no model"),
        ] {
            let problem = read(Endpoint::Chat, &ask(&more), None).err().expect("it is refused");
            assert!(problem.message.contains(name), "{more}: {}", problem.message);
        }
        let none = json!({"tools": [], "n": 1, "response_format": {"type": "text"}, "background": false});
        assert!(read(Endpoint::Chat, &ask(&none), None).is_ok(), "what asks for nothing is no matter");
    }
}
