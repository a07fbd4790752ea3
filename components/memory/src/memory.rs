//! One agent's memory: its index, and the embedding whose vectors are in it.

use crate::files::Files;
use crate::model::Model;
use openclaw_sdk::embeddings::Embedder;
use openclaw_sdk::tasks::Claim;
use openclaw_sdk::vectors::{Index, Kept};
use openclaw_sdk::{Call, Error, Result};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long one change waits for another of the same agent's.
const WAIT: Duration = Duration::from_secs(20);

pub(crate) struct Memory<'a> {
    pub(crate) call: &'a Call,
    pub(crate) agent: String,
    pub(crate) files: Files,
    pub(crate) model: Model,
    embedder: Embedder,
}

/// How many texts were embedded, and how many had been before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Embedded {
    pub(crate) anew: u32,
    pub(crate) cached: u32,
}

impl<'a> Memory<'a> {
    /// The memory of the agent that is named, which must be there; of the default one, where none is.
    pub(crate) fn of_agent(call: &'a Call, named: Option<String>) -> Result<Self> {
        let agents = call.config()?.agents()?;
        Self::open(call, agents.named_or_default(named.as_deref())?.to_owned())
    }

    /// The memory under an id, whether there is an agent of that id or was one.
    pub(crate) fn open(call: &'a Call, agent: String) -> Result<Self> {
        if !is_plain(&agent) {
            return Err(Error::invalid("an agent that remembers has an id of a-z, 0-9, '_' and '-'"));
        }
        let embedder = call.embeddings()?;
        Ok(Self { call, files: Files::open(call, &agent)?, agent, model: Model::of(&embedder), embedder })
    }

    /// Who makes its vectors.
    pub(crate) fn provider(&self) -> String {
        self.embedder.provider()
    }

    pub(crate) fn index(&self) -> Result<Index> {
        self.call.vectors(&self.agent, self.model.dimensions)
    }

    /// The right to change this memory, which one call has at a time.
    pub(crate) fn claim(&self) -> Result<Claim> {
        self.claim_within(WAIT)?.ok_or_else(|| {
            Error::unavailable(format!("the memory of {} is being changed by another call", self.agent), Some(1000))
        })
    }

    /// None where another call has it still after a while.
    pub(crate) fn claim_within(&self, wait: Duration) -> Result<Option<Claim>> {
        let tasks = self.call.tasks()?;
        match tasks.inherited() {
            Some(claim) => Ok(Some(claim)),
            None => tasks.claim(&format!("change:{}", self.agent), wait),
        }
    }

    /// The vector of what is searched for.
    pub(crate) fn vector(&self, text: &str) -> Result<Vec<f32>> {
        Ok(self.embed(&[text.to_owned()])?.concat())
    }

    /// At the agent's expense where the caller may set it to work, as whoever has it run does. Others only look, at
    /// the memory of any agent that they name: that is the tenant's.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let may_write = self.call.is_operator() || self.call.scopes().iter().any(|scope| scope == "write");
        if may_write { self.embedder.embed_for(texts, &self.agent) } else { self.embedder.embed(texts) }
    }

    /// One vector a text; those that are kept are not made again.
    pub(crate) fn vectors(&self, index: &Index, texts: &[&str]) -> Result<(Vec<Vec<f32>>, Embedded)> {
        let keys: Vec<String> = texts.iter().map(|text| hash(text.as_bytes())).collect();
        let mut vectors = index.recall(&keys)?;
        let missing: Vec<usize> = (0..texts.len()).filter(|&at| vectors[at].is_none()).collect();
        let wanted: Vec<String> = missing.iter().map(|&at| texts[at].to_owned()).collect();
        let made = self.embed(&wanted)?;
        let kept: Vec<Kept> = missing
            .iter()
            .zip(&made)
            .map(|(&at, vector)| Kept { key: keys[at].clone(), vector: vector.clone() })
            .collect();
        index.keep(&kept)?;
        for (&at, vector) in missing.iter().zip(made) {
            vectors[at] = Some(vector);
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let embedded = Embedded { anew: count(missing.len()), cached: count(texts.len() - missing.len()) };
        let vectors: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
        Ok((vectors.ok_or_else(|| Error::internal("a text has no vector"))?, embedded))
    }
}

impl std::ops::AddAssign for Embedded {
    fn add_assign(&mut self, other: Self) {
        self.anew += other.anew;
        self.cached += other.cached;
    }
}

/// Whether it is a name that an index, a directory and the first part of a key can have.
fn is_plain(agent: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=64).contains(&agent.len()) && agent.bytes().all(allowed) && !agent.starts_with(['_', '-'])
}

/// SHA-256, in hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
