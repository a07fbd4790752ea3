//! The function that stands under `#[migrate]`, where the handler has one.

use proc_macro2::Ident;
use syn::{Error, FnArg, Item, ItemFn, Result, ReturnType, Type, spanned::Spanned};

const SHAPE: &str = "a migration takes the call and the version that it replaces: `fn migrate(call: &Call, replaced: Option<&str>) -> Result<()>`";

/// Takes the attribute from the function, and answers its name.
pub(crate) fn function(items: &mut [Item]) -> Result<Option<Ident>> {
    let mut found = None;
    for item in items {
        let Item::Fn(function) = item else { continue };
        let Some(at) = function.attrs.iter().position(|attribute| attribute.path().is_ident("migrate")) else {
            continue;
        };
        let attribute = function.attrs.remove(at);
        if found.is_some() {
            return Err(Error::new(attribute.span(), "a handler has one migration: it looks at what it replaces"));
        }
        check_signature(function)?;
        found = Some(function.sig.ident.clone());
    }
    Ok(found)
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let takes_call =
        matches!(signature.inputs.first(), Some(FnArg::Typed(first)) if matches!(*first.ty, Type::Reference(_)));
    let answers = matches!(signature.output, ReturnType::Type(..));
    match signature.inputs.len() == 2 && takes_call && answers && signature.asyncness.is_none() {
        true => Ok(()),
        false => Err(Error::new(signature.ident.span(), SHAPE)),
    }
}
