//! `embeddings`: texts as vectors, by the provider that the operator configured, metered as any call of a model is, or
//! by the built-in embedding, which reaches nobody and costs nothing.

use bytes::Bytes;
use openclaw_config::gateway::Embedding;
use openclaw_models::{Ask, Endpoint, Offered, Piece, WHOLE_BYTES, hashed};
use serde::Deserialize;
use serde_json::{Map, Value};
use wasmtime::component::Resource;

use super::{CapabilityError, model::RETRY_MS};
use crate::{
    bindings::openclaw::gateway::embeddings,
    call::{CallState, Turn},
    capability::calls::Call,
};

/// Most texts of one call, most bytes of one, and of all together.
const TEXTS: usize = 256;
const TEXT_BYTES: usize = 64 << 10;
const ALL_BYTES: usize = 1 << 20;

/// Who embeds where no provider does.
const BUILT_IN: &str = "builtin";

/// Who embeds for this call; the built-in one where it is nobody else.
#[derive(Clone, Debug)]
pub struct Embedder(Option<Embedding>);

impl embeddings::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Embedder>, CapabilityError> {
        self.granted("embeddings")?;
        self.tenant()?;
        if self.migrating {
            return Err(CapabilityError::forbidden("a migration calls no model"));
        }
        Ok(self.table.push(Embedder(self.services.models.embedding()))?)
    }
}

impl embeddings::HostEmbedder for CallState {
    async fn name(&mut self, embedder: Resource<Embedder>) -> wasmtime::Result<String> {
        let Embedder(configured) = self.table.get(&embedder)?;
        Ok(configured.as_ref().map_or_else(|| hashed::NAME.to_owned(), |embedding| embedding.model.clone()))
    }

    async fn provider(&mut self, embedder: Resource<Embedder>) -> wasmtime::Result<String> {
        let Embedder(configured) = self.table.get(&embedder)?;
        let Some(Embedding { model, .. }) = configured else { return Ok(BUILT_IN.to_owned()) };
        Ok(provider_of(model, &self.services.models.offered()).to_owned())
    }

    async fn dimensions(&mut self, embedder: Resource<Embedder>) -> wasmtime::Result<u32> {
        let Embedder(configured) = self.table.get(&embedder)?;
        Ok(configured.as_ref().map_or(hashed::DIMENSIONS as u32, |embedding| embedding.dimensions))
    }

    async fn embed(
        &mut self,
        embedder: Resource<Embedder>,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, CapabilityError> {
        self.embed_texts(&embedder, texts, String::new()).await
    }

    async fn embed_for(
        &mut self,
        embedder: Resource<Embedder>,
        texts: Vec<String>,
        agent: String,
    ) -> Result<Vec<Vec<f32>>, CapabilityError> {
        self.embed_texts(&embedder, texts, agent).await
    }

    async fn drop(&mut self, embedder: Resource<Embedder>) -> wasmtime::Result<()> {
        self.table.delete(embedder)?;
        Ok(())
    }
}

impl CallState {
    /// `agent` is whose texts they are; empty where they are no agent's.
    async fn embed_texts(
        &mut self,
        embedder: &Resource<Embedder>,
        texts: Vec<String>,
        agent: String,
    ) -> Result<Vec<Vec<f32>>, CapabilityError> {
        let Embedder(configured) = self.table.get(embedder)?.clone();
        let bytes: usize = texts.iter().map(String::len).sum();
        if texts.len() > TEXTS || bytes > ALL_BYTES || texts.iter().any(|text| text.len() > TEXT_BYTES) {
            let limits = format!("{TEXTS} texts of {TEXT_BYTES} bytes, {ALL_BYTES} together");
            return Err(CapabilityError::invalid(format!("at most {limits} are embedded at once")));
        }
        let tenant = self.tenant()?.id.clone();
        match configured {
            _ if texts.is_empty() => Ok(Vec::new()),
            Some(embedding) => self.embed_elsewhere(&embedding, texts, agent).await,
            None => {
                let embedded = || texts.iter().map(|text| hashed::embed(text)).collect();
                Ok(self.services.at_length(Some(&tenant), bytes, embedded).await)
            }
        }
    }

    async fn embed_elsewhere(
        &mut self,
        embedding: &Embedding,
        texts: Vec<String>,
        agent: String,
    ) -> Result<Vec<Vec<f32>>, CapabilityError> {
        let (tenant, count, most) =
            (self.current_tenant()?.id.clone(), texts.len(), texts_at_once(embedding.dimensions));
        if count > most {
            let message = format!("at most {most} texts are embedded at once in {} dimensions", embedding.dimensions);
            return Err(CapabilityError::invalid(message));
        }
        let body = Map::from_iter([
            ("model".to_owned(), Value::from(embedding.model.as_str())),
            ("input".to_owned(), Value::from(texts)),
            ("encoding_format".to_owned(), Value::from("float")),
        ]);
        let limits = self.model_limits(&agent)?;
        let ask = Ask {
            caller: self.billed(self.turn_of(agent))?,
            limits,
            method: self.call()?.method.to_string(),
            endpoint: Endpoint::Embeddings,
            body,
        };
        let answer = self.embedded(ask).await?;
        let read = || vectors_of(&answer, count, embedding.dimensions as usize);
        let vectors = self.services.at_length(Some(&tenant), answer.len(), read).await;
        vectors.ok_or_else(|| {
            let (model, dimensions) = (&embedding.model, embedding.dimensions);
            let message = format!("{model} did not answer with {count} vectors of {dimensions} numbers");
            CapabilityError::unavailable(message).retry_after(RETRY_MS)
        })
    }

    /// The turn of an agent that this call is part of; one without a session where it is part of none.
    fn turn_of(&self, agent: String) -> Turn {
        let turn = self.turn.as_ref().filter(|turn| turn.agent == agent);
        turn.cloned().unwrap_or(Turn { agent, session: None, run: None })
    }

    /// The provider's whole answer, once it is settled.
    async fn embedded(&mut self, ask: Ask) -> Result<Bytes, CapabilityError> {
        self.meter.begin();
        let called = self.services.call_model(ask).await;
        let mut answer = called.map_err(|error| self.refused(error))?;
        let mut body = Bytes::new();
        while let Some(piece) = answer.next().await {
            match piece {
                Ok(Piece::Body(bytes)) => body = bytes,
                Ok(Piece::Chunk { .. } | Piece::End(_)) => {}
                Err(error) => return Err(self.refused(error)),
            }
        }
        Ok(body)
    }
}

/// Who serves a model, by its listed name or by `provider/name`; empty where nobody does.
fn provider_of<'a>(model: &'a str, offered: &'a [Offered]) -> &'a str {
    let listed = offered.iter().find(|listed| listed.id == model).map(|listed| &*listed.provider);
    listed.or_else(|| Some(model.split_once('/')?.0)).unwrap_or_default()
}

/// Most bytes of a number as providers write it, with what stands between two.
const NUMBER_BYTES: usize = 24;

/// Most texts of one call whose vectors an answer has room for.
fn texts_at_once(dimensions: u32) -> usize {
    TEXTS.min(WHOLE_BYTES / NUMBER_BYTES / (dimensions as usize).max(1)).max(1)
}

/// An answer: more numbers than a value of JSON may have, and nothing else that is of use.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[allow(clippy::disallowed_methods, reason = "a type of ours: no value of any depth or size is built")]
fn read(answer: &[u8]) -> Option<Answer> {
    serde_json::from_slice(answer).ok()
}

/// The vectors of an answer in the order of the texts; none where it is not what was asked for.
fn vectors_of(answer: &[u8], count: usize, dimensions: usize) -> Option<Vec<Vec<f32>>> {
    let Answer { data } = read(answer).filter(|answer| answer.data.len() == count)?;
    let mut vectors = vec![Vec::new(); count];
    for (position, Embedded { index, embedding }) in data.into_iter().enumerate() {
        let is_sound = embedding.len() == dimensions && embedding.iter().all(|number| number.is_finite());
        *vectors.get_mut(index.unwrap_or(position))? = is_sound.then_some(embedding)?;
    }
    vectors.iter().all(|vector| !vector.is_empty()).then_some(vectors)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(data: &str) -> Option<Vec<Vec<f32>>> {
        vectors_of(format!(r#"{{"object": "list", "data": {data}}}"#).as_bytes(), 2, 2)
    }

    #[test]
    fn vectors_come_in_the_order_of_their_texts() {
        let turned = r#"[{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2.5]}]"#;
        assert_eq!(of(turned), Some(vec![vec![1.0, 2.5], vec![3.0, 4.0]]));
        assert_eq!(of(r#"[{"embedding": [1, 2]}, {"embedding": [3, 4]}]"#), Some(vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
    }

    #[test]
    fn the_largest_answer_is_read() {
        let (texts, dimensions) = (TEXTS, 3_072);
        assert_eq!(texts_at_once(dimensions), texts);
        let vector = json!({ "embedding": vec![-0.012_345_678_9; dimensions as usize] });
        let answer = json!({ "data": vec![vector; texts] }).to_string();
        assert!(answer.len() < WHOLE_BYTES);
        let vectors = vectors_of(answer.as_bytes(), texts, dimensions as usize).expect("all of it");
        assert_eq!(vectors.iter().map(Vec::len).sum::<usize>(), 786_432);
    }

    #[test]
    fn so_many_texts_are_sent_as_can_be_answered() {
        assert_eq!(texts_at_once(2), TEXTS);
        assert_eq!(texts_at_once(8_192), 106);
        assert_eq!(texts_at_once(u32::MAX), 1);
    }

    #[test]
    fn a_model_is_its_providers_that_lists_it_or_that_is_named() {
        let listed = |id: &str, provider: &str| Offered {
            id: id.to_owned(),
            name: None,
            provider: provider.to_owned(),
            context_window: None,
            reasoning: false,
        };
        let offered = [listed("small", "here"), listed("maker/large", "reseller")];
        let found = ["small", "maker/large", "maker/other", "hashed-ngram"].map(|model| provider_of(model, &offered));
        assert_eq!(found, ["here", "reseller", "maker", ""]);
    }

    #[test]
    fn what_was_not_asked_for_is_no_answer() {
        for data in [
            r#"[{"index": 0, "embedding": [1, 2]}]"#,
            r#"[{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [3, 4]}]"#,
            r#"[{"index": 0, "embedding": [1, 2]}, {"index": 2, "embedding": [3, 4]}]"#,
            r#"[{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [3]}]"#,
            r#"[{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [3, 1e300]}]"#,
            r#"[{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [3, "4"]}]"#,
            r#""none""#,
        ] {
            assert_eq!(of(data), None, "{data}");
        }
    }
}
