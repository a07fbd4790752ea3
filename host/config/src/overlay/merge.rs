//! How an overlay lies over the gateway's part: objects merge, everything else replaces, `null` says
//! nothing; tools, sandbox limits and the sandbox's mode only ever narrow.
//!
//! A policy of the gateway stays whatever stands around it: a list that replaces another keeps
//! the policies of the elements with the same id, and nothing but an object lies over an object that
//! holds one.

use serde_json::{Map, Value, json};

use super::ground::{Ground, same_id};
use super::members;
use super::modes::stricter;
use super::policy;
use super::table::{Rule, Spot};
use crate::path::Segment;

/// The agent that every tenant has, listed or not.
const MAIN_AGENT: &str = "main";

/// Lays an overlay over the gateway's visible part.
pub fn merge(visible: &Value, overlay: &Value) -> Value {
    lay_over(overlay, &Spot::root(), &Ground::root(visible), Below::Merged)
}

/// What becomes of the gateway's value below.
#[derive(Clone, Copy, PartialEq)]
enum Below {
    Merged,
    /// It stands in a list that is replaced: of it only the policies stay.
    Replaced,
}

impl Below {
    fn kept(self, value: &Value, spot: &Spot) -> Option<Value> {
        match self {
            Self::Merged => Some(value.clone()),
            Self::Replaced => policies_of(value, spot),
        }
    }
}

fn lay_over(over: &Value, spot: &Spot, ground: &Ground<'_>, below: Below) -> Value {
    let own = ground.own();
    match (spot.rule(), own, over) {
        (_, _, Value::Null) => below.kept(own, spot).unwrap_or(Value::Null),
        (Some(Rule::Tools), ..) => policy::narrowed(over, &ground.bounds()),
        (Some(Rule::Mode), ..) => stricter(own, over).clone(),
        (Some(Rule::Limit), ..) => if exceeds(over, own) { own } else { over }.clone(),
        (_, Value::Object(_), over) if !over.is_object() && policies_of(own, spot).is_some() => {
            below.kept(own, spot).unwrap_or(Value::Null)
        }
        (_, _, Value::Object(above)) => Value::Object(lay_members(above, spot, ground, below)),
        (rule, _, Value::Array(items)) => {
            let list = items.iter().enumerate().map(|(index, item)| lay_item(index, item, spot, ground));
            let main = main_agent(items, own, spot).filter(|_| rule == Some(Rule::Agents));
            list.chain(main).collect()
        }
        _ => over.clone(),
    }
}

fn lay_members(above: &Map<String, Value>, spot: &Spot, ground: &Ground<'_>, below: Below) -> Map<String, Value> {
    let mut merged = Map::new();
    for (key, own) in members(ground.own()).filter(|(key, _)| !above.contains_key(*key)) {
        let kept = below.kept(own, &spot.child(&Segment::Key(key.clone())));
        merged.extend(kept.map(|kept| (key.clone(), kept)));
    }
    for (key, over) in above {
        let spot = spot.child(&Segment::Key(key.clone()));
        let ground = ground.key(key);
        let value = match spot.rule() {
            // It has been refused already; what nobody may say changes nothing.
            None | Some(Rule::Protected) => below.kept(ground.own(), &spot).filter(|own| !own.is_null()),
            Some(_) => Some(lay_over(over, &spot, &ground, below)),
        };
        merged.extend(value.map(|value| (key.clone(), value)));
    }
    merged
}

fn lay_item(index: usize, item: &Value, list: &Spot, ground: &Ground<'_>) -> Value {
    let ground = if list.rule() == Some(Rule::Agents) { ground.agent(item) } else { ground.item(item) };
    lay_over(item, &list.child(&Segment::Index(index)), &ground, Below::Replaced)
}

/// The main agent's policies, where a list leaves it out and so makes it one without any.
fn main_agent(items: &[Value], own: &Value, spot: &Spot) -> Option<Value> {
    let main = json!({"id": MAIN_AGENT});
    let own = own.as_array()?.iter().find(|agent| same_id(agent, &main))?;
    let mut kept = policies_of(own, &spot.child(&Segment::Index(0)))?;
    kept["id"] = main["id"].clone();
    (!items.iter().any(|item| same_id(item, &main))).then_some(kept)
}

/// The policies of a part of the gateway's configuration, of tools and of how an agent is confined, and where they
/// stand; `None` where it has none.
pub(super) fn policies_of(value: &Value, spot: &Spot) -> Option<Value> {
    match spot.rule() {
        Some(Rule::Tools | Rule::Policies | Rule::Mode) => (!value.is_null()).then(|| value.clone()),
        _ => {
            let policies = members(value).filter_map(|(key, member)| {
                Some((key.clone(), policies_of(member, &spot.child(&Segment::Key(key.clone())))?))
            });
            Some(policies.collect::<Map<_, _>>()).filter(|policies| !policies.is_empty()).map(Value::Object)
        }
    }
}

/// True for a limit above the gateway's, or for none.
pub(super) fn exceeds(limit: &Value, base: &Value) -> bool {
    match (limit.as_f64(), base.as_f64()) {
        (Some(limit), Some(base)) => limit > base,
        (None, _) => true,
        (_, None) => false,
    }
}
