//! What `#[state(...)]` above a field says: the kind of channel behind the key.

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, GenericArgument, Meta, PathArguments, PathSegment, Token, Type};

/// What an unknown word is answered with.
const KNOWN: &str = "`reduce = append`, `reduce = add`, `reduce = messages`, `reduce = function`, `start = none`, \
                     `replace`, `ephemeral`, `ephemeral(unguarded)`, `untracked`, `untracked(unguarded)`, `any`, \
                     `topic`, `topic(accumulate)`, `managed = remaining_steps`, `managed = is_last_step`";

const INTEGERS: [&str; 12] =
    ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];

/// The kind of one key, with the types that its setter needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    LastValue,
    Ephemeral {
        guard: bool,
    },
    Untracked {
        guard: bool,
    },
    AnyValue,
    Topic {
        accumulate: bool,
        item: Type,
    },
    Append {
        item: Type,
    },
    /// `item` is that of a list; `start` is false where nothing is there before the first write.
    Add {
        item: Option<Type>,
        start: bool,
    },
    Messages,
    Custom {
        function: Box<Expr>,
        start: bool,
    },
    RemainingSteps,
    IsLastStep,
}

impl Kind {
    /// The kind of a field with these attributes and this type.
    pub(crate) fn of(attrs: &[Attribute], ty: &Type) -> syn::Result<Self> {
        let (mut words, start) = read(attrs)?;
        let Some(word) = words.pop() else {
            return match start {
                Some(start) => Err(Error::new_spanned(start, "`start = none` goes beside `reduce`")),
                None if named(ty, &["Messages"]) => Ok(Self::Messages),
                None => Ok(Self::LastValue),
            };
        };
        if let Some(other) = words.first() {
            let text = format!("a key has one kind: `{}` or `{}`", written(other), written(&word));
            return Err(Error::new_spanned(word, text));
        }
        let kind = one(&word, ty, start.is_none())?;
        match (&kind, start) {
            (Self::Add { .. } | Self::Custom { .. }, _) | (_, None) => Ok(kind),
            (_, Some(start)) => {
                let text = format!("`{}` has a start of its own, or needs none", written(&word));
                Err(Error::new_spanned(start, text))
            }
        }
    }
}

/// The words of all `#[state(...)]` above a field, and `start = none` apart from them.
fn read(attrs: &[Attribute]) -> syn::Result<(Vec<Meta>, Option<Meta>)> {
    let mut words = Vec::new();
    let mut start = None;
    for attr in attrs.iter().filter(|attr| !matches!(attr.meta, Meta::Path(_))) {
        for word in attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            if !word.path().is_ident("start") {
                words.push(word);
            } else if written(&word) == "start = none" {
                start = Some(word);
            } else {
                return Err(Error::new_spanned(word, "expected `start = none`"));
            }
        }
    }
    Ok((words, start))
}

/// The kind that `word` names.
fn one(word: &Meta, ty: &Type, start: bool) -> syn::Result<Kind> {
    if let Meta::NameValue(pair) = word
        && pair.path.is_ident("reduce")
    {
        return reduce(&pair.value, ty, start);
    }
    Ok(match written(word).as_str() {
        "replace" => Kind::LastValue,
        "ephemeral" => Kind::Ephemeral { guard: true },
        "ephemeral(unguarded)" => Kind::Ephemeral { guard: false },
        "untracked" => Kind::Untracked { guard: true },
        "untracked(unguarded)" => Kind::Untracked { guard: false },
        "any" => Kind::AnyValue,
        "topic" => Kind::Topic { accumulate: false, item: list(word, ty)? },
        "topic(accumulate)" => Kind::Topic { accumulate: true, item: list(word, ty)? },
        "managed = remaining_steps" if named(ty, &INTEGERS) => Kind::RemainingSteps,
        "managed = remaining_steps" => return Err(mismatch(word, ty, "an integer")),
        "managed = is_last_step" if named(ty, &["bool"]) => Kind::IsLastStep,
        "managed = is_last_step" => return Err(mismatch(word, ty, "a `bool`")),
        other => {
            return Err(Error::new_spanned(word, format!("unknown `{other}`; known are {KNOWN}")));
        }
    })
}

fn reduce(function: &Expr, ty: &Type, start: bool) -> syn::Result<Kind> {
    let start = start && !named(ty, &["Option"]);
    match function {
        Expr::Path(path) if path.path.is_ident("append") => Ok(Kind::Append { item: list(function, ty)? }),
        Expr::Path(path) if path.path.is_ident("add") => Ok(Kind::Add { item: item(ty), start }),
        Expr::Path(path) if path.path.is_ident("messages") => {
            if named(ty, &["Messages"]) {
                Ok(Kind::Messages)
            } else {
                Err(mismatch(function, ty, "`Messages`"))
            }
        }
        Expr::Path(_) | Expr::Closure(_) => Ok(Kind::Custom { function: Box::new(function.clone()), start }),
        other => {
            let text = "expected `append`, `add`, `messages`, the path of a function, or a closure";
            Err(Error::new_spanned(other, text))
        }
    }
}

/// A word as a person would type it, whatever its spaces were.
fn written(word: &Meta) -> String {
    match word {
        Meta::Path(path) => path.to_token_stream().to_string(),
        Meta::List(list) => format!("{}({})", list.path.to_token_stream(), list.tokens),
        Meta::NameValue(pair) => {
            format!("{} = {}", pair.path.to_token_stream(), pair.value.to_token_stream())
        }
    }
}

/// The `T` of a field that must be a `Vec<T>`.
fn list(word: &impl ToTokens, ty: &Type) -> syn::Result<Type> {
    item(ty).ok_or_else(|| mismatch(word, ty, "a `Vec<_>`"))
}

fn mismatch(word: &impl ToTokens, ty: &Type, needed: &str) -> Error {
    // Tokens print with spaces between them; a person writes `Vec<u8>`.
    let mut found = ty.to_token_stream().to_string();
    for (tokens, person) in [(" <", "<"), ("< ", "<"), (" >", ">"), (" ::", "::"), (":: ", "::"), (" ,", ",")]
    {
        found = found.replace(tokens, person);
    }
    let text = format!("`{}` needs {needed}, found `{found}`", word.to_token_stream());
    Error::new_spanned(ty, text)
}

/// The `T` of a `Vec<T>`.
fn item(ty: &Type) -> Option<Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Vec")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(item)) if arguments.args.len() == 1 => Some(item.clone()),
        _ => None,
    }
}

/// True when the type's name, without the path to it, is one of `names`.
fn named(ty: &Type, names: &[&str]) -> bool {
    last_segment(ty).is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}

/// A macro that passes a field's type on wraps it in an invisible group.
fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}
