use super::*;

fn ended(status: i32, counters: Counters) -> Reason {
    reason(None, &Exit::Status(status), &counters, false)
}

#[test]
fn an_out_of_memory_kill_is_the_reason_whatever_came_of_it() {
    let counters = Counters { oom_kills: 1, refused_pids: 1, ..Counters::default() };
    assert_eq!(ended(0, counters), Reason::Oom);
    assert_eq!(reason(Some(Reason::Timeout), &Exit::Status(137), &counters, true), Reason::Oom);
}

#[test]
fn refused_processes_are_the_reason_only_of_a_failure() {
    let counters = Counters { refused_pids: 3, ..Counters::default() };
    assert_eq!(ended(1, counters), Reason::Pids);
    assert_eq!(ended(0, counters), Reason::Exit);
}

#[test]
fn a_status_above_128_is_a_signal() {
    let outcome = |status, reason| {
        let end = End { reason, exit: Exit::Status(status), truncated: false, usage: Usage::default() };
        let outcome = end.into_outcome(Mode::Bwrap);
        (outcome.exit_code, outcome.signal)
    };
    assert_eq!(outcome(7, Reason::Exit), (Some(7), None));
    assert_eq!(outcome(137, Reason::Exit), (None, Some(9)));
    assert_eq!(outcome(255, Reason::Exit), (Some(255), None));
    assert_eq!(outcome(1, Reason::Timeout), (None, None), "a limit ended it");
}

#[tokio::test]
async fn output_beyond_its_limit_is_cut_and_told_of() {
    let (sender, mut receiver) = mpsc::channel(4);
    let sink = Sink::new(sender, &Limits { output_bytes: 5, ..Limits::default() });
    let (mut stdout, mut stderr) = (sink.meter(Output::Stdout), sink.meter(Output::Stderr));
    assert!(stdout.push(Bytes::from_static(b"abc")).await);
    assert!(stderr.push(Bytes::from_static(b"12345")).await, "each stream has its own");
    assert!(!sink.exceeded().flag.load(Ordering::Acquire));
    assert!(!stdout.push(Bytes::from_static(b"defg")).await);
    assert!(sink.exceeded().flag.load(Ordering::Acquire));
    let bytes = Bytes::from_static;
    for expected in [Output::Stdout(bytes(b"abc")), Output::Stderr(bytes(b"12345")), Output::Stdout(bytes(b"de"))] {
        assert_eq!(receiver.recv().await, Some(expected));
    }
}
