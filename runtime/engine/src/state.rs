//! States: which keys a graph has, how writes to them meet, and the updates that nodes return.
//!
//! The [`state`](macro@crate::state) attribute implements [`State`] and makes the update type;
//! a graph whose keys are known only at run time lists its [`Field`]s by hand.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::Kind;
use crate::command::Overwrite;
use crate::value::Shared;

/// A typed state: a struct with `#[state]` above it.
///
/// ```
/// use eddyline_engine::prelude::*;
///
/// #[state]
/// struct Joke {
///     topic: String,
///     joke: Option<String>,
/// }
///
/// let update: Update<Joke> = Joke::update().topic("ice cream");
/// # let _ = update;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state",
    label = "put `#[state]` above `struct {Self}`"
)]
pub trait State: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The type of updates; write it as [`Update<Self>`](Update).
    type Update: Default + Into<Writes> + Send + 'static;

    /// The name of the struct, for error texts and drawings.
    const NAME: &'static str;

    /// The keys, in the order of the struct.
    fn fields() -> Vec<Field>;
}

/// What a node returns to change a state of type `S`: some of its keys, each with a value.
///
/// A key that is not set is not written.
pub type Update<S> = <S as State>::Update;

/// One key of a state and the channel behind it.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key, as it stands in JSON.
    pub name: Cow<'static, str>,
    /// How the key keeps and merges what is written to it.
    pub kind: Kind,
}

impl Field {
    /// A key with the given kind of channel.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// The writes of an update, in order.
#[derive(Clone, Debug, Default)]
pub struct Writes(Vec<(Cow<'static, str>, Written)>);

/// A value on its way to a key, or why serde could not make JSON of it.
pub type Written = Result<Shared, String>;

impl Writes {
    /// Sets `key`; what it was set to before is forgotten.
    pub fn push(&mut self, key: impl Into<Cow<'static, str>>, value: Written) {
        let key = key.into();
        self.0.retain(|(name, _)| *name != key);
        self.0.push((key, value));
    }

    pub(crate) fn into_inner(self) -> Vec<(Cow<'static, str>, Written)> {
        self.0
    }
}

impl<K: Into<Cow<'static, str>>> FromIterator<(K, Shared)> for Writes {
    fn from_iter<I: IntoIterator<Item = (K, Shared)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), Ok(value))).collect())
    }
}

/// What may be written to a key of type `T`: the type itself, a value for an optional key,
/// a string literal for a string, and [`Overwrite`].
#[diagnostic::on_unimplemented(
    message = "a key of type `{T}` cannot be set to `{Self}`",
    label = "expected `{T}`"
)]
pub trait IntoWrite<T> {
    /// The value as JSON, or why it has none.
    fn into_write(self) -> Written;
}

fn written<T: Serialize + 'static>(value: T) -> Written {
    Shared::new(value).map_err(|error| error.to_string())
}

impl<T: Serialize + 'static> IntoWrite<T> for T {
    fn into_write(self) -> Written {
        written(self)
    }
}

impl<T: Serialize + 'static> IntoWrite<Option<T>> for T {
    fn into_write(self) -> Written {
        written(self)
    }
}

impl IntoWrite<String> for &str {
    fn into_write(self) -> Written {
        written(self.to_owned())
    }
}

impl IntoWrite<Option<String>> for &str {
    fn into_write(self) -> Written {
        written(self.to_owned())
    }
}

impl<T, V: IntoWrite<T>> IntoWrite<T> for Overwrite<V> {
    fn into_write(self) -> Written {
        overwrite(self.0.into_write())
    }
}

impl<T, V: IntoItems<T>> IntoItems<T> for Overwrite<V> {
    fn into_items(self) -> Written {
        overwrite(self.0.into_items())
    }
}

fn overwrite(value: Written) -> Written {
    Ok(crate::command::overwrite(&value?))
}

/// What may be appended to a list of `T`: anything iterable, or an [`Overwrite`] of one.
#[diagnostic::on_unimplemented(
    message = "a key that appends items of type `{T}` cannot take `{Self}`",
    label = "expected something iterable, such as `[item]`"
)]
pub trait IntoItems<T> {
    /// The items as a JSON array, or why they have none.
    fn into_items(self) -> Written;
}

impl<T, I> IntoItems<T> for I
where
    T: Serialize + 'static,
    I: IntoIterator,
    I::Item: Into<T>,
{
    fn into_items(self) -> Written {
        written(self.into_iter().map(Into::into).collect::<Vec<T>>())
    }
}
