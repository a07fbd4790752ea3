//! YAML by serde-saphyr, within a budget.

mod words;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Error, Location, Options, Spanned};

use super::build::{Root, text_error};
use super::wanted::Wanted;
use super::{MAX_DEPTH, Place, Places, Position, TextError};
use crate::path::{KeyPath, Segment};

/// Most anchors, aliases and merge keys, of each.
const MAX_ALIASES: usize = 256;

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000 },
        strict_booleans: true,
        with_snippet: false,
    }
}

/// What the text says; `null` for an empty one.
pub(super) fn value(text: &str) -> Result<Value, TextError> {
    match serde_saphyr::from_str_with_options::<Root>(text, options()) {
        Ok(root) => Ok(root.0),
        Err(error) => Err(describe(&error)),
    }
}

fn describe(error: &Error) -> TextError {
    text_error(&words::describe(error), error.location().and_then(position))
}

fn position(location: Location) -> Option<Position> {
    (location != Location::UNKNOWN)
        .then(|| Position { line: location.line() as usize, column: location.column() as usize })
}

/// The places of keys of a text that was read before; none for one that cannot be read.
pub(super) fn places(text: &str, wanted: Wanted<'_>) -> Places {
    let mut places = Places::new();
    if let Ok(root) = serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options()) {
        collect(&root.value, wanted, &mut KeyPath::root(), &mut places);
    }
    places
}

/// The shape of a document, scalars left out.
enum Node {
    Scalar,
    Array(Vec<Spanned<Node>>),
    Object(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn collect(node: &Node, wanted: Wanted<'_>, path: &mut KeyPath, places: &mut Places) {
    let mut child = |segment: Segment, location: Location, item: &Spanned<Node>| {
        let wanted = wanted.step(&segment);
        path.push(segment);
        collect(&item.value, wanted, path, places);
        if let Some(position) = position(location).filter(|_| wanted.is_here()) {
            places.insert(path.clone(), Place { position, scalar: scalar_bytes(item) });
        }
        path.pop();
    };
    match node {
        Node::Scalar => {}
        Node::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| child(Segment::Index(index), item.referenced, item));
        }
        Node::Object(members) => {
            members.iter().for_each(|(key, item)| child(Segment::Key(key.value.clone()), key.referenced, item));
        }
    }
}

fn scalar_bytes(item: &Spanned<Node>) -> Option<std::ops::Range<usize>> {
    if !matches!(item.value, Node::Scalar) || item.referenced != item.defined {
        return None;
    }
    let span = item.defined.span();
    let start = span.byte_offset()? as usize;
    Some(start..start + span.byte_len()? as usize)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}
