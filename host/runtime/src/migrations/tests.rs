use super::*;

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn wanted(name: &str, sequence: u64, migrates: bool) -> Wanted {
    Wanted { digest: digest(name), sequence, migrates }
}

/// Forms of versions that converted one after another, each with its sequence.
fn forms(versions: &[(&str, u64)]) -> Forms {
    let form = |(number, (name, sequence)): (u64, &(&str, u64))| Form {
        number,
        digest: digest(name),
        version: (*name).into(),
        sequence: *sequence,
        stage: Stage::Done,
        before: Before::Copy,
    };
    Forms { stack: (1..).zip(versions).map(form).collect(), failed: None }
}

fn step(forms: &Forms, wanted: Wanted) -> Step {
    forms.step(wanted, |_| false)
}

#[test]
fn who_has_no_form_takes_what_is_there_and_who_has_one_converts_it() {
    assert_eq!(step(&forms(&[]), wanted("a", 1, false)), Step::Nothing);
    assert_eq!(step(&forms(&[]), wanted("a", 1, true)), Step::Forward);
    assert_eq!(step(&forms(&[("a", 1)]), wanted("a", 1, true)), Step::Nothing);
    assert_eq!(step(&forms(&[("a", 1)]), wanted("a", 9, true)), Step::Nothing, "bound once more");
    assert_eq!(step(&forms(&[("a", 1)]), wanted("b", 2, true)), Step::Forward);
    assert_eq!(step(&forms(&[("a", 1)]), wanted("b", 2, false)), Step::Nothing);
}

#[test]
fn who_was_bound_before_gets_back_what_it_had() {
    let stack = forms(&[("a", 1), ("b", 2)]);
    assert_eq!(step(&stack, wanted("a", 1, true)), Step::Back);
    assert_eq!(step(&stack, wanted("built-in", 0, false)), Step::Back);
    assert_eq!(step(&stack, wanted("a", 3, true)), Step::Forward, "installed again, it is the newer one");
}

#[test]
fn what_was_rolled_back_or_cut_short_is_put_back_first() {
    let mut stack = forms(&[("a", 1), ("b", 2)]);
    assert_eq!(stack.step(wanted("c", 3, true), |sequence| sequence == 2), Step::Back);
    for stage in [Stage::Running, Stage::Restoring] {
        stack.stack[1].stage = stage;
        assert_eq!(step(&stack, wanted("b", 2, true)), Step::Back, "{stage:?}");
    }
}

#[test]
fn two_copies_are_kept() {
    let mut stack = forms(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
    assert_eq!(stack.trim(), [1, 2]);
    let kept: Vec<_> = stack.stack.iter().map(|form| (form.version.as_str(), form.before)).collect();
    assert_eq!(kept, [("b", Before::Gone), ("c", Before::Copy), ("d", Before::Copy)]);
    assert_eq!(stack.trim(), [0; 0]);
}

#[test]
fn a_failure_stands_until_something_is_bound() {
    let failure = Failure { limit: None, reason: "migration", detail: "no".into() };
    let until = Instant::now() + std::time::Duration::from_secs(60);
    let failed = FailedConversion { digest: digest("a"), generation: 4, until, failure };
    let forms = Forms { failed: Some(failed), ..Forms::default() };
    assert!(forms.failure(digest("a"), 4).is_some());
    assert!(forms.failure(digest("a"), 5).is_none() && forms.failure(digest("b"), 4).is_none());
}
