//! What stands in `#[method(…)]`, and the function that it stands on.

use proc_macro2::{Ident, Span};
use syn::{
    Attribute, Error, FnArg, GenericParam, ItemFn, ItemUse, LitInt, LitStr, Meta, Result, ReturnType, Type, UseTree,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{docs, list};

const KNOWN: &str = "`scope`, `name`, `tier` and `timeout_ms` are known";
const SCOPES: &[&str] = &["read", "write", "pairing", "approvals"];
const TIERS: &[&str] = &["core", "companion", "tenant"];
const NAME_BYTES: usize = 128;

/// One method of the handler.
pub(crate) struct Method {
    /// The full name, where the attribute has one; else it follows from the function's.
    name: Option<LitStr>,
    pub(crate) summary: String,
    pub(crate) scope: String,
    pub(crate) tier: Option<String>,
    pub(crate) timeout_ms: Option<u32>,
    /// The function, as the module knows it.
    pub(crate) function: Ident,
}

impl Method {
    pub(crate) fn of_function(item: &mut ItemFn) -> Result<Option<Self>> {
        let Some(attribute) = take(&mut item.attrs) else { return Ok(None) };
        check_signature(item)?;
        Self::read(&attribute, &item.attrs, item.sig.ident.clone()).map(Some)
    }

    /// A function of another file: `use super::list::list;`.
    pub(crate) fn of_use(item: &mut ItemUse) -> Result<Option<Self>> {
        let Some(attribute) = take(&mut item.attrs) else { return Ok(None) };
        let method = Self::read(&attribute, &item.attrs, named(&item.tree)?)?;
        // The comment has become the summary; an import has no documentation of its own.
        item.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
        Ok(Some(method))
    }

    fn read(attribute: &Attribute, attributes: &[Attribute], function: Ident) -> Result<Self> {
        let arguments = match &attribute.meta {
            Meta::List(_) => attribute.parse_args::<Arguments>()?,
            _ => Arguments::default(),
        };
        let Some(scope) = arguments.scope else {
            return Err(Error::new(attribute.span(), "a method has a scope: `#[method(scope = read)]`"));
        };
        let summary = docs::summary(attributes);
        if summary.is_empty() {
            return Err(Error::new(
                function.span(),
                "a method has a doc comment: its first paragraph is what clients read",
            ));
        }
        Ok(Self {
            name: arguments.name,
            summary,
            scope: scope.to_string(),
            tier: arguments.tier.map(|tier| tier.to_string()),
            timeout_ms: arguments.timeout_ms,
            function,
        })
    }

    /// The full name: that of the attribute, or the family's and the function's.
    pub(crate) fn name(&self, family: &str) -> String {
        self.name.as_ref().map_or_else(|| format!("{family}.{}", self.function.unraw()), LitStr::value)
    }

    /// Where the name comes from.
    pub(crate) fn name_span(&self) -> Span {
        self.name.as_ref().map_or_else(|| self.function.span(), LitStr::span)
    }
}

#[derive(Default)]
struct Arguments {
    scope: Option<Ident>,
    name: Option<LitStr>,
    tier: Option<Ident>,
    timeout_ms: Option<u32>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        list::read(input, KNOWN, |name, input| {
            match name.to_string().as_str() {
                "scope" => arguments.scope = Some(one_of("a scope", SCOPES, list::value(input)?)?),
                "name" => arguments.name = Some(list::value(input).and_then(full_name)?),
                "tier" => arguments.tier = Some(one_of("a tier", TIERS, list::value(input)?)?),
                "timeout_ms" => arguments.timeout_ms = Some(list::value(input).and_then(milliseconds)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(arguments)
    }
}

fn one_of(what: &str, words: &[&str], word: Ident) -> Result<Ident> {
    match words.contains(&word.to_string().as_str()) {
        true => Ok(word),
        false => Err(Error::new(word.span(), format!("{what} is one of {}", words.join(", ")))),
    }
}

fn full_name(literal: LitStr) -> Result<LitStr> {
    let name = literal.value();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    match is_plain && !name.is_empty() && name.len() <= NAME_BYTES {
        true => Ok(literal),
        false => Err(Error::new(
            literal.span(),
            format!("a method's name has 1 to {NAME_BYTES} of letters, digits, `.`, `_` and `-`"),
        )),
    }
}

fn milliseconds(literal: LitInt) -> Result<u32> {
    match literal.base10_parse() {
        Ok(milliseconds) if milliseconds > 0 => Ok(milliseconds),
        _ => Err(Error::new(literal.span(), "a time-out is a whole number of milliseconds, 1 to 4294967295")),
    }
}

/// Takes `#[method]` from what it stands on.
fn take(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let at = attributes.iter().position(is_method)?;
    Some(attributes.remove(at))
}

pub(crate) fn is_method(attribute: &Attribute) -> bool {
    attribute.path().is_ident("method")
}

/// The one name that an import brings.
fn named(tree: &UseTree) -> Result<Ident> {
    match tree {
        UseTree::Path(path) => named(&path.tree),
        UseTree::Name(name) => Ok(name.ident.clone()),
        UseTree::Rename(rename) => Ok(rename.rename.clone()),
        UseTree::Glob(_) | UseTree::Group(_) => {
            Err(Error::new(tree.span(), "a method is one function: give each an import and a `#[method]` of its own"))
        }
    }
}

fn check_signature(item: &ItemFn) -> Result<()> {
    let signature = &item.sig;
    let wrong = |span: Span, message: &str| Err(Error::new(span, message));
    if let Some(asyncness) = &signature.asyncness {
        return wrong(asyncness.span(), "a handler is not async: each call has an instance of its own and may wait");
    }
    let typed = |parameter: &&GenericParam| !matches!(parameter, GenericParam::Lifetime(_));
    if let Some(parameter) = signature.generics.params.iter().find(typed) {
        return wrong(parameter.span(), "a handler has types of its own: their JSON Schemas go into the manifest");
    }
    let takes_call =
        matches!(signature.inputs.first(), Some(FnArg::Typed(first)) if matches!(*first.ty, Type::Reference(_)));
    if signature.inputs.len() != 2 || !takes_call {
        let span = if signature.inputs.is_empty() { signature.ident.span() } else { signature.inputs.span() };
        return wrong(span, "a handler takes the call and its parameters: `(call: &Call, params: Hello)`");
    }
    match signature.output {
        ReturnType::Type(..) => Ok(()),
        ReturnType::Default => wrong(signature.ident.span(), "a handler answers: `-> Result<Greeting>`"),
    }
}
