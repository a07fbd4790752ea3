//! Which keys of the open sections are credentials: one typed table, no guessing from names that
//! are not in it.

use serde_json::Value;

use super::table::matches;
use crate::path::{KeyPath, Segment};
use crate::secret::REDACTED;
use crate::shape::{Shape, gateway_schema};

/// A credential of OpenClaw's configuration, by the path of keys at which it stands; `*` is any
/// key or index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretField(pub &'static str);

impl SecretField {
    /// True when the credential stands at this path.
    pub fn is_at(self, path: &KeyPath) -> bool {
        matches(self.0, path.segments())
    }
}

/// Every credential outside channels.
pub const SECRET_FIELDS: &[SecretField] = &[
    SecretField("agents.defaults.memorySearch.remote.apiKey"),
    SecretField("agents.defaults.memorySearch.remote.headers.*"),
    SecretField("agents.list.*.memorySearch.remote.apiKey"),
    SecretField("agents.list.*.memorySearch.remote.headers.*"),
    SecretField("memory.apiKey"),
    SecretField("memory.remote.apiKey"),
    SecretField("memory.remote.headers.*"),
    SecretField("messages.tts.*.apiKey"),
    SecretField("messages.tts.providers.*.apiKey"),
    SecretField("skills.entries.*.apiKey"),
    SecretField("skills.entries.*.env.*"),
    SecretField("talk.apiKey"),
    SecretField("talk.providers.*.apiKey"),
    SecretField("tools.web.search.apiKey"),
    SecretField("tools.web.search.*.apiKey"),
    SecretField("tools.web.fetch.firecrawl.apiKey"),
    SecretField("tools.media.*.apiKey"),
    SecretField("tools.media.*.headers.*"),
];

/// The credentials of a channel, or of one of its accounts.
const CHANNEL_CREDENTIALS: &[&str] = &[
    "accessToken",
    "apiKey",
    "apiPassword",
    "appPassword",
    "appSecret",
    "appToken",
    "botSecret",
    "botToken",
    "channelAccessToken",
    "channelSecret",
    "clientSecret",
    "encryptKey",
    "nickserv.password",
    "password",
    "pluralkit.token",
    "privateKey",
    "refreshToken",
    "secret",
    "serviceAccount",
    "signingSecret",
    "token",
    "userToken",
    "verificationToken",
    "webhookSecret",
];

/// The paths of all credentials.
pub(crate) fn patterns() -> Vec<String> {
    let channels = CHANNEL_CREDENTIALS
        .iter()
        .flat_map(|key| [format!("channels.*.{key}"), format!("channels.*.accounts.*.{key}")]);
    channels.chain(SECRET_FIELDS.iter().map(|field| field.0.to_owned())).collect()
}

/// Which credentials a document can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Those of the open sections: all that an overlay can hold.
    Overlay,
    /// Those of the open sections, and the typed ones of the gateway's own.
    Gateway,
}

impl Credentials {
    /// True when a credential stands at this path.
    pub fn is_at(self, path: &KeyPath) -> bool {
        let typed = || Shape::of(gateway_schema()).descend(path).is_some_and(Shape::is_secret);
        in_open_section(path) || (self == Self::Gateway && typed())
    }

    /// Replaces every credential, whatever kind of value it is, by the placeholder.
    pub fn redact(self, value: &mut Value) {
        self.each(value, &mut |_, secret| *secret = Value::from(REDACTED));
    }

    /// Calls `f` with every credential that has a value.
    pub(crate) fn each(self, value: &mut Value, f: &mut dyn FnMut(&KeyPath, &mut Value)) {
        self.visit(value, &KeyPath::root(), f);
    }

    fn visit(self, value: &mut Value, path: &KeyPath, f: &mut dyn FnMut(&KeyPath, &mut Value)) {
        if self.is_at(path) {
            if !value.is_null() {
                f(path, value);
            }
            return;
        }
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    self.visit(member, &path.key(key), f);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.visit(item, &path.index(index), f);
                }
            }
            _ => {}
        }
    }
}

fn in_open_section(path: &KeyPath) -> bool {
    let segments = path.segments();
    match segments.first() {
        Some(Segment::Key(section)) if section == "channels" => {
            let inside = |prefix: usize| segments.get(prefix..).unwrap_or_default();
            let named = |rest| CHANNEL_CREDENTIALS.iter().any(|key| matches(key, rest));
            let is_account = matches("channels.*.accounts.*", segments.get(..4).unwrap_or_default());
            named(inside(2)) || (is_account && named(inside(4)))
        }
        _ => SECRET_FIELDS.iter().any(|field| field.is_at(path)),
    }
}
