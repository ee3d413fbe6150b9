//! Servers under the same load, in turn: each round meets all of them, so what else the machine does meets all.

use std::time::Duration;

use crate::figures::Sample;
use crate::load::{Call, Load, drive};
use crate::process::Process;

/// How long a server is under load in each round.
const WINDOW: Duration = Duration::from_secs(2);

/// A server, and what each of its connections sends.
pub(crate) struct Contender<'a> {
    name: &'static str,
    process: &'a Process,
    calls: Vec<Call>,
    loads: Vec<Load>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'static str, process: &'a Process, calls: Vec<Call>) -> Self {
        Self { name, process, calls, loads: Vec::new() }
    }

    fn measure(&mut self) {
        self.loads.push(drive(self.process, &self.calls, WINDOW));
    }

    /// A figure of each round.
    fn sample(&self, figure: impl Fn(&Load) -> f64) -> Sample {
        Sample::new(self.loads.iter().map(figure))
    }

    /// How many things a second there were, when each answer has `things` of them.
    fn rates(&self, things: f64) -> Sample {
        self.sample(|load| load.answers * things / load.seconds)
    }

    fn print(&self, things: f64, unit: &str) {
        self.rates(things).print(self.name, &format!("{unit}/s"));
        let unit = format!("µs of a core for each of the {unit}");
        let each = |seconds: f64, load: &Load| 1e6 * seconds / load.answers / things;
        self.sample(|load| each(load.server_cpu, load)).print("  of it the server", &unit);
        self.sample(|load| each(load.driver_cpu, load)).print("  and the driver", &unit);
    }
}

/// Measures all in turn and prints them, and how often each of the others goes into the first.
pub(crate) fn contest(
    rounds: usize,
    mut contenders: Vec<Contender<'_>>,
    (things, unit): (f64, &str),
    goal: &str,
) {
    for _ in 0..rounds {
        contenders.iter_mut().for_each(Contender::measure);
    }
    for contender in &contenders {
        contender.print(things, unit);
    }
    let (ours, others) = contenders.split_first().expect("there is a first");
    for other in others {
        let ratio = ours.rates(things).over(&other.rates(things));
        ratio.print(&format!("{} over {}", ours.name, other.name), goal);
    }
}
