//! Tools of MCP servers: of a program that is started for it, or of one that is reached over HTTP.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use eddyline_engine::NodeError;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec;
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock};
use rmcp::service::{Peer, RoleClient, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::Tool;

/// How long a server may take to begin, and to answer a call, when nobody says.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An MCP server, as a source of tools.
///
/// ```no_run
/// use eddyline_graphs::prebuilt::Agent;
/// use eddyline_graphs::tools::McpServer;
///
/// let files = McpServer::command("npx", ["-y", "@modelcontextprotocol/server-filesystem", "/srv/docs"]);
/// let search = McpServer::http("https://search.example/mcp").header("authorization", "Bearer …");
/// let agent = Agent::new("openai:gpt-4o-mini").tools(files.tools()?).tools(search.tools()?).compile()?;
/// # let _ = agent;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct McpServer {
    source: Source,
    timeout: Duration,
}

#[derive(Clone)]
enum Source {
    Command { program: String, arguments: Vec<String>, env: Vec<(String, String)>, folder: Option<PathBuf> },
    Http { url: String, headers: Vec<(String, SecretString)> },
}

/// Why an MCP server gives no tools.
#[derive(Debug, thiserror::Error)]
#[error("the MCP server {server} gives no tools: {reason}")]
pub struct McpError {
    server: String,
    reason: String,
}

impl McpServer {
    /// A server that is a program, which is started now, speaks on its standard input and output, and ends with the
    /// last of its tools.
    pub fn command<T: Into<String>>(program: &str, arguments: impl IntoIterator<Item = T>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        let source =
            Source::Command { program: program.to_owned(), arguments, env: Vec::new(), folder: None };
        Self { source, timeout: TIMEOUT }
    }

    /// A server that is reached over streamable HTTP.
    pub fn http(url: &str) -> Self {
        let source = Source::Http { url: url.to_owned(), headers: Vec::new() };
        Self { source, timeout: TIMEOUT }
    }

    /// Sets a variable of the environment of a program.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        if let Source::Command { env, .. } = &mut self.source {
            env.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Starts a program in this folder.
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        if let Source::Command { folder, .. } = &mut self.source {
            *folder = Some(path.into());
        }
        self
    }

    /// Sends a header with each request over HTTP. Its value may be a key, and is shown nowhere.
    pub fn header(mut self, name: &str, value: impl Into<SecretString>) -> Self {
        if let Source::Http { headers, .. } = &mut self.source {
            headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// How long the server may take to begin, and to answer a call; 30 seconds when nothing is said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The tools that the server has now.
    ///
    /// Connects, and blocks meanwhile. The connection lives on an OS thread of its own until the last of the tools is
    /// gone; one that broke is made anew with the next call. What a tool fails with is an error like that of any tool.
    pub fn tools(self) -> Result<Vec<Tool>, McpError> {
        let (link, listed) = self.connect()?;
        let connection = Arc::new(Connection { server: self, link: Mutex::new(Arc::new(link)) });
        Ok(listed.iter().map(|listed| tool(&connection, listed)).collect())
    }

    fn error(&self, reason: impl fmt::Display) -> McpError {
        McpError { server: self.to_string(), reason: reason.to_string() }
    }

    /// Connects on an OS thread of its own, which outlives whatever executor asks for it.
    fn connect(&self) -> Result<(Link, Vec<rmcp::model::Tool>), McpError> {
        let (told, heard) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = self.clone();
        let body = move || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let executor = match executor {
                Ok(executor) => executor,
                Err(error) => return drop(told.send(Err(server.error(error)))),
            };
            executor.block_on(async move {
                let begun = tokio::time::timeout(server.timeout, server.begin()).await;
                let begun = begun.unwrap_or_else(|_| Err(server.error("it did not begin in time")));
                match begun {
                    Ok((service, listed)) => {
                        let link = Link { peer: service.peer().clone(), _stop: stop };
                        if told.send(Ok((link, listed))).is_ok() {
                            // With the last tool.
                            let _ = stopped.await;
                        }
                        let _ = service.cancel().await;
                    }
                    Err(error) => drop(told.send(Err(error))),
                }
            });
        };
        std::thread::Builder::new()
            .name("eddyline-mcp".to_owned())
            .spawn(body)
            .map_err(|error| self.error(error))?;
        heard.recv().map_err(|_| self.error("its thread ended"))?
    }

    async fn begin(&self) -> Result<(RunningService<RoleClient, ()>, Vec<rmcp::model::Tool>), McpError> {
        let service = match &self.source {
            Source::Command { program, arguments, env, folder } => {
                let mut command = Command::new(program);
                command.args(arguments).envs(env.iter().cloned());
                if let Some(folder) = folder {
                    command.current_dir(folder);
                }
                let child = TokioChildProcess::new(command).map_err(|error| self.error(error))?;
                ().serve(child).await
            }
            Source::Http { url, headers } => {
                let headers = self.headers(headers)?;
                let config =
                    StreamableHttpClientTransportConfig::with_uri(url.as_str()).custom_headers(headers);
                ().serve(StreamableHttpClientTransport::from_config(config)).await
            }
        };
        let service = service.map_err(|error| self.error(error))?;
        let listed = service.peer().list_all_tools().await.map_err(|error| self.error(error))?;
        Ok((service, listed))
    }

    fn headers(
        &self,
        headers: &[(String, SecretString)],
    ) -> Result<HashMap<HeaderName, HeaderValue>, McpError> {
        let header = |(name, value): &(String, SecretString)| {
            let name: HeaderName =
                name.parse().map_err(|_| self.error(format!("`{name}` is not a name of a header")))?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
                self.error(format!("the header `{name}` has a value that headers cannot have"))
            })?;
            value.set_sensitive(true);
            Ok((name, value))
        };
        headers.iter().map(header).collect()
    }
}

/// Where it is, without what may be a key.
impl fmt::Display for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Command { program, .. } => write!(f, "`{program}`"),
            Source::Http { url, .. } => write!(f, "`{}`", url.split('?').next().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "McpServer({self})")
    }
}

/// A server and the way to it.
struct Connection {
    server: McpServer,
    /// Held for a look, and never across an await.
    link: Mutex<Arc<Link>>,
}

/// The way to a server that runs on its thread. With the value the thread ends, and a program that was started.
struct Link {
    peer: Peer<RoleClient>,
    _stop: oneshot::Sender<()>,
}

impl Connection {
    /// The way there, made anew if it broke.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, NodeError> {
        let link = Arc::clone(&self.link.lock().unwrap_or_else(PoisonError::into_inner));
        if !link.peer.is_transport_closed() {
            return Ok(link);
        }
        let connection = Arc::clone(self);
        let made = tokio::task::spawn_blocking(move || connection.server.connect()).await?;
        let (link, _) = made.map_err(|error| failed(error.to_string()))?;
        let link = Arc::new(link);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&link);
        Ok(link)
    }

    async fn call(self: Arc<Self>, call: ToolCall) -> Result<String, NodeError> {
        let link = self.link().await?;
        let params = CallToolRequestParams::new(call.name.clone()).with_arguments(call.args);
        let called = tokio::time::timeout(self.server.timeout, link.peer.call_tool(params)).await;
        let late = |_| failed(format!("the MCP server {} gave no answer in time", self.server));
        let result = called.map_err(late)?.map_err(|error| failed(error.to_string()))?;
        let said = said(&result);
        if result.is_error == Some(true) { Err(NodeError::visible("ToolError", said)) } else { Ok(said) }
    }
}

fn tool(connection: &Arc<Connection>, listed: &rmcp::model::Tool) -> Tool {
    let spec = ToolSpec {
        name: (&*listed.name).into(),
        description: listed.description.as_deref().unwrap_or_default().to_owned(),
        parameters: Value::Object(listed.input_schema.as_ref().clone()),
    };
    let connection = Arc::clone(connection);
    Tool::dynamic(spec, move |call, _| Arc::clone(&connection).call(call))
}

/// What a model is told: the texts; JSON where there is no text.
fn said(result: &CallToolResult) -> String {
    let texts: Vec<&str> = result
        .content
        .iter()
        .filter_map(|block| match block {
            ContentBlock::Text(text) => Some(&*text.text),
            _ => None,
        })
        .collect();
    match (&texts[..], &result.structured_content) {
        ([], Some(content)) => content.to_string(),
        ([], None) => serde_json::to_string(&result.content).unwrap_or_default(),
        (texts, _) => texts.join("\n"),
    }
}

/// An error that may be gone with the next call.
fn failed(words: impl Into<String>) -> NodeError {
    NodeError::visible("McpError", words)
}
