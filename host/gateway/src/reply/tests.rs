use std::{fs, path::Path};

use super::*;

/// The files below, tests apart, in which a line of code holds one of these.
#[allow(clippy::disallowed_methods, reason = "the crate's own sources")]
fn naming(directory: &Path, texts: &[String], found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            naming(&path, texts, found);
        } else if !path.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            let mut code = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            if code.any(|line| texts.iter().any(|text| line.contains(text))) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
}

#[test]
fn no_other_file_makes_a_reply_of_a_failure() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let numbers = ["-320", "-326", "-327"].map(str::to_owned);
    for texts in [&numbers[..], &["application/problem+json".to_owned()]] {
        let mut found = Vec::new();
        naming(&sources, texts, &mut found);
        assert_eq!(found, ["reply.rs"], "{texts:?}");
    }
}

#[test]
fn every_problem_has_a_status_that_is_a_failures() {
    for (problem, status) in [
        (Problem::forbidden(""), 403),
        (Problem::not_found(""), 404),
        (Problem::conflict(""), 409),
        (Problem::params(""), 422),
        (Problem::request(""), 400),
        (Problem::unavailable("", None), 503),
        (Problem::internal(""), 500),
        (Problem::request("").status(StatusCode::PAYLOAD_TOO_LARGE), 413),
    ] {
        assert_eq!(problem.response("id").status().as_u16(), status, "{problem:?}");
    }
}

#[test]
fn what_the_gateway_failed_at_is_not_told_of_as_the_components() {
    let of = |error: LoadError| Problem::of_change(ChangeError::Load(error), "id");
    assert_eq!(of(LoadError::Invalid("damaged".into())).code, "INVALID_REQUEST");
    assert_eq!(of(LoadError::Internal("a task panicked".into())).code, "INTERNAL");
    let closing = of(LoadError::Closing);
    assert_eq!((closing.code, closing.data["retryable"].clone()), ("UNAVAILABLE", true.into()));
}
