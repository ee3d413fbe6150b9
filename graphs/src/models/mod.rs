//! Chat models for the engine's [`ChatModel`](eddyline_engine::model::ChatModel).

mod scripted;

pub use scripted::{Answer, ScriptedModel};
