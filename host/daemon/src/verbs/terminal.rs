//! `openclaw terminal`: a terminal in a tenant's sandbox, in the one that we are in.

mod detach;
mod frames;
mod own;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Global;
use crate::client::{Caller, Client, Socket};
use crate::error::{CliError, Kind};
use crate::output::Output;
use detach::DetachKey;
use frames::{End, Frame};
use own::{Own, Typed};

use super::program_exit::{self, ENDED_OTHERWISE, TIME_OVER};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw terminal --tenant demo
  openclaw terminal --tenant demo -- bash -c 'stty size; ls -la'";

/// The subprotocol.
const PROTOCOL: &str = "openclaw.terminal";

/// So many bytes are read before the gateway is told of it.
const ACK_BYTES: u64 = 32 << 10;

/// Open a terminal in a tenant's sandbox.
///
/// It takes the place of this one until its program ends, or until the detach
/// key leaves it running; --attach comes back to it. The program's exit code is
/// ours: 128 and the signal's number where it ended by a signal, 124 where its
/// time was over, 125 where something else ended it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Terminal {
    /// The tenant whose terminal it is.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Come back to a terminal that runs; `openclaw call terminal.list` has their ids.
    #[arg(long, value_name = "ID", conflicts_with_all = ["mode", "cwd", "command"])]
    attach: Option<String>,
    /// Confine it by `bwrap` or `docker`; the configured one, or a stricter one.
    #[arg(long, value_parser = ["bwrap", "docker"])]
    mode: Option<String>,
    /// The directory to begin in, below /work.
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// The key that leaves it running: ctrl- and one of a-z @ [ \ ] ^ _, or none.
    #[arg(long, value_name = "KEY", default_value = "ctrl-]")]
    detach_key: DetachKey,
    /// A program with its arguments, instead of a shell.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Terminal {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        if output.json {
            return Err(CliError::usage("what a terminal shows is no JSON")
                .hint("`openclaw call terminal.spawn` and the other methods terminal.* are for programs"));
        }
        let client = Client::new(global, Caller::OfEnvironment);
        let mut socket = client.socket(&self.path()?, PROTOCOL, self.tenant.as_deref()).await?;
        if self.attach.is_none() {
            socket.send(frames::spawn(self.params())).await?;
        }
        let followed = self.follow(&mut socket, output).await;
        let is_hosted = socket.is_hosted();
        socket.close().await?;
        let (end, id) = followed?;
        match end {
            // Said too, since an exit code may be the gateway's own.
            End::Exited(exit) => match exit_code(&exit) {
                0 => Ok(()),
                code => Err(CliError::new(Kind::Program(code), how_it_ended(&exit))),
            },
            End::Refused(error) => Err(error),
            End::Closed(reason) => {
                let why = format!("the gateway closed the connection: {reason}");
                Err(CliError::new(Kind::Program(ENDED_OTHERWISE), why))
            }
            End::Lost => Err(CliError::new(Kind::Unreachable, "the connection is lost").hint(self.way_back(&id))),
            End::Detached if is_hosted => {
                output.note("no daemon runs: the terminal has ended with this command");
                Ok(())
            }
            End::Detached => {
                output.note(&format!("the terminal goes on: {}", self.way_back(&id)));
                Ok(())
            }
        }
    }

    /// Where the gateway has it.
    fn path(&self) -> Result<String, CliError> {
        match &self.attach {
            None => Ok("/terminal".to_owned()),
            Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                Ok(format!("/terminal?id={id}"))
            }
            Some(id) => Err(CliError::new(Kind::NotFound, format!("there is no terminal {id:?}"))),
        }
    }

    /// Of `terminal.spawn`.
    fn params(&self) -> Value {
        let (cols, rows) = own::size();
        let mut params = Map::new();
        params.insert("cols".to_owned(), cols.clamp(10, 500).into());
        params.insert("rows".to_owned(), rows.clamp(5, 200).into());
        let mut set = |name: &str, value: Option<Value>| params.extend(value.map(|value| (name.to_owned(), value)));
        set("sandbox", self.mode.as_ref().map(|mode| json!(mode)));
        set("cwd", self.cwd.as_ref().map(|cwd| json!(cwd)));
        set("cmd", (!self.command.is_empty()).then(|| json!(self.command)));
        params.into()
    }

    /// Passes on both ways, to the end; answers the terminal's id too.
    async fn follow(&self, socket: &mut Socket, output: &Output) -> Result<(End, String), CliError> {
        let mut sizes = signal(SignalKind::window_change())?;
        // Ended by one of these, we would leave our terminal as it is now.
        let (mut hung_up, mut ended) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
        let mut own = Own::take()?;
        let (mut id, mut unread) = (String::new(), 0);
        loop {
            tokio::select! {
                message = socket.next() => match frames::read(message) {
                    Frame::Attached(attached) => {
                        id = attached;
                        let (cols, rows) = own::size();
                        socket.send(frames::resize(cols, rows)).await?;
                    }
                    Frame::Output(bytes) => {
                        tokio::task::block_in_place(|| output.screen(&bytes))?;
                        unread += bytes.len() as u64;
                        if unread >= ACK_BYTES {
                            socket.send(frames::ack(unread)).await?;
                            unread = 0;
                        }
                    }
                    Frame::End(end) => return Ok((end, id)),
                    Frame::Other => {}
                },
                typed = own.typed(), if !id.is_empty() => match self.detach_key.cut(typed) {
                    Typed::Bytes(bytes) => socket.send(frames::typed(bytes)).await?,
                    Typed::Detach => return Ok((End::Detached, id)),
                },
                _ = sizes.recv(), if !id.is_empty() => {
                    let (cols, rows) = own::size();
                    socket.send(frames::resize(cols, rows)).await?;
                }
                _ = hung_up.recv() => return Err(CliError::interrupted()),
                _ = ended.recv() => return Err(CliError::interrupted()),
            }
        }
    }

    fn way_back(&self, id: &str) -> String {
        let tenant = self.tenant.as_ref().map(|tenant| format!(" --tenant {tenant}")).unwrap_or_default();
        format!("`openclaw terminal{tenant} --attach {id}` comes back to it")
    }
}

/// The exit code that says how it ended.
fn exit_code(exit: &Value) -> u8 {
    match exit["reason"].as_str() {
        Some("process_exit") => program_exit::of_program(exit),
        Some("idle" | "timeout") => TIME_OVER,
        _ => ENDED_OTHERWISE,
    }
}

fn how_it_ended(exit: &Value) -> String {
    let reason = exit["reason"].as_str().unwrap_or_default();
    match (reason, exit["exitCode"].as_i64(), exit["signal"].as_i64()) {
        ("process_exit", Some(code), _) => format!("the program ended with exit code {code}"),
        ("process_exit", None, Some(signal)) => format!("the program ended by signal {signal}"),
        ("idle", ..) => "nothing happened in the terminal for too long".to_owned(),
        ("timeout", ..) => "the terminal was open for as long as one may be: 24 hours".to_owned(),
        ("oom", ..) => "the terminal's memory is used up".to_owned(),
        ("quota", ..) if exit["error"].is_null() => "the tenant's seconds are used up".to_owned(),
        ("closed", ..) => "the terminal was closed".to_owned(),
        _ => match exit["error"].as_str() {
            Some(error) => format!("the terminal has ended: {error}"),
            None => format!("the terminal has ended: {reason}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_end_is_our_exit_code() {
        for (exit, code) in [
            (json!({ "reason": "process_exit", "exitCode": 0, "signal": null }), 0),
            (json!({ "reason": "process_exit", "exitCode": 3, "signal": null }), 3),
            (json!({ "reason": "process_exit", "exitCode": null, "signal": 9 }), 137),
            (json!({ "reason": "process_exit" }), 125),
            (json!({ "reason": "idle", "exitCode": null }), 124),
            (json!({ "reason": "timeout", "exitCode": null }), 124),
            (json!({ "reason": "closed", "exitCode": 0 }), 125),
            (json!({ "reason": "quota", "exitCode": null }), 125),
        ] {
            assert_eq!(exit_code(&exit), code, "{exit}");
        }
    }
}
