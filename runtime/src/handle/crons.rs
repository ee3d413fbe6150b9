//! What a program may ask about crons.

use actix::{Handler, Message};
use uuid::Uuid;

use super::Handle;
use crate::access::{Action, Resource, Rows};
use crate::actors::CronsActor;
use crate::crons::{CreateCron, Cron, CronFilter, CronPage, CronTerms, SearchCrons};
use crate::error::Error;
use crate::messages::{ForgetCron, MakeCron, Reply, ReviseCron, SettleTicks, Settled, TakeTicks, Ticks};

impl Handle {
    /// Makes a cron.
    ///
    /// It is stored when the answer comes. Fails with [`Error::AssistantNotFound`], [`Error::InvalidAssistant`],
    /// [`Error::ThreadNotFound`], [`Error::Invalid`] and [`Error::Contradiction`].
    pub async fn create_cron(&self, mut request: CreateCron) -> Result<Cron, Error> {
        let rows = self.rows(Resource::Crons, Action::Create)?;
        let threads = self.rows(Resource::Threads, Action::CreateRun)?;
        self.check_run(&request.terms.run)?;
        let assistant_id = self.assistant(&request.terms.run.assistant)?.assistant_id;
        // Its runs have its metadata, and so have the threads that they make for themselves.
        threads.stamp(&mut request.terms.metadata);
        rows.stamp(&mut request.terms.metadata);
        if let Some(thread_id) = request.thread_id {
            self.thread_among(threads, thread_id).await?;
        }
        self.speak_for(&mut request.terms.run);
        // That was one request, and its runs are others.
        request.terms.run.caller.remove("langgraph_request_id");
        let cron_id = self.0.environment.ids.ordered();
        self.order_crons(|reply| MakeCron { cron_id, assistant_id, request, reply }).await
    }

    /// The cron, as it is stored. Fails with [`Error::CronNotFound`].
    pub async fn cron(&self, cron_id: Uuid) -> Result<Cron, Error> {
        let rows = self.rows(Resource::Crons, Action::Read)?;
        let found = self.read(move |storage| storage.cron(cron_id)).await?;
        found.filter(|cron| rows.have(&cron.terms.metadata)).ok_or(Error::CronNotFound { cron_id })
    }

    /// A page of the crons that a filter means.
    pub async fn search_crons(&self, request: SearchCrons) -> Result<CronPage, Error> {
        let rows = self.rows(Resource::Crons, Action::Search)?;
        let SearchCrons { filter, .. } = request;
        let Some(filter) = among(&rows, filter) else { return Ok(CronPage::default()) };
        let request = SearchCrons { filter, ..request };
        self.read(move |storage| storage.search_crons(&request)).await
    }

    /// How many crons a filter means.
    pub async fn count_crons(&self, filter: CronFilter) -> Result<usize, Error> {
        let rows = self.rows(Resource::Crons, Action::Search)?;
        let Some(filter) = among(&rows, filter) else { return Ok(0) };
        self.read(move |storage| storage.count_crons(&filter)).await
    }

    /// Changes what is said of a cron; no other change comes between what `revision` reads and what it writes.
    ///
    /// Its runs are those of whoever made it, whoever changes it. A cron whose schedule or time zone changes, or that is enabled anew, begins now. The assistant stays. The
    /// change is stored when the answer comes. Fails with [`Error::CronNotFound`], [`Error::Invalid`],
    /// [`Error::Contradiction`], and with what `revision` says.
    pub async fn update_cron(
        &self,
        cron_id: Uuid,
        revision: impl FnOnce(&mut CronTerms) -> Result<(), Error> + Send + 'static,
    ) -> Result<Cron, Error> {
        let rows = self.rows(Resource::Crons, Action::Update)?;
        let threads = self.rows(Resource::Threads, Action::CreateRun)?;
        let (handle, stamp) = (self.clone(), rows.clone());
        let revision = Box::new(move |terms: &mut CronTerms| {
            let caller = std::mem::take(&mut terms.run.caller);
            revision(terms)?;
            terms.run.caller = caller;
            threads.stamp(&mut terms.metadata);
            stamp.stamp(&mut terms.metadata);
            handle.check_run(&terms.run)
        });
        self.order_crons(|reply| ReviseCron { cron_id, rows, revision, reply }).await
    }

    /// Deletes a cron; runs that it started go on. Fails with [`Error::CronNotFound`].
    pub async fn delete_cron(&self, cron_id: Uuid) -> Result<(), Error> {
        let rows = self.rows(Resource::Crons, Action::Delete)?;
        self.order_crons(|reply| ForgetCron { cron_id, rows, reply }).await
    }

    /// Takes the ticks that are due.
    pub(crate) async fn take_ticks(&self) -> Result<Ticks, Error> {
        self.order_crons(|reply| TakeTicks { reply }).await
    }

    /// Says of ticks that their runs are stored or refused.
    pub(crate) async fn settle_ticks(&self, settled: Vec<Settled>) -> Result<(), Error> {
        self.order_crons(|reply| SettleTicks { settled, reply }).await
    }

    /// Has the crons' actor do something.
    async fn order_crons<M, T>(&self, order: impl FnOnce(Reply<T>) -> M) -> Result<T, Error>
    where
        M: Message<Result = ()> + Send + 'static,
        CronsActor: Handler<M>,
    {
        let (reply, answer) = self.expect_reply().await?;
        // Bounded by the permits that replies carry.
        self.0.crons.do_send(order(reply));
        answer.await.unwrap_or(Err(Error::Lost))
    }
}

/// The filter of those that it means and that are among these; `None` when there can be none.
fn among(rows: &Rows, filter: CronFilter) -> Option<CronFilter> {
    rows.narrow(filter.metadata).map(|metadata| CronFilter { metadata, ..filter })
}
