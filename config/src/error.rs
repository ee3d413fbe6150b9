//! What can be wrong with settings.

use std::net::IpAddr;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that no setting has.
    #[error("unknown setting `{key}` from {origin}{}", hint(.nearest.as_deref()))]
    Unknown {
        /// The key, with dots.
        key: String,
        /// Where it was typed.
        origin: String,
        /// The key that looks most like it.
        nearest: Option<String>,
    },
    /// A value that the setting does not take.
    #[error("setting `{key}` {expected}, not `{found}`")]
    Invalid {
        /// The key, with dots.
        key: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A setting without a value.
    #[error("setting `{key}` has no value")]
    Missing {
        /// The key, with dots.
        key: &'static str,
    },
    /// An address that other machines reach, and nobody asked for that.
    #[error(
        "other machines can reach {host}, and whoever reaches the server may use it; \
         have it want API keys with auth.mode = \"keys\", or say --allow-remote, or http.allow_remote = true, \
         if that is what you want"
    )]
    Exposed {
        /// The address.
        host: IpAddr,
    },
    /// A `langgraph.json` that cannot be used.
    #[error("cannot use {}: {problem}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that cannot be read, or a value of the wrong type in it.
    #[error("cannot read the settings")]
    Unreadable {
        /// Which file, which line, what was expected.
        #[source]
        source: config::ConfigError,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

impl Error {
    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "SETTING_UNKNOWN",
            Self::Invalid { .. } | Self::Missing { .. } => "SETTING_INVALID",
            Self::Exposed { .. } => "ADDRESS_EXPOSED",
            Self::Foreign { .. } => "LANGGRAPH_JSON",
            Self::Unreadable { .. } => "SETTINGS_UNREADABLE",
        }
    }
}
