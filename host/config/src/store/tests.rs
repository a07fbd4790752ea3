mod costs;

use openclaw_tenancy::{Home, SecretKey, TenantPath};
use serde_json::json;

use super::*;
use crate::{REDACTED, text};

/// A store, and the directory of one tenant.
struct Fixture {
    store: ConfigStore,
    subject: Subject,
    directory: Directory,
    key: Option<TenantKey>,
    _temporary: tempfile::TempDir,
}

fn fixture(base: Value) -> Fixture {
    let temporary = tempfile::tempdir().unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    Fixture {
        store: ConfigStore::new(serde_json::from_value(base).unwrap(), Overrides::default()),
        directory: Home::open(temporary.path()).unwrap().directory().clone(),
        key: Some(SecretKey::generate().unwrap().tenant_key(&tenant, 1)),
        subject: Subject::Tenant(tenant),
        _temporary: temporary,
    }
}

impl Fixture {
    fn place(&self) -> Place<'_> {
        Place { subject: &self.subject, directory: &self.directory, key: self.key.as_ref() }
    }

    fn on_disk(&self, name: &str) -> Option<String> {
        let path: TenantPath = name.parse().unwrap();
        let bytes = self.directory.read_all(&path, 1 << 20).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn put_on_disk(&self, text: impl AsRef<[u8]>) {
        self.directory.write_atomic(&FILE.parse().unwrap(), text.as_ref()).unwrap();
    }

    fn replace(&self, raw: &str) -> Result<Arc<Snapshot>, WriteError> {
        self.store.replace(self.place(), raw, None)
    }

    fn patch(&self, raw: &str) -> Result<Arc<Snapshot>, WriteError> {
        self.store.patch(self.place(), raw, None)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot(self.place())
    }

    fn effective(&self) -> Result<Arc<Value>, Damaged> {
        self.store.effective(self.place())
    }
}

#[test]
fn without_a_file_the_gateways_part_is_in_force() {
    let fixture = fixture(json!({"session": {"dmScope": "per-peer"}, "gateway": {"control_plane_token": "canary"}}));
    let snapshot = fixture.snapshot();
    assert!(!snapshot.exists && snapshot.valid);
    assert_eq!((snapshot.raw.as_deref(), &snapshot.parsed), (Some(""), &json!({})));
    assert_eq!(snapshot.hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(snapshot.config["session"]["dmScope"], "per-peer");
    assert!(snapshot.config.get("gateway").is_none());
}

#[test]
fn set_replaces_and_patch_keeps_what_it_does_not_name() {
    let fixture = fixture(json!({}));
    let raw = "# mine\nui: {seamColor: red}\nsession:\n  dmScope: main\n";
    assert_eq!(fixture.replace(raw).unwrap().raw.as_deref(), Some(raw), "comments stay");
    assert_eq!(fixture.on_disk(FILE).as_deref(), Some(raw));

    let snapshot = fixture.patch("{session: {dmScope: 'per-peer', mainKey: 'm'}}").unwrap();
    assert_eq!(
        snapshot.parsed,
        json!({"ui": {"seamColor": "red"}, "session": {"dmScope": "per-peer", "mainKey": "m"}})
    );
    let snapshot = fixture.patch(r#"{"session": null}"#).unwrap();
    assert_eq!(snapshot.parsed, json!({"ui": {"seamColor": "red"}}));
    let snapshot = fixture.replace("talk: {voiceId: v}").unwrap();
    assert_eq!(snapshot.parsed, json!({"talk": {"voiceId": "v"}}));
    assert!(snapshot.config.get("ui").is_some_and(|ui| *ui == json!({})), "{}", snapshot.config);
}

#[test]
fn a_value_that_does_not_fit_is_told_from_a_key_that_may_not_be_there() {
    let fixture = fixture(json!({}));
    let told = |raw: &str| fixture.replace(raw).unwrap_err().to_string();
    assert_eq!(told("sandbox: {mode: none}"), "values that may not be set: sandbox.mode: must be bwrap or docker");
    assert_eq!(
        told("{sandbox: {mode: none}, backup: {target: x}}"),
        "keys that may not be set: backup.target: only the operator may set this; values that may not be set: \
         sandbox.mode: must be bwrap or docker"
    );
}

#[test]
fn a_refused_write_names_the_keys_and_changes_nothing() {
    let fixture = fixture(json!({}));
    fixture.replace("ui: {a: 1}").unwrap();
    let refused =
        fixture.patch("{gateway: {listen: '0.0.0.0:1'}, ui: {a: 2}, sandbox: {seccomp_profile: x}}").unwrap_err();
    let WriteError::Refused(offences) = &refused else { panic!("{refused}") };
    let paths: Vec<_> = offences.iter().map(|offence| offence.path.to_string()).collect();
    assert_eq!(paths, ["gateway.listen", "sandbox.seccomp_profile"]);
    assert!(matches!(fixture.replace("ui: [").unwrap_err(), WriteError::Text(_)));
    assert!(matches!(fixture.patch("[1]").unwrap_err(), WriteError::NotAPatch));
    assert_eq!(fixture.on_disk(FILE).as_deref(), Some("ui: {a: 1}"));
    assert_eq!(fixture.on_disk("config.yaml.bak.1"), None);
}

/// Sealed secrets are longer than open ones: a file that would outgrow the limit is not written.
#[test]
fn what_could_not_be_read_again_is_not_written() {
    let fixture = fixture(json!({}));
    let raw = json!({"channels": {"telegram": {"botToken": "x".repeat(text::MAX_BYTES - 100)}}}).to_string();
    assert!(matches!(fixture.replace(&raw), Err(WriteError::Text(_))));
    assert_eq!(fixture.on_disk(FILE), None);
}

#[test]
fn a_stale_base_hash_is_a_conflict() {
    let fixture = fixture(json!({}));
    let first = fixture.replace("ui: {a: 1}").unwrap().hash.clone();
    let second = fixture.store.replace(fixture.place(), "ui: {a: 2}", Some(&first)).unwrap().hash.clone();
    for result in [
        fixture.store.replace(fixture.place(), "ui: {a: 3}", Some(&first)),
        fixture.store.patch(fixture.place(), "{ui: {a: 3}}", Some(&first)),
    ] {
        assert!(matches!(result, Err(WriteError::Conflict { current }) if current == second));
    }
    fixture.store.patch(fixture.place(), "{ui: {a: 4}}", Some(&second)).unwrap();
}

/// Lesson 20: a configuration is never destroyed; the last five versions are there.
#[test]
fn previous_versions_are_kept() {
    let fixture = fixture(json!({}));
    for version in 0..8 {
        fixture.replace(&format!("ui: {{v: {version}}}")).unwrap();
    }
    fixture.replace("ui: {v: 7}").unwrap();
    let kept: Vec<_> = (1..=6).map(|n| fixture.on_disk(&format!("config.yaml.bak.{n}"))).collect();
    let expected = [6, 5, 4, 3, 2].map(|version| Some(format!("ui: {{v: {version}}}")));
    assert_eq!(kept[..5], expected);
    assert_eq!(kept[5], None);
}

/// Defect 21: a malformed overlay is an error that names the place, never an empty overlay.
#[test]
fn a_damaged_overlay_is_loud() {
    let fixture = fixture(json!({}));
    for (text, place) in [
        (&b"ui: {a: 1}\nagents: [\n"[..], "config.yaml:"),
        (b"ui: {}\ngateway:\n  listen: x\n", "config.yaml:3:3: gateway.listen"),
        (b"\xff\xfe", "config.yaml: not UTF-8"),
        (b"- 1\n", "config.yaml"),
    ] {
        fixture.put_on_disk(text);
        let damaged = fixture.effective().unwrap_err();
        assert!(damaged.message.starts_with(place), "{damaged}");
        let snapshot = fixture.snapshot();
        assert!(snapshot.exists && !snapshot.valid && !snapshot.issues.is_empty() && snapshot.config.is_null());
        assert!(matches!(fixture.patch("{ui: {b: 1}}"), Err(WriteError::Damaged(_))));
        assert_eq!(fixture.directory.read_all(&FILE.parse().unwrap(), 99).unwrap(), text, "left as it is");
    }
    fixture.replace("ui: {a: 2}").unwrap();
    assert_eq!(fixture.effective().unwrap()["ui"], json!({"a": 2}));
    assert_eq!(fixture.on_disk("config.yaml.bak.1").as_deref(), Some("- 1\n"));
}

#[test]
fn no_secret_is_shown_nor_stored_in_the_clear() {
    let fixture = fixture(json!({"channels": {"slack": {"signingSecret": "canary-base"}}}));
    let raw = "channels:\n  telegram: # was canary-one\n    botToken: canary-one\n    dmPolicy: open # keep\n\
               skills: {entries: {x: {apiKey: 'canary-two', env: {A: canary-three}}}}\n";
    fixture.replace(raw).unwrap();
    let shown = serde_json::to_string(&*fixture.snapshot()).unwrap();
    assert!(!shown.contains("canary") && shown.contains(REDACTED), "{shown}");
    let stored = fixture.on_disk(FILE).unwrap();
    assert!(!stored.contains("canary-two") && !stored.contains("canary-three"), "{stored}");
    assert_eq!(fixture.effective().unwrap()["channels"]["telegram"]["botToken"], "canary-one");
    assert_eq!(fixture.effective().unwrap()["skills"]["entries"]["x"]["env"]["A"], "canary-three");
}

/// A client that reads, edits and writes back what it was shown loses nothing.
#[test]
fn get_then_set_keeps_the_secrets() {
    let mut fixture = fixture(json!({}));
    for sealed in [true, false] {
        if !sealed {
            fixture.key = None;
        }
        fixture.replace("# note\nchannels: {telegram: {botToken: canary, dmPolicy: open}}\n").unwrap();
        let shown = fixture.snapshot().raw.clone().unwrap();
        assert!(shown.starts_with("# note"), "{shown}");
        fixture.replace(&shown.replace("open", "disabled")).unwrap();
        let expected = json!({"telegram": {"botToken": "canary", "dmPolicy": "disabled"}});
        assert_eq!(fixture.effective().unwrap()["channels"], expected);
        fixture.patch(&json!({"channels": {"telegram": {"botToken": REDACTED, "enabled": true}}}).to_string()).unwrap();
        assert_eq!(fixture.effective().unwrap()["channels"]["telegram"]["botToken"], "canary");
        let refused = fixture.patch(&json!({"talk": {"apiKey": REDACTED}}).to_string());
        assert!(matches!(refused, Err(WriteError::Refused(_))));
    }
}

#[test]
fn secrets_of_another_key_are_dropped_and_named() {
    let mut fixture = fixture(json!({}));
    fixture.replace("channels: {telegram: {botToken: canary, enabled: true}}").unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    fixture.key = Some(SecretKey::generate().unwrap().tenant_key(&tenant, 1));
    fixture.store.forget(&fixture.subject);
    let snapshot = fixture.snapshot();
    assert!(snapshot.valid && snapshot.warnings[0].path == "channels.telegram.botToken");
    assert_eq!(fixture.effective().unwrap()["channels"]["telegram"]["enabled"], true);
}

#[test]
fn what_does_nothing_in_an_overlay_is_told_where_it_is_shown() {
    let fixture = fixture(json!({}));
    fixture.replace("session:\n  mainKey: home\n  idleMinutes: 5\n").unwrap();
    let snapshot = fixture.snapshot();
    let [told] = &*snapshot.warnings else { panic!("{:?}", snapshot.warnings) };
    assert_eq!((told.path.as_str(), told.line, told.column), ("session.idleMinutes", Some(3), Some(3)));
    assert!(snapshot.valid && told.message.contains("has no effect yet"), "{told}");
}

#[test]
fn readings_are_kept_until_the_file_or_the_base_changes() {
    let fixture = fixture(json!({}));
    fixture.replace("sandbox: {pids: 100}").unwrap();
    let first = fixture.effective().unwrap();
    assert!(Arc::ptr_eq(&first, &fixture.effective().unwrap()));
    fixture.put_on_disk("sandbox: {pids: 90}");
    assert_eq!(fixture.effective().unwrap()["sandbox"]["pids"], 90);

    // The operator lowers the limit below what the tenant has stored: narrowed, with a warning.
    fixture.store.set_base(serde_json::from_value(json!({"sandbox": {"pids": 50}})).unwrap());
    assert_eq!(fixture.effective().unwrap()["sandbox"]["pids"], 50);
    let snapshot = fixture.snapshot();
    assert!(snapshot.valid && snapshot.warnings[0].path == "sandbox.pids", "{snapshot:?}");
}

#[test]
fn two_writers_never_interleave() {
    let fixture = fixture(json!({}));
    fixture.replace("ui: {}").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let fixture = &fixture;
            scope.spawn(move || {
                for round in 0..5 {
                    fixture.patch(&format!("{{ui: {{w{writer}r{round}: 1}}}}")).unwrap();
                }
            });
        }
    });
    assert_eq!(fixture.snapshot().parsed["ui"].as_object().unwrap().len(), 20);
}

#[test]
fn the_gateways_own_file_holds_every_key() {
    let mut fixture = fixture(json!({}));
    fixture.subject = Subject::Gateway;
    let raw = "gateway:\n  control_plane_token: canary # t\nmodels: {providers: [{id: a, kind: openai, api_key: canary-2}]}\n";
    fixture.replace(raw).unwrap();
    assert_eq!(fixture.on_disk(FILE).as_deref(), Some(raw));
    let snapshot = fixture.snapshot();
    assert!(!serde_json::to_string(&*snapshot).unwrap().contains("canary"));
    assert_eq!(snapshot.config["gateway"]["listen"], "127.0.0.1:18789");

    fixture.replace(snapshot.raw.as_deref().unwrap()).unwrap();
    assert_eq!(fixture.on_disk(FILE).as_deref().map(|text| text.matches("canary").count()), Some(2));
    let refused = fixture.replace("gateway:\n  listn: x\n").unwrap_err();
    assert_eq!(refused.to_string(), r#"config.yaml:2:3: unknown key gateway.listn (did you mean "listen"?)"#);
    assert!(matches!(fixture.patch("{gateway: {listen: '0.0.0.0:1'}}"), Err(WriteError::Invalid(_))));
}
