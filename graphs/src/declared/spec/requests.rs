//! What may stand in a file about HTTP requests and child processes.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declared::located::{Located, Named};
use crate::declared::tree::Tree;

/// An HTTP request. Its result is `{status, headers, body}`; the body is JSON where it is JSON, and text elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a request: `{url: …}`")]
pub(in crate::declared) struct HttpSpec {
    /// Where it goes.
    pub(in crate::declared) url: Tree,
    /// `GET` when nothing is said.
    #[serde(default)]
    pub(in crate::declared) method: Option<Located<String>>,
    /// Headers; here and nowhere else `{{ env.NAME }}` stands for a variable of the environment.
    #[serde(default)]
    pub(in crate::declared) headers: Named<Tree>,
    /// What stands after the `?`.
    #[serde(default)]
    pub(in crate::declared) query: Named<Tree>,
    /// The body, sent as JSON.
    #[serde(default)]
    pub(in crate::declared) json: Option<Tree>,
    /// Hosts of private networks that it may reach, by their names or addresses.
    #[serde(default)]
    pub(in crate::declared) allow_private: Vec<String>,
    /// How many seconds it may take; 30 when nothing is said.
    #[serde(default)]
    pub(in crate::declared) timeout: Option<Located<f64>>,
    /// Answers with other statuses than 2xx are results, too, and no errors.
    #[serde(default)]
    pub(in crate::declared) any_status: bool,
}

/// A child process: one for each call under way, kept for the next call.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a command, or `{command: …}`")]
pub(in crate::declared) struct ProcessSpec {
    /// The program and its arguments; it starts in the folder of the file.
    pub(in crate::declared) command: Vec<String>,
    /// Further variables of its environment.
    #[serde(default)]
    pub(in crate::declared) env: std::collections::BTreeMap<String, String>,
    /// How many may run at once; 4 when nothing is said.
    #[serde(default)]
    pub(in crate::declared) max_processes: Option<Located<usize>>,
    /// How many seconds a call may take; 60 when nothing is said.
    #[serde(default)]
    pub(in crate::declared) timeout: Option<Located<f64>>,
}

/// An MCP server: a program, or one that is reached over streamable HTTP. It is asked for its tools when the file is
/// read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an MCP server: `{command: …}` or `{url: …}`")]
pub(in crate::declared) struct McpSpec {
    /// The program and its arguments; it starts in the folder of the file.
    #[serde(default)]
    pub(in crate::declared) command: Vec<String>,
    /// Further variables of its environment.
    #[serde(default)]
    pub(in crate::declared) env: std::collections::BTreeMap<String, String>,
    /// Where it listens.
    #[serde(default)]
    pub(in crate::declared) url: Option<String>,
    /// Headers; `{{ env.NAME }}` stands for a variable of the environment.
    #[serde(default)]
    pub(in crate::declared) headers: Named<Tree>,
    /// How many seconds it may take to begin and to answer; 30 when nothing is said.
    #[serde(default)]
    pub(in crate::declared) timeout: Option<Located<f64>>,
    /// Has a person look at each call of its tools first.
    #[serde(default)]
    pub(in crate::declared) review: bool,
}
