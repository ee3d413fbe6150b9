//! Finding items by what they are about: texts become vectors, and close vectors are about the same.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::Indexing;

/// What a text is about, as an embedding model tells it.
pub type Vector = Vec<f32>;

/// Turns texts into vectors.
///
/// ```
/// use eddyline_engine::store::{EmbedError, EmbeddingModel, Vector};
/// use futures_util::FutureExt;
/// use futures_util::future::{BoxFuture, ready};
///
/// /// Tells texts apart by their length.
/// struct Length;
///
/// impl EmbeddingModel for Length {
///     fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vector>, EmbedError>> {
///         let vectors = texts.iter().map(|text| vec![1.0, text.len() as f32]).collect();
///         ready(Ok(vectors)).boxed()
///     }
/// }
/// ```
pub trait EmbeddingModel: Send + Sync + 'static {
    /// One vector for each text, in their order, all of one length. Dropping the future gives the request up.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'static, Result<Vec<Vector>, EmbedError>>;
}

/// Why an embedding model gave no vectors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EmbedError {
    /// In its words.
    pub message: String,
}

/// How a store tells what items are about.
#[derive(Clone)]
pub struct Index {
    /// The model.
    pub model: Arc<dyn EmbeddingModel>,
    /// By which parts of its value an item is found, unless it says otherwise: paths such as `title`, `author.name`,
    /// `chapters[*].text` and `chapters[0]`; `$` is the whole value. Default: `$`.
    pub fields: Vec<String>,
}

impl Index {
    /// Finds items by everything in them.
    pub fn new(model: impl EmbeddingModel) -> Self {
        Self { model: Arc::new(model), fields: vec!["$".to_owned()] }
    }

    /// What an item is about: a vector for each text in its indexed parts.
    pub async fn vectors(
        &self,
        value: &Map<String, Value>,
        indexing: &Indexing,
    ) -> Result<Vec<Vector>, EmbedError> {
        let fields = match indexing {
            Indexing::Default => &self.fields,
            Indexing::Never => return Ok(Vec::new()),
            Indexing::Fields(fields) => fields,
        };
        let texts: Vec<String> = fields.iter().flat_map(|field| texts(value, field)).collect();
        if texts.is_empty() { Ok(Vec::new()) } else { self.embed(texts).await }
    }

    /// What a query is about.
    pub async fn query(&self, text: String) -> Result<Vector, EmbedError> {
        Ok(self.embed(vec![text]).await?.swap_remove(0))
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        let asked = texts.len();
        let vectors = self.model.embed(texts).await?;
        if vectors.len() == asked {
            Ok(vectors)
        } else {
            Err(EmbedError { message: format!("{} vectors came for {asked} texts", vectors.len()) })
        }
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// The texts that stand at a path.
fn texts(value: &Map<String, Value>, path: &str) -> Vec<String> {
    if path == "$" {
        return vec![Value::Object(value.clone()).to_string()];
    }
    let mut steps = path.split(['.', '[']).map(|step| step.strip_suffix(']').ok_or(step));
    let Some(Err(first)) = steps.next() else { return Vec::new() };
    let mut found: Vec<&Value> = value.get(first).into_iter().collect();
    for step in steps {
        found = found.into_iter().flat_map(|value| below(value, step)).collect();
    }
    found.into_iter().filter_map(text).collect()
}

/// The values one step down: of an object by a name, of a list by a place in it or all of them.
fn below<'a>(value: &'a Value, step: Result<&str, &str>) -> Vec<&'a Value> {
    match (value, step) {
        (Value::Object(map), Err(name)) => map.get(name).into_iter().collect(),
        (Value::Array(items), Ok("*")) => items.iter().collect(),
        (Value::Array(items), Ok(place)) => {
            place.parse().ok().and_then(|place: usize| items.get(place)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// How close the closest of `vectors` is to `query`: the cosine of the angle between them. `None` when there is no
/// vector.
pub fn closeness(vectors: &[Vector], query: &[f32]) -> Option<f64> {
    vectors.iter().map(|vector| cosine(vector, query)).max_by(f64::total_cmp)
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let product = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    let lengths = (product(one, one) * product(other, other)).sqrt();
    if lengths > 0.0 { product(one, other) / lengths } else { 0.0 }
}

/// The order in which a search shows items, of each its score and the number of its last change: the closest first,
/// those without a score last, and among equals the newest first.
pub fn best_first(one: (Option<f64>, u64), other: (Option<f64>, u64)) -> Ordering {
    let scores = match (one.0, other.0) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (one, other) => other.is_some().cmp(&one.is_some()),
    };
    scores.then(Reverse(one.1).cmp(&Reverse(other.1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, expected: &[&str]) {
        let value =
            json!({"a": "x", "n": 7, "none": null, "o": {"b": "y"}, "l": [{"t": "1"}, {"t": "2"}, {}]});
        assert_eq!(texts(value.as_object().expect("an object"), path), expected, "{path}");
    }

    #[test]
    fn a_path_leads_to_texts() {
        check("a", &["x"]);
        check("n", &["7"]);
        check("none", &[]);
        check("o", &[r#"{"b":"y"}"#]);
        check("o.b", &["y"]);
        check("l[*].t", &["1", "2"]);
        check("l[1].t", &["2"]);
        check("l[9].t", &[]);
        for path in ["", "b", "a.b", "a[0]", "l.t", "[0]", "l[", "l[x]", "$.a", "l[*"] {
            check(path, &[]);
        }
        let whole = json!({"a": 1});
        assert_eq!(texts(whole.as_object().expect("an object"), "$"), [r#"{"a":1}"#]);
    }

    #[test]
    fn the_closest_vector_counts() {
        assert_eq!(closeness(&[], &[1.0]), None);
        assert_eq!(closeness(&[vec![0.0, 2.0], vec![3.0, 0.0]], &[1.0, 0.0]), Some(1.0));
        assert_eq!(closeness(&[vec![-2.0, 0.0]], &[1.0, 0.0]), Some(-1.0));
        assert_eq!(closeness(&[vec![0.0, 0.0]], &[1.0, 0.0]), Some(0.0));
    }

    #[test]
    fn the_best_come_first() {
        let mut found = [(None, 9), (Some(0.5), 1), (Some(0.9), 2), (None, 8), (Some(0.5), 3)];
        found.sort_by(|one, other| best_first(*one, *other));
        assert_eq!(found, [(Some(0.9), 2), (Some(0.5), 3), (Some(0.5), 1), (None, 9), (None, 8)]);
    }
}
