use super::*;

/// The interfaces of a package that a component was built against.
fn built_against(version: &str, text: &str) -> Contract {
    let source = format!("package openclaw:gateway@{version};\n{text}");
    let mut resolve = Resolve::default();
    resolve.push_group(group([("own.wit", source.as_str())]).expect("WIT")).expect("a package");
    let interfaces: Vec<InterfaceId> = resolve.interfaces.iter().map(|(id, _)| id).collect();
    Contract::between(&Surface::of(&resolve, interfaces), &gateways().expect("the gateway's own"))
}

const LOG: &str = "interface log {
    enum level { debug, info, warn, error }
    emit: func(level: level, message: string, fields: list<tuple<string, string>>);
}";

#[test]
fn a_part_of_the_contract_is_the_contract() {
    let whole = gateways().expect("it is read");
    assert!(whole.interfaces.contains_key("documents") && !whole.interfaces.contains_key("outgoing-handler"));
    let contract = built_against("0.1.0", LOG);
    assert_eq!(contract.differences, []);
    assert_eq!((contract.standing(), contract.interfaces), (Some("same"), 1));
    assert!(contract.summary().contains("is the same here"), "{}", contract.summary());
}

#[test]
fn what_differs_and_what_is_unknown_is_told_apart() {
    let text = LOG.replace("message: string", "message: list<u8>").replace("fields:", "pairs:");
    let text = text.replace("    emit", "    flush: func();\n    emit");
    let contract = built_against("0.1.0", &format!("{text}\ninterface dreams {{ dream: func() -> string; }}"));
    let sentences = contract.sentences();
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    assert_eq!(sentences[0], "the interface dreams is unknown to this gateway");
    assert!(sentences[1].starts_with("log func emit is func(level: log.level, message: string"), "{}", sentences[1]);
    assert!(sentences[1].contains("message: list<u8>"), "{}", sentences[1]);
    assert_eq!(sentences[2], "log func flush is unknown to this gateway");
}

#[test]
fn a_type_is_compared_by_its_form() {
    let contract = built_against("0.1.0", &LOG.replace("warn, error", "warn, error, fatal"));
    assert_eq!(contract.differences.len(), 1, "{contract:?}");
    assert_eq!(contract.to_json()["differences"][0]["item"], "log type level");
}

#[test]
fn versions_stand_to_each_other() {
    for (version, standing) in [("0.0.9", "other"), ("0.1.0", "same"), ("0.1.7", "newer"), ("0.2.0", "other")] {
        assert_eq!(built_against(version, LOG).standing(), Some(standing), "{version}");
    }
    assert!(built_against("0.1.7", LOG).summary().contains("newer than this gateway's 0.1.0"));
}
