//! Which line goes where: to the session of its thread, to the connection itself, or back with an error.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eddyline_runtime::{CancelAction, CancelRuns, Handle, WhichRuns};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::input::{self, Line};
use super::output::{self, Output};
use super::{Ended, LineOptions, OnEnd, own};
use crate::Shutdown;
use crate::http::Inner;
use crate::protocol::Session;
use crate::wire::id;
use crate::wire::protocol::{
    Answer, Command, CommandId, Ends, Outgoing, Own, Problem, Request, Style, hello,
};

/// How many commands may be unanswered at once.
const OPEN: usize = 1024;

/// From how many threads on a connection lets go of those that it has nothing to do with any more.
const SESSIONS: usize = 1024;

/// How long commands that were taken in may take to be answered after the last.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How long a client may leave unread what is still to be said at the end.
const UNREAD: Duration = Duration::from_mins(1);

/// How often to look whether the last runs are over.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Router {
    runtime: Handle,
    api: Rc<Inner>,
    options: LineOptions,
    stop: Shutdown,
    sessions: HashMap<Uuid, Session>,
    told: mpsc::Sender<Outgoing>,
    refused: mpsc::Sender<Outgoing>,
    open: Arc<AtomicUsize>,
}

impl Router {
    pub(super) async fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        runtime: Handle,
        (quit, stop): (Shutdown, Shutdown),
        options: LineOptions,
    ) -> Ended {
        let lines = input::lines(input, options.max_line);
        let hello = options.hello.then(|| {
            let answer = Answer::Line(hello(options.max_line, options.max_out_line));
            Outgoing { thread: None, answer }
        });
        let Output { told, refused, open, mut over } = output::lines(output, options.max_out_line, hello);
        let api = Rc::new(Inner::new(runtime.clone(), stop.clone()));
        let mut router = Self { runtime, api, options, stop, sessions: HashMap::new(), told, refused, open };
        let ended = tokio::select! {
            ended = router.route(lines, quit) => Some(ended),
            _ = &mut over => None,
        };
        let Some(ended) = ended else {
            router.end(Ended::Gone).await;
            return Ended::Gone;
        };
        let telling = router.end(ended).await;
        // The last line is written when every session has said what it has to say.
        let is_read = timeout(UNREAD, over).await.is_ok();
        drop(telling);
        if is_read { ended } else { Ended::Gone }
    }

    async fn route(&mut self, mut lines: mpsc::Receiver<Line>, quit: Shutdown) -> Ended {
        let stop = self.stop.clone();
        loop {
            let line = tokio::select! {
                biased;
                () = stop.begun() => return Ended::Stopped,
                () = quit.begun() => return Ended::Stopped,
                line = lines.recv() => line,
            };
            match line {
                None => return Ended::EndOfInput,
                Some(Line::TooLong) => {
                    let message = format!("line exceeds {} bytes", self.options.max_line);
                    self.refuse(None, None, Problem::invalid(message)).await;
                }
                Some(Line::Text(text)) => {
                    if let Some(ended) = self.take(&text).await {
                        return ended;
                    }
                }
            }
        }
    }

    /// Takes in a line; says how the conversation ends if it ends with it.
    async fn take(&mut self, text: &[u8]) -> Option<Ended> {
        let request = match Request::parse(text, Style::ManyThreads) {
            Ok(request) => request,
            Err(malformed) => {
                self.refuse(malformed.id(), None, malformed.problem(Style::ManyThreads)).await;
                return None;
            }
        };
        let Request { id: command_id, thread, command } = request;
        let is_open = command_id.is_some();
        if is_open && self.open.load(Ordering::Relaxed) >= OPEN {
            let problem = Problem::invalid("too many outstanding commands");
            self.refuse(command_id, thread.as_deref(), problem).await;
            return None;
        }
        let thread_id = match thread.as_deref().map(|text| id("thread", text)).transpose() {
            Ok(thread_id) => thread_id,
            Err(refusal) => {
                self.refuse(command_id, thread.as_deref(), Problem::invalid(refusal.detail)).await;
                return None;
            }
        };
        match (command, thread_id) {
            (Ok(Command::Own(Own::Shutdown { grace_ms })), _) => {
                self.count(is_open);
                self.perform(command_id, thread_id, Own::Shutdown { grace_ms });
                return Some(Ended::Shutdown(grace_ms.map(Duration::from_millis)));
            }
            (Ok(Command::Own(own)), _) if !matches!(own, Own::Ack { .. }) => {
                self.count(is_open);
                self.perform(command_id, thread_id, own);
            }
            (Ok(Command::Own(Own::Ack { subscription, seq })), None) => {
                // A subscription knows its thread.
                let named = subscription.rsplit_once('-').and_then(|(thread, _)| thread.parse().ok());
                let ack = Ok(Command::Own(Own::Ack { subscription, seq }));
                match named.filter(|thread_id| self.sessions.contains_key(thread_id)) {
                    Some(thread_id) => self.order(thread_id, command_id, ack).await,
                    None => self.refuse_if_asked(command_id, Problem::no_subscription("")).await,
                }
            }
            (command, Some(thread_id)) => {
                self.count(is_open);
                self.order(thread_id, command_id, command).await;
            }
            (Err(problem), None) => self.refuse(command_id, None, problem).await,
            (Ok(_), None) => {
                self.refuse(command_id, None, Problem::invalid("The command requires a thread_id.")).await;
            }
        }
        None
    }

    fn count(&self, is_open: bool) {
        self.open.fetch_add(usize::from(is_open), Ordering::Relaxed);
    }

    /// Hands a command to the session of its thread, which is started if there is none.
    async fn order(&mut self, thread_id: Uuid, id: Option<CommandId>, command: Result<Command, Problem>) {
        let count = self.sessions.len();
        // Seldom enough that looking at all of them costs nothing.
        if count >= SESSIONS && count.is_power_of_two() {
            self.sessions.retain(|_, session| !session.is_idle());
        }
        let Self { runtime, told, stop, .. } = self;
        let start = || Session::start(runtime.clone(), thread_id, told.clone(), stop.clone());
        let session = self.sessions.entry(thread_id).or_insert_with(start);
        let Err(refused) = session.order(id, command) else { return };
        let (TrySendError::Full((id, _)) | TrySendError::Closed((id, _))) = refused;
        self.open.fetch_sub(usize::from(id.is_some()), Ordering::Relaxed);
        let problem = Problem::invalid("too many outstanding commands");
        self.refuse(id, Some(&thread_id.to_string()), problem).await;
    }

    /// Does what is asked of the connection, beside everything else.
    fn perform(&self, id: Option<CommandId>, thread_id: Option<Uuid>, own: Own) {
        let (runtime, api) = (self.runtime.clone(), Rc::clone(&self.api));
        let (told, options) = (self.told.clone(), self.options.clone());
        actix_web::rt::spawn(async move {
            let done = own::perform(own, thread_id, &runtime, &api, &options).await;
            let Some(id) = id else { return };
            let answer = match done {
                Ok(result) => Answer::Success { id, result, through: None },
                Err(problem) => {
                    Answer::Error { id: Some(id), problem, subscription: None, ends: Ends::Nothing }
                }
            };
            let thread = thread_id.map(|thread_id| thread_id.to_string().into());
            // Nobody is there to hear it when it fails.
            let _ = told.send(Outgoing { thread, answer }).await;
        });
    }

    async fn refuse_if_asked(&self, id: Option<CommandId>, problem: Problem) {
        if id.is_some() {
            self.refuse(id, None, problem).await;
        }
    }

    async fn refuse(&self, id: Option<CommandId>, thread: Option<&str>, problem: Problem) {
        let answer = Answer::Error { id, problem, subscription: None, ends: Ends::Nothing };
        // Nobody is there to hear it when it fails.
        let _ = self.refused.send(Outgoing { thread: thread.map(Into::into), answer }).await;
    }

    /// What was taken in is answered, and runs end as they should. Sessions that still tell of them go on for as long
    /// as they are kept.
    async fn end(self, ended: Ended) -> HashMap<Uuid, Session> {
        let answered = async {
            let mut looks = interval(LOOK);
            while self.open.load(Ordering::Relaxed) > 0 {
                looks.tick().await;
            }
        };
        let _ = timeout(LAST_ANSWERS, answered).await;
        match self.options.on_end {
            OnEnd::Leave => return HashMap::new(),
            OnEnd::Drain(limit) if ended != Ended::Gone => {
                let over = async {
                    let mut looks = interval(LOOK);
                    while self.runtime.open_runs() > 0 {
                        looks.tick().await;
                    }
                };
                let limit = match ended {
                    Ended::Shutdown(Some(grace)) => grace,
                    _ => limit,
                };
                let _ = timeout(limit, over).await;
            }
            OnEnd::Drain(_) | OnEnd::Detach => {}
            OnEnd::Cancel => {
                let reason = "the client of the server is gone".to_owned();
                let request = CancelRuns { which: WhichRuns::All, action: CancelAction::Interrupt, reason };
                if let Err(error) = self.runtime.cancel_runs(request).await {
                    tracing::warn!(code = error.code(), "runs were not cancelled at the end");
                }
            }
        }
        self.stop.begin();
        self.sessions
    }
}
