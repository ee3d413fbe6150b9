//! What can go wrong with a store.

use super::EmbedError;
use crate::host::StorageError;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A label of a namespace is empty, or has a full stop, which stands between labels in a query.
    #[error("a label of a namespace is not empty and has no full stop: {label:?}")]
    Label {
        /// Which.
        label: String,
    },
    /// Items do not go into this namespace.
    #[error("{message}")]
    Namespace {
        /// Why.
        message: &'static str,
    },
    /// A filter asks for a comparison that there is not.
    #[error("unsupported operator: {operator}")]
    Operator {
        /// Which.
        operator: String,
    },
    /// A query came, and no embedding model tells what is close to it.
    #[error("a query needs an index, and no embedding model is configured")]
    NoIndex,
    /// The embedding model failed.
    #[error("the embedding model failed")]
    Embedding(#[from] EmbedError),
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] StorageError),
}

impl StoreError {
    /// Names the error for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Label { .. } => "INVALID_LABEL",
            Self::Namespace { .. } => "INVALID_NAMESPACE",
            Self::Operator { .. } => "UNSUPPORTED_OPERATOR",
            Self::NoIndex => "NO_INDEX",
            Self::Embedding(_) => "EMBEDDING_FAILED",
            Self::Storage(error) => error.code(),
        }
    }
}
