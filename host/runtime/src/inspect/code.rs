//! What it takes to compile a file, as far as its declarations tell.
//!
//! The time that a function takes grows with the product of its locals and its
//! branches: each local that lives across a branch is a value of its own behind
//! it. So the product is limited, beside the plain numbers. What passes here and
//! takes long all the same is ended by `compile/apart.rs`.

use wasmparser::{BinaryReaderError, CompositeInnerType, FunctionBody, Operator, Payload, SubType};

use crate::LoadError;

/// Functions of a file.
const FUNCTIONS: u64 = 100_000;
/// Bytes of a function.
const BODY_BYTES: u64 = 1 << 20;
/// Locals of a function.
const LOCALS: u64 = 10_000;
/// Locals of a function times its branches.
const LOCALS_BY_BRANCHES: u64 = 20_000_000;
/// Parameters and results of a function or a block. Each is passed at two bytes of code.
const PARAMETERS: u64 = 128;
const RESULTS: u64 = 16;

/// The code of a file, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    functions: u64,
    /// The first limit that it is over.
    excess: Option<Excess>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Excess {
    /// The number of the function, of those that the file defines.
    function: Option<u64>,
    has: u64,
    of: &'static str,
    most: u64,
}

impl Code {
    /// Whether it is within the limits of what a tenant may bring.
    pub fn check(&self) -> Result<(), LoadError> {
        let Some(Excess { function, has, of, most }) = &self.excess else { return Ok(()) };
        let what = function.map_or_else(|| "the file".into(), |index| format!("function {index}"));
        Err(LoadError::Complex { what, has: *has, of, most: *most })
    }

    pub(super) fn count(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    group?.types().for_each(|of| self.signature(of));
                }
            }
            Payload::CodeSectionEntry(body) => self.function(body)?,
            _ => {}
        }
        Ok(())
    }

    fn signature(&mut self, of: &SubType) {
        if let CompositeInnerType::Func(function) = &of.composite_type.inner {
            self.limit(None, function.params().len() as u64, "parameters in one type", PARAMETERS);
            self.limit(None, function.results().len() as u64, "results in one type", RESULTS);
        }
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        let index = Some(self.functions);
        self.functions += 1;
        self.limit(None, self.functions, "functions", FUNCTIONS);
        self.limit(index, body.range().len() as u64, "bytes", BODY_BYTES);
        let mut locals = 0;
        for local in body.get_locals_reader()? {
            locals += u64::from(local?.0);
        }
        self.limit(index, locals, "locals", LOCALS);
        let product = locals.saturating_mul(branches(body)?);
        self.limit(index, product, "locals times branches", LOCALS_BY_BRANCHES);
        Ok(())
    }

    fn limit(&mut self, function: Option<u64>, has: u64, of: &'static str, most: u64) {
        if has > most && self.excess.is_none() {
            self.excess = Some(Excess { function, has, of, most });
        }
    }
}

/// The places of a function where control parts or meets.
fn branches(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    let mut branches = 0;
    for operator in body.get_operators_reader()? {
        branches += match operator? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => u64::from(targets.len()) + 1,
            _ => 0,
        };
    }
    Ok(branches)
}
