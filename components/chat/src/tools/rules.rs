//! What `tools.exec` says of commands.
//!
//! `tools.exec.security` is `full` (any command: the sandbox confines it), `allowlist` (commands whose program is one
//! of `tools.exec.safeBins`, started without a shell) or `deny`. `tools.exec.ask` is `off`, `on-miss` or `always`: what
//! has to be asked about is run only where somebody allows it, by the method `exec.approval.request`. Of several such
//! settings the strictest holds; a session can be stricter than the configuration, never laxer, and so can what
//! `exec.approvals.set` has written.

use serde_json::Value;

/// What means something to a shell: a command that has it is no plain list of words.
const OF_SHELLS: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', ']', '#', '~', '=', '%', '!', '{',
    '}', '\n',
];

/// The laxest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Security {
    #[default]
    Full,
    AllowList,
    Deny,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    #[default]
    Off,
    OnMiss,
    Always,
}

/// What may be run, and what has to be asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) security: Security,
    pub(super) ask: Ask,
    safe: Vec<String>,
}

impl Security {
    /// A word that nobody knows allows nothing.
    fn named(word: &str) -> Self {
        match word {
            "full" => Self::Full,
            "allowlist" => Self::AllowList,
            _ => Self::Deny,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::AllowList => "allowlist",
            Self::Deny => "deny",
        }
    }
}

impl Ask {
    /// A word that nobody knows asks always.
    fn named(word: &str) -> Self {
        match word {
            "off" => Self::Off,
            "on-miss" => Self::OnMiss,
            _ => Self::Always,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnMiss => "on-miss",
            Self::Always => "always",
        }
    }
}

impl Rules {
    pub(super) fn of(levels: [&Value; 3]) -> Self {
        let words = |name: &'static str| levels.iter().filter_map(move |level| level[name].as_str());
        let safe = levels[0]["safeBins"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            security: words("security").map(Security::named).max().unwrap_or_default(),
            ask: words("ask").map(Ask::named).max().unwrap_or_default(),
            safe: safe.map(str::to_owned).collect(),
        }
    }

    /// The same with what a session asks for, where that is stricter.
    pub(super) fn narrowed(&self, [security, ask]: [Option<&str>; 2]) -> Self {
        Self {
            security: self.security.max(security.map(Security::named).unwrap_or_default()),
            ask: self.ask.max(ask.map(Ask::named).unwrap_or_default()),
            safe: self.safe.clone(),
        }
    }

    /// How strict they are: `security` and `ask`.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        (self.security.word(), self.ask.word())
    }

    /// The words of a command that the allow list has: a plain one, of a program that is listed.
    pub(super) fn listed(&self, command: &str) -> Option<Vec<String>> {
        if command.contains(OF_SHELLS) {
            return None;
        }
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let program = words.first()?;
        self.safe.contains(program).then_some(words)
    }
}
