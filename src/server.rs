//! A whole server: settings to runtime to transports, until someone ends it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::System;
use eddyline_config::{Auth, Settings, Threads, TtlStrategy};
use eddyline_engine::Graph;
use eddyline_engine::model::ChatModel;
use eddyline_engine::store::Index;
use eddyline_graphs::models::Providers;
use eddyline_runtime::{Builder, Handle, Options, PruneStrategy, Runtime, Ttl};
use eddyline_transports::{
    Authenticate, Authorize, Http, HttpOptions, Shutdown, Stdio, Transport, WebSocketOptions, WebhookOptions,
    WebhookSender,
};
use futures_util::future::{LocalBoxFuture, join, join_all};

use crate::graph_files::GraphFiles;
use crate::jwt::Tokens;
use crate::logging::{self, Sink};
use crate::{Error, KeyFile, signals};

/// A server of your own graphs, in a program of your own.
///
/// ```no_run
/// use eddyline::{Server, Settings};
/// # fn graph() -> eddyline::Graph { unimplemented!() }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     Server::new(Settings::load()?).graph("agent", graph()).run()?;
///     Ok(())
/// }
/// ```
pub struct Server {
    settings: Settings,
    runtime: Builder,
    graphs: BTreeMap<String, Graph>,
    models: Models,
    notices: Vec<String>,
    authenticate: Option<Arc<dyn Authenticate>>,
    authorize: Option<Arc<dyn Authorize>>,
    graph_files: Option<GraphFiles>,
    transports: Vec<Serve>,
}

/// A transport, ready to serve. The type of its future is lost here, so that unlike ones stand in a list.
type Serve = Box<dyn FnOnce(Handle, Shutdown) -> Serving>;
type Serving = LocalBoxFuture<'static, Result<(), eddyline_transports::Error>>;

impl Server {
    /// A server without graphs, with the transports that the settings describe.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            runtime: Runtime::builder(),
            graphs: BTreeMap::new(),
            models: Models::default(),
            notices: Vec::new(),
            authenticate: None,
            authorize: None,
            graph_files: None,
            transports: Vec::new(),
        }
    }

    /// Serves a graph under an id, which clients give as `assistant_id`, and instead of a graph that has the id
    /// already.
    pub fn graph(mut self, graph_id: impl Into<String>, graph: impl Into<Graph>) -> Self {
        self.graphs.insert(graph_id.into(), graph.into());
        self
    }

    /// Serves the graph files of a folder, each under the name of its file, and instead of a graph that has its id
    /// already. While the server runs they are read again when they change, unless the settings say otherwise.
    ///
    /// A file that is no graph is told in the log, and the others are served.
    pub fn graph_files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.graph_files = Some(GraphFiles::new(folder.into()));
        self
    }

    /// Gives nodes a model under a name, beside those of providers, such as `openai:gpt-4o-mini` and
    /// `anthropic:claude-sonnet-4-5`, whose keys are in the environment ([`Providers`]).
    pub fn model(mut self, name: impl Into<String>, model: impl ChatModel) -> Self {
        self.runtime = self.runtime.model(name, model);
        self
    }

    /// Lets a scripted model answer for every provider whose key is not set, and says so once in the log: for trying
    /// out graphs. Otherwise such a model fails and names the variable.
    pub fn stand_in_models(mut self) -> Self {
        self.models.stand_in = true;
        self
    }

    /// Variables in which keys and addresses of models are looked up that the process has not in its environment.
    pub fn variables(mut self, variables: HashMap<String, String>) -> Self {
        self.models.variables = variables;
        self
    }

    /// A warning for the log, once the server has one.
    pub fn notice(mut self, notice: impl Into<String>) -> Self {
        self.notices.push(notice.into());
        self
    }

    /// Answers those over HTTP only whom `authenticate` knows, whatever the settings say of keys.
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Some(Arc::new(authenticate));
        self
    }

    /// Lets those over HTTP who are known do what `authorize` says; without it, [`Owners`](eddyline_transports::Owners)
    /// decides. Where nobody has to say who they are, everybody may do everything.
    pub fn authorize(mut self, authorize: impl Authorize) -> Self {
        self.authorize = Some(Arc::new(authorize));
        self
    }

    /// Lets items of the long-term store be found by what they are about; without it, queries are refused.
    pub fn index(mut self, index: Index) -> Self {
        self.runtime = self.runtime.index(index);
        self
    }

    /// Serves on a further transport, beside those that the settings describe.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transports.push(boxed(transport));
        self
    }

    /// Serves until Ctrl-C or SIGTERM, or until a transport ends; then streams end, runs reach a commit,
    /// and it returns. A second signal ends it at once, with [`Error::CutShort`] if that cuts runs off.
    ///
    /// Logs go to stderr as the settings say, unless the program has set up a log of its own.
    /// Blocks the OS thread, which must not be one of an async runtime.
    pub fn run(self) -> Result<(), Error> {
        logging::start(&self.settings.log, Sink::Waits)?;
        for notice in &self.notices {
            tracing::warn!("{notice}");
        }
        let http = Http::bind(http_options(&self.settings, self.authenticate, self.authorize)?)?;
        let address = http.address();
        let mut transports = self.transports;
        transports.push(boxed(http));
        let served = Served { builder: self.runtime, graphs: self.graphs, files: self.graph_files };
        let grace = self.settings.runs.shutdown_grace;
        let (runtime, files) = served.start(&self.models, &self.settings, grace)?;
        tracing::info!(address = %format_args!("http://{address}"), "listening");
        let stop = Shutdown::new();
        System::new().block_on(serve(runtime, files, transports, (stop.clone(), stop)))
    }

    /// Starts the runtime that it would serve, for a program that asks it itself: no transport, no signals, and graph
    /// files as they are now.
    ///
    /// Logs go to stderr as the settings say, unless the program has set up a log of its own.
    pub fn start(self) -> Result<Runtime, Error> {
        logging::start(&self.settings.log, Sink::Waits)?;
        for notice in &self.notices {
            tracing::warn!("{notice}");
        }
        let served = Served { builder: self.runtime, graphs: self.graphs, files: self.graph_files };
        let (runtime, _) = served.start(&self.models, &self.settings, self.settings.runs.shutdown_grace)?;
        Ok(runtime)
    }

    /// Serves on standard input and output alone, until their conversation is over; the first signal gives `quit`, a
    /// second ends it at once. What does not come to its end by then has `grace` for it.
    ///
    /// Logs go to stderr and never wait for whoever reads it: what nobody reads is dropped. When the server does not
    /// start, the conversation is one line that says why.
    pub fn run_stdio(self, stdio: Stdio, quit: Shutdown, grace: Duration) -> Result<(), Error> {
        let served = Served { builder: self.runtime, graphs: self.graphs, files: self.graph_files };
        let started = logging::start(&self.settings.log, Sink::Drops)
            .and_then(|()| served.start(&self.models, &self.settings, grace));
        let (runtime, files) = match started {
            Ok(started) => started,
            Err(error) => {
                // That nobody reads it is no worse.
                let _ = stdio.fail(&in_words(&error));
                return Err(error);
            }
        };
        let mut transports = self.transports;
        transports.push(boxed(stdio));
        System::new().block_on(serve(runtime, files, transports, (quit, Shutdown::new())))
    }
}

/// An error with its causes.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// What a runtime serves.
struct Served {
    builder: Builder,
    graphs: BTreeMap<String, Graph>,
    files: Option<GraphFiles>,
}

impl Served {
    /// The runtime, and the files that are to be looked at while it runs.
    fn start(
        self,
        models: &Models,
        settings: &Settings,
        shutdown_grace: Duration,
    ) -> Result<(Runtime, Option<GraphFiles>), Error> {
        let Self { builder, mut graphs, mut files } = self;
        if let Some(files) = &mut files {
            graphs = files.start(graphs);
        }
        let builder = graphs.into_iter().fold(builder, |builder, (id, graph)| builder.graph(id, graph));
        let webhooks = WebhookSender::new(webhook_options(settings));
        let options = Options { shutdown_grace, ..options(settings)? };
        let builder = builder.models(models.providers()).options(options).webhooks(Arc::new(webhooks));
        let builder = match &settings.data_dir {
            Some(folder) => builder.data_dir(folder),
            None => builder,
        };
        Ok((builder.start()?, files.filter(|_| settings.graphs.reload)))
    }
}

/// How much longer than the runtime transports may take to end.
const SLACK: Duration = Duration::from_secs(2);

fn boxed(transport: impl Transport + 'static) -> Serve {
    Box::new(move |runtime, stop| Box::pin(transport.serve(runtime, stop)))
}

/// Where models of providers come from.
#[derive(Default)]
struct Models {
    stand_in: bool,
    variables: HashMap<String, String>,
}

impl Models {
    /// Models of providers, with the keys of the environment and, where that has none, of the variables.
    fn providers(&self) -> Providers {
        let variable = |name: &str| std::env::var(name).ok().or_else(|| self.variables.get(name).cloned());
        let providers = Providers::from_variables(variable);
        if !self.stand_in {
            return providers;
        }
        let missing = providers.missing_keys();
        if !missing.is_empty() {
            tracing::warn!(
                not_set = missing.join(", "),
                "a scripted model answers for providers whose keys are not set"
            );
        }
        providers.stand_in()
    }
}

fn thread_ttl(threads: &Threads) -> Option<Ttl> {
    let strategy = match threads.ttl_strategy {
        TtlStrategy::Delete => PruneStrategy::Delete,
        TtlStrategy::KeepLatest => PruneStrategy::KeepLatest,
    };
    threads.ttl_minutes.map(|minutes| Ttl { strategy, minutes: minutes.get().into() })
}

fn http_options(
    settings: &Settings,
    authenticate: Option<Arc<dyn Authenticate>>,
    authorize: Option<Arc<dyn Authorize>>,
) -> Result<HttpOptions, Error> {
    let authenticate = match (authenticate, &settings.auth) {
        (Some(own), _) => Some(own),
        (None, Auth::None) => None,
        (None, Auth::Keys(file)) => Some(Arc::new(KeyFile::new(file)) as Arc<dyn Authenticate>),
        (None, Auth::Jwt(jwt)) => Some(Arc::new(Tokens::new(jwt)?) as Arc<dyn Authenticate>),
    };
    let http = &settings.http;
    let defaults = HttpOptions::default();
    Ok(HttpOptions {
        address: http.address,
        workers: http.workers.unwrap_or(defaults.workers),
        max_body_bytes: http.max_body_bytes,
        max_connections: http.max_connections,
        max_connections_per_address: http.max_connections_per_address,
        max_requests_per_second: http.max_requests_per_second,
        header_timeout: http.header_timeout,
        body_timeout: http.body_timeout,
        keep_alive: http.keep_alive,
        send_timeout: http.send_timeout,
        websocket: WebSocketOptions {
            ping: http.websocket_ping,
            missed_pings: http.websocket_missed_pings,
            stall: http.websocket_stall,
        },
        cors_origins: http.cors_origins.clone(),
        allowed_hosts: http.allowed_hosts.clone(),
        open_metrics: http.open_metrics,
        authenticate,
        authorize: authorize.unwrap_or(defaults.authorize),
        graph_schema: Some(eddyline_graphs::declared::schema().to_string().into()),
        // The runtime is given so long, and its streams end with it.
        stop_grace: settings.runs.shutdown_grace + SLACK,
    })
}

fn webhook_options(settings: &Settings) -> WebhookOptions {
    let eddyline_config::Webhooks { allowed_hosts, secret } = settings.webhooks.clone();
    WebhookOptions { allowed_hosts, secret }
}

fn options(settings: &Settings) -> Result<Options, Error> {
    let feedback_url = settings.feedback_url.as_deref().map(str::parse).transpose()?;
    Ok(Options {
        feedback_url,
        runs: settings.runs.max_running,
        open_runs: settings.runs.max_open,
        max_tasks: settings.runs.max_tasks,
        max_state_bytes: settings.runs.max_state_bytes,
        run_timeout: settings.runs.timeout,
        shutdown_grace: settings.runs.shutdown_grace,
        tape_bytes: settings.streams.kept_bytes,
        thread_sleep: settings.streams.kept,
        facts_kept: settings.streams.kept,
        item_ttl: settings.store.default_ttl,
        refresh_item_ttl: settings.store.refresh_on_read,
        item_sweep: settings.store.sweep_interval,
        thread_ttl: thread_ttl(&settings.threads),
        sweep_interval: settings.threads.sweep_interval,
        ..Options::default()
    })
}

/// The first signal gives `quit`; transports end with `stop`.
async fn serve(
    runtime: Runtime,
    files: Option<GraphFiles>,
    transports: Vec<Serve>,
    (quit, stop): (Shutdown, Shutdown),
) -> Result<(), Error> {
    let mut signals = signals::listen().map_err(Error::Signals)?;
    if let Some(files) = files {
        // Ends with the System.
        actix_rt::spawn(files.watch(runtime.handle()));
    }
    let (handle, served) = (runtime.handle(), serve_all(runtime.handle(), transports, stop.clone()));
    let graceful = async {
        // No new request comes in by then, and what is under way is told to its end.
        let (served, ()) = join(served, async {
            stop.begun().await;
            runtime.shutdown().await;
        })
        .await;
        served
    };
    let told_twice = async {
        signals.next().await;
        tracing::info!("ending: streams end, runs reach a commit; a second signal ends it at once");
        quit.begin();
        let signal = signals.next().await;
        // Now: once this is over, the runtime ends with all its runs.
        (signal, handle.runs_under_way() > 0)
    };
    tokio::select! {
        served = graceful => served,
        (signal, cut) = told_twice => if cut { Err(Error::CutShort { signal }) } else { Ok(()) },
    }
}

/// Serves on all transports. They end together: with the order to stop, or with the first that ends.
async fn serve_all(runtime: Handle, transports: Vec<Serve>, stop: Shutdown) -> Result<(), Error> {
    let serving = transports.into_iter().map(|serve| {
        let (serving, stop) = (serve(runtime.clone(), stop.clone()), stop.clone());
        async move {
            let ended = serving.await;
            stop.begin();
            ended
        }
    });
    let ended: Result<(), _> = join_all(serving).await.into_iter().collect();
    Ok(ended?)
}
