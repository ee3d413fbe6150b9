//! `eddyline chat`: a conversation with a graph in the terminal, on a thread that can be taken up again.

mod screen;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use eddyline::project::{Classic, Data, Mode, Modes};
use eddyline::runtime::{
    CancelAction, CancelRun, CreateThread, Delivery, IfNotExists, ReadState, Run, StartRun, StreamMode,
    Subscription,
};
use eddyline::{Graph, Handle, Interrupt, Runtime, Shared};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

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
    thread_id: Uuid,
    screen: Screen,
    lines: Lines,
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
}

impl Chat {
    pub(super) fn chat(self) -> anyhow::Result<()> {
        let graph = super::graph(&self.graph)?;
        let graph_id = graph_id(&self.graph);
        let takes = Takes::of(&graph);
        let settings = self.common.loader().load()?;
        let models = eddyline::graphs::models::Providers::from_environment();
        let missing = models.missing_keys().join(", ");
        let models = models.stand_in();
        let runtime = Runtime::builder().graph(&*graph_id, graph).models(models);
        let runtime = match &settings.data_dir {
            Some(folder) => runtime.data_dir(folder),
            None => runtime,
        };
        let runtime = runtime.start().context(
            "the data folder cannot be used; while a server uses it, chat with `--memory` or another `--data-dir`",
        )?;
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut screen = Screen::new();
        screen.hint(&format!("a scripted model answers for providers whose keys are not set: {missing}"))?;
        executor.block_on(async {
            let talked = talk(&runtime.handle(), graph_id, takes, self.thread, screen).await;
            runtime.shutdown().await;
            if let (Some(thread_id), Some(_)) = (talked?, settings.data_dir) {
                let words = format!("go on with: eddyline chat {} --thread {thread_id}", self.graph);
                Screen::new().aside(&words)?;
            }
            Ok(())
        })
    }
}

/// The name of a file without its end, or the name that it is.
fn graph_id(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Talks until the person has gone; gives back the thread, if anything happened on it.
async fn talk(
    handle: &Handle,
    graph_id: String,
    takes: Takes,
    thread: Option<Uuid>,
    screen: Screen,
) -> anyhow::Result<Option<Uuid>> {
    let thread_id = match thread {
        Some(thread_id) => thread_id,
        None => handle.create_thread(CreateThread::default()).await?.thread_id,
    };
    let mut talk = Talk { handle: handle.clone(), graph_id, takes, thread_id, screen, lines: Lines::read() };
    let mut ended = match thread {
        Some(_) => talk.take_up().await?,
        None => Ended::Done,
    };
    let (mut ran, mut failed) = (thread.is_some(), false);
    while let Some(run) = talk.next(&ended).await? {
        ended = talk.run(run).await?;
        ran = true;
        failed |= matches!(ended, Ended::Failed);
    }
    talk.screen.end_of_line()?;
    if failed && !std::io::stdin().is_terminal() {
        bail!("a run failed");
    }
    Ok(ran.then_some(thread_id))
}

impl Takes {
    fn of(graph: &Graph) -> Self {
        let schemas = graph.schemas();
        let properties = schemas.input.as_ref().and_then(|schema| schema["properties"].as_object());
        let Some(properties) = properties else { return Self::Keys { keys: Vec::new(), text: None } };
        if properties.contains_key("messages") {
            return Self::Messages;
        }
        let is_text = |schema: &Value| match &schema["type"] {
            Value::String(kind) => kind == "string",
            _ => false,
        };
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
    /// Shows where a thread stands.
    async fn take_up(&mut self) -> anyhow::Result<Ended> {
        let state = self.handle.state(ReadState::new(self.thread_id)).await?;
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
        run.thread_id = Some(self.thread_id);
        run.if_not_exists = IfNotExists::Create;
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
                self.screen.asks(question.value.json())?;
                let Some(line) = self.line("? ").await? else { return Ok(None) };
                let answer = serde_json::from_str(&line).unwrap_or(Value::String(line));
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

    /// A line of the person; `None` at the end of the input, and at Ctrl-C.
    async fn line(&mut self, prompt: &str) -> anyhow::Result<Option<String>> {
        self.screen.prompt(prompt)?;
        tokio::select! {
            line = self.lines.next() => Ok(line?),
            _ = tokio::signal::ctrl_c() => Ok(None),
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
        let modes: Modes = match self.takes {
            Takes::Messages => [Mode::Updates, Mode::MessagesTuple].into_iter().collect(),
            Takes::Keys { .. } => [Mode::Updates, Mode::Custom].into_iter().collect(),
        };
        let mut fold = Classic::new(run.config(), modes, true);
        let mut ended = Ended::Done;
        while let Some(delivery) = self.delivery(&run, &mut facts).await? {
            let Delivery::Fact(entry) = delivery else { continue };
            for event in fold.fold(&entry.fact) {
                match event.data {
                    Data::Interrupted(asked) if event.ns.is_empty() && !asked.is_empty() => {
                        ended = Ended::Asked(asked);
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
        Ok(ended)
    }

    /// The next delivery; Ctrl-C cancels the run, whose end is told then.
    async fn delivery(&mut self, run: &Run, facts: &mut Subscription) -> anyhow::Result<Option<Delivery>> {
        loop {
            tokio::select! {
                delivery = facts.next() => return Ok(delivery),
                _ = tokio::signal::ctrl_c() => {
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
        }
    }
}

/// What is typed, read on a thread of its own: it cannot be told to stop.
struct Lines(mpsc::Receiver<std::io::Result<String>>);

impl Lines {
    fn read() -> Self {
        let (typed, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if typed.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    async fn next(&mut self) -> std::io::Result<Option<String>> {
        self.0.recv().await.transpose()
    }
}
