//! What is wrong is told at the token that is wrong, with what is right.

use quote::quote;
use syn::ItemMod;

use crate::{arguments::Arguments, expand::expand, handler::Handler};

const GREETER: &str = r#"family = "greeter""#;

fn read(arguments: &str, module: &str) -> syn::Result<Handler> {
    Handler::read(syn::parse_str::<Arguments>(arguments)?, syn::parse_str::<ItemMod>(module)?)
}

/// The token that an error points at, and its message.
fn refusal(arguments: &str, module: &str) -> (String, String) {
    let Err(error) = read(arguments, module) else { panic!("{arguments} and {module} are taken") };
    (error.span().source_text().unwrap_or_default(), error.to_string())
}

/// A module with one method.
fn module(attribute: &str, function: &str) -> String {
    format!("/// Greets people.\nmod greeter {{ /** Says hello. */ {attribute} {function} }}")
}

const FUNCTION: &str = "fn hello(call: &Call, params: Hello) -> Result<Greeting> { Ok(greet(params)) }";

#[test]
fn an_argument_of_the_handler_that_is_wrong_is_pointed_at() {
    let module = module("#[method(scope = read)]", FUNCTION);
    for (arguments, token, message) in [
        (r#"family = "Greeter""#, r#""Greeter""#, "a family begins with a-z"),
        (r#"famly = "greeter""#, "famly", "there is no `famly`: `family`, `version`"),
        (r#"family = "a", family = "b""#, "family", "`family` is given twice"),
        (r#"family = "a", version = "one""#, r#""one""#, "SemVer"),
        (r#"family = "a", shared_documents("sessions")"#, r#""sessions""#, "\"family/collection\""),
        (r#"family = "a", shared_documents("b/c:read")"#, r#""b/c:read""#, "after the colon stands `write`"),
        (r#"family = greeter"#, "greeter", "expected string literal"),
        (r#"family = "a", events = "b""#, "=", "expected parentheses"),
    ] {
        let (at, said) = refusal(arguments, &module);
        assert_eq!(at, token, "{arguments}: {said}");
        assert!(said.contains(message), "{arguments}: {said}");
    }
    let (_, said) = refusal("", &module);
    assert!(said.contains("family = \"greeter\""), "{said}");
}

#[test]
fn an_argument_of_a_method_that_is_wrong_is_pointed_at() {
    for (attribute, token, message) in [
        ("#[method(scope = admin)]", "admin", "a scope is one of read, write, pairing, approvals"),
        ("#[method(scope = read, tier = gold)]", "gold", "a tier is one of core, companion, tenant"),
        ("#[method(scope = read, timeout = 5)]", "timeout", "there is no `timeout`: `scope`"),
        ("#[method(scope = read, timeout_ms = 0)]", "0", "1 to 4294967295"),
        ("#[method(scope = read, name = \"a b\")]", "\"a b\"", "letters, digits"),
    ] {
        let (at, said) = refusal(GREETER, &module(attribute, FUNCTION));
        assert_eq!(at, token, "{attribute}: {said}");
        assert!(said.contains(message), "{attribute}: {said}");
    }
    let (_, said) = refusal(GREETER, &module("#[method]", FUNCTION));
    assert!(said.contains("#[method(scope = read)]"), "{said}");
}

#[test]
fn a_function_that_is_no_handler_is_pointed_at() {
    for (function, token, message) in [
        ("async fn hello(call: &Call, params: Hello) -> Result<Greeting> {}", "async", "not async"),
        ("fn hello() -> Result<Greeting> {}", "hello", "(call: &Call, params: Hello)"),
        ("fn hello(params: Hello) -> Result<Greeting> {}", "params: Hello", "(call: &Call, params: Hello)"),
        ("fn hello(call: &Call, params: Hello) {}", "hello", "-> Result<Greeting>"),
        ("fn hello<P>(call: &Call, params: P) -> Result<Greeting> {}", "P", "types of its own"),
        ("fn handle(call: &Call, params: Hello) -> Result<Greeting> {}", "handle", "choose another name"),
        ("use super::{a, b};", "{a, b}", "an import and a `#[method]` of its own"),
        ("use super::*;", "*", "an import and a `#[method]` of its own"),
        ("struct Hello;", "#[method(scope = read)]", "a method is a function"),
    ] {
        let (at, said) = refusal(GREETER, &module("#[method(scope = read)]", function));
        assert_eq!(at, token, "{function}: {said}");
        assert!(said.contains(message), "{function}: {said}");
    }
}

#[test]
fn what_is_missing_is_told_at_the_name() {
    let without_docs = format!("/// Greets.\nmod greeter {{ #[method(scope = read)] {FUNCTION} }}");
    for (module, token, message) in [
        (without_docs.as_str(), "hello", "a method has a doc comment"),
        ("mod greeter {}", "greeter", "a handler has a doc comment"),
        ("/// Greets.\nmod greeter {}", "greeter", "a handler has a method"),
        ("/// Greets.\nmod greeter;", "greeter", "the methods stand here"),
    ] {
        let (at, said) = refusal(GREETER, module);
        assert_eq!(at, token, "{module}: {said}");
        assert!(said.contains(message), "{module}: {said}");
    }
}

#[test]
fn two_methods_of_one_name_are_refused_at_the_second() {
    let module = format!(
        "/// Greets.\nmod greeter {{
            /// Says hello.
            #[method(scope = read)] {FUNCTION}
            /// Says it again.
            #[method(scope = read, name = \"greeter.hello\")] use super::again;
        }}"
    );
    assert_eq!(
        refusal(GREETER, &module),
        ("\"greeter.hello\"".to_owned(), "there is a method `greeter.hello` already".to_owned())
    );
}

#[test]
fn a_method_is_named_after_its_function_unless_it_is_named() {
    let module = "/// Greets people
        /// in every language.
        ///
        /// For whoever reads the code.
        mod greeter {
            /// Says hello.
            #[method(scope = read)]
            use super::hello as r#type;
            /// Changes the name.
            #[method(scope = write, name = \"greeter.set-name\", tier = core, timeout_ms = 5_000)]
            fn set_name(call: &Call, params: Name) -> Result<Name> { Ok(params) }
            /// No method.
            fn other() {}
        }";
    let handler = read(GREETER, module).unwrap();
    assert_eq!(handler.description, "Greets people in every language.");
    let names: Vec<_> = handler.methods.iter().map(|method| method.name("greeter")).collect();
    assert_eq!(names, ["greeter.type", "greeter.set-name"]);
    let [first, second] = handler.methods.as_slice() else { panic!("{names:?}") };
    assert_eq!((first.summary.as_str(), first.scope.as_str(), &first.tier), ("Says hello.", "read", &None));
    assert_eq!((second.tier.as_deref(), second.timeout_ms), (Some("core"), Some(5000)));
}

#[test]
fn the_module_stays_and_gains_its_manifest_and_its_dispatch() {
    let handler = read(GREETER, &module("#[method(scope = read)]", FUNCTION)).unwrap();
    let expanded: ItemMod = syn::parse2(expand(&handler)).unwrap();
    let text = quote!(#expanded).to_string();
    assert!(text.contains("fn hello") && !text.contains("# [method"), "{text}");
    for added in ["pub (super) fn manifest", "pub (super) fn handle", "pub (super) const HANDLER"] {
        assert!(text.contains(added), "{added}: {text}");
    }
}

#[test]
fn a_migration_is_exported_beside_the_methods() {
    let migrate = "#[migrate] fn convert(call: &Call, replaced: Option<&str>) -> Result<()> { Ok(()) }";
    let with = |functions: &str| {
        format!("/// Greets.\nmod greeter {{ /** Hi. */ #[method(scope = read)] {FUNCTION} {functions} }}")
    };
    let expanded = read(GREETER, &with(migrate)).map(|handler| expand(&handler).to_string());
    let expanded = expanded.unwrap_or_else(|error| panic!("{error}"));
    assert!(expanded.contains("export_migration ! (convert)"), "{expanded}");
    assert!(!expanded.contains("# [migrate]"), "{expanded}");
    for (functions, token, message) in [
        (format!("{migrate} {}", migrate.replace("convert", "other")), "#[migrate]", "one migration"),
        ("#[migrate] fn convert(call: &Call) -> Result<()> { Ok(()) }".to_owned(), "convert", "Option<&str>"),
        ("#[migrate] fn convert(call: &Call, replaced: Option<&str>) {}".to_owned(), "convert", "Result<()>"),
    ] {
        let (at, said) = refusal(GREETER, &with(&functions));
        assert_eq!(at, token, "{said}");
        assert!(said.contains(message), "{said}");
    }
}
