//! `eddyline chat`: a conversation with a graph in the terminal, on a thread that can be taken up again.

mod answer;
mod input;
mod screen;

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::bail;
use clap::Args;
use eddyline::graphs::models::Providers;
use eddyline::project::{Classic, Data, Mode, Modes};
use eddyline::runtime::storage::OpenError;
use eddyline::runtime::{
    CancelAction, CancelRun, Delivery, OnCompletion, ReadState, Run, StartError, StartRun, StreamMode,
};
use eddyline::{Error, Graph, Handle, Interrupt, Settings, Shared};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::input::{Lines, Stops};
use self::screen::Screen;
use super::Common;

/// The thread is kept in the data folder, which no server may use meanwhile; with `--memory` it is gone at the end.
#[derive(Args)]
pub(super) struct Chat {
    /// A graph file, or the id of a graph as the server has it
    graph: String,
    /// Go on with this thread
    #[arg(long, value_name = "ID")]
    thread: Option<Uuid>,
    #[command(flatten)]
    common: Common,
}

/// A conversation under way.
struct Talk {
    handle: Handle,
    /// The id under which the graph is served here.
    graph_id: String,
    takes: Takes,
    /// `None` until something has run.
    thread_id: Option<Uuid>,
    screen: Screen,
    lines: Lines,
    stops: Stops,
}

/// How a conversation went.
#[derive(Clone, Copy)]
struct Talked {
    /// A run failed.
    failed: bool,
    /// The person went away from a run under way.
    left: bool,
}

/// What a line of a person means to a graph.
enum Takes {
    /// A message of a conversation.
    Messages,
    /// JSON with these keys, or the one of them that takes a text.
    Keys { keys: Vec<String>, text: Option<String> },
}

/// How a run ended, as far as the conversation goes on from it.
enum Ended {
    Done,
    Asked(Vec<Interrupt>),
    Failed,
    /// The person did not wait for it.
    Left,
}

impl Chat {
    pub(super) fn chat(self) -> anyhow::Result<()> {
        let graph = super::graph(&self.graph)?;
        let graph_id = graph_id(&self.graph);
        let takes = Takes::of(&graph);
        let go_on = self.go_on();
        let settings = settings(self.common)?;
        let kept = settings.data_dir.is_some();
        // With every graph of the server: what others left under way in the folder goes on meanwhile.
        let runtime = super::server(settings)?.start().map_err(propose)?;
        let missing = Providers::from_environment().missing_keys().join(", ");
        if !missing.is_empty() {
            eprintln!("a scripted model answers for providers whose keys are not set: {missing}");
        }
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let failed = executor.block_on(async {
            let handle = runtime.handle();
            // The file that was named, and not one of the folder by the same name.
            handle.set_graph(graph_id.clone(), graph).await?;
            let mut talk = Talk::new(handle, graph_id, takes, self.thread)?;
            let talked = talk.talk().await;
            match talked {
                // A run may take its time to let go of what it does.
                Ok(Talked { left: true, .. }) => drop(runtime),
                _ => {
                    tokio::select! {
                        () = runtime.shutdown() => {}
                        () = talk.stops.next() => {}
                    }
                }
            }
            let Talked { failed, .. } = talked?;
            if let (Some(thread_id), true) = (talk.thread_id, kept) {
                talk.screen.aside(&format!("go on with: {go_on} --thread {thread_id}"))?;
            }
            anyhow::Ok(failed)
        })?;
        if failed && !std::io::stdin().is_terminal() {
            bail!("a run failed");
        }
        Ok(())
    }

    /// The command that finds what this one keeps.
    fn go_on(&self) -> String {
        let mut words = format!("eddyline chat {}", self.graph);
        if let Some(file) = &self.common.config {
            words = format!("{words} --config {}", file.display());
        }
        if let Some(folder) = &self.common.data_dir {
            words = format!("{words} --data-dir {folder}");
        }
        words
    }
}

/// The settings of a server. The log would stand between the words: unless somebody asked for more, it has errors.
fn settings(common: Common) -> anyhow::Result<Settings> {
    let mut settings = common.loader().load()?;
    if settings.log.level == Settings::loader().load()?.log.level {
        "error".clone_into(&mut settings.log.level);
    }
    Ok(settings)
}

/// Says what can be done where a server has the folder.
fn propose(error: Error) -> anyhow::Error {
    let locked = matches!(&error, Error::Runtime(StartError::DataFolder(OpenError::Locked { .. })));
    let error = anyhow::Error::from(error);
    if !locked {
        return error;
    }
    error.context("while another process uses the data folder, chat with `--memory` or another `--data-dir`")
}

/// The name of a file without its end, or the name that it is.
fn graph_id(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

impl Takes {
    fn of(graph: &Graph) -> Self {
        let schemas = graph.schemas();
        let properties = schemas.input.as_ref().and_then(|schema| schema["properties"].as_object());
        let Some(properties) = properties else { return Self::Keys { keys: Vec::new(), text: None } };
        if properties.contains_key("messages") {
            return Self::Messages;
        }
        // A text that may be null is rather what the graph makes.
        let is_text = |schema: &Value| schema["type"] == "string";
        let mut texts = properties.iter().filter(|(_, schema)| is_text(schema)).map(|(key, _)| key.clone());
        let text = texts.next().filter(|_| texts.next().is_none());
        Self::Keys { keys: properties.keys().cloned().collect(), text }
    }

    /// What a line means; else what is wanted.
    fn input(&self, line: &str) -> Result<Value, String> {
        match self {
            Self::Messages => Ok(json!({"messages": [{"role": "user", "content": line}]})),
            Self::Keys { keys, text } => match (serde_json::from_str(line), text) {
                (Ok(Value::Object(input)), _) => Ok(input.into()),
                (_, Some(key)) => Ok(json!({ key: line })),
                (_, None) => Err(format!("this graph takes a JSON object with the keys {}", keys.join(", "))),
            },
        }
    }
}

impl Talk {
    fn new(handle: Handle, graph_id: String, takes: Takes, thread_id: Option<Uuid>) -> std::io::Result<Self> {
        Ok(Self {
            handle,
            graph_id,
            takes,
            thread_id,
            screen: Screen::new(),
            lines: Lines::read(),
            stops: Stops::listen()?,
        })
    }

    /// Talks until the person has gone.
    async fn talk(&mut self) -> anyhow::Result<Talked> {
        let mut talked = Talked { failed: false, left: false };
        let mut ended = match self.thread_id {
            Some(thread_id) => self.take_up(thread_id).await?,
            None => Ended::Done,
        };
        while !talked.left
            && let Some(run) = self.next(&ended).await?
        {
            ended = self.run(run).await?;
            talked.failed |= matches!(ended, Ended::Failed);
            talked.left = matches!(ended, Ended::Left);
        }
        self.screen.end_of_line()?;
        Ok(talked)
    }

    /// Shows where a thread stands.
    async fn take_up(&mut self, thread_id: Uuid) -> anyhow::Result<Ended> {
        let state = self.handle.state(ReadState::new(thread_id)).await?;
        let Some(snapshot) = state.snapshot else { return Ok(Ended::Done) };
        match (&self.takes, snapshot.values.get("messages").and_then(|messages| messages.json().as_array())) {
            (Takes::Messages, Some(messages)) => {
                messages.iter().try_for_each(|message| self.screen.said(message))?;
            }
            _ => self.screen.aside(&snapshot.values.to_json().to_string())?,
        }
        let asked: Vec<Interrupt> = snapshot.interrupts().cloned().collect();
        Ok(if asked.is_empty() { Ended::Done } else { Ended::Asked(asked) })
    }

    /// What the person wants next; `None` when they have gone.
    async fn next(&mut self, ended: &Ended) -> anyhow::Result<Option<StartRun>> {
        let mut run = StartRun::new(&*self.graph_id);
        run.thread_id = self.thread_id;
        run.on_completion = OnCompletion::Keep;
        run.stream_modes = vec![
            StreamMode::Updates,
            if matches!(self.takes, Takes::Messages) {
                StreamMode::MessagesTuple
            } else {
                StreamMode::Custom
            },
        ];
        run.subgraphs = true;
        if let Ended::Asked(questions) = ended {
            let mut answers = Map::new();
            for question in questions {
                let Some(answer) = self.answer(question.value.json()).await? else { return Ok(None) };
                answers.insert(question.id.clone(), answer);
            }
            run.command = Some(json!({ "resume": answers }));
            return Ok(Some(run));
        }
        loop {
            let Some(line) = self.line("> ").await? else { return Ok(None) };
            if line.trim().is_empty() {
                continue;
            }
            match self.takes.input(&line) {
                Ok(input) => {
                    run.input = Some(Shared::from(input));
                    return Ok(Some(run));
                }
                Err(wanted) => self.screen.aside(&wanted)?,
            }
        }
    }

    /// What the person answers; `None` when they have gone.
    async fn answer(&mut self, question: &Value) -> anyhow::Result<Option<Value>> {
        loop {
            self.screen.asks(question)?;
            let Some(line) = self.line("? ").await? else { return Ok(None) };
            if let Some(answer) = answer::answer(question, line) {
                return Ok(Some(answer));
            }
        }
    }

    /// A line of the person; `None` at the end of the input, and at Ctrl-C.
    async fn line(&mut self, prompt: &str) -> anyhow::Result<Option<String>> {
        self.screen.prompt(prompt)?;
        tokio::select! {
            line = self.lines.next() => Ok(line?),
            () = self.stops.next() => Ok(None),
        }
    }

    /// Runs, and shows what comes of it.
    async fn run(&mut self, run: StartRun) -> anyhow::Result<Ended> {
        let (run, mut facts) = match self.handle.start_run(run).await {
            Ok(started) => started,
            Err(error) => {
                self.screen.failed(error.code(), &error.to_string())?;
                return Ok(Ended::Failed);
            }
        };
        self.thread_id = Some(run.thread_id);
        let modes: Modes = match self.takes {
            Takes::Messages => [Mode::Updates, Mode::MessagesTuple].into_iter().collect(),
            Takes::Keys { .. } => [Mode::Updates, Mode::Custom].into_iter().collect(),
        };
        let mut fold = Classic::new(run.config(), modes, true);
        let (mut ended, mut cancelled) = (Ended::Done, false);
        loop {
            let delivery = tokio::select! {
                delivery = facts.next() => delivery,
                () = self.stops.next() => {
                    if cancelled {
                        return Ok(Ended::Left);
                    }
                    cancelled = true;
                    self.cancel(&run).await;
                    continue;
                }
            };
            let entry = match delivery {
                Some(Delivery::Fact(entry)) => entry,
                Some(_) => continue,
                None => break,
            };
            for event in fold.fold(&entry.fact) {
                match event.data {
                    Data::Interrupted(asked) if event.ns.is_empty() && !asked.is_empty() => {
                        // Tasks of one superstep ask each for itself.
                        ended = match ended {
                            Ended::Asked(mut before) => {
                                before.extend(asked);
                                Ended::Asked(before)
                            }
                            _ => Ended::Asked(asked),
                        };
                    }
                    Data::Error(error) => {
                        let word = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
                        self.screen.failed(&word("error"), &word("message"))?;
                        ended = Ended::Failed;
                    }
                    Data::Messages { chunk, .. } => self.screen.piece(&chunk)?,
                    Data::Updates { node, update, cached: false }
                        if matches!(self.takes, Takes::Keys { .. }) =>
                    {
                        self.screen.update(&node, &update)?;
                    }
                    Data::Custom(value) => self.screen.aside(&value.to_string())?,
                    _ => {}
                }
            }
        }
        self.screen.end_of_line()?;
        if cancelled {
            self.screen.aside("cancelled")?;
        }
        Ok(ended)
    }

    /// Has a run stopped; its stream ends then.
    async fn cancel(&self, run: &Run) {
        let cancel = CancelRun {
            thread_id: run.thread_id,
            run_id: run.run_id,
            action: CancelAction::Interrupt,
            reason: "cancelled in the terminal".to_owned(),
            wait: false,
        };
        // It may have ended by itself.
        let _ = self.handle.cancel(cancel).await;
    }
}
