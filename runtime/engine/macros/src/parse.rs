//! A struct read as a state: its keys, and every mistake at once.

use std::collections::HashSet;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Error, Field, Fields, Item, ItemStruct, Meta, Type};

use crate::kind::Kind;
use crate::names::{self, Rule};

const SHAPE: &str = "`#[state]` goes above a struct with named fields";

/// One field of a state.
#[derive(Debug)]
pub(crate) struct Key {
    /// The field, and the setter.
    pub(crate) field: Ident,
    /// The key in JSON.
    pub(crate) name: String,
    /// The field's type, without `Self`: the setter stands in another type.
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
    /// The field's documentation, which is its setter's too.
    pub(crate) docs: Vec<Attribute>,
    /// The conditions under which the field exists.
    pub(crate) cfgs: Vec<Attribute>,
}

/// The mistakes found so far, to be shown together.
#[derive(Debug, Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value, or its stand-in when there is a mistake: the output stays whole,
    /// and the mistake is all that the compiler has to say.
    fn or<T>(&mut self, result: syn::Result<T>, stand_in: impl FnOnce() -> T) -> T {
        result.unwrap_or_else(|error| {
            self.push(error);
            stand_in()
        })
    }

    pub(crate) fn to_compile_error(&self) -> Option<TokenStream> {
        self.0.as_ref().map(Error::to_compile_error)
    }

    #[cfg(test)]
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.iter().flatten().map(|error| error.to_string()).collect()
    }
}

/// `#[state]` on a struct takes no arguments.
pub(crate) fn args(args: TokenStream) -> syn::Result<()> {
    if args.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(args, "`#[state]` takes no arguments here; options stand above the fields"))
}

/// The item as a struct that can be a state.
pub(crate) fn structure(item: TokenStream) -> syn::Result<ItemStruct> {
    let item = match syn::parse2::<Item>(item)? {
        Item::Struct(item) => item,
        Item::Enum(item) => return Err(Error::new(item.ident.span(), format!("{SHAPE}, not an enum"))),
        Item::Union(item) => return Err(Error::new(item.ident.span(), format!("{SHAPE}, not a union"))),
        _ => return Err(Error::new(Span::call_site(), SHAPE)),
    };
    match &item.fields {
        Fields::Unnamed(fields) => return Err(Error::new_spanned(fields, format!("{SHAPE}, not a tuple"))),
        Fields::Unit => {
            let text = format!("{SHAPE}; a state without keys is `struct {} {{}}`", item.ident);
            return Err(Error::new(item.ident.span(), text));
        }
        Fields::Named(_) => {}
    }
    if !item.generics.params.is_empty() {
        let text = "a state has no generics: its name and its keys are those of one type";
        return Err(Error::new_spanned(&item.generics, text));
    }
    if let Some(clause) = &item.generics.where_clause {
        return Err(Error::new_spanned(clause, "a state has no `where` clause"));
    }
    Ok(item)
}

/// An item that is no state, without the `#[state(...)]` that would be mistakes of their own in its fields.
pub(crate) fn bare(item: &TokenStream) -> TokenStream {
    let Ok(Item::Struct(mut item)) = syn::parse2(item.clone()) else {
        return item.clone();
    };
    for field in &mut item.fields {
        field.attrs.retain(|attr| !attr.path().is_ident("state"));
    }
    item.into_token_stream()
}

/// The keys of a state; its fields lose their `#[state(...)]`.
pub(crate) fn keys(item: &mut ItemStruct, errors: &mut Errors) -> Vec<Key> {
    let rule = errors.or(Rule::of(&item.attrs), || Rule::AsIs);
    let owner = item.ident.clone();
    let mut names = HashSet::new();
    let mut keys = Vec::new();
    for field in &mut item.fields {
        let Some(key) = key(field, &owner, rule, errors) else {
            continue;
        };
        // Under conditions, two fields with one name may never meet.
        if key.cfgs.is_empty() && !names.insert(key.name.clone()) {
            errors.push(Error::new(key.field.span(), format!("two fields have the key `{}`", key.name)));
        }
        keys.push(key);
    }
    keys
}

fn key(field: &mut Field, owner: &Ident, rule: Rule, errors: &mut Errors) -> Option<Key> {
    let ident = field.ident.clone()?;
    let (ours, theirs): (Vec<_>, Vec<_>) =
        std::mem::take(&mut field.attrs).into_iter().partition(|attr| attr.path().is_ident("state"));
    field.attrs = theirs;
    let ty = errors.or(without_self(&field.ty, owner), || field.ty.clone());
    let kind = errors.or(Kind::of(&ours, &ty), || Kind::LastValue);
    if matches!(kind, Kind::Topic { .. }) && !names::says(&field.attrs, "serde", "default") {
        field.attrs.push(syn::parse_quote!(#[serde(default)]));
    }
    Some(Key {
        name: errors.or(names::key(&ident, &field.attrs, rule), || ident.to_string()),
        ty,
        kind,
        docs: kept(&field.attrs, |meta| matches!(meta, Meta::NameValue(pair) if pair.path.is_ident("doc"))),
        cfgs: kept(&field.attrs, |meta| meta.path().is_ident("cfg")),
        field: ident,
    })
}

fn kept(attrs: &[Attribute], wanted: impl Fn(&Meta) -> bool) -> Vec<Attribute> {
    attrs.iter().filter(|attr| wanted(&attr.meta)).cloned().collect()
}

/// The type with the struct's name for `Self`.
fn without_self(ty: &Type, owner: &Ident) -> syn::Result<Type> {
    syn::parse2(renamed(ty.to_token_stream(), owner))
}

fn renamed(tokens: TokenStream, owner: &Ident) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => Ident::new(&owner.to_string(), ident.span()).into(),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), renamed(group.stream(), owner));
                inner.set_span(group.span());
                inner.into()
            }
            other => other,
        })
        .collect()
}
