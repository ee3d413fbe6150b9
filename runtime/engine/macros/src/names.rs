//! How serde names a struct's keys in JSON.
//!
//! Reads serde's attributes and changes none; one that cannot be read is left to serde, which explains it better.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Token};

/// On a field: the key would not stand in the object under one name.
const REFUSED_ON_FIELD: [&str; 4] = ["flatten", "skip", "skip_serializing", "skip_deserializing"];

/// On the struct: the JSON would not be an object with the keys of the struct.
const REFUSED_ON_STRUCT: [&str; 5] = ["transparent", "tag", "from", "try_from", "into"];

/// What stands in the attributes called `name`, such as `rename = "x"` in `#[serde(rename = "x")]`.
pub(crate) fn words(attrs: &[Attribute], name: &str) -> Vec<Meta> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident(name))
        .filter_map(|attr| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok())
        .flatten()
        .collect()
}

/// True when an attribute called `name` says `word`.
pub(crate) fn says(attrs: &[Attribute], name: &str, word: &str) -> bool {
    words(attrs, name).iter().any(|meta| meta.path().is_ident(word))
}

/// One of serde's rules for the names of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    AsIs,
    Upper,
    Pascal,
    Camel,
    Kebab,
    UpperKebab,
}

impl Rule {
    /// The struct's `rename_all`, and a refusal of what a state cannot be.
    pub(crate) fn of(attrs: &[Attribute]) -> syn::Result<Self> {
        let words = words(attrs, "serde");
        refuse(&words, &REFUSED_ON_STRUCT, "a state is an object with the keys of its struct")?;
        Ok(text(&words, "rename_all")?.and_then(|rule| Self::named(&rule)).unwrap_or(Self::AsIs))
    }

    /// A rule by serde's name for it. Serde lists the names when it meets another one.
    fn named(rule: &str) -> Option<Self> {
        Some(match rule {
            "lowercase" | "snake_case" => Self::AsIs,
            "UPPERCASE" | "SCREAMING_SNAKE_CASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::UpperKebab,
            _ => return None,
        })
    }

    /// The key of `field`, which serde takes to be in snake case.
    fn apply(self, field: &str) -> String {
        match self {
            Self::AsIs => field.to_owned(),
            Self::Upper => field.to_ascii_uppercase(),
            Self::Pascal => pascal(field),
            Self::Camel => {
                let pascal = pascal(field);
                let mut chars = pascal.chars();
                chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
            }
            Self::Kebab => field.replace('_', "-"),
            Self::UpperKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(field: &str) -> String {
    let mut start = true;
    let mut name = String::new();
    for c in field.chars() {
        match c {
            '_' => start = true,
            c if start => {
                name.push(c.to_ascii_uppercase());
                start = false;
            }
            c => name.push(c),
        }
    }
    name
}

/// The key of a field: its `rename`, or its name under the struct's rule.
pub(crate) fn key(field: &Ident, attrs: &[Attribute], rule: Rule) -> syn::Result<String> {
    let words = words(attrs, "serde");
    refuse(&words, &REFUSED_ON_FIELD, "each field of a state is one key")?;
    Ok(text(&words, "rename")?.unwrap_or_else(|| rule.apply(&field.unraw().to_string())))
}

fn refuse(words: &[Meta], refused: &[&str], why: &str) -> syn::Result<()> {
    let Some((meta, word)) = words.iter().find_map(|meta| {
        let word = refused.iter().find(|word| meta.path().is_ident(word))?;
        Some((meta, word))
    }) else {
        return Ok(());
    };
    Err(Error::new_spanned(meta, format!("`#[serde({word})]` does not go with `#[state]`: {why}")))
}

/// The string in `word = "..."`.
fn text(words: &[Meta], word: &str) -> syn::Result<Option<String>> {
    match words.iter().find(|meta| meta.path().is_ident(word)) {
        Some(Meta::NameValue(pair)) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Some(text.value())),
            _ => Ok(None),
        },
        Some(list @ Meta::List(_)) => {
            let text = format!("a key of a state has one name in both directions: write `{word} = \"...\"`");
            Err(Error::new_spanned(list, text))
        }
        _ => Ok(None),
    }
}
