//! Small graphs and short ways to say what they stream.

use std::collections::HashMap;
use std::time::Duration;

use eddyline_engine::local::{Invocation, Memory};
use eddyline_engine::prelude::*;
use eddyline_engine::project::{Data, Event, Mode, Modes};
use eddyline_engine::testing::{Report, World, observe};
use eddyline_engine::{AnyCommand, State};
use std::sync::Arc;

/// A number that is replaced and a list that grows.
#[state]
pub(crate) struct S {
    pub(crate) x: Option<i64>,
    #[state(reduce = append)]
    pub(crate) log: Vec<String>,
}

/// A node that logs its name.
pub(crate) fn logs(text: &'static str) -> impl Fn(S) -> std::future::Ready<Update<S>> + Send + Sync {
    move |_| std::future::ready(S::update().log([text]))
}

/// A node that logs its name after a while.
pub(crate) fn logs_after(
    text: &'static str,
    wait: u64,
) -> impl Fn(S, NodeContext) -> futures_util::future::BoxFuture<'static, Update<S>> + Send + Sync {
    move |_, ctx| {
        Box::pin(async move {
            ctx.sleep(Duration::from_millis(wait)).await;
            S::update().log([text])
        })
    }
}

/// A thread of one graph in a world of its own.
pub(crate) struct Thread<T> {
    pub(crate) world: World,
    pub(crate) memory: Memory,
    pub(crate) graph: CompiledGraph<T>,
}

impl<T: State> Thread<T> {
    pub(crate) fn new(graph: Result<CompiledGraph<T>, CompileError>) -> Self {
        Self { world: World::new(), memory: Memory::new("t"), graph: graph.unwrap() }
    }

    pub(crate) fn input(&self, input: Update<T>) -> Invocation<T> {
        self.graph.invocation(input, Arc::new(self.world.clone())).thread(&self.memory)
    }

    pub(crate) fn go_on(&self) -> Invocation<T> {
        self.graph.continuation(Arc::new(self.world.clone())).thread(&self.memory)
    }

    pub(crate) fn command(&self, command: AnyCommand) -> Invocation<T> {
        self.graph.command(command, Arc::new(self.world.clone())).thread(&self.memory)
    }

    pub(crate) fn observe(&self, run: Invocation<T>) -> Report<T> {
        observe(&self.world, run)
    }

    /// What the run streams in these modes, a line an event, ids replaced.
    pub(crate) fn lines<const N: usize>(&self, run: Invocation<T>, modes: [Mode; N]) -> Vec<String> {
        let modes = Modes::from(modes);
        let report = self.observe(run);
        let mut names = Names::default();
        let mut lines: Vec<String> = report
            .events
            .iter()
            .filter(|event| modes.iter().any(|mode| event_mode(event) == mode.as_str()))
            .map(|event| names.line(event))
            .collect();
        lines.extend(report.error().map(|error| format!("error {}: {error}", error.class())));
        lines
    }
}

fn event_mode(event: &Event) -> &str {
    event.data.name()
}

/// Gives ids short names, in the order in which they turn up.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    fn line(&mut self, event: &Event) -> String {
        let payload = match &event.data {
            Data::Checkpoints(checkpoint) => {
                let metadata = &checkpoint["metadata"];
                json!([metadata["source"], metadata["step"], checkpoint["next"]])
            }
            other => other.payload(),
        };
        self.shorten(&format!("{} {payload}", event.name()))
    }

    fn shorten(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let hex = rest.find(|c: char| !(c.is_ascii_hexdigit() || c == '-')).unwrap_or(rest.len());
            let token = &rest[..hex];
            if token.len() == 36 || token.len() == 32 {
                let next = format!("<{}>", self.0.len() + 1);
                out.push_str(self.0.entry(token.to_owned()).or_insert(next));
                rest = &rest[hex..];
            } else {
                let take = hex.max(rest.chars().next().map_or(1, char::len_utf8));
                out.push_str(&rest[..take]);
                rest = &rest[take..];
            }
        }
        out
    }
}

/// Compares line by line and says where they part.
pub(crate) fn check(found: &[String], expected: &[&str]) {
    let shown = found.join("\n    ");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "line {i} of\n    {shown}");
    }
    assert_eq!(found.len(), expected.len(), "number of lines of\n    {shown}");
}
