//! The `#[state]` attribute of eddyline.
//!
//! Owns how a struct is read and what is made of it.
//! Does not know what the parts mean: kinds of channels, reducers and writes live in the engine,
//! and a user reaches this crate only through the engine or the facade.

mod expand;
mod kind;
mod names;
mod parse;
#[cfg(test)]
mod tests;

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};

/// Makes a state of a struct: its keys, how each key merges what is written to it, and its update type.
///
/// ```
/// # use eddyline_engine as eddyline;
/// use eddyline::prelude::*;
///
/// #[state]
/// struct Joke {
///     /// What the joke is about.
///     topic: String,
///     joke: Option<String>,
///     #[state(reduce = append)]
///     drafts: Vec<String>,
/// }
///
/// async fn write(state: Joke) -> Update<Joke> {
///     Joke::update().joke(format!("a joke about {}", state.topic)).drafts(["first"])
/// }
/// ```
///
/// # What is made
///
/// - The struct itself, deriving `Serialize`, `Deserialize`, `JsonSchema`, `Clone` and `Debug`,
///   save for those that a `#[derive(...)]` **below** `#[state]` has already.
/// - `impl State for Joke`.
/// - `Joke::update()`, which starts an update, and the type of updates, `JokeUpdate`, written as
///   `Update<Joke>`: one setter for each key, named as the field.
///   A key that is not set is not written.
///
/// The struct needs named fields and has no generics: states are told apart by name.
///
/// # The kind of a key
///
/// | Above the field | The key | Its setter takes |
/// |---|---|---|
/// | nothing, or `#[state(replace)]` | keeps the last value; two writes in one superstep are an error | the type of the field |
/// | `#[state(reduce = append)]` | appends; the field is a `Vec<T>` and starts empty | anything iterable |
/// | `#[state(reduce = add)]` | adds numbers, joins strings, appends lists | the type of the field; for a `Vec<T>` anything iterable |
/// | `#[state(reduce = messages)]` | merges chat messages by id; the field is `Messages` and starts empty | messages, anything iterable |
/// | `#[state(reduce = some::function)]` | merges with a `fn(T, T) -> T`, a path or a closure, given what is there and what is written | the type of the field |
/// | `#[state(ephemeral)]` | keeps the value for one superstep | the type of the field |
/// | `#[state(untracked)]` | keeps the last value and never stores it | the type of the field |
/// | `#[state(any)]` | keeps the last of any number of writes, for one superstep | the type of the field |
/// | `#[state(topic)]` | lists what was written in the last superstep; the field is a `Vec<T>` | one `T` |
/// | `#[state(topic(accumulate))]` | lists what was ever written | one `T` |
/// | `#[state(managed = remaining_steps)]` | how many supersteps are left; the field is an integer | none |
/// | `#[state(managed = is_last_step)]` | whether this superstep is the last; the field is a `bool` | none |
///
/// `ephemeral(unguarded)` and `untracked(unguarded)` take several writes in one superstep and keep the last.
///
/// A field of type `Messages` with nothing above it merges by id, as `reduce = messages` says:
/// a chat that each write replaces is nearly always a mistake. `#[state(replace)]` asks for one.
///
/// A function of your own that is called `append`, `add` or `messages` is written with a path:
/// `reduce = self::add`.
///
/// A setter for type `T` also takes what may stand for it: a string literal for a `String`, a plain value
/// for an `Option`, and `Overwrite(value)`, which passes the reducer by.
///
/// # Starting values
///
/// Under `reduce = add` and `reduce = function` a key starts from the `Default` of its type,
/// and an `Option` starts from nothing, so that the first write is taken as it is.
/// For a type without a sensible default, `#[state(reduce = function, start = none)]` starts from nothing too;
/// a node that reads such a key before it is written fails.
/// A default that has no JSON form panics when the fields are listed, which is when a graph is made.
///
/// A topic that holds nothing reads as an empty list: its field gets `#[serde(default)]`.
///
/// # serde
///
/// `#[serde(...)]` works as ever, and the name of a key is its name in JSON:
/// `rename = "..."` on a field and `rename_all = "..."` on the struct count.
/// What would make JSON of another shape is refused: `flatten` and `skip` on a field;
/// `transparent`, `tag`, `from`, `try_from` and `into` on the struct; two names for two directions.
#[proc_macro_attribute]
pub fn state(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expanded(args.into(), &item.into(), root()).into()
}

/// Makes a type of a node's own: fewer keys than the state, what a packet carries, the arguments of a tool.
///
/// Derives what nodes need to read it and graphs to know its keys (serde and JSON Schema, with `Clone` and
/// `Debug`), through the one crate that a graph depends on. The same derives by hand do as well, and then
/// `serde` and `schemars` stand in the manifest.
///
/// ```
/// # use eddyline_engine as eddyline;
/// use eddyline::prelude::*;
///
/// # #[state] struct Upper { #[state(reduce = append)] out: Vec<String> }
/// #[view]
/// struct Item {
///     item: String,
/// }
///
/// async fn work(task: Item) -> Update<Upper> {
///     Upper::update().out([task.item.to_uppercase()])
/// }
/// ```
#[proc_macro_attribute]
pub fn view(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let parsed =
        parse::args(args.into()).and_then(|()| Ok((syn::parse::<syn::DeriveInput>(item.clone())?, root()?)));
    match parsed {
        Ok((item, root)) => expand::view(&item, &root).into(),
        Err(error) => {
            let (error, item) = (error.to_compile_error(), TokenStream::from(item));
            quote!(#error #item).into()
        }
    }
}

/// The whole output for `item`; mistakes become compiler errors in front of it.
fn expanded(args: TokenStream, item: &TokenStream, root: syn::Result<TokenStream>) -> TokenStream {
    let parsed = parse::args(args).and_then(|()| Ok((parse::structure(item.clone())?, root?)));
    match parsed {
        Ok((mut item, root)) => {
            let mut errors = parse::Errors::default();
            let keys = parse::keys(&mut item, &mut errors);
            let state = expand::state(&item, &keys, &root);
            let errors = errors.to_compile_error();
            quote!(#errors #state)
        }
        Err(error) => {
            let (error, item) = (error.to_compile_error(), parse::bare(item));
            quote!(#error #item)
        }
    }
}

/// The crate through which the user has the engine.
///
/// The facade and the engine name themselves with `extern crate self as …`, so that one absolute path
/// is right inside them, in their examples and in their tests.
fn root() -> syn::Result<TokenStream> {
    for package in ["eddyline", "eddyline-engine"] {
        let name = match crate_name(package) {
            Ok(FoundCrate::Itself) => package.replace('-', "_"),
            Ok(FoundCrate::Name(name)) => name,
            Err(_) => continue,
        };
        let name = format_ident!("{name}");
        return Ok(quote!(::#name));
    }
    let text = "`#[state]` needs `eddyline` among the dependencies in Cargo.toml";
    Err(syn::Error::new(Span::call_site(), text))
}
