//! Doc comments as texts for the manifest.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The first paragraph of the doc comment, on one line; empty where there is none.
pub(crate) fn summary(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).flat_map(|text| split(&text)).collect();
    let paragraph = lines.iter().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    paragraph.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The text of one `///`, or of a whole `/** … */`.
fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if meta.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

fn split(text: &str) -> Vec<String> {
    let trimmed = |line: &str| line.trim().trim_start_matches("* ").to_owned();
    match text.contains('\n') {
        true => text.lines().map(trimmed).collect(),
        false => vec![text.trim().to_owned()],
    }
}
