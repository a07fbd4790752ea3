//! WASI's clocks and randomness: the tenant's under test, the machine's elsewhere.

pub mod clocks {
    pub mod wall_clock {
        pub use crate::bindings::generated::wasi::clocks::wall_clock::Datetime;
        use crate::testing::clock;

        pub fn now() -> Datetime {
            let milliseconds = clock::unix_ms();
            let nanoseconds = u32::try_from(milliseconds % 1000 * 1_000_000).unwrap_or_default();
            Datetime { seconds: milliseconds / 1000, nanoseconds }
        }
    }

    pub mod monotonic_clock {
        use crate::testing::clock;
        use std::time::Duration;

        /// Something to wait for: when this clock says so much.
        pub struct Pollable(u64);

        pub fn now() -> u64 {
            clock::monotonic_ns()
        }

        pub fn subscribe_duration(nanoseconds: u64) -> Pollable {
            Pollable(now().saturating_add(nanoseconds))
        }

        impl Pollable {
            pub fn block(&self) {
                clock::wait(Duration::from_nanos(self.0.saturating_sub(now())));
            }

            pub fn ready(&self) -> bool {
                self.0 <= now()
            }
        }
    }
}

pub mod random {
    #[expect(clippy::module_inception, reason = "it is `wasi:random/random`")]
    pub mod random {
        pub fn get_random_bytes(length: u64) -> Vec<u8> {
            crate::testing::random::bytes(length)
        }
    }
}
