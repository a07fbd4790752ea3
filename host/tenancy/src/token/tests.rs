use proptest::prelude::*;

use super::{OperatorToken, PresentedToken, Token, TokenHash, TokenKind};
use crate::TenantId;

#[test]
fn a_minted_token_has_the_contracts_shape_and_names_its_tenant() {
    let tenant: TenantId = "my_shop-2".parse().unwrap();
    let token = Token::mint(&tenant).unwrap();
    let presented = PresentedToken::parse(token.reveal()).unwrap();
    assert_eq!(presented.tenant, "my_shop-2");
    assert_eq!(presented.kind, TokenKind::Minted);
    assert_eq!(presented.hash(), token.hash());
    assert_eq!(token.reveal().len(), "tk_my_shop-2_".len() + 32);
    assert_ne!(token.reveal(), Token::mint(&tenant).unwrap().reveal());
}

#[test]
fn the_imported_form_hashes_the_secret_alone() {
    let presented = PresentedToken::parse("tenant:acme:s3cr:et").unwrap();
    assert_eq!(presented.tenant, "acme");
    assert_eq!(presented.kind, TokenKind::Imported);
    assert_eq!(presented.hash(), TokenHash::of(b"s3cr:et"));
}

#[test]
fn other_texts_are_no_tokens() {
    let short = format!("tk_acme_{}", "0".repeat(31));
    let upper = format!("tk_acme_{}", "A".repeat(32));
    for text in ["", "tk_", "tk_acme", "tenant:acme:", "tenant:acme", &short, &upper] {
        assert!(PresentedToken::parse(text).is_none(), "{text}");
    }
}

#[test]
fn no_debug_output_holds_a_secret() {
    let token = Token::mint(&"acme".parse().unwrap()).unwrap();
    let secret = token.reveal().rsplit('_').next().unwrap();
    let operator = OperatorToken::new("correct horse").unwrap();
    let presented = PresentedToken::parse(token.reveal()).unwrap();
    let printed = format!("{token:?} {operator:?} {presented:?} {:?}", token.hash());
    assert!(!printed.contains(secret), "{printed}");
    assert!(!printed.contains("correct"), "{printed}");
    assert!(!printed.contains(&hex::encode(token.hash().as_bytes())));
}

#[test]
fn the_operators_token_is_compared_whole_and_never_empty() {
    let token = OperatorToken::new(" correct horse\n").unwrap();
    assert!(token.matches("correct horse"));
    for wrong in ["", "correct", "correct horse ", "correct horsf"] {
        assert!(!token.matches(wrong), "{wrong:?}");
    }
    assert!(OperatorToken::new(" \n").is_none());
    let minted = OperatorToken::mint().unwrap();
    assert!(minted.matches(minted.reveal()));
    assert!(minted.withstands_guessing() && !token.withstands_guessing());
}

proptest! {
    #[test]
    fn parsing_takes_any_text(text in "\\PC{0,80}") {
        if let Some(token) = PresentedToken::parse(&text) {
            prop_assert!(text.contains(token.tenant));
        }
    }
}
