//! What a workload may use: the least of what the gateway, the tenant's overlay, its quotas and the call say.

use std::time::Duration;

use openclaw_config::gateway::{Sandbox, SandboxMode};
use openclaw_sandbox::{Limits, Mode};
use openclaw_tenancy::Quotas;
use serde::Serialize;
use serde_json::Value;

use crate::{error::CapabilityError, grants::Grants};

/// What a call asks for; 0 is the most that there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedLimits {
    pub(crate) wall_ms: u64,
    pub(crate) output_bytes: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) pids: u64,
    pub(crate) cpu_millis: u64,
}

/// The most that a tenant's workloads get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Most {
    pub(super) wall_ms: u64,
    pub(super) output_bytes: u64,
    pub(super) memory_bytes: u64,
    pub(super) pids: u64,
    pub(super) cpu_millis: u64,
}

/// What is not worth starting for.
const LEAST_MEMORY: u64 = 4 << 20;

impl Most {
    /// `effective` is the tenant's configuration, in which its overlay has lowered the gateway's limits.
    pub(super) fn of(config: &Sandbox, effective: &Value, quotas: &Quotas) -> Self {
        let lowered = |key: &str, own: f64| effective["sandbox"][key].as_f64().map_or(own, |value| value.min(own));
        let whole = |key: &str, own: u64| lowered(key, own as f64) as u64;
        let quota = quotas.sandbox.clone().unwrap_or_default();
        let least = |own: u64, quota: Option<u64>| quota.map_or(own, |quota| own.min(quota));
        let cpu = (lowered("cpu_quota", config.cpu_quota) * 1000.0) as u64;
        Self {
            wall_ms: least(whole("wall_seconds", config.wall_seconds), quotas.sandbox_seconds_per_day) * 1000,
            output_bytes: whole("output_bytes", config.output_bytes),
            memory_bytes: least(whole("memory_limit_mb", config.memory_limit_mb), quota.memory_mb) << 20,
            pids: least(whole("pids", config.pids), quota.pids),
            cpu_millis: least(cpu, quota.cpu.map(|cpu| cpu.millis().into())),
        }
    }

    /// The limits of one workload. One that is asked for beyond its most is refused by name, not lowered silently.
    pub(super) fn limits(&self, asked: AskedLimits) -> Result<Limits, CapabilityError> {
        if [self.wall_ms, self.memory_bytes, self.pids, self.cpu_millis].contains(&0) {
            return Err(CapabilityError::forbidden("the limits of this tenant leave no room for a workload"));
        }
        let within = |name: &str, asked: u64, most: u64| match asked {
            0 => Ok(most),
            asked if asked <= most => Ok(asked),
            _ => Err(CapabilityError::forbidden(format!("limits.{name} is at most {most} for this tenant"))),
        };
        let memory_bytes = within("memoryBytes", asked.memory_bytes, self.memory_bytes)?;
        if memory_bytes < LEAST_MEMORY {
            return Err(CapabilityError::invalid(format!("a workload needs {LEAST_MEMORY} bytes of memory or more")));
        }
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(Limits {
            memory_bytes,
            cpu_millis: narrow(within("cpuMillis", asked.cpu_millis, self.cpu_millis)?),
            pids: narrow(within("pids", asked.pids, self.pids)?),
            wall: Duration::from_millis(within("wallMs", asked.wall_ms, self.wall_ms)?),
            output_bytes: within("outputBytes", asked.output_bytes, self.output_bytes)?,
            ..Limits::default()
        })
    }
}

/// The least strict mode that the configuration leaves to a workload. Each level may choose the same as the one above
/// it or a stricter one, so the strictest choice is the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floor {
    pub(super) mode: Mode,
    /// Which level chose it.
    level: &'static str,
}

impl Floor {
    /// `effective` is the tenant's configuration; of an agent count its own choice and that of all agents.
    pub(super) fn of(config: &Sandbox, effective: &Value, agent: &str) -> Self {
        let agents = if agent.is_empty() { &Value::Null } else { &effective["agents"] };
        let own = agents["list"].as_array().into_iter().flatten().find(|entry| entry["id"] == agent);
        let gateway = match config.mode {
            SandboxMode::Bwrap => Mode::Bwrap,
            SandboxMode::Docker => Mode::Docker,
        };
        let levels = [
            ("the tenant's sandbox.mode", &effective["sandbox"]["mode"]),
            ("agents.defaults.sandbox.backend", &agents["defaults"]["sandbox"]["backend"]),
            ("the agent's sandbox.backend", own.map_or(&Value::Null, |own| &own["sandbox"]["backend"])),
        ];
        let mut floor = Self { mode: gateway, level: "the gateway's sandbox.mode" };
        for (level, chosen) in levels {
            // A word that nobody knows was meant to confine.
            let mode = chosen.as_str().map_or(floor.mode, |word| named(word).unwrap_or(Mode::Docker));
            if mode > floor.mode {
                floor = Self { mode, level };
            }
        }
        floor
    }

    /// The mode of a workload: the one that it asks for, where that is as strict; a looser one is refused by its name.
    pub(super) fn mode(self, asked: &str, grants: &Grants) -> Result<Mode, CapabilityError> {
        let mode = match asked {
            "" => self.mode,
            word => named(word)
                .ok_or_else(|| CapabilityError::invalid(format!("the mode {word:?} is none: bwrap or docker")))?,
        };
        if mode < self.mode {
            let (asked, chosen) = (mode.as_str(), self.mode.as_str());
            let message = format!("the mode {asked} is less strict than {chosen}, which {} chooses", self.level);
            return Err(CapabilityError::forbidden(message));
        }
        if !grants.allow_sandbox(mode.into()) {
            let message = format!("sandbox:{} is not granted to this component", mode.as_str());
            return Err(CapabilityError::forbidden(message));
        }
        Ok(mode)
    }
}

fn named(word: &str) -> Option<Mode> {
    [Mode::Bwrap, Mode::Docker].into_iter().find(|mode| mode.as_str() == word)
}

#[cfg(test)]
mod tests {
    use openclaw_tenancy::SandboxQuotas;
    use serde_json::json;

    use super::*;

    fn code(error: CapabilityError) -> (String, String) {
        match error {
            CapabilityError::Refused(refusal) => (refusal.code, refusal.message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_least_of_all_that_say_something_counts() {
        let config = Sandbox::default();
        let most = Most::of(&config, &json!({}), &Quotas::default());
        let megabytes = |mib: u64| mib << 20;
        assert_eq!((most.wall_ms, most.memory_bytes, most.cpu_millis), (300_000, megabytes(512), 1000));

        let overlay = json!({"sandbox": {"memory_limit_mb": 64, "cpu_quota": 0.5, "wall_seconds": 9000}});
        let sandbox = SandboxQuotas { pids: Some(10), memory_mb: Some(100), ..SandboxQuotas::default() };
        let quotas = Quotas { sandbox: Some(sandbox), sandbox_seconds_per_day: Some(60), ..Quotas::default() };
        let most = Most::of(&config, &overlay, &quotas);
        assert_eq!((most.wall_ms, most.memory_bytes, most.cpu_millis), (60_000, megabytes(64), 500));
        assert_eq!(most.pids, 10);
    }

    #[test]
    fn what_is_asked_for_beyond_the_most_is_refused_by_its_name() {
        let most = Most::of(&Sandbox::default(), &json!({}), &Quotas::default());
        let asked = AskedLimits { wall_ms: 1000, ..AskedLimits::default() };
        assert_eq!(most.limits(asked).expect("limits").wall, Duration::from_secs(1));
        let (code, message) = code(most.limits(AskedLimits { pids: 129, ..asked }).expect_err("too many"));
        assert_eq!((code.as_str(), message.as_str()), ("FORBIDDEN", "limits.pids is at most 128 for this tenant"));
    }

    fn floor(gateway: SandboxMode, effective: &Value, agent: &str) -> Floor {
        Floor::of(&Sandbox { mode: gateway, ..Sandbox::default() }, effective, agent)
    }

    #[test]
    fn a_mode_is_the_configured_one_or_a_stricter_one_that_is_granted() {
        let all = Grants::Builtin(Vec::new());
        let bwrap = floor(SandboxMode::Bwrap, &json!({}), "");
        let docker = floor(SandboxMode::Docker, &json!({}), "");
        assert_eq!(bwrap.mode("", &all).expect("a mode"), Mode::Bwrap);
        assert_eq!(bwrap.mode("docker", &all).expect("a mode"), Mode::Docker);
        assert_eq!(code(docker.mode("bwrap", &all).expect_err("weaker")).0, "FORBIDDEN");
        assert_eq!(code(bwrap.mode("chroot", &all).expect_err("none")).0, "INVALID_REQUEST");
        let only_docker = Grants::parse(&["sandbox:docker"]).expect("grants");
        assert_eq!(code(bwrap.mode("", &only_docker).expect_err("not granted")).0, "FORBIDDEN");
        assert_eq!(bwrap.mode("docker", &only_docker).expect("a mode"), Mode::Docker);
    }

    #[test]
    fn each_level_chooses_the_same_or_a_stricter_mode_and_what_is_looser_is_refused_by_its_name() {
        let of_tenant = json!({"sandbox": {"mode": "docker"}});
        let of_agent = json!({
            "sandbox": {"mode": "bwrap"},
            "agents": {"list": [{"id": "careful", "sandbox": {"backend": "docker"}}, {"id": "quick"}]},
        });
        let of_all_agents = json!({"agents": {"defaults": {"sandbox": {"backend": "docker"}}}});
        for (effective, agent, level) in [
            (&of_tenant, "", "the tenant's sandbox.mode"),
            (&of_agent, "careful", "the agent's sandbox.backend"),
            (&of_all_agents, "any", "agents.defaults.sandbox.backend"),
        ] {
            let floor = floor(SandboxMode::Bwrap, effective, agent);
            assert_eq!(floor.mode, Mode::Docker, "{level}");
            let (code, message) = code(floor.mode("bwrap", &Grants::Builtin(Vec::new())).expect_err("looser"));
            assert_eq!(code, "FORBIDDEN");
            assert_eq!(message, format!("the mode bwrap is less strict than docker, which {level} chooses"));
        }
        for (effective, agent) in [(&of_agent, "quick"), (&of_agent, ""), (&of_all_agents, "")] {
            assert_eq!(floor(SandboxMode::Bwrap, effective, agent).mode, Mode::Bwrap);
        }
    }

    #[test]
    fn no_level_loosens_what_is_above_it() {
        let loose = json!({
            "sandbox": {"mode": "bwrap"},
            "agents": {"defaults": {"sandbox": {"backend": "bwrap"}}, "list": [{"id": "a", "sandbox": {"backend": "bwrap"}}]},
        });
        assert_eq!(floor(SandboxMode::Docker, &loose, "a").mode, Mode::Docker);
        let misspelt = json!({"agents": {"list": [{"id": "a", "sandbox": {"backend": "dokcer"}}]}});
        assert_eq!(floor(SandboxMode::Bwrap, &misspelt, "a").mode, Mode::Docker);
    }
}
