//! The frontmatter of a `SKILL.md`: what stands between its first line, `---`, and the next such line.
//!
//! It is YAML; what skills use of that is read here: one mapping of plain and quoted texts, blocks (`|`, `>`), mappings
//! below and in braces, and lists, which mean nothing here. A value is understood only where it is asked for.

use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const FENCE: &str = "---";

/// The most keys of a mapping.
const KEYS: usize = 64;

/// Where `metadata` has what OpenClaw reads; the others are its older names.
const SECTIONS: [&str; 3] = ["openclaw", "clawdbot", "moltbot"];

/// What a text without quotes does not begin with in YAML.
const INDICATORS: &[char] = &['[', ']', '{', '}', ',', '&', '*', '!', '%', '@', '`', '|', '>', '"', '\''];

/// What of it is used.
#[derive(Debug, PartialEq)]
pub(super) struct Frontmatter {
    pub(super) name: Option<String>,
    pub(super) description: String,
    /// Another name for the configuration to know it by.
    pub(super) key: Option<String>,
    /// Models are not told of it.
    pub(super) is_hidden: bool,
}

impl Frontmatter {
    /// From the beginning of a file.
    pub(super) fn read(head: &[u8]) -> Result<Self> {
        let text = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next().map(str::trim_end) != Some(FENCE) {
            return Err(Error::invalid("it does not begin with ---, so it has no frontmatter"));
        }
        let lines: Vec<&str> = lines.collect();
        let end = lines.iter().position(|line| line.trim_end() == FENCE);
        let end =
            end.ok_or_else(|| Error::invalid("its frontmatter is too long, is no text, or has no --- at its end"))?;
        let mapping = Mapping::of(lines.into_iter().take(end))?;
        let hides = mapping.text("disable-model-invocation")?.unwrap_or_default().to_ascii_lowercase();
        Ok(Self {
            name: mapping.text("name")?,
            description: mapping.text("description")?.unwrap_or_default(),
            key: skill_key(&mapping)?,
            // A word that nobody knows was meant to hide it.
            is_hidden: !["", "false", "no", "off", "0"].contains(&hides.as_str()),
        })
    }
}

/// `metadata`, where it is JSON.
#[derive(Deserialize)]
struct Metadata {
    openclaw: Option<Section>,
    clawdbot: Option<Section>,
    moltbot: Option<Section>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Section {
    skill_key: Option<String>,
}

fn skill_key(mapping: &Mapping<'_>) -> Result<Option<String>> {
    let Some(metadata) = mapping.get("metadata") else { return Ok(None) };
    if let Some(Metadata { openclaw, clawdbot, moltbot }) = metadata.in_braces()? {
        return Ok(openclaw.or(clawdbot).or(moltbot).and_then(|section| section.skill_key));
    }
    let metadata = metadata.mapping()?;
    let Some(section) = SECTIONS.iter().find_map(|name| metadata.get(name)) else { return Ok(None) };
    match section.in_braces::<Section>()? {
        Some(section) => Ok(section.skill_key),
        None => section.mapping()?.text("skillKey"),
    }
}

/// The keys of a mapping in block style.
struct Mapping<'a>(Vec<Member<'a>>);

/// A key, what stands behind it, and the lines below that belong to it.
struct Member<'a> {
    key: &'a str,
    value: &'a str,
    below: Vec<&'a str>,
}

impl<'a> Mapping<'a> {
    fn of(lines: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut members: Vec<Member<'_>> = Vec::new();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let belongs =
                line.is_empty() || line == "-" || line.starts_with([' ', '\t', '}', ']']) || line.starts_with("- ");
            match members.last_mut() {
                Some(member) if belongs => member.below.push(line),
                None if line.trim().is_empty() => {}
                _ => members.push(Member::of(line)?),
            }
        }
        let is_double =
            |(at, member): (usize, &Member<'_>)| members.iter().take(at).any(|other| other.key == member.key);
        if members.len() > KEYS || members.iter().enumerate().any(is_double) {
            return Err(Error::invalid(format!("its frontmatter has a key twice, or more than {KEYS} keys")));
        }
        Ok(Self(members))
    }

    fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.0.iter().find(|member| member.key == key)
    }

    /// None where nothing is said.
    fn text(&self, key: &str) -> Result<Option<String>> {
        let text = self.get(key).map(Member::text).transpose()?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }
}

impl<'a> Member<'a> {
    fn of(line: &'a str) -> Result<Self> {
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        let parts = line.split_once(':').filter(|(_, value)| value.is_empty() || value.starts_with([' ', '\t']));
        let parts = parts.map(|(key, value)| (unquoted(key.trim_end()), value.trim()));
        match parts.filter(|(key, _)| is_key(key)) {
            Some((key, value)) => Ok(Self { key, value, below: Vec::new() }),
            None => Err(Error::invalid("its frontmatter has a line that is no key with a value")),
        }
    }

    fn text(&self) -> Result<String> {
        let text = match self.value.chars().next() {
            Some('|' | '>') => self.block(),
            Some('"') => double_quoted(&self.joined()),
            Some('\'') => single_quoted(&self.joined()),
            _ => self.plain(),
        };
        text.ok_or_else(|| Error::invalid(format!("its {} is no text that is read here", self.key)))
    }

    /// How its lines are folded is nobody's concern here.
    fn block(&self) -> Option<String> {
        let style = without_comment(self.value).get(1..)?;
        style.chars().all(|c| matches!(c, '+' | '-' | '1'..='9')).then(|| self.below.join("\n"))
    }

    fn plain(&self) -> Option<String> {
        let lines = std::iter::once(&self.value).chain(&self.below).map(|line| without_comment(line.trim()));
        let text = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let is_plain = !text.starts_with(INDICATORS) && !text.starts_with("- ") && !text.starts_with("? ");
        is_plain.then_some(text)
    }

    /// All of it in one line.
    fn joined(&self) -> String {
        let lines = std::iter::once(&self.value).chain(&self.below).map(|line| line.trim());
        lines.collect::<Vec<_>>().join(" ").replace('\t', " ")
    }

    /// A mapping in braces, or in a text: JSON, with a comma too many where YAML lets it stand.
    #[allow(clippy::disallowed_methods, reason = "a skill's own words, into a type of ours")]
    fn in_braces<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let text = match self.value.chars().next() {
            Some('|' | '>' | '"' | '\'') => self.text()?,
            _ => self.joined(),
        };
        if !text.trim_start().starts_with('{') {
            return Ok(None);
        }
        let read = serde_json::from_str(&without_last_commas(&text));
        read.map(Some).map_err(|error| Error::invalid(format!("its {} is not read as JSON: {error}", self.key)))
    }

    /// The mapping below it.
    fn mapping(&self) -> Result<Mapping<'a>> {
        let indented = self.below.iter().filter(|line| !line.trim().is_empty());
        let margin = indented.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or_default();
        Mapping::of(self.below.iter().map(|line| line.get(margin..).unwrap_or_default()))
    }
}

fn unquoted(key: &str) -> &str {
    let inside = |quote: char| key.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(key)
}

fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(text, _)| text).trim_end()
}

/// JSON has the escapes that are in use.
fn double_quoted(text: &str) -> Option<String> {
    let mut texts = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let quoted = texts.next()?.ok()?;
    is_over(text.get(texts.byte_offset()..)?).then_some(quoted)
}

fn single_quoted(text: &str) -> Option<String> {
    let mut quoted = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        quoted.push_str(part);
        match after.strip_prefix('\'') {
            Some(goes_on) => rest = goes_on,
            None => return is_over(after).then_some(quoted),
        }
        quoted.push('\'');
    }
}

/// Whether nothing but a comment follows.
fn is_over(rest: &str) -> bool {
    rest.trim().is_empty() || rest.starts_with(' ') && rest.trim_start().starts_with('#')
}

fn without_last_commas(text: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_kept = |(at, character): &(usize, char)| {
        let is_last = || text[at + 1..].trim_start().starts_with(['}', ']']);
        let is_kept = is_quoted || *character != ',' || !is_last();
        is_quoted ^= *character == '"' && !is_escaped;
        is_escaped = is_quoted && *character == '\\' && !is_escaped;
        is_kept
    };
    text.char_indices().filter(is_kept).map(|(_, character)| character).collect()
}

#[cfg(test)]
mod tests;
