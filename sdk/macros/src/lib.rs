//! The attribute macro of `openclaw-sdk`, which documents it.
//!
//! `arguments` reads what stands in `#[handler(…)]`, `method` what stands in
//! `#[method(…)]` and on what it stands, `migrate` what `#[migrate]` stands on,
//! `handler` the module as a whole;
//! `expand` writes what it becomes. Every error is at the token that is wrong
//! and says what is right.

mod arguments;
mod docs;
mod expand;
mod handler;
mod list;
mod method;
mod migrate;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a module of functions a handler; see `openclaw_sdk::handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, module: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as arguments::Arguments);
    let module = parse_macro_input!(module as syn::ItemMod);
    match handler::Handler::read(arguments, module) {
        Ok(handler) => expand::expand(&handler).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

#[cfg(test)]
mod tests;
