//! The body of an answer that is waited for: a line feed now and then, and at the end one document.
//!
//! Knows nothing of runs. JSON may have white space before it, so the line feeds keep proxies and clients
//! from giving up and disturb nobody.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::time::Interval;

/// How often a body says that it is alive, counted from its start and whatever else it says:
/// proxies and clients give up on answers that are silent for long.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// Ticks when a body has to say that it is alive; must be called within a Tokio runtime.
pub(super) fn heartbeat() -> Interval {
    let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
    // The first tick of an interval is at once; ours comes after one period.
    heartbeat.reset();
    heartbeat
}

/// A document on its way. Dropping it drops whatever works on the document.
pub(super) struct Waiting {
    document: Option<LocalBoxFuture<'static, Option<Bytes>>>,
    heartbeat: Interval,
    /// The last moment.
    stop: LocalBoxFuture<'static, ()>,
}

/// The body breaks off, so that nobody takes what there is of it for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server ends before the answer does")]
pub(super) struct BrokenOff;

impl Waiting {
    /// Waits for `document`; must be called within a Tokio runtime. When it comes to nothing, or `stop` ends before
    /// there is one, the body breaks off.
    pub(super) fn new(
        document: impl Future<Output = Option<Bytes>> + 'static,
        stop: impl Future<Output = ()> + 'static,
    ) -> Self {
        Self { document: Some(document.boxed_local()), heartbeat: heartbeat(), stop: stop.boxed_local() }
    }
}

impl MessageBody for Waiting {
    type Error = BrokenOff;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let this = self.get_mut();
        let Some(document) = &mut this.document else { return Poll::Ready(None) };
        if let Poll::Ready(document) = document.poll_unpin(cx) {
            this.document = None;
            return Poll::Ready(Some(document.ok_or(BrokenOff)));
        }
        if this.stop.poll_unpin(cx).is_ready() {
            this.document = None;
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        this.heartbeat.poll_tick(cx).map(|_| Some(Ok(Bytes::from_static(b"\n"))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};

    use super::*;

    async fn next(body: &mut Waiting) -> Option<Result<Bytes, BrokenOff>> {
        poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn line_feeds_until_there_is_a_document() {
        let start = tokio::time::Instant::now();
        let document = async {
            tokio::time::sleep(Duration::from_secs(11)).await;
            Some(Bytes::from_static(b"{}"))
        };
        let mut body = Waiting::new(document, pending());
        assert_eq!(next(&mut body).await, Some(Ok("\n".into())));
        assert_eq!(next(&mut body).await, Some(Ok("\n".into())));
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(next(&mut body).await, Some(Ok("{}".into())));
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn without_a_document_the_body_breaks_off() {
        let mut body = Waiting::new(ready(None), pending());
        assert_eq!(next(&mut body).await, Some(Err(BrokenOff)));
        assert_eq!(next(&mut body).await, None);

        let mut body = Waiting::new(pending(), ready(()));
        assert_eq!(next(&mut body).await, Some(Err(BrokenOff)));
        assert_eq!(next(&mut body).await, None);
    }
}
