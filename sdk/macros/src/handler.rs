//! The module as a whole: its arguments, its items, its methods.

use proc_macro2::Ident;
use syn::{Attribute, Error, Item, ItemMod, LitStr, Result, Visibility, spanned::Spanned};

use crate::{
    arguments::{Arguments, Capability, SharedCollection},
    docs,
    method::{Method, is_method},
    migrate,
};

/// Names that the expansion adds to the module.
const ADDED: &[&str] = &["HANDLER", "manifest", "handle"];

/// A handler that makes sense.
pub(crate) struct Handler {
    pub(crate) family: String,
    pub(crate) version: Option<LitStr>,
    pub(crate) description: String,
    pub(crate) events: Vec<LitStr>,
    pub(crate) shared_documents: Vec<SharedCollection>,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) methods: Vec<Method>,
    /// The function that converts another version's documents.
    pub(crate) migrate: Option<Ident>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) module: Ident,
    /// The items as they were, without `#[method]` and `#[migrate]`.
    pub(crate) items: Vec<Item>,
}

impl Handler {
    pub(crate) fn read(arguments: Arguments, module: ItemMod) -> Result<Self> {
        let description = arguments.description.as_ref().map_or_else(|| docs::summary(&module.attrs), LitStr::value);
        if description.is_empty() {
            let message = "a handler has a doc comment: its first paragraph is the component's description";
            return Err(Error::new(module.ident.span(), message));
        }
        let Some((_, mut items)) = module.content else {
            let message = format!("the methods stand here: `mod {} {{ … }}`", module.ident);
            return Err(Error::new(module.ident.span(), message));
        };
        let family = arguments.family.map(|family| family.value()).unwrap_or_default();
        let methods = methods(&mut items, &family)?;
        if methods.is_empty() {
            return Err(Error::new(
                module.ident.span(),
                "a handler has a method: `#[method(scope = read)]` on a function",
            ));
        }
        let migrate = migrate::function(&mut items)?;
        Ok(Self {
            family,
            version: arguments.version,
            description,
            events: arguments.events,
            shared_documents: arguments.shared_documents,
            capabilities: arguments.capabilities,
            methods,
            migrate,
            attributes: module.attrs,
            visibility: module.vis,
            module: module.ident,
            items,
        })
    }
}

fn methods(items: &mut [Item], family: &str) -> Result<Vec<Method>> {
    let mut methods: Vec<Method> = Vec::new();
    for item in items {
        check_name(item)?;
        let method = match item {
            Item::Fn(function) => Method::of_function(function)?,
            Item::Use(import) => Method::of_use(import)?,
            other => refuse_method(other).map(|()| None)?,
        };
        let Some(method) = method else { continue };
        let name = method.name(family);
        if methods.iter().any(|known| known.name(family) == name) {
            return Err(Error::new(method.name_span(), format!("there is a method `{name}` already")));
        }
        methods.push(method);
    }
    Ok(methods)
}

fn check_name(item: &Item) -> Result<()> {
    let name = match item {
        Item::Fn(function) => &function.sig.ident,
        Item::Const(constant) => &constant.ident,
        Item::Static(constant) => &constant.ident,
        _ => return Ok(()),
    };
    match ADDED.contains(&name.to_string().as_str()) {
        true => {
            Err(Error::new(name.span(), format!("`{name}` is added to this module by the macro: choose another name")))
        }
        false => Ok(()),
    }
}

fn refuse_method(item: &Item) -> Result<()> {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        _ => return Ok(()),
    };
    match attributes.iter().find(|attribute| is_method(attribute)) {
        Some(attribute) => {
            Err(Error::new(attribute.span(), "a method is a function, or `use` of a function of another file"))
        }
        None => Ok(()),
    }
}
