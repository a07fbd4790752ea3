#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::engine::{Counting, compiler};

struct Kept {
    cache: CodeCache,
    engine: Engine,
    directory: TempDir,
}

/// An empty component, made another one by a custom section.
fn wasm(number: u8) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".as_slice(), &[0, 3, 1, b'n', number]].concat()
}

impl Kept {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = CodeCache::new(directory.path().to_owned(), [7; 32]);
        Self { cache, engine: compiler(Counting::Off).expect("an engine"), directory }
    }

    /// Keeps a component that was used so many hours ago.
    fn keep(&self, number: u8, hours: u64) -> Digest {
        let digest = Digest::of(&wasm(number));
        let code = self.engine.precompile_component(&wasm(number)).expect("code");
        self.cache.keep(&self.engine, &digest, &code).expect("a component");
        let file = fs::File::open(self.cache.path(&self.engine, &digest)).expect("an entry");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).expect("an age");
        digest
    }

    fn bytes(&self) -> u64 {
        let files = fs::read_dir(self.directory.path()).expect("the directory").flatten();
        files.map(|file| file.metadata().expect("a file").len()).sum()
    }

    /// Without using it.
    fn has(&self, digest: Digest) -> bool {
        self.cache.path(&self.engine, &digest).exists()
    }
}

#[test]
fn what_was_not_used_for_the_longest_time_makes_room() {
    let kept = Kept::new();
    let [oldest, used, old, new] = [kept.keep(1, 4), kept.keep(2, 3), kept.keep(3, 2), kept.keep(4, 1)];
    let all = kept.bytes();
    kept.cache.trim(all, &[]);
    assert_eq!(kept.bytes(), all, "there was room");
    assert!(kept.cache.find(&kept.engine, &oldest).is_some(), "that was a use");
    kept.cache.trim(all / 2, &[used]);
    assert_eq!([oldest, used, old, new].map(|digest| kept.has(digest)), [true, true, false, false]);
}

#[test]
fn what_another_engine_compiled_is_removed() {
    let kept = Kept::new();
    let ours = kept.keep(1, 0);
    let other = compiler(Counting::Instructions).expect("an engine");
    let code = other.precompile_component(&wasm(2)).expect("code");
    kept.cache.keep(&other, &Digest::of(&wasm(2)), &code).expect("a component");
    fs::write(kept.directory.path().join("torn.12-0.tmp"), b"half").expect("a file");
    kept.cache.sweep(&kept.engine);
    assert!(kept.has(ours) && fs::read_dir(kept.directory.path()).expect("the directory").count() == 1);
    kept.cache.forget(&kept.engine, &ours);
    assert!(kept.cache.find(&kept.engine, &ours).is_none());
}
