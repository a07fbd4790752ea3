//! The host's half of `wit/`, generated.
//!
//! This world lists what the host serves today. An interface that is in `wit/`
//! and not here is refused at load, by name.
#![allow(unreachable_pub, missing_docs, unused_qualifications, reason = "generated code")]

wasmtime::component::bindgen!({
    inline: "
        package openclaw:host;

        world gateway {
            import openclaw:gateway/types@0.1.0;
            import openclaw:gateway/calls@0.1.0;
            import openclaw:gateway/log@0.1.0;
            import openclaw:gateway/documents@0.1.0;
            import openclaw:gateway/shared-documents@0.1.0;
            import openclaw:gateway/shared-documents-write@0.1.0;
            import openclaw:gateway/files@0.1.0;
            import openclaw:gateway/workspace@0.1.0;
            import openclaw:gateway/config@0.1.0;
            import openclaw:gateway/config-write@0.1.0;
            import openclaw:gateway/secrets@0.1.0;
            import openclaw:gateway/secrets-reveal@0.1.0;
            import openclaw:gateway/events@0.1.0;
            import openclaw:gateway/usage@0.1.0;
            import openclaw:gateway/tenancy@0.1.0;
            import openclaw:gateway/tenancy-control@0.1.0;
            import openclaw:gateway/methods@0.1.0;
            import openclaw:gateway/tasks@0.1.0;
            import openclaw:gateway/sandbox@0.1.0;
            import openclaw:gateway/pty@0.1.0;
            import openclaw:gateway/model@0.1.0;
            import openclaw:gateway/embeddings@0.1.0;
            import openclaw:gateway/vectors@0.1.0;
            export openclaw:gateway/component@0.1.0;
        }
    ",
    path: "../../wit",
    imports: {
        "openclaw:gateway/calls": trappable,
        "openclaw:gateway/log": trappable,
        "openclaw:gateway/events": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: {
        "openclaw:gateway/types.error" => crate::error::CapabilityError,
    },
    with: {
        "openclaw:gateway/calls.call": crate::capability::calls::Call,
        "openclaw:gateway/documents.database": crate::capability::documents::OwnDatabase,
        "openclaw:gateway/shared-documents.collection": crate::capability::shared_documents::SharedCollection,
        "openclaw:gateway/shared-documents.logs": crate::capability::shared_documents::SharedLogs,
        "openclaw:gateway/shared-documents-write.writer": crate::capability::shared_documents::SharedWriter,
        "openclaw:gateway/files.directory": crate::capability::files::OpenDirectory,
        "openclaw:gateway/config.settings": crate::capability::config::Settings,
        "openclaw:gateway/config-write.editor": crate::capability::config::Editor,
        "openclaw:gateway/secrets.vault": crate::capability::secrets::Vault,
        "openclaw:gateway/events.bus": crate::capability::events::Bus,
        "openclaw:gateway/usage.ledger": crate::capability::usage::Ledger,
        "openclaw:gateway/methods.client": crate::capability::methods::Client,
        "openclaw:gateway/tasks.claim": crate::capability::tasks::HeldName,
        "openclaw:gateway/tasks.scheduler": crate::capability::tasks::Scheduler,
        "openclaw:gateway/pty.terminals": crate::capability::pty::Terminals,
        "openclaw:gateway/pty.terminal": crate::capability::pty::Terminal,
        "openclaw:gateway/sandbox.runner": crate::capability::sandbox::Runner,
        "openclaw:gateway/model.provider": crate::capability::model::Provider,
        "openclaw:gateway/model.completion": crate::capability::model::Completion,
        "openclaw:gateway/embeddings.embedder": crate::capability::embeddings::Embedder,
        "openclaw:gateway/vectors.index": crate::capability::vectors::OwnIndex,
        "openclaw:gateway/tenancy.registration": crate::capability::tenancy::Registration,
        "openclaw:gateway/tenancy-control.control": crate::capability::tenancy::Control,
    },
});

/// The export that not every component has.
pub(crate) mod migrating {
    wasmtime::component::bindgen!({
        inline: "
            package openclaw:host;

            world migrating {
                export openclaw:gateway/migration@0.1.0;
            }
        ",
        path: "../../wit",
        exports: { default: async },
        with: {
            "openclaw:gateway/types@0.1.0": super::openclaw::gateway::types,
            "openclaw:gateway/calls@0.1.0": super::openclaw::gateway::calls,
        },
    });

    /// The export, as a component's import list would spell it.
    pub(crate) const NAME: &str = "openclaw:gateway/migration@0.1.0";
}
