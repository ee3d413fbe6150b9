//! The body of an event stream: frames as they come, a heartbeat beside them, and an end.
//!
//! Knows nothing of runs. It ends when its frames end; there is no closing event, because clients of the API take the
//! end of the body for one. When the server has to end before, the body breaks off, so that clients come back.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{Fuse, LocalBoxStream};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::Interval;

use super::waiting::{BrokenOff, heartbeat};
use crate::wire::{Frame, HEARTBEAT};

/// Frames that are ready together leave as one chunk, until the chunk is this large.
const CHUNK_BYTES: usize = 16 * 1024;

/// Frames on their way to one client. Dropping it drops the source of the frames.
pub(super) struct EventStream {
    frames: Fuse<LocalBoxStream<'static, Result<Frame, BrokenOff>>>,
    /// True once there will be no more frames although there should be.
    is_broken: bool,
    heartbeat: Interval,
    /// The last moment.
    stop: LocalBoxFuture<'static, ()>,
}

impl EventStream {
    /// Begins a stream, which breaks off when `stop` ends; must be called within a Tokio runtime.
    pub(super) fn new(
        frames: impl Stream<Item = Result<Frame, BrokenOff>> + 'static,
        stop: impl Future<Output = ()> + 'static,
    ) -> Self {
        let frames = frames.boxed_local().fuse();
        Self { frames, is_broken: false, heartbeat: heartbeat(), stop: stop.boxed_local() }
    }

    /// Everything that can leave now.
    fn ready(&mut self, cx: &mut Context<'_>) -> BytesMut {
        let mut chunk = BytesMut::new();
        if self.heartbeat.poll_tick(cx).is_ready() {
            chunk.extend_from_slice(HEARTBEAT);
        }
        while chunk.len() < CHUNK_BYTES
            && let Poll::Ready(Some(frame)) = self.frames.poll_next_unpin(cx)
        {
            match frame {
                Ok(frame) => frame.write_sse(&mut chunk),
                Err(BrokenOff) => self.is_broken = true,
            }
        }
        chunk
    }
}

impl MessageBody for EventStream {
    type Error = BrokenOff;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let this = self.get_mut();
        if this.is_broken || this.stop.poll_unpin(cx).is_ready() {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        let chunk = this.ready(cx);
        if !chunk.is_empty() {
            return Poll::Ready(Some(Ok(chunk.freeze())));
        }
        match (this.is_broken, this.frames.is_done()) {
            (true, _) => Poll::Ready(Some(Err(BrokenOff))),
            (false, true) => Poll::Ready(None),
            (false, false) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use futures_util::stream;

    use super::*;

    fn frame(n: usize) -> Frame {
        Frame { event: "custom".into(), data: n.to_string().into(), id: None }
    }

    fn frames(count: usize) -> impl Stream<Item = Result<Frame, BrokenOff>> {
        stream::iter((1..=count).map(frame).map(Ok))
    }

    async fn next(body: &mut EventStream) -> Option<String> {
        let chunk = poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await?;
        Some(chunk.map_or_else(|broken| broken.to_string(), |chunk| String::from_utf8(chunk.into()).unwrap()))
    }

    #[tokio::test]
    async fn frames_that_are_ready_leave_together_and_then_the_stream_ends() {
        let mut body = EventStream::new(frames(2), pending());
        let both = "event: custom\r\ndata: 1\r\n\r\nevent: custom\r\ndata: 2\r\n\r\n";
        assert_eq!(next(&mut body).await.as_deref(), Some(both));
        assert_eq!(next(&mut body).await, None);
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn a_chunk_stays_small() {
        let mut body = EventStream::new(frames(10_000), pending());
        let mut chunks = Vec::new();
        while let Some(chunk) = next(&mut body).await {
            chunks.push(chunk);
        }
        assert!(chunks.len() > 10 && chunks.iter().all(|chunk| chunk.len() < CHUNK_BYTES + 64));
        assert_eq!(chunks.concat().matches("\r\n\r\n").count(), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_stream_beats_every_five_seconds_from_its_start() {
        let start = tokio::time::Instant::now();
        let mut body = EventStream::new(stream::pending(), pending());
        for n in 1..=3 {
            assert_eq!(next(&mut body).await.as_deref(), Some(": heartbeat\r\n\r\n"));
            assert_eq!(start.elapsed().as_secs(), 5 * n);
        }
    }

    #[tokio::test]
    async fn a_stream_that_is_not_told_to_its_end_breaks_off() {
        let mut body = EventStream::new(frames(1).chain(stream::iter([Err(BrokenOff)])), pending());
        assert_eq!(next(&mut body).await.as_deref(), Some("event: custom\r\ndata: 1\r\n\r\n"));
        assert_eq!(next(&mut body).await, Some(BrokenOff.to_string()));
    }

    #[tokio::test]
    async fn the_last_moment_breaks_a_stream_off() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let mut body = EventStream::new(stream::repeat_with(|| Ok(frame(1))), stopped.map(|_| ()));
        assert!(next(&mut body).await.is_some());
        drop(stop);
        assert_eq!(next(&mut body).await, Some(BrokenOff.to_string()));
    }
}
