//! What stands for the host in a handler's tests, `openclaw_sdk::testing`, answers
//! as the host's own does, whatever is done to the two.
//!
//! It is a crate of its own, since a project that has the SDK has no host.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod files;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod handler {
    use openclaw_sdk::{Call, NoParams, Result};

    /// Owns a database and a directory.
    #[openclaw_sdk::handler(family = "probe")]
    pub(crate) mod probe {
        use super::*;

        /// Does nothing.
        #[method(scope = read)]
        fn nothing(_: &Call, _: NoParams) -> Result<()> {
            Ok(())
        }
    }
}
