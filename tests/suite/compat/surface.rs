//! A WIT package as the flat list of what a component can be built against, and what a later
//! version of it breaks.
//!
//! An entry's signature names everything that the binary form depends on, so an entry that is there
//! and equal is compatible, and one that is new is an addition. The one exception are a world's
//! exports: a new one is asked of components that do not have it, unless the world is new as well.

use std::{collections::BTreeMap, path::Path};

use wit_parser::{
    Function, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, World, WorldItem,
};

/// The version of a package and its entries, each with its signature.
#[derive(Debug)]
pub(super) struct Surface {
    version: (u64, u64, u64),
    entries: BTreeMap<String, String>,
}

impl Surface {
    /// Reads a folder of `.wit` files, with `deps` in it.
    pub(super) fn read(folder: &Path) -> Self {
        let mut resolve = Resolve::default();
        let (main, _) = resolve.push_dir(folder).unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
        let version = resolve.packages[main].name.version.as_ref().expect("the package has a version");
        let version = (version.major, version.minor, version.patch);
        let mut reader = Reader { resolve: &resolve, main, entries: BTreeMap::new() };
        for (id, _) in resolve.interfaces.iter() {
            reader.interface(id);
        }
        for world in resolve.packages[main].worlds.values() {
            reader.world(&resolve.worlds[*world]);
        }
        Self { version, entries: reader.entries }
    }

    /// What a component built against `self` would miss in `later`, one sentence each. A package
    /// of another line (another major, or before 1.0 another minor version) promises nothing.
    pub(super) fn broken_by(&self, later: &Self) -> Vec<String> {
        if line(self.version) != line(later.version) {
            return Vec::new();
        }
        let kept = self.entries.iter().filter_map(|(entry, signature)| match later.entries.get(entry) {
            None => Some(format!("{entry} is gone")),
            Some(now) if now != signature => Some(format!("{entry} was {signature} and is {now}")),
            Some(_) => None,
        });
        let demanded = later.entries.keys().filter(|entry| {
            let world = entry.split_once(" export ").map(|(world, _)| format!("{world} "));
            let known = |world: &String| self.entries.keys().any(|entry| entry.starts_with(world));
            world.as_ref().is_some_and(known) && !self.entries.contains_key(*entry)
        });
        kept.chain(demanded.map(|entry| format!("{entry} is new, and asked of components that lack it"))).collect()
    }
}

fn line((major, minor, _): (u64, u64, u64)) -> (u64, u64) {
    (major, if major == 0 { minor } else { 0 })
}

struct Reader<'a> {
    resolve: &'a Resolve,
    main: PackageId,
    entries: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn interface(&mut self, id: InterfaceId) {
        let interface = &self.resolve.interfaces[id];
        let name = self.name(id);
        for (type_name, type_id) in &interface.types {
            let definition = self.definition(&self.resolve.types[*type_id].kind);
            self.entries.insert(format!("{name} type {type_name}"), definition);
        }
        for function in interface.functions.values() {
            self.entries.insert(format!("{name} func {}", function.name), self.function(function));
        }
        self.entries.insert(name, "interface".into());
    }

    fn world(&mut self, world: &World) {
        for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                let (name, what) = match item {
                    WorldItem::Interface { id, .. } => (self.name(*id), "interface".into()),
                    WorldItem::Function(function) => (self.resolve.name_world_key(key), self.function(function)),
                    WorldItem::Type { id, .. } => (self.resolve.name_world_key(key), self.named(*id)),
                };
                self.entries.insert(format!("world {} {direction} {name}", world.name), what);
            }
        }
    }

    /// An interface's full name; of our own package without the version, which grows within a line.
    fn name(&self, id: InterfaceId) -> String {
        let interface = &self.resolve.interfaces[id];
        let name = interface.name.as_deref().unwrap_or("unnamed");
        match interface.package {
            Some(package) if package == self.main => name.to_owned(),
            Some(package) => format!("{}/{name}", self.resolve.packages[package].name),
            None => name.to_owned(),
        }
    }

    fn function(&self, function: &Function) -> String {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|param| format!("{}: {}", param.name, self.named_or_written(&param.ty)))
            .collect();
        let result = function.result.as_ref().map(|result| format!(" -> {}", self.named_or_written(result)));
        format!("func({}){}", params.join(", "), result.unwrap_or_default())
    }

    /// What stands in a signature: a named type by its owner and name, which have an entry of their own.
    fn named_or_written(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => self.named(*id),
            primitive => format!("{primitive:?}").to_lowercase(),
        }
    }

    fn named(&self, id: TypeId) -> String {
        let ty = &self.resolve.types[id];
        match (&ty.name, ty.owner) {
            // `use types.{error}` makes a name here for a type there: a component sees the type.
            (Some(_), _) if let TypeDefKind::Type(Type::Id(used)) = ty.kind => self.named(used),
            (Some(name), TypeOwner::Interface(owner)) => format!("{}.{name}", self.name(owner)),
            (Some(name), _) => name.clone(),
            (None, _) => self.definition(&ty.kind),
        }
    }

    fn definition(&self, kind: &TypeDefKind) -> String {
        let of = |ty: &Type| self.named_or_written(ty);
        let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".into(), of);
        let list = |items: Vec<String>| items.join(", ");
        match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| format!("{}: {}", field.name, of(&field.ty)));
                format!("record {{{}}}", list(fields.collect()))
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| format!("{}({})", case.name, maybe(&case.ty)));
                format!("variant {{{}}}", list(cases.collect()))
            }
            TypeDefKind::Enum(cases) => {
                format!("enum {{{}}}", list(cases.cases.iter().map(|case| case.name.clone()).collect()))
            }
            TypeDefKind::Flags(flags) => {
                format!("flags {{{}}}", list(flags.flags.iter().map(|flag| flag.name.clone()).collect()))
            }
            TypeDefKind::Tuple(tuple) => format!("tuple<{}>", list(tuple.types.iter().map(of).collect())),
            TypeDefKind::Result(result) => format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err)),
            TypeDefKind::Option(inner) => format!("option<{}>", of(inner)),
            TypeDefKind::List(inner) => format!("list<{}>", of(inner)),
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", self.named(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.named(*id)),
            TypeDefKind::Resource => "resource".into(),
            TypeDefKind::Type(alias) => of(alias),
            TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => panic!("the contract has no {} yet: say here how it is written", kind.as_str()),
        }
    }
}
