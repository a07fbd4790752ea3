//! What the overlay's table says of the gateway's own `config.yaml`: the operator may set everything, but nothing
//! that its readers would silently take for nothing.

use serde_json::Value;

use super::rules::wrong_type;
use super::table::{Rule, Spot};
use super::{members, policy};
use crate::path::{KeyPath, Segment};

/// Everything in the gateway's configuration that would not be read as it is meant, each with what is wrong.
pub(crate) fn misread(config: &Value) -> Vec<(KeyPath, String)> {
    let mut walk = Walk { path: KeyPath::root(), found: Vec::new() };
    walk.visit(config, &Spot::root());
    walk.found
}

struct Walk {
    path: KeyPath,
    found: Vec<(KeyPath, String)>,
}

impl Walk {
    fn visit(&mut self, value: &Value, spot: &Spot) {
        match spot.rule() {
            // The operator's alone: the schema's to judge.
            None | Some(Rule::Protected) => {}
            Some(_) if value.is_null() => {}
            Some(Rule::Tools) => {
                let found = &mut self.found;
                policy::check_own(value, "", &mut self.path, &mut |path, reason| found.push((path.clone(), reason)));
            }
            Some(rule) => match wrong_type(rule, value).filter(|_| binds_the_operator(rule)) {
                Some(expected) => self.found.push((self.path.clone(), format!("must be {expected}"))),
                None => self.visit_children(value, spot),
            },
        }
    }

    fn visit_children(&mut self, value: &Value, spot: &Spot) {
        let named = members(value).map(|(key, member)| (Segment::Key(key.clone()), member));
        let listed = value.as_array().into_iter().flatten().enumerate();
        for (segment, child) in named.chain(listed.map(|(index, item)| (Segment::Index(index), item))) {
            let spot = spot.child(&segment);
            self.path.push(segment);
            self.visit(child, &spot);
            self.path.pop();
        }
        if spot.rule() == Some(Rule::Settings) {
            let known: Vec<&str> = spot.allowed_names().collect();
            let strangers = members(value).filter(|(key, _)| !known.contains(&key.as_str()));
            let told = strangers.map(|(key, _)| {
                let keys = known.join(", ");
                (self.path.key(key), format!("is an unknown key; there are {keys}"))
            });
            self.found.extend(told);
        }
    }
}

/// Whether the operator's value too has to be of that kind. What the schema types, or tenants alone are held to, need
/// not.
fn binds_the_operator(rule: Rule) -> bool {
    use Rule::{Agents, Open, Queue, QueueMode, Settings, Switch, Text, Texts, Usd, Whole};
    matches!(rule, Agents | Open | Queue | QueueMode | Settings | Switch | Text | Texts | Usd | Whole)
}
