//! The settings of the server: as typed by people, checked, and then without any doubt left in them.
//!
//! Owns the names, defaults and meanings of settings. Does not know what the rest of the program makes
//! of them: every crate has plain options of its own, and only the root package translates.
//!
//! ```
//! use eddyline_config::Settings;
//!
//! let settings = Settings::loader().set("http.port", 8000).load()?;
//! assert_eq!(settings.http.address.to_string(), "127.0.0.1:8000");
//!
//! let error = Settings::loader().set("http.prot", 8000).load().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "unknown setting `http.prot` from the command line; did you mean `http.port`?"
//! );
//! # Ok::<(), eddyline_config::Error>(())
//! ```

mod error;
mod graphs;
mod jwt;
mod langgraph;
mod load;
mod settings;
mod typed;
mod webhooks;

pub use error::Error;
pub use graphs::Graphs;
pub use jwt::{Jwt, JwtAlgorithm, JwtKey};
pub use langgraph::LangGraph;
pub use load::{DEFAULTS, Loader};
pub use settings::{Auth, Http, Log, LogFormat, Runs, Settings, Store, Streams, Threads, TtlStrategy};
pub use webhooks::Webhooks;
