use proptest::prelude::*;

use super::{Family, IndexName, TenantId, TenantIdError};

proptest! {
    #[test]
    fn every_text_of_the_contract_is_an_id(text in "[a-z0-9][a-z0-9_-]{0,31}") {
        let id: TenantId = text.parse().unwrap();
        prop_assert_eq!(id.as_str(), text);
    }

    #[test]
    fn no_other_text_is(text in "\\PC{0,40}") {
        let contract = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        let valid = (1..=32).contains(&text.len())
            && !text.starts_with(['_', '-'])
            && text.chars().all(contract);
        prop_assert_eq!(text.parse::<TenantId>().is_ok(), valid);
    }
}

#[test]
fn an_error_names_what_is_wrong() {
    assert_eq!("".parse::<TenantId>(), Err(TenantIdError::Empty));
    assert_eq!("Acme".parse::<TenantId>().unwrap_err().to_string(), "a tenant id begins with a-z or 0-9, not with 'A'");
    assert_eq!("a/../b".parse::<TenantId>(), Err(TenantIdError::Character('/')));
    assert_eq!("a".repeat(33).parse::<TenantId>(), Err(TenantIdError::TooLong(33)));
}

#[test]
fn a_family_is_stricter_than_a_tenant() {
    assert!("crm_2".parse::<Family>().is_ok());
    for wrong in ["", "2crm", "_crm", "crm-2", "crm.x", "CRM"] {
        assert!(wrong.parse::<Family>().is_err(), "{wrong}");
    }
}

#[test]
fn an_index_is_named_as_an_agent_is() {
    for name in ["main", "2nd_agent", "a-b", &"x".repeat(64)] {
        assert_eq!(name.parse::<IndexName>().map(|parsed| parsed.to_string()), Ok(name.to_owned()));
    }
    for wrong in ["", "-a", "_a", "A", "a.b", "a/b", "..", "é", &"x".repeat(65)] {
        assert!(wrong.parse::<IndexName>().is_err(), "{wrong}");
    }
}

#[test]
fn serde_checks_as_parsing_does() {
    assert!(serde_json::from_str::<TenantId>("\"acme\"").is_ok());
    assert!(serde_json::from_str::<TenantId>("\"../acme\"").is_err());
}
