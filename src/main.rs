//! The `eddyline` command: settings to a server, and its end to an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use eddyline::{Server, Settings};

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
    /// The settings file, TOML or JSON [default: eddyline.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    fn settings(self) -> Result<Settings, eddyline::settings::Error> {
        let mut loader = match self.config {
            Some(file) => Settings::loader().file(file),
            None => Settings::loader().default_file(),
        }
        .environment();
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
    match serve(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cli: Cli) -> anyhow::Result<()> {
    let serve = match cli.command {
        Some(Command::Serve(serve)) => serve,
        None => cli.serve,
    };
    let server = Server::new(serve.settings()?);
    let server =
        eddyline::graphs::all()?.into_iter().fold(server, |server, (id, graph)| server.graph(id, graph));
    Ok(server.run()?)
}
