//! The `eddyline` command: settings to a server, and its end to an exit code.

mod report;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use eddyline::project::{Mode, Modes};
use eddyline::settings::{LangGraph, LogFormat};
use eddyline::{Server, Settings};

mod chat;
mod files;
mod keys;
mod langgraph;
mod stdio;

use chat::Chat;
use files::{Check, New, graph};
use keys::Keys;
use stdio::Stdio;

#[cfg(all(unix, not(target_env = "musl")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A server for agent graphs that speaks the LangGraph API.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the graphs; what happens without a subcommand, too
    Serve(Serve),
    /// Serve the graphs to the program that starts this one: the streaming protocol in lines on standard input and
    /// output
    Stdio(Stdio),
    /// Write a graph file to start from
    New(New),
    /// Say what is wrong in graph files, where, and what to do about it
    Check(Check),
    /// Talk with a graph in the terminal
    Chat(Chat),
    /// Run a graph and print its events as they come, one a line: the name of the event, then JSON
    Run(Run),
    /// Print a graph as Mermaid text
    Draw(Draw),
    /// Print the JSON Schema of graph files, for editors
    Schema,
    /// Copy the data folder's database as it stands now, while a server works with it
    Backup(Backup),
    /// Make, list and end the API keys that a server wants whose setting `auth.mode` is `keys`
    Keys(Keys),
}

/// A graph that runs here and now: no server, no thread, nothing kept.
#[derive(Args)]
struct Run {
    /// A graph file, or the id of a graph as the server has it
    graph: String,
    /// What to give it: JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// What to print of it; may stand several times
    #[arg(long = "stream", value_name = "MODE", default_value = "updates")]
    modes: Vec<Mode>,
    /// Print what happens in nested graphs too
    #[arg(long)]
    subgraphs: bool,
    /// How many supersteps it may take
    #[arg(long, value_name = "N")]
    recursion_limit: Option<u64>,
}

#[derive(Args)]
struct Draw {
    /// A graph file, or the id of a graph as the server has it
    graph: String,
    /// How many levels of nested graphs to open
    #[arg(long, value_name = "LEVELS", default_value_t = 0)]
    depth: usize,
}

/// The copy is a database of its own: as `eddyline.db` in an empty folder it can be served.
#[derive(Args)]
struct Backup {
    /// The file to write; it must not be there yet
    file: PathBuf,
    /// The folder to copy from [default: .eddyline]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The settings file, TOML or JSON [default: eddyline.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What every form of the server is told.
#[derive(Args)]
struct Common {
    /// The folder that keeps threads, runs, checkpoints, assistants and items of the store [default: .eddyline]
    #[arg(long, value_name = "FOLDER", conflicts_with = "memory")]
    data_dir: Option<String>,
    /// Keep everything in memory, and lose it at the end
    #[arg(long)]
    memory: bool,
    /// The settings file, TOML or JSON [default: eddyline.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: `error`, `warn`, `info`, `debug` or `trace`, and per module after a comma
    /// [default: info, and less of the HTTP library]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log: `text` for people, `json` for programs [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Args)]
struct Serve {
    /// The address to listen on: an IP address, or `localhost` [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on; 0 takes any free one [default: 2024]
    #[arg(long)]
    port: Option<u16>,
    /// Listen where other machines can reach it, although whoever reaches it may use it
    #[arg(long)]
    allow_remote: bool,
    /// A `langgraph.json`, of which graphs, variables, origins and times to live are taken over
    #[arg(long, value_name = "FILE")]
    langgraph: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Common {
    /// The settings with these flags on top.
    fn loader(self) -> eddyline::settings::Loader {
        let mut loader = loader(self.config);
        if let Some(folder) = self.data_dir {
            loader = loader.set("storage.data_dir", folder).set("storage.memory", false);
        }
        if self.memory {
            loader = loader.set("storage.memory", true);
        }
        if let Some(level) = self.log_level {
            loader = loader.set("log.level", level);
        }
        if let Some(format) = self.log_format {
            loader = loader.set("log.format", format);
        }
        loader
    }
}

/// The settings file and the environment; flags come on top.
fn loader(config: Option<PathBuf>) -> eddyline::settings::Loader {
    let loader = Settings::loader();
    match config {
        Some(file) => loader.file(file),
        None => loader.default_file(),
    }
    .environment()
}

impl Serve {
    fn settings(self, langgraph: Option<&LangGraph>) -> Result<Settings, eddyline::settings::Error> {
        let mut loader = self.common.loader();
        if let Some(read) = langgraph {
            loader = loader.langgraph(read);
        }
        if let Some(host) = self.host {
            loader = loader.set("http.host", host);
        }
        if let Some(port) = self.port {
            loader = loader.set("http.port", port);
        }
        if self.allow_remote {
            loader = loader.set("http.allow_remote", true);
        }
        loader.load()
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = cli.log_format();
    let done = match cli.command {
        Some(Command::New(new)) => new.write(),
        Some(Command::Check(check)) => check.check(),
        Some(Command::Schema) => files::schema(),
        Some(Command::Chat(chat)) => chat.chat(),
        Some(Command::Run(run)) => run.run(),
        Some(Command::Draw(draw)) => draw.draw(),
        Some(Command::Backup(backup)) => backup.backup(),
        Some(Command::Keys(keys)) => keys.run(),
        Some(Command::Stdio(stdio)) => return stdio.serve(),
        Some(Command::Serve(serve)) => serve.serve(),
        None => cli.serve.serve(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if report::nobody_reads(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report::failure(&error, format);
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    /// How a failure is told. Settings that cannot be read say nothing of it, and the flag does.
    fn log_format(&self) -> LogFormat {
        let serve = match &self.command {
            None => &self.serve,
            Some(Command::Serve(serve)) => serve,
            Some(_) => return LogFormat::Text,
        };
        let said = serve.common.log_format.as_deref().map(|format| match format {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        });
        let set = || Some(loader(serve.common.config.clone()).load().ok()?.log.format);
        said.or_else(set).unwrap_or(LogFormat::Text)
    }
}

impl Run {
    fn run(self) -> anyhow::Result<()> {
        let input = serde_json::from_str(&self.input).context("the input is not JSON")?;
        let mut run = eddyline::runtime::stream_json(&graph(&self.graph)?, input)
            .modes(self.modes.into_iter().collect::<Modes>())
            .models(eddyline::graphs::models::Providers::from_environment().stand_in());
        if self.subgraphs {
            run = run.subgraphs();
        }
        if let Some(limit) = self.recursion_limit {
            run = run.recursion_limit(limit);
        }
        let mut out = std::io::stdout().lock();
        let print = async {
            while let Some(event) = run.next().await {
                let event = event?;
                writeln!(out, "{} {}", event.name(), event.data.payload())?;
            }
            anyhow::Ok(())
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(print)
    }
}

impl Draw {
    fn draw(self) -> anyhow::Result<()> {
        let text = graph(&self.graph)?.mermaid(self.depth);
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}

impl Backup {
    fn backup(self) -> anyhow::Result<()> {
        let mut loader = loader(self.config);
        if let Some(folder) = self.data_dir {
            loader = loader.set("storage.data_dir", folder).set("storage.memory", false);
        }
        let folder = loader.load()?.data_dir.context("the settings keep everything in memory")?;
        Ok(eddyline::runtime::storage::backup(folder, self.file)?)
    }
}

impl Serve {
    fn serve(self) -> anyhow::Result<()> {
        let Some(path) = self.langgraph.clone() else { return Ok(server(self.settings(None)?)?.run()?) };
        let read = LangGraph::read(path)?;
        let settings = self.settings(Some(&read))?;
        Ok(langgraph::server(settings, read)?.run()?)
    }
}

/// The server of the graph files, and of all graphs that ship, on whichever transport.
fn server(settings: Settings) -> anyhow::Result<Server> {
    let examples = if settings.graphs.examples { eddyline::graphs::all()? } else { Vec::new() };
    let folder = settings.graphs.folder.clone();
    let server = Server::new(settings).stand_in_models();
    let server = examples.into_iter().fold(server, |server, (id, graph)| server.graph(id, graph));
    Ok(match folder {
        Some(folder) => server.graph_files(folder),
        None => server,
    })
}
