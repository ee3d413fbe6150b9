//! The program from outside: the binary, over its socket, with the clients that people use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic, its helpers too")]

mod agents;
mod assistants;
mod auth;
mod chat;
mod commands;
mod crons;
mod deep;
mod describes;
mod durable;
mod golden;
mod graph_files;
mod http;
mod limits;
mod odd_texts;
mod protocol;
mod recorded;
mod refusals;
mod runs;
mod sdk;
mod server;
mod store;
mod streams;
mod thread_stream;
mod threads;
mod tidy;
mod webhooks;
