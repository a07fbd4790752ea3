use std::{fs, thread};

use super::*;

/// The niceness of this process's threads of a name: proc(5), the nineteenth field.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn nice_of(name: &str) -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").expect("threads");
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let of_name = stats.filter(|stat| stat.contains(&format!("({name})")));
    let nice = |stat: String| stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok();
    of_name.filter_map(nice).collect()
}

/// Whoever is first to run something may stand back behind others; what runs everybody's workloads must not.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_back_end_has_the_priority_of_the_gateway_whoever_opens_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = Home::open(directory.path()).expect("a home");
    let backends = Arc::new(Backends::new(&home));
    let opening = backends.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let caller = thread::spawn(move || {
            rustix::process::nice(10).expect("it stands back");
            let others = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            others.block_on(opening.open(Mode::Bwrap, &Sandbox::default())).map(drop)
        });
        caller.join().expect("it does not panic")
    });
    opened.await.expect("it ends").expect("a back end");
    let usual = rustix::process::getpriority_process(None).expect("a priority");
    // A thread gives itself its name, when it first runs.
    let spawner = loop {
        match nice_of("sandbox-spawner") {
            not_yet if not_yet.is_empty() => thread::yield_now(),
            found => break found,
        }
    };
    assert_eq!(spawner, [usual]);
    backends.close().await;
}
