//! What a client asks a model, checked and counted before anything is reserved for it.

use openclaw_billing::CacheWrites;
use openclaw_config::gateway;
use serde_json::{Map, Value, json};

use crate::catalog::Kind;
use crate::error::ModelError;
use crate::responses::request::chat_request;
use crate::tokens::{self, Weight};

/// Tokens of an answer where neither the request nor the configuration says how many.
const OUTPUT: u64 = 4_096;

/// Most answers to one request.
const CHOICES: u64 = 16;

/// Most bytes of a model's name.
const NAME_BYTES: usize = 256;

/// Which of a provider's interfaces is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/chat/completions`
    Chat,
    /// `/responses`
    Responses,
    /// `/embeddings`
    Embeddings,
}

impl Endpoint {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
        }
    }

    /// The members that limit an answer, the one that is used where the client names none first.
    fn limits(self, reasons: bool) -> &'static [&'static str] {
        match (self, reasons) {
            (Self::Chat, false) => &["max_tokens", "max_completion_tokens"],
            (Self::Chat, true) => &["max_completion_tokens", "max_tokens"],
            (Self::Responses, _) => &["max_output_tokens"],
            (Self::Embeddings, _) => &[],
        }
    }
}

/// A request that can be sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) endpoint: Endpoint,
    /// The client's members, unknown ones too.
    pub(crate) body: Map<String, Value>,
    /// The same as chat completions have it, where it asks for a response of a provider that has none.
    translated: Option<Map<String, Value>>,
    /// The model's name, as requested.
    pub(crate) requested: String,
    pub(crate) is_streamed: bool,
    /// The client wants the usage at the end of its stream.
    pub(crate) includes_usage: bool,
    weight: Weight,
    asked_output: Option<u64>,
    choices: u64,
}

/// What is said where neither the request nor the configuration names a model.
pub const NO_MODEL: &str =
    "no model is named, and none is configured: set models.default and models.providers in config.yaml";

impl Prepared {
    /// Checks all that takes no time. What it weighs is not known before [`count`](Self::count).
    pub(crate) fn read(
        endpoint: Endpoint,
        body: Map<String, Value>,
        default: Option<&str>,
    ) -> Result<Self, ModelError> {
        let requested = match body.get("model") {
            None | Some(Value::Null) => Some(default.ok_or_else(|| ModelError::invalid(NO_MODEL))?.to_owned()),
            Some(name) => name.as_str().filter(|name| (1..=NAME_BYTES).contains(&name.len())).map(str::to_owned),
        };
        let requested = requested.ok_or_else(|| ModelError::invalid("model must be the name of a model"))?;
        check_input(endpoint, &body)?;
        check_billable(endpoint, &body)?;
        let limits = endpoint.limits(false).iter().filter_map(|name| Some((*name, body.get(*name)?)));
        let asked = limits.filter(|(_, value)| !value.is_null()).map(|(name, value)| whole(name, value, u64::MAX));
        let asked_output = asked.collect::<Result<Vec<u64>, _>>()?.into_iter().min();
        let choices = match body.get("n") {
            None | Some(Value::Null) => 1,
            Some(n) => whole("n", n, CHOICES)?,
        };
        let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or_default();
        Ok(Self {
            endpoint,
            requested,
            is_streamed: endpoint != Endpoint::Embeddings && flag(body.get("stream")),
            includes_usage: flag(body.get("stream_options").and_then(|options| options.get("include_usage"))),
            weight: Weight::default(),
            asked_output,
            choices,
            body,
            translated: None,
        })
    }

    /// Counts what a model reads of it, which takes a while where it is long: not of what this one cannot take anyway.
    pub(crate) fn count(&mut self, model: &gateway::Model) -> Result<(), ModelError> {
        if let Some(context) = model.context_window
            && tokens::at_least(&self.body) > context
        {
            return Err(ModelError::invalid(format!(
                "the request is longer than the {context} tokens that {} takes",
                model.id
            )));
        }
        self.weight = tokens::of_request(&self.body);
        Ok(())
    }

    /// Makes a request of chat completions of one of responses.
    pub(crate) fn translate(&mut self) -> Result<(), ModelError> {
        self.translated = Some(chat_request(&self.body)?);
        Ok(())
    }

    /// The request as one of chat completions.
    pub(crate) fn chat(&self) -> &Map<String, Value> {
        self.translated.as_ref().unwrap_or(&self.body)
    }

    /// Tokens of the request at the most, with the margins.
    pub(crate) fn input_tokens(&self, model: &gateway::Model) -> u64 {
        self.weight.tokens(model.context_window)
    }

    /// Tokens of the request as it is charged where the provider does not say.
    pub(crate) fn likely_input_tokens(&self, model: &gateway::Model) -> u64 {
        self.weight.likely(model.context_window)
    }

    /// Tokens of each answer at the most: what is sent to the provider as its limit.
    pub(crate) fn cap(&self, model: &gateway::Model) -> u64 {
        if self.endpoint == Endpoint::Embeddings {
            return 0;
        }
        match (self.asked_output, model.max_output_tokens) {
            (Some(asked), Some(most)) => asked.min(most),
            (asked, most) => asked.or(most).unwrap_or(OUTPUT),
        }
    }

    /// Tokens of all answers at the most.
    pub(crate) fn max_output(&self, model: &gateway::Model) -> u64 {
        self.cap(model).saturating_mul(self.choices)
    }

    pub(crate) fn cache_writes(&self, kind: &Kind) -> CacheWrites {
        match kind {
            Kind::Scripted(_) => CacheWrites::Hour,
            // Its cache is its own affair; servers that are compatible with it charge for writes.
            Kind::OpenAi(_) => CacheWrites::Minutes,
            Kind::Anthropic(_) => match cache_control(&self.body) {
                Some(true) => CacheWrites::Hour,
                Some(false) => CacheWrites::Minutes,
                None => CacheWrites::Never,
            },
        }
    }

    /// The body for a provider that speaks this protocol itself.
    pub(crate) fn for_openai(&self, model: &gateway::Model) -> Map<String, Value> {
        let mut body = self.body.clone();
        body.insert("model".into(), model.id.as_str().into());
        let limits = self.endpoint.limits(model.reasoning);
        let given = limits.iter().find(|name| body.get(**name).is_some_and(|value| !value.is_null()));
        if let Some(limit) = given.or(limits.first()) {
            body.insert((*limit).into(), self.cap(model).into());
        }
        if self.is_streamed && self.endpoint == Endpoint::Chat {
            let options = body.entry("stream_options").or_insert_with(|| json!({}));
            if !options.is_object() {
                *options = json!({});
            }
            options["include_usage"] = true.into();
        }
        if self.endpoint == Endpoint::Responses {
            // What a provider keeps is its account's, and so every tenant's.
            body.insert("store".into(), false.into());
        }
        body
    }
}

fn whole(name: &str, value: &Value, most: u64) -> Result<u64, ModelError> {
    let number = value.as_u64().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| match most {
        u64::MAX => ModelError::invalid(format!("{name} must be a whole number above zero")),
        most => ModelError::invalid(format!("{name} must be a whole number from 1 to {most}")),
    })
}

fn check_input(endpoint: Endpoint, body: &Map<String, Value>) -> Result<(), ModelError> {
    let (name, may_be_text) = match endpoint {
        Endpoint::Chat => ("messages", false),
        Endpoint::Responses | Endpoint::Embeddings => ("input", true),
    };
    match body.get(name) {
        Some(Value::Array(items)) if !items.is_empty() => Ok(()),
        Some(Value::String(text)) if may_be_text && !text.is_empty() => Ok(()),
        _ if may_be_text => Err(ModelError::invalid(format!("{name} must be a text or an array, and not empty"))),
        _ => Err(ModelError::invalid(format!("{name} must be an array, and not empty"))),
    }
}

/// What has a price that no rate card knows, or reaches what other tenants left with the same account.
fn check_billable(endpoint: Endpoint, body: &Map<String, Value>) -> Result<(), ModelError> {
    let given = |name: &str| body.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
    const SEARCH: &str = "a search has a price that the rate card does not know";
    const ROUTE: &str = "the model is the one that was asked for, and so is its price";
    const KEPT: &str = "what a provider keeps is not kept apart by tenants: send the whole conversation";
    let refused: &[(&str, &str)] = &[
        ("background", "an answer that nobody waits for cannot be billed"),
        ("previous_response_id", KEPT),
        ("conversation", KEPT),
        ("container", "a container has a price that the rate card does not know"),
        ("mcp_servers", "a provider's own calls of tools cannot be billed"),
        ("plugins", "a provider's plugins have prices that the rate card does not know"),
        ("transforms", "a provider's changes of a request cannot be counted before it is sent"),
        ("web_search_options", SEARCH),
        ("web_search", SEARCH),
        ("enable_search", SEARCH),
        ("search_parameters", SEARCH),
        ("models", ROUTE),
        ("fallbacks", ROUTE),
        ("route", ROUTE),
        ("provider", ROUTE),
        ("preset", ROUTE),
        ("speed", "the rate card has the prices of the default one"),
        ("inference_geo", "the rate card has the prices of the default one"),
        ("prediction", "what an answer does not use of it is charged as output that no limit holds"),
        ("best_of", "answers that are not given are charged too: ask for n"),
    ];
    if let Some((name, why)) = refused.iter().find(|(name, _)| given(name)) {
        return Err(ModelError::invalid(format!("{name} is not supported: {why}")));
    }
    let tier = body.get("service_tier").and_then(Value::as_str).unwrap_or("default");
    if !["default", "auto", "standard_only"].contains(&tier) {
        return Err(ModelError::invalid(
            "service_tier is not supported: the rate card has the prices of the default one",
        ));
    }
    if endpoint == Endpoint::Chat && given("audio") {
        return Err(ModelError::invalid("audio is not supported: the rate card has no price for spoken output"));
    }
    let is_text = |modality: &Value| modality == "text";
    if body.get("modalities").and_then(Value::as_array).is_some_and(|all| !all.iter().all(is_text)) {
        return Err(ModelError::invalid(
            "modalities is not supported but for text: the rate card has no price for others",
        ));
    }
    if body.get("prompt").is_some_and(Value::is_object) {
        return Err(ModelError::invalid(
            "prompt is not supported as an object: what a provider keeps can name tools and models",
        ));
    }
    check_tools(body.get("tools"))
}

/// What the provider runs has a price of its own.
fn check_tools(tools: Option<&Value>) -> Result<(), ModelError> {
    let tools = match tools {
        None | Some(Value::Null) => return Ok(()),
        Some(tools) => tools.as_array().ok_or_else(|| ModelError::invalid("tools must be an array"))?,
    };
    match tools.iter().find(|tool| !is_the_clients(tool)) {
        Some(tool) => {
            let first = || tool.as_object().and_then(|members| members.keys().next()).map_or("", String::as_str);
            let kind = tool["type"].as_str().unwrap_or_else(first);
            Err(ModelError::invalid(format!(
                "the tool {kind:?} is not supported: the provider runs it, at a price of its own"
            )))
        }
        None => Ok(()),
    }
}

/// A tool that the client runs: of a known type, or without one and with a name.
fn is_the_clients(tool: &Value) -> bool {
    const RUN_BY_THE_CLIENT: &[&str] = &["bash_", "text_editor_", "computer_", "memory_"];
    match tool["type"].as_str() {
        Some(kind) => {
            matches!(kind, "function" | "custom") || RUN_BY_THE_CLIENT.iter().any(|start| kind.starts_with(start))
        }
        None => tool["name"].is_string() || tool["function"].is_object(),
    }
}

/// Whether something is to be cached, and whether for an hour.
fn cache_control(members: &Map<String, Value>) -> Option<bool> {
    let mut found = None;
    for (name, value) in members {
        let here =
            if name == "cache_control" && value.is_object() { Some(value["ttl"] == "1h") } else { within(value) };
        found = found.max(here);
    }
    found
}

fn within(value: &Value) -> Option<bool> {
    match value {
        Value::Object(members) => cache_control(members),
        Value::Array(values) => values.iter().map(within).max().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Endpoint, body: &Value) -> Result<Prepared, ModelError> {
        Prepared::read(endpoint, body.as_object().expect("an object").clone(), Some("standard"))
    }

    #[test]
    fn without_any_model_it_is_told_where_one_is_set() {
        let refused = Prepared::read(Endpoint::Chat, Map::new(), None).err();
        assert!(matches!(refused, Some(ModelError::Invalid(why)) if why == NO_MODEL));
    }

    fn model(most: Option<u64>, reasoning: bool) -> gateway::Model {
        let described = json!({"id": "upstream", "max_output_tokens": most, "reasoning": reasoning});
        serde_json::from_value(described).expect("a model")
    }

    fn ask(more: &Value) -> Value {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in more.as_object().expect("an object") {
            body[name.as_str()] = value.clone();
        }
        body
    }

    #[test]
    fn the_cap_is_the_smallest_of_what_is_said_and_is_sent() {
        let cap = |more: Value, most| {
            let prepared = read(Endpoint::Chat, &ask(&more)).expect("a request");
            (prepared.cap(&model(most, false)), prepared.for_openai(&model(most, false)))
        };
        assert_eq!(cap(json!({}), None).0, 4_096);
        assert_eq!(cap(json!({}), Some(100)).0, 100);
        assert_eq!(cap(json!({"max_tokens": 7}), Some(100)).0, 7);
        assert_eq!(cap(json!({"max_completion_tokens": 700}), Some(100)).0, 100);
        let (_, sent) = cap(json!({"max_completion_tokens": 700}), Some(100));
        assert_eq!((&sent["max_completion_tokens"], sent.get("max_tokens")), (&json!(100), None));
        let (_, sent) = cap(json!({}), None);
        assert_eq!((&sent["max_tokens"], &sent["model"]), (&json!(4_096), &json!("upstream")));
        let reasons = read(Endpoint::Chat, &ask(&json!({}))).expect("a request").for_openai(&model(None, true));
        assert_eq!(reasons["max_completion_tokens"], 4_096);
    }

    #[test]
    fn what_no_model_could_take_is_refused_before_it_is_counted() {
        let body = ask(&json!({"messages": [{"role": "user", "content": "a".repeat(16 * 1_000 + 16)}]}));
        let small = gateway::Model { context_window: Some(1_000), ..model(None, false) };
        let mut prepared = read(Endpoint::Chat, &body).expect("a request");
        let error = prepared.count(&small).expect_err("it is too long").to_string();
        assert!(error.contains("1000 tokens"), "{error}");
        assert_eq!(prepared.weight, Weight::default(), "nothing was counted");
        let large = gateway::Model { context_window: Some(100_000), ..small };
        prepared.count(&large).expect("it is counted");
        assert!(prepared.input_tokens(&large) > 1_000);
    }

    #[test]
    fn every_answer_is_counted() {
        let prepared = read(Endpoint::Chat, &ask(&json!({"n": 3, "max_tokens": 10}))).expect("a request");
        assert_eq!(prepared.max_output(&model(None, false)), 30);
    }

    #[test]
    fn a_stream_always_tells_its_usage_to_us() {
        let body = ask(&json!({"stream": true, "stream_options": {"chunk": 1}, "x_new": {"a": 1}}));
        let prepared = read(Endpoint::Chat, &body).expect("a request");
        assert!(prepared.is_streamed && !prepared.includes_usage);
        let sent = prepared.for_openai(&model(None, false));
        assert_eq!(sent["stream_options"], json!({"chunk": 1, "include_usage": true}));
        assert_eq!(sent["x_new"], json!({"a": 1}), "what is not known passes through");
    }

    #[test]
    fn what_cannot_be_billed_or_kept_apart_is_refused_by_name() {
        for (more, name) in [
            (json!({"background": true}), "background"),
            (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
            (json!({"tools": [{"type": "web_search"}]}), "web_search"),
            (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "web_search_20250305"),
            (json!({"tools": [{"google_search": {}}]}), "google_search"),
            (json!({"tools": {"type": "web_search"}}), "tools must"),
            (json!({"service_tier": "priority"}), "service_tier"),
            (json!({"models": ["small", "dear"]}), "models"),
            (json!({"route": "fallback"}), "route"),
            (json!({"provider": {"order": ["dear"]}}), "provider"),
            (json!({"plugins": [{"id": "web"}]}), "plugins"),
            (json!({"transforms": ["middle-out"]}), "transforms"),
            (json!({"web_search_options": {}}), "web_search_options"),
            (json!({"modalities": ["text", "image"]}), "modalities"),
            (json!({"prediction": {"type": "content", "content": "x"}}), "prediction"),
            (json!({"prompt": {"id": "pmpt_1"}}), "prompt"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"max_tokens": "many"}), "max_tokens"),
            (json!({"n": 1000}), "n must"),
            (json!({"messages": []}), "messages"),
            (json!({"model": 3}), "model"),
            (json!({"model": "m".repeat(1_000)}), "model"),
        ] {
            let error = read(Endpoint::Chat, &ask(&more)).expect_err("it is refused").to_string();
            assert!(error.contains(name), "{more}: {error}");
        }
    }

    #[test]
    fn a_response_is_kept_by_nobody() {
        let prepared = read(Endpoint::Responses, &json!({"input": "hi", "store": true})).expect("a request");
        let sent = prepared.for_openai(&model(None, false));
        assert_eq!((&sent["store"], &sent["max_output_tokens"]), (&json!(false), &json!(4_096)));
    }

    #[test]
    fn cache_writes_are_reserved_for_as_long_as_they_are_asked_for() {
        let of = |more: Value| cache_control(ask(&more).as_object().expect("an object"));
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({"system": [{"type": "text", "cache_control": {"type": "ephemeral"}}]})), Some(false));
        let both = json!({"system": [{"cache_control": {"ttl": "1h"}}, {"cache_control": {"type": "ephemeral"}}]});
        assert_eq!(of(both), Some(true));
    }
}
