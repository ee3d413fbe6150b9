//! Commands about the connection itself, and those that the HTTP API answers.

use eddyline_runtime::{CancelRun, Handle};
use uuid::Uuid;

use super::LineOptions;
use crate::http::Inner;
use crate::wire::protocol::{Document, Own, Problem, nothing, server_info, thread};

/// Carries out what is asked of the connection.
pub(super) async fn perform(
    own: Own,
    thread_id: Option<Uuid>,
    runtime: &Handle,
    api: &Inner,
    options: &LineOptions,
) -> Result<Document, Problem> {
    match own {
        Own::Info => Ok(server_info(options.max_line, options.max_out_line)),
        Own::Ping | Own::Shutdown { .. } => Ok(nothing()),
        Own::CreateThread(request) => Ok(thread(&runtime.create_thread(*request).await?)),
        Own::Cancel { run_id, action } => {
            let thread_id = match thread_id {
                Some(thread_id) => thread_id,
                None => runtime.find_run(run_id).await?.thread_id,
            };
            let reason = "run.cancel requested".to_owned();
            runtime.cancel(CancelRun { thread_id, run_id, action, reason, wait: false }).await?;
            Ok(nothing())
        }
        Own::Rest(call) => api.call(call).await,
        Own::Ack { .. } => Err(Problem::not_supported("flow.ack is about a thread.")),
    }
}
