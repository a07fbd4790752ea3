//! What every method owes its callers, whatever it does.

pub(crate) use openclaw_tests::{Client, Daemon, Home, Request, RpcError, Tenant, canary, discover};
pub(crate) use serde_json::{Value, json};

use discover::Method;

/// Only what a tenant keeps holds this; what a caller sends does not.
pub(crate) const MARK: &str = "CANARY-OF-A";

/// Two tenants, of whom the first has something to lose.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) a: Tenant,
    pub(crate) b: Tenant,
    /// A session of the first.
    pub(crate) key: String,
    /// An agent of the first.
    pub(crate) agent: String,
}

impl Stage {
    fn on(daemon: Daemon) -> Self {
        let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
        canary::plant(&daemon, &a, MARK);
        Self { daemon, a, b, key: canary::session_key(MARK), agent: MARK.to_lowercase() }
    }
}

/// Checks everything that is asked of every method. `params` are those of a good call of the
/// first tenant; they must not hold [`MARK`].
pub(crate) fn contract(name: &str, params: fn(&Stage) -> Value) {
    contract_on(Daemon::start(), name, params);
}

/// The same of a method whose good call needs a daemon with a configuration.
pub(crate) fn contract_on(daemon: Daemon, name: &str, params: fn(&Stage) -> Value) {
    let stage = Stage::on(daemon);
    let method = Method::named(&stage.daemon.operator(), name);
    let params = params(&stage);
    assert!(!params.to_string().contains(MARK), "the parameters hold the mark");
    let is_admin = method.tier == "admin";
    let caller = if is_admin { stage.daemon.operator() } else { (*stage.a).clone() };
    wants_each_required_parameter(&caller, &method, &params);
    refuses_an_unknown_parameter(&caller, &method, &params);
    refuses_nobody(&stage, &method, &params);
    refuses_a_missing_scope(&stage, &caller, &method, &params);
    if !is_admin {
        shows_nothing_to_another_tenant(&stage, &method, &params);
    }
    // Last: it may well end what the others need.
    answers_a_good_call(&caller, &method, params);
}

/// The daemon of the tests checks the results of components against their schemas; those of the host's own
/// methods are looked at here.
fn answers_a_good_call(caller: &Client, method: &Method, params: Value) {
    let result = caller.ok(&method.name, params);
    let schema = &method.result;
    let members = result.as_object().unwrap_or_else(|| panic!("{} answered no object: {result}", method.name));
    for name in members.keys() {
        assert!(schema["properties"].get(name).is_some(), "{name} is not in the schema of {}: {result}", method.name);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(members.contains_key(name), "{name} is missing in the result of {}: {result}", method.name);
    }
}

fn wants_each_required_parameter(caller: &Client, method: &Method, params: &Value) {
    for param in method.params.iter().filter(|param| param.required) {
        let mut without = params.clone();
        without.as_object_mut().and_then(|members| members.remove(&param.name)).expect("the good call has it");
        let error = caller.err(&method.name, without);
        assert_eq!(error.code, -32602, "without {}: {error}", param.name);
        assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
        assert!(error.message.contains(&param.name), "{} is not named: {error}", param.name);
    }
}

fn refuses_an_unknown_parameter(caller: &Client, method: &Method, params: &Value) {
    let mut with = params.clone();
    with["bogusParameter"] = json!(1);
    let error = caller.err(&method.name, with);
    assert_eq!(error.code, -32602, "{error}");
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    assert!(error.message.contains("bogusParameter"), "it is not named: {error}");
}

fn refuses_nobody(stage: &Stage, method: &Method, params: &Value) {
    let body = openclaw_tests::rpc::frame(1, &method.name, params).to_string();
    let response = stage.daemon.send(&Request::rpc(body));
    assert_eq!(response.status, 401);
    assert_eq!(response.json()["error"]["code"], -32001);
    assert_eq!(response.json()["error"]["data"]["code"], "UNAUTHORIZED");
}

fn refuses_a_missing_scope(stage: &Stage, caller: &Client, method: &Method, params: &Value) {
    let others = match method.scope.as_str() {
        "read" => "pairing,approvals",
        "admin" => "read,write,pairing,approvals",
        _ => "read",
    };
    let error = caller.with_scopes(others).err(&method.name, params.clone());
    assert_eq!((error.code, error.name()), (-32003, "FORBIDDEN"), "{error}");
    if method.scope == "admin" {
        let error = stage.a.err(&method.name, params.clone());
        assert_eq!(error.code, -32601, "{error}");
        assert_eq!(error.message, format!("method not available for tenant token: {}", method.name));
    }
}

fn shows_nothing_to_another_tenant(stage: &Stage, method: &Method, params: &Value) {
    if method.takes("tenantId") {
        let ask_for = |id: &str| {
            let mut params = params.clone();
            params["tenantId"] = json!(id);
            let error = stage.b.err(&method.name, params);
            assert_eq!((error.code, error.name()), (-32003, "FORBIDDEN"), "{error}");
            error.message
        };
        assert_eq!(ask_for("a"), ask_for("nobody"), "whether a tenant exists must not show");
    }
    // A method may well destroy what the caller has: it is the caller's own.
    let answer = stage.b.respond(&method.name, params).text();
    assert!(!answer.contains(MARK), "{} told b of a: {answer}", method.name);
}

/// Checks the members of an object: `"ok key entry?"` for two that must be there and one that may.
#[track_caller]
pub(crate) fn has_fields(value: &Value, fields: &str) {
    let members = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    let (may, must): (Vec<&str>, Vec<&str>) = fields.split_whitespace().partition(|field| field.ends_with('?'));
    let may: Vec<&str> = may.iter().map(|field| field.trim_end_matches('?')).collect();
    for field in &must {
        assert!(members.contains_key(*field), "{field} is missing in {value}");
    }
    for field in members.keys() {
        assert!(must.contains(&&**field) || may.contains(&&**field), "{field} is not in the contract: {value}");
    }
}

/// Whether this is a time as `…At` fields have it: RFC 3339 in UTC.
#[track_caller]
pub(crate) fn is_rfc3339(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("not a time: {value}"));
    let shape = text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && text.as_bytes()[4] == b'-';
    assert!(shape, "not RFC 3339 in UTC: {text}");
}

/// Whether this is a time as `ts` and `…AtMs` have it: a whole number of milliseconds of this century.
#[track_caller]
pub(crate) fn is_unix_ms(value: &Value) {
    let ms = value.as_u64().unwrap_or_else(|| panic!("not whole milliseconds: {value}"));
    assert!((946_684_800_000..4_102_444_800_000).contains(&ms), "not Unix milliseconds: {ms}");
}

/// One field of each item of a list.
pub(crate) fn pluck(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    items.iter().map(|item| item[field].as_str().unwrap_or_else(|| panic!("no {field} in {item}")).to_owned()).collect()
}
