//! The process that compiles what nobody trusts: the gateway's own program, started with [`VERB`].
//!
//! Compiling cannot be interrupted, and what it takes is the file's author's to
//! choose. Here it takes a process, which limits itself before it looks at the
//! file, has nothing of the gateway's (no environment, no descriptor but three
//! pipes), and ends when the gateway does.
//!
//! It reads the number of the file's bytes (8, little-endian) and the file, and
//! writes the code.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::{ExitCode, exit},
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use super::CODE_BYTES_MAX;
use crate::{
    LoadError,
    engine::{self, Counting},
};

/// The program's first argument.
pub const VERB: &str = "compile-component";

/// The exit code that says: the file is to blame, and standard error has the reason.
pub(super) const REFUSED: u8 = 2;

/// The most bytes of that reason.
pub(super) const REASON_BYTES: usize = 2000;

/// Calls come first.
const NICE: i32 = 10;

/// What it may take, and what it compiles for: its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) cpu_seconds: u64,
    pub(super) memory_bytes: u64,
    pub(super) counting: Counting,
}

impl Order {
    pub(super) fn arguments(self) -> [String; 4] {
        let counting = if self.counting == Counting::Instructions { "counting" } else { "plain" };
        [VERB.into(), self.cpu_seconds.to_string(), self.memory_bytes.to_string(), counting.into()]
    }

    fn read(arguments: &[OsString]) -> Option<Self> {
        let texts: Vec<&str> = arguments.iter().map(|text| text.to_str()).collect::<Option<_>>()?;
        let [VERB, cpu_seconds, memory_bytes, counting] = texts[..] else { return None };
        Some(Self {
            cpu_seconds: cpu_seconds.parse().ok()?,
            memory_bytes: memory_bytes.parse().ok()?,
            counting: if counting == "counting" { Counting::Instructions } else { Counting::Off },
        })
    }
}

/// The whole process. `arguments` are the program's, from [`VERB`] on.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let Some(order) = Order::read(arguments) else {
        return end(1, "the gateway starts this itself, to compile a component apart");
    };
    match order.carry_out() {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(LoadError::Invalid(reason))) => end(REFUSED, &reason),
        Ok(Err(error)) => end(1, &error.to_string()),
        Err(error) => end(1, &error.to_string()),
    }
}

fn end(code: u8, reason: &str) -> ExitCode {
    let reason: String = reason.chars().take(REASON_BYTES / 4).collect();
    // Who does not read it has ended.
    let _ = io::stderr().write_all(reason.as_bytes());
    code.into()
}

impl Order {
    fn carry_out(self) -> io::Result<Result<(), LoadError>> {
        self.limit()?;
        let mut input = io::stdin();
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes)?;
        let mut wasm = vec![0; usize::try_from(u64::from_le_bytes(bytes)).map_err(io::Error::other)?];
        input.read_exact(&mut wasm)?;
        end_with_the_gateway()?;
        let code = engine::compiler(self.counting)
            .and_then(|engine| engine.precompile_component(&wasm).map_err(LoadError::invalid));
        match code {
            Ok(code) if code.len() > CODE_BYTES_MAX => {
                Ok(Err(LoadError::Invalid(format!("its code has {} bytes, more than {CODE_BYTES_MAX}", code.len()))))
            }
            Ok(code) => io::stdout().write_all(&code).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn limit(self) -> io::Result<()> {
        // A limit that the gateway itself is under can only be lowered.
        let at_most = |resource, current: u64, maximum: u64| {
            let maximum = getrlimit(resource).maximum.map_or(maximum, |given| given.min(maximum));
            setrlimit(resource, Rlimit { current: Some(current.min(maximum)), maximum: Some(maximum) })
        };
        at_most(Resource::Core, 0, 0)?;
        // The first ends it by a signal that says why, the second whatever happens.
        at_most(Resource::Cpu, self.cpu_seconds, self.cpu_seconds + 1)?;
        at_most(Resource::As, self.memory_bytes, self.memory_bytes)?;
        nice(NICE)?;
        first_to_go();
        Ok(())
    }
}

/// Where memory runs short, the kernel takes this process and not the gateway.
#[allow(clippy::disallowed_methods, reason = "this process's own, in /proc")]
fn first_to_go() {
    // It is a precaution: where /proc is not there, the limits are.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// The gateway holds the other end of standard input as long as it wants the code.
fn end_with_the_gateway() -> io::Result<()> {
    let wait = || {
        let _ = io::stdin().read(&mut [0]);
        exit(1);
    };
    thread::Builder::new().name("gateway".into()).spawn(wait).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_as_it_is_written() {
        let order = Order { cpu_seconds: 60, memory_bytes: 2 << 30, counting: Counting::Instructions };
        let arguments = order.arguments().map(OsString::from);
        assert_eq!(Order::read(&arguments), Some(order));
        assert_eq!(Order::read(&arguments[1..]), None);
    }
}
