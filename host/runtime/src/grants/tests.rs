use super::*;

fn manifest(shared: &str) -> Manifest {
    let text = format!(
        r#"{{"family": "crm", "version": "1.0.0", "sharedDocuments": {shared}, "methods":
            [{{"name": "crm.x", "scope": "read", "params": {{"type": "object"}}, "result": {{}}}}]}}"#
    );
    Manifest::parse(text.as_bytes()).expect("a manifest")
}

fn listed(grants: &[&str]) -> Grants {
    Grants::Listed(grants.iter().map(|&grant| grant.into()).collect())
}

/// The capability that is missing; none where everything is granted.
fn missing(grants: &[&str], shared: &str) -> Option<String> {
    match listed(grants).check_manifest(&manifest(shared)) {
        Ok(()) => None,
        Err(LoadError::NotGranted { capability, family }) => {
            assert_eq!(family, "crm");
            Some(capability)
        }
        Err(other) => panic!("{other}"),
    }
}

const READ: &str = r#"[{"family": "sessions", "collection": "sessions"}]"#;
const WRITE: &str = r#"[{"family": "sessions", "collection": "sessions", "access": "write"}]"#;

#[test]
fn a_collection_is_read_where_that_is_granted() {
    assert_eq!(missing(&["documents:sessions/sessions"], READ), None);
    assert_eq!(missing(&[], READ).as_deref(), Some("documents:sessions/sessions"));
    assert_eq!(missing(&["documents:sessions/archives"], READ).as_deref(), Some("documents:sessions/sessions"));
}

#[test]
fn reading_does_not_grant_writing() {
    assert_eq!(missing(&["documents:sessions/sessions"], WRITE).as_deref(), Some("documents:sessions/sessions:write"));
}

#[test]
fn writing_grants_reading() {
    assert_eq!(missing(&["documents:sessions/sessions:write"], WRITE), None);
    assert_eq!(missing(&["documents:sessions/sessions:write"], READ), None);
}

#[test]
fn an_import_that_is_not_granted_is_refused_by_name() {
    let check = |grants: &[&str], import| listed(grants).check_imports("crm", std::iter::once(import));
    assert!(check(&[], "openclaw:gateway/documents@0.1.0").is_ok());
    assert!(check(&[], "openclaw:gateway/shared-documents-write@0.1.0").is_ok(), "decided on the manifest");
    assert!(check(&["usage"], "openclaw:gateway/usage@0.1.0").is_ok());
    let refused = check(&["usage"], "openclaw:gateway/secrets@0.1.0").expect_err("it is not granted");
    assert!(matches!(&refused, LoadError::NotGranted { capability, .. } if capability == "secrets"), "{refused}");
    let unserved = check(&["sandbox"], "openclaw:gateway/sandbox@0.1.0").expect_err("it is not served");
    assert!(matches!(&unserved, LoadError::Unserved { .. }), "{unserved}");
}
