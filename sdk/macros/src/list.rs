//! `name = value` and `name(…)` in a row, as both attributes have them.

use proc_macro2::Ident;
use syn::{
    Error, LitStr, Result, Token, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// Reads arguments up to the end, each by its name, none twice. `read` answers
/// false for a name that it does not know.
pub(crate) fn read(
    input: ParseStream<'_>,
    known: &str,
    mut read: impl FnMut(&Ident, ParseStream<'_>) -> Result<bool>,
) -> Result<()> {
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        let name: Ident = input.parse()?;
        if seen.contains(&name) {
            return Err(Error::new(name.span(), format!("`{name}` is given twice")));
        }
        if !read(&name, input)? {
            return Err(Error::new(name.span(), format!("there is no `{name}`: {known}")));
        }
        seen.push(name);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// The value of `name = value`.
pub(crate) fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// The strings of `name("…", "…")`.
pub(crate) fn strings(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    elements(input)
}

/// What stands in `name(…, …)`.
pub(crate) fn elements<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}
