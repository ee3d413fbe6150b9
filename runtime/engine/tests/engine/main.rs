//! The engine from outside: graphs, their streams, and what they store.

mod failures;
mod fan_out;
mod interrupts;
mod linear;
mod subgraphs;
mod support;
mod time_travel;
