//! The API, described for machines: `OpenAPI` 3.1.
//!
//! Paths and methods come from the table that serves them, bodies from the types that read them. What answers look like
//! stands in `resources.json`, beside this file.

mod about;
mod document;

pub(crate) use about::{About, Content, Parameter};
pub(crate) use document::{Described, document};
