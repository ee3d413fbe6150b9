//! Agents and nodes of tools, in virtual time and with scripted models.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic, its helpers too")]

mod agent;
mod http;
mod review;
mod support;
mod team;
mod tools;
