//! Answers `NAME.hello`.

/// Greets people, and remembers how often.
#[openclaw_sdk::handler(family = "NAME")]
mod handler {
    use openclaw_sdk::{Call, JsonSchema, Result, documents::Document};
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Hello {
        name: String,
    }

    #[derive(Serialize, JsonSchema)]
    #[schemars(deny_unknown_fields)]
    struct Greeting {
        text: String,
        /// How often this name was greeted, this time among them.
        times: u64,
    }

    /// Says hello.
    #[method(scope = write)]
    fn hello(call: &Call, params: Hello) -> Result<Greeting> {
        let database = call.documents()?;
        let known = database.collection("people").document(&params.name)?;
        let times = known.as_ref().map(Document::parse::<u64>).transpose()?.unwrap_or_default() + 1;
        database.transaction().put("people", &params.name, &times, 0)?.commit()?;
        Ok(Greeting { text: format!("Hello, {}!", params.name), times })
    }
}

#[cfg(test)]
mod tests;
