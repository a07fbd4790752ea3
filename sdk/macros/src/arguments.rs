//! What stands in `#[handler(…)]`.

use proc_macro2::Span;
use syn::{
    Error, LitStr, Result, Token,
    parse::{Parse, ParseStream},
};

use crate::list;

const KNOWN: &str =
    "`family`, `version`, `description`, `events(…)`, `shared_documents(…)` and `capabilities(…)` are known";
const FAMILY_BYTES: usize = 32;

/// The whole attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) family: Option<LitStr>,
    /// The crate's version, where there is none.
    pub(crate) version: Option<LitStr>,
    /// The module's doc comment, where there is none.
    pub(crate) description: Option<LitStr>,
    pub(crate) events: Vec<LitStr>,
    pub(crate) shared_documents: Vec<SharedCollection>,
    pub(crate) capabilities: Vec<Capability>,
}

/// `"family/collection"` or `"family/collection:write"`.
pub(crate) struct SharedCollection {
    pub(crate) family: String,
    pub(crate) collection: String,
    pub(crate) access: &'static str,
}

/// `"grant" = "reason"`, or the grant alone.
pub(crate) struct Capability {
    pub(crate) grant: LitStr,
    pub(crate) reason: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        list::read(input, KNOWN, |name, input| {
            match name.to_string().as_str() {
                "family" => arguments.family = Some(list::value(input).and_then(family)?),
                "version" => arguments.version = Some(list::value(input).and_then(version)?),
                "description" => arguments.description = Some(list::value(input)?),
                "events" => arguments.events = list::strings(input)?,
                "shared_documents" => arguments.shared_documents = list::elements(input)?,
                "capabilities" => arguments.capabilities = list::elements(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if arguments.family.is_none() {
            return Err(Error::new(Span::call_site(), "a handler has a family: `family = \"greeter\"`"));
        }
        Ok(arguments)
    }
}

impl Parse for SharedCollection {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let literal: LitStr = input.parse()?;
        let text = literal.value();
        let (name, access) = match text.split_once(':') {
            None => (text.as_str(), "read"),
            Some((name, "write")) => (name, "write"),
            Some(_) => return Err(Error::new(literal.span(), "after the colon stands `write`, or there is none")),
        };
        match name.split_once('/') {
            Some((family, collection)) if is_family(family) && !collection.is_empty() => {
                Ok(Self { family: family.to_owned(), collection: collection.to_owned(), access })
            }
            _ => Err(Error::new(
                literal.span(),
                "a collection of another family is \"family/collection\", or \"family/collection:write\"",
            )),
        }
    }
}

impl Parse for Capability {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let grant = input.parse()?;
        let reason = input.peek(Token![=]).then(|| list::value(input)).transpose()?;
        Ok(Self { grant, reason })
    }
}

fn family(literal: LitStr) -> Result<LitStr> {
    match is_family(&literal.value()) {
        true => Ok(literal),
        false => Err(Error::new(
            literal.span(),
            format!("a family begins with a-z, holds a-z, 0-9 and `_`, and has at most {FAMILY_BYTES} characters"),
        )),
    }
}

fn is_family(text: &str) -> bool {
    text.len() <= FAMILY_BYTES
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn version(literal: LitStr) -> Result<LitStr> {
    let text = literal.value();
    let numbers: Vec<&str> = text.split(['-', '+']).next().unwrap_or_default().split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match numbers.len() == 3 && numbers.iter().all(is_number) {
        true => Ok(literal),
        false => Err(Error::new(literal.span(), "a version is SemVer, as in \"0.1.0\"")),
    }
}
