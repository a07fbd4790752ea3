//! Which keys of the open sections are credentials: one typed table, no guessing from names that
//! are not in it.

use std::sync::LazyLock;

use serde_json::Value;

use super::pattern::{Matching, Patterns};
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
        Patterns::of([(self.0, ())]).at(path).here().is_some()
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

static CREDENTIALS: LazyLock<Patterns<()>> =
    LazyLock::new(|| Patterns::of(patterns().into_iter().map(|pattern| (pattern, ()))));

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
        CREDENTIALS.at(path).here().is_some() || self.is_typed(path)
    }

    fn is_typed(self, path: &KeyPath) -> bool {
        self == Self::Gateway && Shape::of(gateway_schema()).descend(path).is_some_and(Shape::is_secret)
    }

    /// Replaces every credential, whatever kind of value it is, by the placeholder.
    pub fn redact(self, value: &mut Value) {
        self.each(value, &mut |_, secret| *secret = Value::from(REDACTED));
    }

    /// Calls `f` with every credential that has a value.
    pub(crate) fn each(self, value: &mut Value, f: &mut dyn FnMut(&KeyPath, &mut Value)) {
        self.visit(value, &CREDENTIALS.root(), &mut KeyPath::root(), f);
    }

    fn visit(
        self,
        value: &mut Value,
        credentials: &Matching<'_, ()>,
        path: &mut KeyPath,
        f: &mut dyn FnMut(&KeyPath, &mut Value),
    ) {
        if credentials.here().is_some() || self.is_typed(path) {
            if !value.is_null() {
                f(path, value);
            }
            return;
        }
        // An overlay has no others: most of it need not be walked.
        if self == Self::Overlay && credentials.is_over() {
            return;
        }
        let mut descend = |segment: Segment, child: &mut Value| {
            let credentials = credentials.step(&segment);
            path.push(segment);
            self.visit(child, &credentials, path, f);
            path.pop();
        };
        match value {
            Value::Object(members) => {
                members.iter_mut().for_each(|(key, member)| descend(Segment::Key(key.clone()), member));
            }
            Value::Array(items) => {
                items.iter_mut().enumerate().for_each(|(index, item)| descend(Segment::Index(index), item));
            }
            _ => {}
        }
    }
}
