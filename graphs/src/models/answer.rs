//! An answer on its way from a provider: asked for, asked for again while nothing of it has come, read piece by
//! piece.

use std::collections::VecDeque;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use eddyline_engine::NodeError;
use eddyline_engine::message::MessageChunk;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::Response;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::sse::{SseDecoder, SseEvent};

/// The longest wait that a provider may ask for before we ask again; beyond it the node fails.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How long the end of the body may take when the answer is complete: then the connection serves the next request.
const LINGER: Duration = Duration::from_millis(100);

/// Reads the events of one answer in a provider's dialect.
pub(super) trait Reader: Default + Send + 'static {
    /// What an event adds to the answer. The last piece of all is marked.
    fn read(&mut self, event: &SseEvent, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault>;

    /// What is left to say when the provider closes the stream; a fault if that is too early.
    fn close(&mut self, pieces: &mut VecDeque<MessageChunk>) -> Result<(), Fault>;

    /// Whether the last piece was made.
    fn is_complete(&self) -> bool;
}

/// The answer to `body`. Dropping the stream closes the connection.
pub(super) fn answer<R: Reader>(
    endpoint: Endpoint,
    body: &Value,
) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(endpoint.retries)
        .with_jitter()
        .build();
    let answer = Answer::<R> {
        endpoint,
        body: body.to_string().into_bytes(),
        waits,
        open: None,
        pieces: VecDeque::new(),
        fault: None,
        begun: false,
    };
    stream::unfold(Some(answer), |answer| async {
        let mut answer = answer?;
        match answer.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(answer))),
            Ok(None) => None,
            Err(fault) => Some((Err(fault.without(answer.endpoint.secrets())), None)),
        }
    })
    .boxed()
}

struct Answer<R> {
    endpoint: Endpoint,
    body: Vec<u8>,
    /// How long to wait before each further attempt.
    waits: ExponentialBackoff,
    open: Option<Open<R>>,
    /// Read, and not yet asked for: what one read of the connection brought.
    pieces: VecDeque<MessageChunk>,
    /// Comes after them.
    fault: Option<Fault>,
    /// Whether a piece was given away: from then on a fault is final.
    begun: bool,
}

/// An answer that has begun.
struct Open<R> {
    response: Response,
    decoder: SseDecoder,
    reader: R,
}

impl<R: Reader> Answer<R> {
    async fn next(&mut self) -> Result<Option<MessageChunk>, Fault> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.begun = true;
                return Ok(Some(piece));
            }
            if let Some(fault) = self.fault.take() {
                self.open = None;
                let wait = self.wait(&fault).ok_or(fault)?;
                tokio::time::sleep(wait).await;
            }
            if let Some(open) = self.open.as_mut().filter(|open| open.reader.is_complete()) {
                open.linger().await;
                return Ok(None);
            }
            self.fault = self.advance().await.err();
        }
    }

    /// How long to wait before asking again; `None` when the fault is final.
    fn wait(&mut self, fault: &Fault) -> Option<Duration> {
        if self.begun || !fault.passes {
            return None;
        }
        let wait = self.waits.next()?;
        Some(fault.after.unwrap_or(wait)).filter(|wait| *wait <= LONGEST_WAIT)
    }

    /// Goes on by one read of the connection.
    async fn advance(&mut self) -> Result<(), Fault> {
        let open = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(Open {
                response: self.endpoint.open(self.body.clone()).await?,
                decoder: SseDecoder::default(),
                reader: R::default(),
            }),
        };
        let patience = self.endpoint.patience;
        let read = tokio::time::timeout(patience, open.response.chunk());
        let Some(bytes) = read.await.map_err(|_| Fault::silent(patience))?? else {
            return open.reader.close(&mut self.pieces);
        };
        let mut events = Vec::new();
        let cut = open.decoder.feed(&bytes, &mut events);
        for event in events {
            if open.reader.is_complete() {
                break;
            }
            open.reader.read(&event, &mut self.pieces)?;
        }
        cut.map_err(|error| Fault::nonsense(&error))
    }
}

impl<R> Open<R> {
    /// Reads to the end of the body, which is there or about to come.
    async fn linger(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        // An end that does not come costs a connection and nothing else.
        let _ = tokio::time::timeout(LINGER, rest).await;
    }
}
