//! The node pool, for work that no run asks for: reducers and routes of reads and changes by hand, and requests
//! of several steps that go on when nobody waits for them any more.

use std::any::Any;

use eddyline_engine::RunError;
use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::error::Error;

/// Does the work on the pool; a panic in it is an error of the graph. Dropping the future does not stop it.
pub(crate) async fn run<T: Send + 'static>(
    pool: Handle,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    pool.spawn(work).await.unwrap_or_else(|error| Err(lost(error)))
}

fn lost(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => Error::Graph(RunError::Panicked { message: said(&*panic) }),
        // The pool is ending.
        Err(_) => Error::Lost,
    }
}

/// What a panic said, if it was a text.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
