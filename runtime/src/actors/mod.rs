//! The actors, in reading order: shells that turn messages into calls of the pure parts, and what these say
//! into messages.

mod assistants;
mod broker;
mod crons;
mod node;
mod reader;
mod run;
mod run_host;
mod storage;
mod supervisor;
mod tasks;
mod thread;

pub(crate) use assistants::AssistantsActor;
pub(crate) use broker::BrokerActor;
pub(crate) use crons::CronsActor;
pub(crate) use node::NodeActor;
pub(crate) use reader::ReaderPool;
pub(crate) use run::{Launch, RunActor};
pub(crate) use run_host::RunHost;
pub(crate) use storage::{Pace, StorageActor};
pub(crate) use supervisor::SupervisorActor;
pub(crate) use thread::ThreadActor;
