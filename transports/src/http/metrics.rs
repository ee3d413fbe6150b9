//! Figures of the server for Prometheus.

use std::fmt;
use std::time::Duration;

use eddyline_runtime::Handle;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds, from an answer out of memory to a run that is waited for.
const SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// What is counted. The names begin with `lg_api_`, as dashboards for the API know them.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    latency: Family<Route, Histogram>,
    pending: Gauge,
    running: Gauge,
}

/// Where something was asked. There are no more of them than routes.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    path: String,
    status: u16,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("lg_api");
        let requests = Family::<Answered, Counter>::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let latency = Family::<Route, Histogram>::new_with_constructor(histogram);
        let help = "Seconds until the answer began";
        registry.register("http_requests_latency_seconds", help, latency.clone());
        let (pending, running) = (Gauge::default(), Gauge::default());
        registry.register("num_pending_runs", "Runs that wait", pending.clone());
        registry.register("num_running_runs", "Runs that are under way", running.clone());
        Self { registry, requests, latency, pending, running }
    }

    /// A request was answered.
    pub(super) fn answered(&self, route: &Route, status: u16, time: Duration) {
        let answered = Answered { method: route.method, path: route.path.clone(), status };
        self.requests.get_or_create(&answered).inc();
        self.latency.get_or_create(route).observe(time.as_secs_f64());
    }

    /// The figures as Prometheus reads them.
    pub(super) fn encode(&self, runtime: &Handle) -> Result<String, fmt::Error> {
        let running = runtime.runs_under_way();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(count(running));
        self.pending.set(count(runtime.open_runs().saturating_sub(running)));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
