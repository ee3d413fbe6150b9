//! What a program may ask about runs.

use uuid::Uuid;

use super::{Handle, is_among};
use crate::access::{Action, Resource, Rows};
use crate::error::Error;
use crate::messages::{Cancel, ForgetRun, Join, Look, Origin, SubmitRun};
use crate::runs::{Begin, CancelRun, CancelRuns, IfNotExists, ListRuns, Listen, OnCompletion, Run, StartRun};
use crate::storage::Read;
use crate::stream::Subscription;

impl Handle {
    /// Starts a run, and listens to it from its first fact.
    ///
    /// The run is stored when the answer comes, and may be over already. Its status in the answer is
    /// `pending`. Fails with [`Error::ThreadNotFound`], [`Error::AssistantNotFound`],
    /// [`Error::InvalidAssistant`], [`Error::ThreadBusy`], [`Error::QueueFull`], [`Error::TooManyRuns`],
    /// [`Error::Invalid`] and [`Error::Contradiction`].
    pub async fn start_run(&self, request: StartRun) -> Result<(Run, Subscription), Error> {
        self.start_run_as(self.0.environment.ids.ordered(), request).await
    }

    /// The same, for a run that has its id.
    pub(crate) async fn start_run_as(
        &self,
        run_id: Uuid,
        mut request: StartRun,
    ) -> Result<(Run, Subscription), Error> {
        let rows = self.rows(Resource::Threads, Action::CreateRun)?;
        self.check_run(&request)?;
        self.speak_for(&mut request);
        rows.stamp(&mut request.metadata);
        if let (Some(outbox), Some(_)) = (&self.0.environment.outbox, &request.webhook) {
            outbox.has_room()?;
        }
        let resumes = request.command.as_ref().is_some_and(|command| !command["resume"].is_null());
        if request.thread_id.is_none() && resumes {
            return Err(Error::Contradiction {
                message: "You must provide a thread_id when resuming.".to_owned(),
            });
        }
        let assistant = self.assistant(&request.assistant)?;
        let origin = match (request.thread_id, request.on_completion) {
            (Some(_), _) => Origin::Stored,
            (None, OnCompletion::Delete) if request.attended => Origin::Temporary,
            (None, _) => Origin::New,
        };
        let thread_id = request.thread_id.unwrap_or_else(|| {
            request.if_not_exists = IfNotExists::Create;
            self.0.environment.ids.random()
        });
        let request = Box::new(request);
        self.order(thread_id, rows, |reply| SubmitRun { run_id, assistant, origin, request, reply }).await
    }

    /// The run, as it is stored. Fails with [`Error::RunNotFound`].
    pub async fn run(&self, thread_id: Uuid, run_id: Uuid) -> Result<Run, Error> {
        let rows = self.rows(Resource::Threads, Action::Read)?;
        let of_id = |run: &Run| run.run_id == run_id;
        if let Some(run) = self.temporary_run(&rows, thread_id).filter(of_id) {
            return Ok(run);
        }
        let find = move |storage: &mut dyn Read| {
            if is_among(storage, &rows, thread_id)? { storage.run(thread_id, run_id) } else { Ok(None) }
        };
        let found = self.read(find).await?;
        found.map(|run| self.0.environment.at_work.share(run)).ok_or(Error::RunNotFound { run_id })
    }

    /// The run, as it stands once everything is stored that its thread has decided by now. Fails as
    /// [`run`](Self::run) does.
    pub async fn settled_run(&self, thread_id: Uuid, run_id: Uuid) -> Result<Run, Error> {
        let permit = self.permit().await?;
        // Bounded by the permits.
        let (look, stored) = Look::new(move |_| {
            drop(permit);
            Ok(())
        });
        self.0.storage.do_send(look);
        stored.await?;
        self.run(thread_id, run_id).await
    }

    /// The run of this id, on whichever thread it is. Fails with [`Error::RunNotFound`].
    pub async fn find_run(&self, run_id: Uuid) -> Result<Run, Error> {
        let temporary = self.0.environment.temporaries.run(run_id).map(|run| run.thread_id);
        let thread_id = match temporary {
            Some(thread_id) => Some(thread_id),
            None => self.read(move |storage| storage.thread_of(run_id)).await?,
        };
        self.run(thread_id.ok_or(Error::RunNotFound { run_id })?, run_id).await
    }

    /// The runs of a thread, newest first. Fails with [`Error::ThreadNotFound`].
    pub async fn runs(&self, request: ListRuns) -> Result<Vec<Run>, Error> {
        let rows = self.rows(Resource::Threads, Action::Search)?;
        let ListRuns { thread_id, status, limit, offset } = request;
        if let Some(run) = self.temporary_run(&rows, thread_id) {
            let fits = status.is_none_or(|status| status.as_str() == run.status.as_str());
            return Ok(Some(run).filter(|_| fits).into_iter().skip(offset).take(limit).collect());
        }
        let find = move |storage: &mut dyn Read| {
            if is_among(storage, &rows, thread_id)? { storage.runs(request) } else { Ok(None) }
        };
        let found = self.read(find).await?;
        found.ok_or(Error::ThreadNotFound { thread_id })
    }

    /// Listens to a thread, or to one of its runs.
    ///
    /// The stream of a run that is over holds what the tape still has of it, if asked to begin there, and
    /// ends. Fails with [`Error::ThreadNotFound`] and [`Error::RunNotFound`].
    pub async fn listen(&self, request: Listen) -> Result<Subscription, Error> {
        let rows = self.rows(Resource::Threads, Action::Read)?;
        if let Some(run_id) = request.run_id {
            self.run(request.thread_id, run_id).await?;
        }
        let of = rows.clone();
        self.order(request.thread_id, of, |reply| Join { request, waits: false, rows, reply }).await
    }

    /// Listens to all runs of a thread, which need not exist yet: then to those that it will have.
    pub async fn listen_for(&self, thread_id: Uuid, begin: Begin) -> Result<Subscription, Error> {
        let rows = self.rows(Resource::Threads, Action::Read)?;
        let request = Listen { thread_id, run_id: None, begin, tokens: true };
        self.order(thread_id, rows.clone(), |reply| Join { request, waits: true, rows, reply }).await
    }

    /// Stops a run, wherever it is. One that waits never starts; the tasks of one that is under way are cancelled
    /// at their next await, and a task that blocks is waited for.
    ///
    /// With [`CancelRun::wait`] nothing of the run happens any more when the answer comes, and the records of run
    /// and thread are final. Its listeners read no error: their streams end. Fails with
    /// [`Error::NothingToCancel`] when the run is over already, or unknown.
    pub async fn cancel(&self, request: CancelRun) -> Result<(), Error> {
        let rows = self.rows(Resource::Threads, Action::Update)?;
        self.order(request.thread_id, rows, |reply| Cancel { request, reply }).await
    }

    /// Stops several runs, each as [`cancel`](Self::cancel) does, and does not wait for them. Those that are over by
    /// themselves meanwhile are left out. Answers how many were stopped.
    pub async fn cancel_runs(&self, request: CancelRuns) -> Result<usize, Error> {
        let handle = self.clone();
        self.to_the_end(async move { handle.stop_runs(request).await }).await
    }

    async fn stop_runs(&self, request: CancelRuns) -> Result<usize, Error> {
        let CancelRuns { which, action, reason } = request;
        let rows = self.rows(Resource::Threads, Action::Update)?;
        let mut temporary = self.0.environment.temporaries.runs(|run| which.wants(run));
        temporary.retain(|run| self.temporary_run(&rows, run.thread_id).is_some());
        let find = move |storage: &mut dyn Read| {
            let mut among = Vec::new();
            for (thread_id, run_id) in which.find(storage)? {
                if is_among(storage, &rows, thread_id)? {
                    among.push((thread_id, run_id));
                }
            }
            Ok(among)
        };
        let mut runs = self.read(find).await?;
        runs.extend(temporary.into_iter().map(|run| (run.thread_id, run.run_id)));
        let mut stopped = 0;
        for (thread_id, run_id) in runs {
            let request = CancelRun { thread_id, run_id, action, reason: reason.clone(), wait: false };
            match self.cancel(request).await {
                Ok(()) => stopped += 1,
                Err(Error::NothingToCancel { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stopped)
    }

    /// Deletes a run and the checkpoints that it made; one that is under way or waits is cancelled first. The
    /// thread's record stays as it is.
    ///
    /// The run is gone when the answer comes. Fails with [`Error::RunNotFound`].
    pub async fn delete_run(&self, thread_id: Uuid, run_id: Uuid) -> Result<(), Error> {
        let rows = self.rows(Resource::Threads, Action::Delete)?;
        self.run(thread_id, run_id).await?;
        self.order(thread_id, rows, |reply| ForgetRun { run_id, reply }).await
    }

    /// The run of a thread that is not stored, if it is one of these.
    fn temporary_run(&self, rows: &Rows, thread_id: Uuid) -> Option<Run> {
        let temporaries = &self.0.environment.temporaries;
        let run = temporaries.run_of(thread_id)?;
        let among = || temporaries.thread(thread_id).is_some_and(|thread| rows.have(&thread.metadata));
        (rows.are_all() || among()).then_some(run)
    }
}
