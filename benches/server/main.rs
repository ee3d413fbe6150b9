//! The server as a client meets it: over sockets, against the servers that do the same.
//!
//! `cargo bench --bench server` measures everything; `-- NAME…` only what is named, `--rounds N` says how often,
//! and `--without-reference` leaves out `langgraph dev`. Each server is a process of its own; the load comes
//! from one OS thread of this one.

#![allow(clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded, and small"
)]

mod bare;
mod connection;
mod contest;
mod figures;
mod growth;
mod idle;
mod load;
mod memory;
mod overload;
mod process;
mod reconnect;
mod reference;
mod runs;
mod start;
mod supersteps;
mod talk;
mod tokens;

use crate::reference::Environment;

type Bench = (&'static str, fn(&Plan));

/// How to measure.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Where `langgraph dev` comes from, if it is measured too.
    pub(crate) reference: Option<Environment>,
}

/// What can be asked for, by name.
const BENCHES: [Bench; 13] = [
    ("stateless", runs::stateless),
    ("durable-16", |plan| runs::durable(plan, 16)),
    ("durable-64", |plan| runs::durable(plan, 64)),
    ("first-event", runs::first_event),
    ("flood", runs::flood),
    ("supersteps", supersteps::durable),
    ("memory", memory::resident),
    ("idle", idle::many),
    ("overload", overload::twice),
    ("reconnect", reconnect::storm),
    ("tokens", tokens::through),
    ("start", start::first_answer),
    ("growth", growth::of_a_thread),
];

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench").peekable();
    match words.peek().map(String::as_str) {
        Some(bare::ROLE) => return bare::serve(),
        Some(talk::ROLE) => return talk::serve(),
        Some(tokens::ROLE) => return tokens::serve(),
        _ => {}
    }
    let (mut rounds, mut with_reference, mut chosen) = (5, true, Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "--without-reference" => with_reference = false,
            "--rounds" => {
                let count = words.next().and_then(|word| word.parse().ok());
                rounds = count.expect("`--rounds` takes a number");
            }
            _ => chosen.push(word),
        }
    }
    let names = BENCHES.map(|(name, _)| name);
    for name in &chosen {
        assert!(names.contains(&name.as_str()), "there is no `{name}`; there are {}", names.join(", "));
    }
    let plan = Plan { rounds, reference: with_reference.then(Environment::new) };
    for (name, measure) in BENCHES {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            measure(&plan);
        }
    }
}
