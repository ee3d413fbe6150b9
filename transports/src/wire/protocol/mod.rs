//! The JSON of the streaming protocol: commands in, answers and events out.
//!
//! Knows no transport. What a transport puts around these documents, it puts around them itself.

mod command;
mod envelope;
mod frame;
mod problem;
mod results;
mod runs;
mod subscribe;

pub(crate) use command::{Command, CommandId, Own, RestCall};
pub(crate) use envelope::{Malformed, Request, Style};
pub(crate) use frame::{Answer, Ends, EventFrame, Outgoing, event_id};
pub(crate) use problem::Problem;
pub(crate) use results::{
    Document, checkpoints, failure, forked, heartbeat, hello, nothing, rest, run_started, server_info, state,
    subscribed, thread, tree,
};
pub(crate) use runs::Respond;
pub(crate) use subscribe::{From, Subscribe, stream_body};
