//! `embeddings`: the embedder that the test plays.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

const TEXTS: usize = 256;
const TEXT_BYTES: usize = 64 << 10;
const ALL_BYTES: usize = 1 << 20;

pub struct Embedder(Rc<Facts>);

pub fn open(call: &Call) -> Result<Embedder, Error> {
    call.0.granted("embeddings")?;
    call.0.tenant()?;
    call.0.state.scripts.embedder.check(&call.0, "embeddings")?;
    Ok(Embedder(Rc::clone(&call.0)))
}

impl Embedder {
    pub fn name(&self) -> String {
        "test".to_owned()
    }

    pub fn provider(&self) -> String {
        "played".to_owned()
    }

    pub fn dimensions(&self) -> u32 {
        self.0.state.scripts.dimensions.get()
    }

    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        self.embed_texts(texts, "")
    }

    fn embed_texts(&self, texts: &[String], agent: &str) -> Result<Vec<Vec<f32>>, Error> {
        let bytes: usize = texts.iter().map(String::len).sum();
        if texts.len() > TEXTS || bytes > ALL_BYTES || texts.iter().any(|text| text.len() > TEXT_BYTES) {
            let limits = format!("{TEXTS} texts of {TEXT_BYTES} bytes, {ALL_BYTES} together");
            return Err(Error::invalid(format!("at most {limits} are embedded at once")));
        }
        let scripts = &self.0.state.scripts;
        scripts.embedded_for.borrow_mut().extend(texts.iter().map(|_| agent.to_owned()));
        texts.iter().map(|text| scripts.embedder.play(text)).collect()
    }

    pub fn embed_for(&self, texts: &[String], agent: &str) -> Result<Vec<Vec<f32>>, Error> {
        if !agent.is_empty() && !self.0.state.config.borrow().has_agent(agent) {
            return Err(Error::invalid(format!("there is no agent {agent:?}")));
        }
        self.embed_texts(texts, agent)
    }
}
