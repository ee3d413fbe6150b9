//! What a client says when it wants a run stopped.

use eddyline_runtime::{CancelAction, CancelRun, Run};

use super::{Query, Refusal};

/// How to stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancel {
    action: CancelAction,
    wait: bool,
}

impl Cancel {
    /// What a query asks for. An action that nobody knows is the mildest one.
    pub(crate) fn from_query(query: &Query) -> Self {
        let action = match query.text("action") {
            Some("rollback") => CancelAction::Rollback,
            _ => CancelAction::Interrupt,
        };
        Self { action, wait: query.flag("wait") }
    }

    /// The request to stop `run`; refused when there is nothing to stop.
    pub(crate) fn request(self, run: &Run) -> Result<CancelRun, Refusal> {
        if run.status.is_final() {
            return Err(Refusal::not_found("No runs found to cancel."));
        }
        let action = match self.action {
            CancelAction::Interrupt => "interrupt",
            CancelAction::Rollback => "rollback",
        };
        Ok(CancelRun {
            thread_id: run.thread_id,
            run_id: run.run_id,
            action: self.action,
            // The route and not the path: clients of the API know it so.
            reason: format!("{action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"),
            wait: self.wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &[(&str, &str)], action: CancelAction, wait: bool) {
        let pairs = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(Cancel::from_query(&Query::new(pairs.collect())), Cancel { action, wait });
    }

    #[test]
    fn a_run_is_stopped_as_the_query_says() {
        check(&[], CancelAction::Interrupt, false);
        check(&[("action", "rollback"), ("wait", "1")], CancelAction::Rollback, true);
        check(&[("action", "explode"), ("wait", "0")], CancelAction::Interrupt, false);
        check(&[("wait", "TRUE")], CancelAction::Interrupt, true);
    }
}
