//! A superstep as plain functions: which tasks follow from a state, and what their writes make of it.
//!
//! No task runs here and nothing waits; the [`driver`](crate::driver) does that.

mod apply;
mod cells;
mod plan;
mod task;
mod writes;

pub(crate) use apply::{TaskWrites, apply};
pub(crate) use cells::Cells;
pub(crate) use plan::{Planned, Planner};
pub(crate) use task::{Ended, Run, choose, follow, run};
pub(crate) use writes::{WriteList, mark_finished, object_of, write_node};

/// Channels that are no cells: what a task says about itself.
pub(crate) mod reserved {
    pub(crate) const ERROR: &str = "__error__";
    pub(crate) const ERROR_SOURCE: &str = "__error_source_node__";
    pub(crate) const INTERRUPT: &str = "__interrupt__";
    pub(crate) const RESUME: &str = "__resume__";
    /// The questions that the answer of the null task is for; none for whichever is asked first.
    pub(crate) const ANSWERS: &str = "__answers__";
    pub(crate) const NO_WRITES: &str = "__no_writes__";
    pub(crate) const PUSH: &str = "__pregel_push";
    pub(crate) const RETURN: &str = "__return__";

    /// True for what a task writes about its fate; anything else says that it finished.
    pub(crate) fn is_fate(channel: &str) -> bool {
        matches!(channel, ERROR | ERROR_SOURCE | INTERRUPT | RESUME | ANSWERS)
    }

    /// True for what never reaches a cell.
    pub(crate) fn is_reserved(channel: &str) -> bool {
        is_fate(channel) || matches!(channel, NO_WRITES | PUSH | RETURN)
    }

    /// The slot of a channel of which a task has one, as the index of its row.
    pub(crate) fn slot(channel: &str) -> Option<i32> {
        match channel {
            ERROR => Some(-1),
            INTERRUPT => Some(-3),
            RESUME => Some(-4),
            ANSWERS => Some(-5),
            _ => None,
        }
    }
}
