//! What a client says when it wants a run stopped.

use eddyline_runtime::{CancelAction, CancelRun, CancelRuns, Run, WhichRuns};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Query, Refusal, id};

/// How to stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancel {
    action: CancelAction,
    /// Whether to answer when the run has stopped.
    pub(crate) wait: bool,
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

    /// The request to stop `run`, which does not wait for its end; refused when there is nothing to stop.
    pub(crate) fn request(self, run: &Run) -> Result<CancelRun, Refusal> {
        if run.status.is_final() {
            return Err(Refusal::not_found("No runs found to cancel."));
        }
        Ok(CancelRun {
            thread_id: run.thread_id,
            run_id: run.run_id,
            action: self.action,
            // The route and not the path: clients of the API know it so.
            reason: format!(
                "{} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel",
                self.word()
            ),
            wait: false,
        })
    }

    fn word(self) -> &'static str {
        match self.action {
            CancelAction::Interrupt => "interrupt",
            CancelAction::Rollback => "rollback",
        }
    }
}

/// The body of `POST /runs/cancel`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CancelBody {
    status: Option<Standing>,
    #[schemars(extend("format" = "uuid"))]
    thread_id: Option<String>,
    run_ids: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Standing {
    Pending,
    Running,
    All,
}

impl CancelBody {
    /// The request that the body makes of the runtime.
    pub(crate) fn into_request(self, cancel: Cancel) -> Result<CancelRuns, Refusal> {
        let which = match (self.status, self.thread_id, self.run_ids) {
            (Some(Standing::Pending), None, None) => WhichRuns::Pending,
            (Some(Standing::Running), None, None) => WhichRuns::Running,
            (Some(Standing::All), None, None) => WhichRuns::All,
            (None, Some(thread_id), Some(run_ids)) => WhichRuns::Of(
                id("thread", &thread_id)?,
                run_ids.iter().map(|run| id("run", run)).collect::<Result<_, _>>()?,
            ),
            _ => {
                return Err(Refusal::unprocessable(
                    "either `status`, or `thread_id` and `run_ids`, must be given",
                ));
            }
        };
        let reason = format!("{} requested via POST /runs/cancel", cancel.word());
        Ok(CancelRuns { which, action: cancel.action, reason })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::wire::{Reason, parse};

    fn check(query: &[(&str, &str)], action: CancelAction, wait: bool) {
        let pairs = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(Cancel::from_query(&Query::new(pairs.collect())), Cancel { action, wait });
    }

    #[test]
    fn several_runs_are_named_in_one_of_two_ways() {
        let read = |body: &str| {
            let cancel = Cancel { action: CancelAction::Rollback, wait: false };
            parse::<CancelBody>(body.as_bytes()).and_then(|body| body.into_request(cancel))
        };
        let request = read(r#"{"status": "all"}"#).unwrap();
        assert!(matches!(request.which, WhichRuns::All));
        assert_eq!(request.reason, "rollback requested via POST /runs/cancel");
        let nil = Uuid::nil();
        let request = read(&format!(r#"{{"thread_id": "{nil}", "run_ids": ["{nil}"]}}"#)).unwrap();
        assert!(matches!(request.which, WhichRuns::Of(thread_id, runs) if thread_id == nil && runs == [nil]));
        for wrong in [
            "{}".to_owned(),
            r#"{"status": "done"}"#.to_owned(),
            format!(r#"{{"thread_id": "{nil}"}}"#),
            format!(r#"{{"status": "all", "thread_id": "{nil}", "run_ids": []}}"#),
            r#"{"thread_id": "x", "run_ids": []}"#.to_owned(),
        ] {
            assert_eq!(read(&wrong).unwrap_err().reason, Reason::Unprocessable, "{wrong}");
        }
    }

    #[test]
    fn a_run_is_stopped_as_the_query_says() {
        check(&[], CancelAction::Interrupt, false);
        check(&[("action", "rollback"), ("wait", "1")], CancelAction::Rollback, true);
        check(&[("action", "explode"), ("wait", "0")], CancelAction::Interrupt, false);
        check(&[("wait", "TRUE")], CancelAction::Interrupt, true);
    }
}
