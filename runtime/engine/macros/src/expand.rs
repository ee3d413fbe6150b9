//! What is made of a state: the struct with its derives, `impl State`, and the update type.
//!
//! Every path is absolute, through `root`, so that a user's imports and dependencies do not matter.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, ItemStruct, Path, Token, Type, Visibility};

use crate::kind::Kind;
use crate::names;
use crate::parse::Key;

/// The struct and everything beside it.
pub(crate) fn state(item: &ItemStruct, keys: &[Key], root: &TokenStream) -> TokenStream {
    let update = format_ident!("{}Update", item.ident.unraw(), span = item.ident.span());
    let derives = derives(&item.attrs, root);
    let implementation = implementation(&item.ident, &update, keys, root);
    let updates = updates(item, &update, keys, root);
    quote! {
        #derives
        // Keys are named for those who read the JSON, not for the struct around them.
        #[allow(clippy::struct_field_names)]
        #item
        #implementation
        #updates
    }
}

/// A type that nodes read, and nothing beside it.
pub(crate) fn view(item: &DeriveInput, root: &TokenStream) -> TokenStream {
    let derives = derives(&item.attrs, root);
    quote! {
        #derives
        #item
    }
}

/// The derives that the user did not write, and where they find their crates.
fn derives(attrs: &[Attribute], root: &TokenStream) -> TokenStream {
    let theirs = derived(attrs);
    let ours = [
        ("Clone", quote!(::core::clone::Clone)),
        ("Debug", quote!(::core::fmt::Debug)),
        ("Serialize", quote!(#root::__private::serde::Serialize)),
        ("Deserialize", quote!(#root::__private::serde::Deserialize)),
        ("JsonSchema", quote!(#root::__private::schemars::JsonSchema)),
    ];
    let ours = ours.iter().filter(|(name, _)| !theirs.contains(&(*name).to_owned())).map(|(_, path)| path);
    let homes =
        ["serde", "schemars"].into_iter().filter(|name| !names::says(attrs, name, "crate")).map(|name| {
            let attribute = format_ident!("{name}");
            let home = format!("{root}::__private::{name}").replace(' ', "");
            quote!(#[#attribute(crate = #home)])
        });
    quote! {
        #[derive(#(#ours),*)]
        #(#homes)*
    }
}

/// The names, without paths, in the user's `#[derive(...)]`.
fn derived(attrs: &[Attribute]) -> Vec<String> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("derive"))
        .filter_map(|attr| attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok())
        .flatten()
        .filter_map(|path| path.segments.last().map(|segment| segment.ident.to_string()))
        .collect()
}

fn implementation(owner: &Ident, update: &Ident, keys: &[Key], root: &TokenStream) -> TokenStream {
    let name = owner.unraw().to_string();
    let fields = keys.iter().map(|Key { name, cfgs, kind, ty, .. }| {
        let kind = channel(kind, ty, name, root);
        quote!(#(#cfgs)* #root::state::Field::new(#name, #kind))
    });
    let quiet = quiet();
    quote! {
        #[automatically_derived]
        #quiet
        impl #root::state::State for #owner {
            type Update = #update;
            const NAME: &'static str = #name;

            fn fields() -> ::std::vec::Vec<#root::state::Field> {
                ::std::vec::Vec::from([#(#fields),*])
            }
        }
    }
}

/// The channel behind a key.
fn channel(kind: &Kind, ty: &Type, key: &str, root: &TokenStream) -> TokenStream {
    let channel = quote!(#root::channel);
    let reducer = quote!(#root::channel::Reducer);
    match kind {
        Kind::LastValue => quote!(#channel::Kind::LastValue),
        Kind::Ephemeral { guard } => quote!(#channel::Kind::Ephemeral { guard: #guard }),
        Kind::Untracked { guard } => quote!(#channel::Kind::Untracked { guard: #guard }),
        Kind::AnyValue => quote!(#channel::Kind::AnyValue),
        Kind::Topic { accumulate, .. } => quote!(#channel::Kind::Topic { accumulate: #accumulate }),
        Kind::Append { .. } => quote!(#channel::Kind::Reduce(#reducer::append())),
        Kind::Messages => quote!(#channel::Kind::Reduce(#reducer::messages())),
        Kind::Add { start, .. } => {
            let start = start.then(|| starting(ty, key, root));
            quote!(#channel::Kind::Reduce(#reducer::add() #start))
        }
        Kind::Custom { function, start } => {
            let start = start.then(|| starting(ty, key, root));
            quote!(#channel::Kind::Reduce(#reducer::custom::<#ty, _>(#function) #start))
        }
        Kind::RemainingSteps => quote!(#channel::Kind::Managed(#channel::Managed::RemainingSteps)),
        Kind::IsLastStep => quote!(#channel::Kind::Managed(#channel::Managed::IsLastStep)),
    }
}

/// `.starting_from(…)` the default of the type.
fn starting(ty: &Type, key: &str, root: &TokenStream) -> TokenStream {
    // Spanned, so that a type without a default is what the compiler points at.
    let default = quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default());
    quote! {
        .starting_from(match #root::Shared::new(#default) {
            ::core::result::Result::Ok(start) => start,
            ::core::result::Result::Err(error) => {
                ::core::panic!("the default of key `{}` has no JSON form: {}", #key, error)
            }
        })
    }
}

/// The update type and what makes it one.
fn updates(item: &ItemStruct, update: &Ident, keys: &[Key], root: &TokenStream) -> TokenStream {
    let ItemStruct { ident: owner, vis, .. } = item;
    let setters = keys.iter().map(|key| setter(key, &item.vis, root));
    let title = format!("An update of [`{}`]: the keys that are set are written.", owner.unraw());
    let quiet = quiet();
    quote! {
        #[doc = #title]
        #[must_use = "an update does nothing until a node returns it or a run takes it"]
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::default::Default)]
        #vis struct #update {
            writes: #root::state::Writes,
        }

        #quiet
        impl #owner {
            /// An update that writes nothing yet.
            #vis fn update() -> #update {
                <#update as ::core::default::Default>::default()
            }
        }

        #quiet
        impl #update {
            #(#setters)*
        }

        #[automatically_derived]
        #quiet
        impl ::core::convert::From<#update> for #root::state::Writes {
            fn from(update: #update) -> Self {
                update.writes
            }
        }

        #[automatically_derived]
        #quiet
        impl #root::node::IntoOutput<#owner> for #update {
            fn into_output(self) -> ::core::result::Result<#root::node::Output, #root::NodeError> {
                ::core::result::Result::Ok(#root::node::Output::update(self))
            }
        }
    }
}

/// The setter of a key; none for what the engine computes.
fn setter(key: &Key, vis: &Visibility, root: &TokenStream) -> Option<TokenStream> {
    let Key { field, name, ty, kind, docs, cfgs } = key;
    let (takes, into) = match kind {
        Kind::RemainingSteps | Kind::IsLastStep => return None,
        Kind::Append { item } | Kind::Add { item: Some(item), .. } => items(item, root),
        Kind::Messages => items(&quote!(#root::Message), root),
        Kind::Topic { item, .. } => one(item, root),
        _ => one(ty, root),
    };
    let undocumented = docs.is_empty().then(|| {
        let text = format!("Writes the key `{name}`.");
        quote!(#[doc = #text])
    });
    Some(quote! {
        #(#cfgs)*
        #undocumented
        #(#docs)*
        #vis fn #field(mut self, value: impl #takes) -> Self {
            self.writes.push(#name, #into(value));
            self
        }
    })
}

/// What a setter of one value takes, and how that is made into a write.
fn one(ty: &impl ToTokens, root: &TokenStream) -> (TokenStream, TokenStream) {
    let takes = quote!(#root::state::IntoWrite<#ty>);
    (takes, quote!(#root::state::IntoWrite::<#ty>::into_write))
}

/// As [`one`], of a setter of many.
fn items(item: &impl ToTokens, root: &TokenStream) -> (TokenStream, TokenStream) {
    let takes = quote!(#root::state::IntoItems<#item>);
    (takes, quote!(#root::state::IntoItems::<#item>::into_items))
}

/// What a user's lints cannot help: setters that nobody calls, names that follow the user's fields,
/// and field types less visible than the struct.
fn quiet() -> TokenStream {
    quote! {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            dead_code,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            unused_qualifications
        )]
    }
}
