//! How clients reach the runtime. A transport cuts bytes into requests and events into bytes, and
//! decides nothing.
//!
//! Knows the runtime by its [`Handle`] alone.
//!
//! ```no_run
//! use eddyline_runtime::Runtime;
//! use eddyline_transports::{Http, HttpOptions, Shutdown, Transport};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::builder().start()?;
//! let http = Http::bind(HttpOptions::default())?;
//! println!("http://{}", http.address());
//! http.serve(runtime.handle(), Shutdown::new()).await?;
//! # Ok(())
//! # }
//! ```

mod auth;
mod error;
mod http;
mod lines;
mod protocol;
mod shutdown;
mod stdio;
mod webhooks;
mod wire;

use eddyline_runtime::Handle;

pub use auth::{Authenticate, Authorize, Credentials, Denied, Owners, User};
pub use eddyline_runtime::{Action, Resource, Verdict};
pub use error::Error;
pub use http::{Http, HttpOptions, WebSocketOptions};
pub use lines::{Ended, LineOptions, OnEnd, converse};
pub use shutdown::Shutdown;
pub use stdio::Stdio;
pub use webhooks::{WebhookOptions, WebhookSender};
// For programs that compare with what clients read, such as the golden cases.
#[doc(hidden)]
pub use wire::{ThreadStateJson, UpdatedStateJson};

#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub use wire::fuzz;

/// A way for clients to reach the runtime.
pub trait Transport: Sized {
    /// Serves until `stop` begins, and then until everything that it serves has come to its end.
    ///
    /// Runs on one OS thread of an actix System; the future need not be `Send`.
    /// Dropping it ends everything at once.
    fn serve(self, runtime: Handle, stop: Shutdown) -> impl Future<Output = Result<(), Error>>;
}
