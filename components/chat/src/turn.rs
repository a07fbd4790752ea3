//! A run, from its message to the end of its answer.
//!
//! What happens is written down as it happens: the message before the model is asked, each answer before its tools are
//! used, each result before the next. So whatever ends a run leaves a conversation that can go on.

use crate::answer::{Answer, Asking, Offered, Read};
use crate::compact;
use crate::context::Context;
use crate::ending::last_line;
use crate::lane::{Lanes, claim_of_run};
use crate::money;
use crate::prompt;
use crate::run::{Outcome, Run, Status, Usage};
use crate::session::{Fields, Session};
use crate::settings::{Agent, CONTEXT_TOKENS, Limits, Queue, Waiting, agent_of};
use crate::teller::Teller;
use crate::tools::Toolbox;
use openclaw_sdk::model::Model;
use openclaw_sdk::{Error, Result, now_ms};
use serde_json::{Value, json};
use std::time::Duration;

/// What a call keeps of its time for its last steps.
const LAST_STEPS_MS: u64 = 3_000;

/// Why a run ended that was ended on request.
pub(crate) const ON_REQUEST: &str = "ended on request";

/// How a run came to its end.
enum End {
    /// The model has answered, with this message.
    Answered(Value),
    /// A limit of the run, or its time.
    OutOf(String),
    Unwanted,
    Failed(Error),
}

impl End {
    /// What becomes of the run, and why where that is not well.
    fn judged(&self) -> (Status, Option<String>) {
        match self {
            Self::Answered(_) => (Status::Ok, None),
            Self::Unwanted => (Status::Aborted, Some(ON_REQUEST.to_owned())),
            Self::OutOf(what) => (Status::Error, Some(what.clone())),
            Self::Failed(error) => (Status::Error, Some(error.message.clone())),
        }
    }

    fn stop_reason(&self) -> &str {
        match self {
            Self::Answered(message) => message["stopReason"].as_str().unwrap_or_default(),
            Self::Unwanted => "aborted",
            Self::OutOf(_) | Self::Failed(_) => "error",
        }
    }
}

/// Takes the turn of a run. What it ended by is in the run; an error that the host gave is passed on beside it.
pub(crate) fn take(lanes: &Lanes<'_>, mut run: Run) -> (Run, Option<Error>) {
    let error = match begin(lanes, &mut run) {
        Ok(None) => return (run, None),
        Ok(Some(error)) | Err(error) => error,
    };
    if !run.status.has_ended() {
        // It has no transcript to fail in.
        run.end(Status::Error, Some(error.message.clone()), None);
        let told = Teller::of_ended(lanes.call, &run).and_then(|teller| teller.failed(&error.message));
        let _ = lanes.write_run(&run).and(told);
    }
    (run, Some(error))
}

fn begin(lanes: &Lanes<'_>, run: &mut Run) -> Result<Option<Error>> {
    // By this name it is ended, and no other of the session.
    let _at_work = lanes.tasks.claim(&claim_of_run(&run.id), Duration::ZERO)?;
    run.status = Status::Running;
    run.started_at = Some(now_ms());
    lanes.write_run(run)?;
    let agent = Agent::read(lanes.call, agent_of(&run.session_key))?;
    let session = Session::open(lanes.call, &run.session_key, None)?;
    let mut agent = agent.in_session(&session)?;
    if let Some(left) = &run.limits {
        agent.limits = agent.limits.within(left)?;
    }
    let mut turn = Turn::new(lanes, run, agent, session)?;
    turn.teller.started()?;
    let end = turn.work().unwrap_or_else(End::Failed);
    turn.conclude(end)
}

struct Turn<'a> {
    lanes: &'a Lanes<'a>,
    run: &'a mut Run,
    agent: Agent,
    session: Session<'a>,
    teller: Teller,
    /// By the clock.
    ends_at: u64,
    usage: Usage,
    cost: u128,
    /// How often the model was asked.
    asked: u32,
    last: Answer,
}

impl<'a> Turn<'a> {
    fn new(lanes: &'a Lanes<'a>, run: &'a mut Run, agent: Agent, session: Session<'a>) -> Result<Self> {
        let asked = run.timeout_ms.unwrap_or(u64::MAX).min(agent.limits.time_ms);
        let left = lanes.call.remaining_ms().saturating_sub(LAST_STEPS_MS);
        Ok(Self {
            teller: Teller::of(lanes.call, run)?,
            ends_at: now_ms().saturating_add(asked.min(left)),
            usage: Usage { cost_usd: "0".into(), ..Usage::default() },
            cost: 0,
            asked: 0,
            last: Answer::default(),
            lanes,
            run,
            agent,
            session,
        })
    }

    /// Asks the model, uses the tools that it wants, and asks again.
    fn work(&mut self) -> Result<End> {
        let mut context = Context::of(&self.session)?;
        self.hear(&mut context, self.run)?;
        self.run.has_begun = true;
        self.lanes.write_run(self.run)?;
        let call = self.lanes.call;
        let model = call.model()?;
        let toolbox = Toolbox::new(call, &self.agent, &self.session, self.run, self.ends_at);
        let extra = self.run.extra_system_prompt.as_deref();
        let system = prompt::system(call, &self.agent, &toolbox.names(), extra)?;
        let tools = toolbox.definitions();
        let name = self.model_name();
        let offered = offered(&model, name.as_deref())?;
        let window = self.agent.context_tokens.or(offered.as_ref().and_then(|model| model.context_window));
        let effort = self.effort(offered.as_ref());
        let (agent, session_key, run_id) = (self.agent.id.clone(), self.session.key.clone(), self.run.id.clone());
        let asking = Asking {
            model: name.as_deref(),
            system: &system,
            tools: &tools,
            effort: effort.as_deref(),
            agent: &agent,
            session_key: &session_key,
            run_id: &run_id,
        };
        while self.asked < self.agent.limits.model_calls {
            self.asked += 1;
            if let Some(end) = self.used_up()? {
                return Ok(end);
            }
            if compact::is_due(&context, &system, window.unwrap_or(CONTEXT_TOKENS)) {
                let (used, cost) = compact::compact(&asking, &model, &self.session, &mut context, &self.run.message)?;
                self.count(&used, cost);
            }
            let (answer, read) = asking.ask(&model, &context, Some(&self.teller), || self.goes_on());
            if let Some(end) = self.take_answer(answer, read, &mut context)? {
                return Ok(end);
            }
            if let Some(end) = self.use_tools(&toolbox, &mut context)? {
                return Ok(end);
            }
            self.be_steered(&mut context)?;
        }
        Ok(End::OutOf(format!("this run has asked the model {} times, its most", self.asked)))
    }

    /// Uses the tools that the last answer wants, one after another. How the run ends, where it does.
    fn use_tools(&mut self, toolbox: &Toolbox<'_>, context: &mut Context) -> Result<Option<End>> {
        for wanted in self.last.tool_calls() {
            let end = self.used_up()?;
            if end.is_some() {
                return Ok(end);
            }
            self.teller.tool_started(&wanted.id, &wanted.name, &wanted.shown())?;
            toolbox.spare.set(self.left());
            let (text, is_error) = toolbox.use_tool(&wanted);
            if let Some(handed_on) = toolbox.spare.take_handed_on() {
                self.agent.limits = self.agent.limits.without(handed_on);
            }
            self.session.say(&[result_message(&wanted.id, &wanted.name, &text, is_error)], |_| ())?;
            self.teller.tool_ended(&wanted.id, &wanted.name, is_error, &text)?;
            context.add_result(&wanted.id, &text)?;
        }
        Ok(None)
    }

    /// The message of a run: the user's, or what a session that was spawned reports.
    fn hear(&self, context: &mut Context, run: &Run) -> Result<()> {
        self.session.say(&[run.heard()], |row| _ = row.insert("systemSent".into(), true.into()))?;
        context.add("user", &run.message)
    }

    /// Writes an answer down, and with it how the run ends, where it does.
    fn take_answer(&mut self, answer: Answer, read: Read, context: &mut Context) -> Result<Option<End>> {
        self.count(&answer.usage, answer.cost);
        self.last = answer;
        let end = match read {
            Read::Whole if self.last.tool_calls().is_empty() => {
                let reason = self.last.reason.as_deref().unwrap_or("stop");
                Some(End::Answered(self.last.message(reason, None)))
            }
            Read::Whole => None,
            Read::Stopped => Some(self.used_up()?.unwrap_or(End::Unwanted)),
            Read::Failed(error) => Some(End::Failed(error)),
        };
        let Some(end) = end else {
            let message = self.last.message("toolUse", None);
            self.session.say(std::slice::from_ref(&message), |row| self.tell_row(row, false))?;
            context.add_answer(&message)?;
            return Ok(None);
        };
        let (status, why) = end.judged();
        let message = match &end {
            End::Answered(message) => message.clone(),
            ended => self.last.message(ended.stop_reason(), why.as_deref()),
        };
        let line = last_line(self.run, &message, (status, why), &self.usage);
        self.session.append(&[("message", line)], |row| self.tell_row(row, status == Status::Aborted))?;
        Ok(Some(end))
    }

    fn count(&mut self, used: &Usage, cost: u128) {
        self.cost += cost;
        self.usage.add(used, self.cost);
    }

    /// What lists show of the session after an answer.
    fn tell_row(&self, row: &mut Fields, is_aborted: bool) {
        let last = &self.last.usage;
        let mut set = |name: &str, value: Value| _ = row.insert(name.to_owned(), value);
        set("abortedLastRun", is_aborted.into());
        if last.total_tokens == 0 {
            return;
        }
        set("inputTokens", (self.usage.input + self.usage.cache_read + self.usage.cache_write).into());
        set("outputTokens", self.usage.output.into());
        set("totalTokens", last.total_tokens.into());
        set("totalTokensFresh", true.into());
        for (name, value) in [("modelProvider", &self.last.provider), ("model", &self.last.model)] {
            if let Some(value) = value {
                set(name, value.as_str().into());
            }
        }
    }

    /// Messages that came meanwhile, where they are to be told at once.
    fn be_steered(&self, context: &mut Context) -> Result<()> {
        if Queue::read(self.lanes.call)?.waiting != Waiting::Steer {
            return Ok(());
        }
        for mut other in self.lanes.take_in(&self.session.key)? {
            self.hear(context, &other)?;
            other.started_at = Some(now_ms());
            other.end(Status::Ok, None, None);
            self.lanes.write_run(&other)?;
        }
        Ok(())
    }

    /// Whether nothing speaks against going on.
    fn goes_on(&self) -> Result<bool> {
        Ok(now_ms() < self.ends_at && !self.lanes.is_unwanted(&self.run.id)?)
    }

    /// What the run may take still.
    fn left(&self) -> Limits {
        let time_ms = self.ends_at.saturating_sub(now_ms());
        let (tokens, cost) = (Some(self.usage.total_tokens), Some(self.cost));
        let used = Limits { model_calls: self.asked, time_ms: 0, tokens, cost };
        Limits { time_ms, ..self.agent.limits.without(used) }
    }

    /// How the run ends, where it has used up what it may take, or is not wanted any more.
    fn used_up(&self) -> Result<Option<End>> {
        let limits = &self.agent.limits;
        if self.lanes.is_unwanted(&self.run.id)? {
            return Ok(Some(End::Unwanted));
        }
        let what = if now_ms() >= self.ends_at {
            "the time of this run is over".to_owned()
        } else if limits.tokens.is_some_and(|most| self.usage.total_tokens >= most) {
            format!("this run has used {} tokens, its most", self.usage.total_tokens)
        } else if limits.cost.is_some_and(|most| self.cost >= most) {
            format!("this run has cost {} USD, its most", money::print(self.cost))
        } else {
            return Ok(None);
        };
        Ok(Some(End::OutOf(what)))
    }

    /// The session's own model, else the agent's.
    fn model_name(&self) -> Option<String> {
        let of_session =
            self.session.detail("modelOverride").map(|model| match self.session.detail("providerOverride") {
                Some(provider) => format!("{provider}/{model}"),
                None => model.to_owned(),
            });
        of_session.or_else(|| self.agent.model.clone())
    }

    /// How hard the model is to think, where it does.
    fn effort(&self, model: Option<&Offered>) -> Option<String> {
        let wanted = self.run.thinking.as_deref()?;
        let known = ["minimal", "low", "medium", "high"].contains(&wanted);
        (known && model.is_some_and(|model| model.reasoning)).then(|| wanted.to_owned())
    }

    /// Ends the run, and tells of it.
    fn conclude(self, end: End) -> Result<Option<Error>> {
        let Self { lanes, run, session, teller, usage, last, .. } = self;
        let (status, why) = end.judged();
        let outcome = Outcome {
            text: last.text,
            session_id: session.id,
            provider: last.provider,
            model: last.model,
            stop_reason: end.stop_reason().to_owned(),
            usage,
        };
        run.end(status, why, Some(outcome));
        lanes.write_run(run)?;
        let (message, failed) = match end {
            End::Answered(message) => (message, None),
            End::Failed(error) => (Value::Null, Some(error)),
            End::Unwanted | End::OutOf(_) => (Value::Null, None),
        };
        teller.ended(run, &message)?;
        Ok(failed)
    }
}

/// What is known of the model that will answer.
fn offered(model: &Model, name: Option<&str>) -> Result<Option<Offered>> {
    let mut all: Vec<Offered> = model.models()?;
    let is_it = |offered: &Offered| match name {
        Some(name) => offered.id == name || name.split_once('/').is_some_and(|(_, rest)| rest == offered.id),
        None => true,
    };
    let at = all.iter().position(is_it);
    Ok(at.map(|at| all.swap_remove(at)))
}

fn result_message(id: &str, name: &str, text: &str, is_error: bool) -> Value {
    json!({
        "role": "toolResult", "toolCallId": id, "toolName": name, "isError": is_error, "timestamp": now_ms(),
        "content": [{ "type": "text", "text": text }],
    })
}
