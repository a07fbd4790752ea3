//! What runs the components of one pool, and links them.

use std::sync::Arc;

use wasmtime::{
    Engine, Store,
    component::{Component as Compiled, Linker},
};

use crate::{
    LoadError,
    bindings::{
        Gateway, GatewayPre,
        migrating::{self, MigratingPre},
    },
    call::CallState,
    capability,
    digest::Digest,
    engine::{self, Counting},
    grants,
    limits::{Limits, Pool},
    manifest::Manifest,
    meter::Metered,
    services::Services,
};

use super::Component;

pub(super) struct Machine {
    pool: Pool,
    pub(super) engine: Engine,
    linker: Linker<CallState>,
    pub(super) limits: Arc<Limits>,
}

/// Code whose imports are all there.
pub(super) struct Linked {
    pre: GatewayPre<CallState>,
    migration: Option<MigratingPre<CallState>>,
    imports: Vec<String>,
    pub(super) code_bytes: usize,
}

impl Machine {
    pub(super) fn new(pool: Pool, limits: Limits, counting: Counting) -> Result<Self, LoadError> {
        let engine = engine::engine(pool, &limits, counting)?;
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker).map_err(LoadError::engine)?;
        Ok(Self { pool, engine, linker, limits: Arc::new(limits) })
    }

    pub(super) fn link(&self, code: &Compiled) -> Result<Linked, LoadError> {
        let imports: Vec<String> =
            code.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        // Nothing runs before the imports are known to be served: the compiler's own word on them.
        grants::check_served(imports.iter().map(String::as_str))?;
        let linked = self.linker.instantiate_pre(code).map_err(LoadError::invalid)?;
        let migrates = code.get_export_index(None, migrating::NAME).is_some();
        let migration = migrates.then(|| MigratingPre::new(linked.clone())).transpose().map_err(LoadError::invalid)?;
        let pre = GatewayPre::new(linked).map_err(LoadError::invalid)?;
        let image = code.image_range();
        Ok(Linked { pre, migration, imports, code_bytes: image.end.addr() - image.start.addr() })
    }

    /// Asks an instance without a call, so without authority, under the limits of a call.
    pub(super) async fn manifest(&self, linked: &Linked, services: &Arc<Services>) -> Result<Vec<u8>, LoadError> {
        let state = CallState::without_call(services.clone(), self.limits.clone());
        let meter = state.meter.clone();
        let mut store = Store::new(&self.engine, state);
        CallState::limit(&mut store).map_err(LoadError::engine)?;
        let answer = async {
            let instance: Gateway = linked.pre.instantiate_async(&mut store).await?;
            instance.openclaw_gateway_component().call_manifest(&mut store).await
        };
        tokio::time::timeout(self.limits.wall, Metered::new(answer, meter))
            .await
            .map_err(|_| LoadError::Manifest("its manifest took too long".into()))?
            .map_err(|error| {
                LoadError::Manifest(format!("its manifest could not be read: {error:#}").replace('\n', " "))
            })
    }

    pub(super) fn component(&self, manifest: Manifest, digest: Digest, linked: Linked) -> Component {
        let Linked { pre, migration, imports, code_bytes: _ } = linked;
        let uses_wasi_files = imports.iter().any(|import| import.starts_with("wasi:filesystem/"));
        Component {
            manifest,
            digest,
            imports,
            pool: self.pool,
            pre,
            migration,
            limits: self.limits.clone(),
            uses_wasi_files,
        }
    }
}
