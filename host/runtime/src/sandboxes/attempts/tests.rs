#![allow(clippy::disallowed_methods, reason = "the log of the test's own home")]

use openclaw_control::Durability;
use openclaw_sandbox::egress::Refusal;
use openclaw_tenancy::Home;

use super::*;

pub(super) const ROW: u64 = 7;

/// An audit log of its own, and the hours of its tenants.
pub(super) struct Log {
    home: Home,
    _directory: tempfile::TempDir,
    pub(super) audit: Arc<Audit>,
    pub(super) hours: Arc<Hours>,
}

impl Log {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let home = Home::open(directory.path()).expect("a home");
        let audit = Arc::new(Audit::open(&home, Durability::Process).expect("a log"));
        Self { home, _directory: directory, audit, hours: Arc::default() }
    }

    fn workload(&self) -> Attempts {
        let (audit, hours) = (self.audit.clone(), self.hours.clone());
        let tenant = "acme".parse().ok();
        let to = To { audit, hours, actor: Actor::Operator, tenant, row: ROW, source: Source::Workload };
        Attempts { to, seen: Mutex::default() }
    }

    /// So many lines are used up already.
    pub(super) fn with_lines(self, lines: u32) -> Self {
        self.hours.lock().entry(ROW).or_insert_with(Hour::begin).lines = lines;
        self
    }

    /// Action and detail of each line.
    pub(super) fn lines(&self) -> Vec<(String, Value)> {
        let text = std::fs::read_to_string(self.home.audit_path()).expect("the log");
        let line = |line: &str| {
            let mut line: Value = openclaw_config::json::read(line.as_bytes(), 8).expect("JSON");
            (line["action"].as_str().expect("an action").to_owned(), line["detail"].take())
        };
        text.lines().map(line).collect()
    }
}

pub(super) fn attempt(host: &str, refused: Option<Refusal>) -> Attempt {
    Attempt { host: host.to_owned(), port: 443, refused }
}

/// As [`Attempts::record`] does.
fn record(attempts: &Attempts, attempt: &Attempt) {
    assert!(attempts.is_counted(attempt) || attempts.to.line(attempt));
}

/// The attempts that the lines tell of together.
fn accounted(lines: &[(String, Value)]) -> u64 {
    let of = |(action, detail): &(String, Value)| match action.as_str() {
        "sandbox.egress.rest" => detail["attempts"].as_u64().expect("a count"),
        _ => detail["repeated"].as_u64().unwrap_or(1),
    };
    lines.iter().map(of).sum()
}

#[test]
fn an_attempt_has_its_line_at_once_and_its_repetitions_one_at_the_end() {
    let log = Log::new();
    let workload = log.workload();
    for _ in 0..5 {
        record(&workload, &attempt("a.example", None));
    }
    record(&workload, &attempt("a.example", Some(Refusal::Unreachable)));
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "that it failed once is something else: {lines:?}");
    assert_eq!(lines[0].1, json!({ "host": "a.example", "port": 443, "allowed": true }));
    drop(workload);
    let lines = log.lines();
    let (action, detail) = &lines[2];
    assert_eq!((lines.len(), action.as_str(), &detail["repeated"]), (3, "sandbox.egress", &json!(4)), "{lines:?}");
    assert!(detail["firstAt"].as_str() <= detail["lastAt"].as_str(), "{detail}");
    assert_eq!(accounted(&lines), 6);
}

#[test]
fn what_was_told_at_the_end_is_not_told_again() {
    let log = Log::new();
    let workload = log.workload();
    for _ in 0..3 {
        record(&workload, &attempt("a.example", None));
    }
    workload.to.counted(workload.seen().take());
    record(&workload, &attempt("a.example", None));
    drop(workload);
    assert_eq!(accounted(&log.lines()), 4);
}

#[test]
fn a_workload_that_tries_everything_has_so_many_lines_and_one_for_the_rest() {
    let log = Log::new();
    let workload = log.workload();
    let tried = DIFFERENT + 50;
    for number in 0..tried {
        record(&workload, &attempt(&format!("{number}.example"), Some(Refusal::NotAllowed)));
    }
    drop(workload);
    let lines = log.lines();
    assert_eq!(lines.len(), DIFFERENT + 1);
    let (action, rest) = &lines[DIFFERENT];
    assert_eq!((action.as_str(), &rest["attempts"], &rest["refused"]), ("sandbox.egress.rest", &json!(50), &json!(50)));
    assert_eq!(accounted(&lines), tried as u64);
}

#[test]
fn a_tenant_whose_hour_has_no_line_left_is_told_of_once_when_it_is_over() {
    let log = Log::new().with_lines(LINES - 1);
    for _ in 0..3 {
        let workload = log.workload();
        record(&workload, &attempt("a.example", None));
        record(&workload, &attempt("a.example", None));
    }
    assert_eq!(accounted(&log.lines()), 1, "the last line of the hour");
    assert!(log.hours.ended(Hour::is_over).is_empty(), "it is not over");
    let rest = log.hours.ended(|_| true);
    assert_eq!((rest.len(), rest[0].1.attempts), (1, 5));
    assert!(log.hours.take(ROW), "the next hour has lines again");
}

#[test]
fn one_tenant_takes_no_lines_of_another() {
    let log = Log::new().with_lines(LINES);
    assert!(!log.hours.take(ROW) && log.hours.take(ROW + 1));
}
