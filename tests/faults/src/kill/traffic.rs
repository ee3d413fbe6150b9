//! Clients that start runs until their server is gone, and remember what it told them.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::Response;

use crate::child::{Child, Client, document};
use crate::journey::{GRAPH, NODES, names, runs};
use crate::random::Random;

/// A thread that the server told its client of.
#[derive(Debug)]
pub(super) struct SeenThread {
    pub(super) id: String,
    /// In the order in which they were started.
    pub(super) runs: Vec<SeenRun>,
}

/// A run as its client knows it.
#[derive(Debug)]
pub(super) struct SeenRun {
    /// Tells it from others of its thread.
    pub(super) input: String,
    /// Once the server has said that there is such a run.
    pub(super) id: Option<String>,
    /// The checkpoints that the client was told of and that are stored by then.
    pub(super) checkpoints: Vec<String>,
    /// The nodes whose writes are in one of these.
    pub(super) nodes: BTreeSet<String>,
    /// The client was told that it has ended.
    pub(super) ended: bool,
}

impl SeenRun {
    fn new(input: String) -> Self {
        let (id, checkpoints, nodes) = (None, Vec::new(), BTreeSet::new());
        Self { input, id, checkpoints, nodes, ended: false }
    }

    fn end(&mut self) {
        self.nodes.extend(NODES.map(str::to_owned));
        self.ended = true;
    }
}

/// Lets clients start runs, kills their server after a while, and says what they saw.
pub(super) fn until_killed(
    child: Child,
    clients: usize,
    life: Duration,
    random: &mut Random,
) -> Result<Vec<SeenThread>> {
    let killed = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let mut visitor = Visitor::new(child.client(), random.fork());
                let killed = &killed;
                scope.spawn(move || visitor.until(killed).map(|()| visitor.threads))
            })
            .collect();
        thread::sleep(life);
        killed.store(true, Ordering::SeqCst);
        child.kill()?;
        let mut seen = Vec::new();
        for client in clients {
            seen.extend(client.join().expect("a client does not panic")?);
        }
        Ok(seen)
    })
}

/// How a client learns what becomes of its run.
#[derive(Clone, Copy, Debug)]
enum Way {
    Stream,
    Wait,
    Background,
    Join,
}

struct Visitor {
    client: Client,
    random: Random,
    threads: Vec<SeenThread>,
}

impl Visitor {
    fn new(client: Client, random: Random) -> Self {
        Self { client, random, threads: Vec::new() }
    }

    /// Starts one run after the other. What goes wrong before the server is killed is an error.
    fn until(&mut self, killed: &AtomicBool) -> Result<()> {
        while !killed.load(Ordering::SeqCst) {
            match self.start_run() {
                Err(error) if !killed.load(Ordering::SeqCst) => return Err(error),
                Err(_) => return Ok(()),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Starts a run, every third time on a new thread.
    fn start_run(&mut self) -> Result<()> {
        if self.threads.is_empty() || self.random.below(3) == 0 {
            let thread = document(self.client.post("/threads", &json!({}))?)?;
            let id = text(&thread["thread_id"])?;
            self.threads.push(SeenThread { id, runs: Vec::new() });
        }
        let durability = self.random.pick(&["sync", "async", "exit"]);
        let way = self.random.pick(&[Way::Stream, Way::Wait, Way::Background, Way::Join]);
        let thread = self.threads.last_mut().expect("there is one by now");
        let input = format!("run-{}", thread.runs.len());
        let order = json!({
            "assistant_id": GRAPH,
            "input": {"done": [input]},
            "durability": durability,
            "multitask_strategy": "enqueue",
            "stream_mode": "checkpoints",
        });
        let thread_id = thread.id.clone();
        thread.runs.push(SeenRun::new(input));
        let run = thread.runs.last_mut().expect("it was just put there");
        Self::follow(&self.client, &thread_id, run, way, &order)
    }

    fn follow(client: &Client, thread: &str, run: &mut SeenRun, way: Way, order: &Value) -> Result<()> {
        let runs = format!("/threads/{thread}/runs");
        match way {
            Way::Stream => {
                let answer = client.post(&format!("{runs}/stream"), order)?;
                run.id = Some(run_id(&answer)?);
                read_stream(answer, run, order["durability"] == "exit")?;
            }
            Way::Wait => {
                let answer = client.post(&format!("{runs}/wait"), order)?;
                run.id = Some(run_id(&answer)?);
                expect_whole(&document(answer)?, &run.input)?;
                run.end();
            }
            Way::Background | Way::Join => {
                let id = text(&document(client.post(&runs, order)?)?["run_id"])?;
                run.id = Some(id.clone());
                if matches!(way, Way::Join) {
                    expect_whole(&client.get(&format!("{runs}/{id}/join"))?, &run.input)?;
                    run.end();
                }
            }
        }
        Ok(())
    }
}

/// Reads the checkpoints of a run to its end. Those of durability `exit` promise nothing before.
fn read_stream(answer: Response<Body>, run: &mut SeenRun, only_the_end: bool) -> Result<()> {
    let mut event = String::new();
    let mut last = None;
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        let line = line?;
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
        } else if let Some(data) = line.strip_prefix("data: ") {
            match &*event {
                "metadata" => {}
                "checkpoints" => {
                    let checkpoint: Value = serde_json::from_str(data)?;
                    if !only_the_end {
                        see(&checkpoint, run)?;
                    }
                    last = Some(checkpoint);
                }
                _ => bail!("the stream says {event}: {data}"),
            }
        }
    }
    let last = last.context("the stream ended before its first checkpoint")?;
    see(&last, run)?;
    expect_whole(&last["values"], &run.input)?;
    run.end();
    Ok(())
}

/// The checkpoint is stored, and with it what the nodes of this run have written.
fn see(checkpoint: &Value, run: &mut SeenRun) -> Result<()> {
    run.checkpoints.push(text(&checkpoint["config"]["configurable"]["checkpoint_id"])?);
    let done = names(&checkpoint["values"]);
    let own = done.iter().skip_while(|name| **name != run.input).skip(1);
    run.nodes.extend(own.map(|name| (*name).to_owned()));
    Ok(())
}

/// The run has ended in this state: the run is there, and whole.
fn expect_whole(values: &Value, input: &str) -> Result<()> {
    let whole = runs(&names(values)).is_some_and(|runs| runs.contains(&input));
    ensure!(whole, "{input} is not whole in {values}");
    Ok(())
}

/// The run's id: the end of its place.
fn run_id(answer: &Response<Body>) -> Result<String> {
    ensure!(answer.status().is_success(), "{}", answer.status());
    let place = answer.headers().get("content-location").context("a run has a place")?.to_str()?;
    Ok(place.rsplit('/').next().unwrap_or_default().to_owned())
}

pub(super) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is not a text"))
}
