//! The engine from outside: graphs, their streams, and what they store.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(clippy::needless_pass_by_value, clippy::unused_async, reason = "nodes and routes own their state")]
#![allow(clippy::items_after_statements, reason = "a node stands beside the graph that it is for")]

mod drawing;
mod failures;
mod fan_out;
mod interrupts;
mod linear;
mod models;
mod properties;
mod rules;
mod subgraphs;
mod support;
mod time_travel;
