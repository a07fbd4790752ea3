//! What the module becomes: itself, its manifest and its dispatch.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{AttrStyle, Attribute, Visibility};

use crate::{
    arguments::{Capability, SharedCollection},
    handler::Handler,
    method::Method,
};

pub(crate) fn expand(handler: &Handler) -> TokenStream {
    let Handler { visibility, module, items, .. } = handler;
    let is_outer = |attribute: &&Attribute| matches!(attribute.style, AttrStyle::Outer);
    let (outer, inner): (Vec<_>, Vec<_>) = handler.attributes.iter().partition(is_outer);
    let added = added_visibility(visibility);
    let manifest = manifest(handler);
    let dispatch = dispatch(handler);
    let migrate = match &handler.migrate {
        Some(function) => quote!(::core::option::Option::Some(#function)),
        None => quote!(::core::option::Option::None),
    };
    let exported_migration =
        handler.migrate.iter().map(|function| quote!(::openclaw_sdk::export_migration!(#function);));
    quote! {
        #(#outer)*
        #visibility mod #module {
            #(#inner)*
            #(#items)*

            /// This module as a handler, for the test harness.
            #added const HANDLER: ::openclaw_sdk::Handler =
                ::openclaw_sdk::Handler { manifest, handle, migrate: #migrate };

            /// The manifest, as `component.wit` describes it.
            #added fn manifest() -> ::std::vec::Vec<u8> {
                #manifest
            }

            /// Answers one call, from JSON to JSON.
            #dispatch

            ::openclaw_sdk::export!(HANDLER);
            #(#exported_migration)*
        }
    }
}

/// What is added can be seen from where the module can.
fn added_visibility(module: &Visibility) -> TokenStream {
    match module {
        Visibility::Public(_) => quote!(pub),
        Visibility::Inherited => quote!(pub(super)),
        Visibility::Restricted(_) => quote!(pub(crate)),
    }
}

fn manifest(handler: &Handler) -> TokenStream {
    let Handler { family, description, events, .. } = handler;
    let version = match &handler.version {
        Some(version) => version.to_token_stream(),
        None => quote!(::core::env!("CARGO_PKG_VERSION")),
    };
    let methods = handler.methods.iter().map(|method| described(method, family));
    let shared = handler.shared_documents.iter().map(|SharedCollection { family, collection, access }| {
        quote!(::openclaw_sdk::SharedCollection { family: #family, collection: #collection, access: #access })
    });
    let capabilities = handler.capabilities.iter().map(|Capability { grant, reason }| {
        let reason = reason.as_ref().map(syn::LitStr::value).unwrap_or_default();
        quote!(::openclaw_sdk::Capability { grant: #grant, reason: #reason })
    });
    quote! {
        ::openclaw_sdk::Manifest {
            family: #family,
            version: #version,
            description: #description,
            methods: ::std::vec![#(#methods),*],
            shared_documents: ::std::vec![#(#shared),*],
            events: ::std::vec![#(#events),*],
            capabilities: ::std::vec![#(#capabilities),*],
        }
        .to_json()
    }
}

fn described(method: &Method, family: &str) -> TokenStream {
    let Method { summary, scope, function, .. } = method;
    let name = method.name(family);
    let tier = method.tier.as_ref().map(|tier| quote!(tier: #tier,));
    let timeout = method.timeout_ms.map(|ms| quote!(timeout_ms: ::core::option::Option::Some(#ms),));
    quote! {
        ::openclaw_sdk::Method {
            name: #name,
            summary: #summary,
            scope: #scope,
            #tier
            #timeout
            ..::openclaw_sdk::signature(#function)
        }
    }
}

fn dispatch(handler: &Handler) -> TokenStream {
    let added = added_visibility(&handler.visibility);
    // Names of the macro's own: a handler may be called `call` or `params`.
    let local = |name: &str| Ident::new(name, Span::mixed_site());
    let (call, params, other) = (local("call"), local("params"), local("other"));
    let names = handler.methods.iter().map(|method| method.name(&handler.family));
    let functions = handler.methods.iter().map(|method| &method.function);
    quote! {
        #added fn handle(
            #call: &::openclaw_sdk::Call,
            #params: ::std::vec::Vec<u8>,
        ) -> ::openclaw_sdk::Result<::std::vec::Vec<u8>> {
            match #call.method().as_str() {
                #(#names => ::openclaw_sdk::dispatch(#call, &#params, #functions),)*
                #other => ::core::result::Result::Err(::openclaw_sdk::method_not_found(#other)),
            }
        }
    }
}
