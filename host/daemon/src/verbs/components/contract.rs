//! What a component was built against, beside the contract of this gateway.
//!
//! Both are read as WIT: the component's from its file, in which what it does not use is left out, the gateway's from
//! the package that is embedded here. They are compared item by item: a function by its signature, a type by its form.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{
    Function, Handle, InterfaceId, PackageName, Resolve, SourceMap, Type, TypeDefKind, TypeId, TypeOwner,
    UnresolvedPackageGroup, WorldItem,
};

use super::new;

/// Major, minor, patch.
type Version = (u64, u64, u64);

/// The comparison.
#[derive(Debug)]
pub(super) struct Contract {
    gateway: Version,
    /// None where the component uses nothing of the contract.
    component: Option<Version>,
    /// How many interfaces of the contract it has.
    interfaces: usize,
    /// What is not as it is here.
    differences: Vec<Difference>,
}

/// An item of the component's that this gateway has otherwise, or not at all.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// `events func [method]bus.publish`
    item: String,
    component: String,
    gateway: Option<String>,
}

/// The interfaces of one package: each item by its name, as it is written.
#[derive(Debug, Default)]
struct Surface {
    version: Option<Version>,
    interfaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Contract {
    /// Compares a component file; the error says why it cannot be read.
    pub(super) fn of(wasm: &[u8]) -> Result<Self, String> {
        let (resolve, world) = match decode(wasm).map_err(|error| format!("{error:#}"))? {
            DecodedWasm::Component(resolve, world) => (resolve, world),
            DecodedWasm::WitPackage(..) => return Err("it is a package of WIT, no component".into()),
        };
        let world = &resolve.worlds[world];
        let items = world.imports.values().chain(world.exports.values());
        let interfaces = items.filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        });
        Ok(Self::between(&Surface::of(&resolve, interfaces), &gateways()?))
    }

    fn between(component: &Surface, gateway: &Surface) -> Self {
        let mut differences = Vec::new();
        for (interface, items) in &component.interfaces {
            let Some(here) = gateway.interfaces.get(interface) else {
                let item = format!("the interface {interface}");
                differences.push(Difference { item, component: "there".into(), gateway: None });
                continue;
            };
            let others = items.iter().filter(|(item, written)| here.get(*item) != Some(*written));
            differences.extend(others.map(|(item, written)| Difference {
                item: format!("{interface} {item}"),
                component: written.clone(),
                gateway: here.get(item).cloned(),
            }));
        }
        Self {
            gateway: gateway.version.unwrap_or_default(),
            component: component.version,
            interfaces: component.interfaces.len(),
            differences,
        }
    }

    /// `same`, `older`, `newer` or `other`, where the contract promises nothing from one to the other.
    fn standing(&self) -> Option<&'static str> {
        let component = self.component?;
        Some(match component.cmp(&self.gateway) {
            std::cmp::Ordering::Equal => "same",
            _ if line(component) != line(self.gateway) => "other",
            std::cmp::Ordering::Less => "older",
            std::cmp::Ordering::Greater => "newer",
        })
    }

    /// One sentence.
    pub(super) fn summary(&self) -> String {
        let Some(component) = self.component else { return "it uses nothing of openclaw:gateway".into() };
        let built = format!("built against openclaw:gateway@{}", Shown(component));
        let stands = match self.standing() {
            Some("same") => "the version of this gateway".to_owned(),
            Some("older") => format!("older than this gateway's {}, which still serves it", Shown(self.gateway)),
            Some("newer") => format!("newer than this gateway's {}", Shown(self.gateway)),
            _ => format!("another line than this gateway's {}", Shown(self.gateway)),
        };
        let (count, differing) = (self.interfaces, self.differences.len());
        let items = match differing {
            0 => format!("all that it uses of {count} interfaces is the same here"),
            _ => format!("{differing} of what it uses of {count} interfaces is not the same here"),
        };
        format!("{built}, {stands}; {items}")
    }

    /// Each difference in words.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.differences.iter().map(ToString::to_string).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let differences = self.differences.iter().map(|difference| {
            json!({
                "item": difference.item,
                "component": difference.component,
                "gateway": difference.gateway,
            })
        });
        json!({
            "gateway": Shown(self.gateway).to_string(),
            "component": self.component.map(|version| Shown(version).to_string()),
            "standing": self.standing(),
            "interfaces": self.interfaces,
            "differences": differences.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { item, component, gateway } = self;
        match gateway {
            Some(gateway) => write!(f, "{item} is {gateway} in this gateway, and {component} in the component"),
            None => write!(f, "{item} is unknown to this gateway"),
        }
    }
}

struct Shown(Version);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The versions that understand each other have one line.
fn line((major, minor, _): Version) -> (u64, u64) {
    (major, if major == 0 { minor } else { 0 })
}

/// The contract that is embedded here.
fn gateways() -> Result<Surface, String> {
    let (deps, main): (Vec<_>, Vec<_>) = new::contract_files().partition(|(path, _)| path.starts_with("deps/"));
    let deps = deps.into_iter().map(|dep| group([dep])).collect::<Result<Vec<_>, _>>()?;
    let mut resolve = Resolve::default();
    resolve.push_groups(group(main)?, deps).map_err(|error| error.to_string())?;
    let interfaces: Vec<InterfaceId> = resolve.interfaces.iter().map(|(id, _)| id).collect();
    Ok(Surface::of(&resolve, interfaces))
}

/// The files of one package.
fn group<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<UnresolvedPackageGroup, String> {
    let mut sources = SourceMap::default();
    files.into_iter().for_each(|(path, text)| sources.push_str(path, text));
    sources.parse().map_err(|(_, error)| error.to_string())
}

fn is_ours(package: &PackageName) -> bool {
    package.namespace == "openclaw" && package.name == "gateway"
}

impl Surface {
    /// Those of the interfaces that are of our package.
    fn of(resolve: &Resolve, interfaces: impl IntoIterator<Item = InterfaceId>) -> Self {
        let (writer, mut surface) = (Writer(resolve), Self::default());
        for id in interfaces {
            let interface = &resolve.interfaces[id];
            let package = interface.package.map(|package| &resolve.packages[package].name);
            let (Some(name), Some(package)) = (&interface.name, package.filter(|package| is_ours(package))) else {
                continue;
            };
            let version = package.version.as_ref().map(|version| (version.major, version.minor, version.patch));
            surface.version = surface.version.max(version);
            let items = surface.interfaces.entry(name.clone()).or_default();
            for (name, ty) in &interface.types {
                items.insert(format!("type {name}"), writer.definition(&resolve.types[*ty].kind));
            }
            for function in interface.functions.values() {
                items.insert(format!("func {}", function.name), writer.function(function));
            }
        }
        surface
    }
}

/// Writes items without versions, so that one text means one binary form.
struct Writer<'r>(&'r Resolve);

impl Writer<'_> {
    fn function(&self, function: &Function) -> String {
        let params = function.params.iter().map(|param| format!("{}: {}", param.name, self.ty(&param.ty)));
        let result = function.result.as_ref().map(|result| format!(" -> {}", self.ty(result)));
        format!("func({}){}", list(params), result.unwrap_or_default())
    }

    /// What stands in a signature: a type that has a name by it, since it is an item itself.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => self.named(*id),
            primitive => format!("{primitive:?}").to_lowercase(),
        }
    }

    fn named(&self, id: TypeId) -> String {
        let ty = &self.0.types[id];
        match (&ty.name, ty.owner) {
            // A name for a type of another interface.
            (Some(_), _) if let TypeDefKind::Type(Type::Id(used)) = ty.kind => self.named(used),
            (Some(name), TypeOwner::Interface(owner)) => {
                format!("{}.{name}", self.0.interfaces[owner].name.as_deref().unwrap_or_default())
            }
            (Some(name), _) => name.clone(),
            (None, _) => self.definition(&ty.kind),
        }
    }

    fn definition(&self, kind: &TypeDefKind) -> String {
        let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".into(), |ty| self.ty(ty));
        match kind {
            TypeDefKind::Record(record) => {
                format!("record {{{}}}", list(record.fields.iter().map(|f| format!("{}: {}", f.name, self.ty(&f.ty)))))
            }
            TypeDefKind::Variant(variant) => {
                format!("variant {{{}}}", list(variant.cases.iter().map(|c| format!("{}({})", c.name, maybe(&c.ty)))))
            }
            TypeDefKind::Enum(cases) => format!("enum {{{}}}", list(cases.cases.iter().map(|case| case.name.clone()))),
            TypeDefKind::Flags(flags) => {
                format!("flags {{{}}}", list(flags.flags.iter().map(|flag| flag.name.clone())))
            }
            TypeDefKind::Tuple(tuple) => format!("tuple<{}>", list(tuple.types.iter().map(|ty| self.ty(ty)))),
            TypeDefKind::Result(result) => format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err)),
            TypeDefKind::Option(inner) => format!("option<{}>", self.ty(inner)),
            TypeDefKind::List(inner) => format!("list<{}>", self.ty(inner)),
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", self.named(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.named(*id)),
            TypeDefKind::Resource => "resource".into(),
            TypeDefKind::Type(alias) => self.ty(alias),
            // The contract has none: whatever a component has of them is another form.
            other => other.as_str().into(),
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
