//! The JSON that clients see, and nothing else in the project knows: request bodies, resources, frames.
//!
//! Knows the runtime's requests and records, and no transport: HTTP, WebSocket and stdio carry the same bytes.

mod body;
mod events;
mod frame;
mod json;
mod meta;
mod refusal;
mod run;
mod run_fields;
mod thread;

pub(crate) use body::parse;
pub(crate) use events::{Events, lost_its_place};
pub(crate) use frame::{Frame, HEARTBEAT};
pub(crate) use json::encode;
pub(crate) use meta::{info, ok};
pub(crate) use refusal::{Reason, Refusal};
pub(crate) use run::RunBody;
pub(crate) use thread::{ThreadBody, ThreadJson};
