//! The binding table: which component answers which method.
//!
//! An immutable map that is replaced as a whole. A call takes its route once and
//! keeps it to its end, whatever is swapped meanwhile.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

use crate::{LoadError, component::Component, manifest::Method};

/// Where a method's calls go.
#[derive(Clone, Debug)]
pub struct Route {
    component: Arc<Component>,
    name: Arc<str>,
}

impl Route {
    /// The component.
    #[must_use]
    pub fn component(&self) -> &Arc<Component> {
        &self.component
    }

    /// The method as its manifest describes it.
    #[must_use]
    pub fn method(&self) -> &Method {
        // A route is only ever made from a name in this very manifest.
        &self.component.manifest.methods[&*self.name]
    }
}

/// Method name to component, for every family that is bound.
#[derive(Debug, Default)]
pub(crate) struct Table {
    routes: HashMap<Arc<str>, Route>,
    families: Vec<Arc<Component>>,
}

impl Table {
    /// This table with one more component; refuses a method that another family serves.
    pub(crate) fn with(mut self, component: Arc<Component>) -> Result<Self, LoadError> {
        let family = &component.manifest.family;
        if self.families.iter().any(|bound| bound.manifest.family == *family) {
            // Its state would be another component's to read.
            return Err(LoadError::FamilyTaken { family: family.to_string() });
        }
        for name in component.manifest.methods.keys() {
            if let Some(route) = self.routes.get(name.as_str()) {
                let family = route.component.manifest.family.to_string();
                return Err(LoadError::Taken { method: name.clone(), family });
            }
        }
        for name in component.manifest.methods.keys() {
            let name: Arc<str> = name.as_str().into();
            self.routes.insert(name.clone(), Route { component: component.clone(), name });
        }
        self.families.push(component);
        Ok(self)
    }
}

/// The tables in force.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    gateway_wide: ArcSwap<Table>,
}

impl Bindings {
    pub(crate) fn replace(&self, table: Table) {
        self.gateway_wide.store(Arc::new(table));
    }

    pub(crate) fn route(&self, method: &str) -> Option<Route> {
        self.gateway_wide.load().routes.get(method).cloned()
    }

    pub(crate) fn components(&self) -> Vec<Arc<Component>> {
        self.gateway_wide.load().families.clone()
    }
}
