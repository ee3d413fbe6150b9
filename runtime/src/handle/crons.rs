//! What a program may ask about crons.

use actix::{Handler, Message};
use uuid::Uuid;

use super::Handle;
use crate::actors::CronsActor;
use crate::crons::{CreateCron, Cron, CronFilter, CronPage, CronTerms, SearchCrons};
use crate::error::Error;
use crate::messages::{ForgetCron, MakeCron, Reply, ReviseCron, SettleTicks, Settled, TakeTicks, Ticks};

impl Handle {
    /// Makes a cron.
    ///
    /// It is stored when the answer comes. Fails with [`Error::AssistantNotFound`], [`Error::InvalidAssistant`],
    /// [`Error::ThreadNotFound`], [`Error::Invalid`] and [`Error::Contradiction`].
    pub async fn create_cron(&self, request: CreateCron) -> Result<Cron, Error> {
        self.check_run(&request.terms.run)?;
        let assistant_id = self.assistant(&request.terms.run.assistant)?.assistant_id;
        if let Some(thread_id) = request.thread_id {
            self.thread(thread_id).await?;
        }
        let cron_id = self.0.environment.ids.ordered();
        self.order_crons(|reply| MakeCron { cron_id, assistant_id, request, reply }).await
    }

    /// The cron, as it is stored. Fails with [`Error::CronNotFound`].
    pub async fn cron(&self, cron_id: Uuid) -> Result<Cron, Error> {
        self.read(move |storage| storage.cron(cron_id)).await?.ok_or(Error::CronNotFound { cron_id })
    }

    /// A page of the crons that a filter means.
    pub async fn search_crons(&self, request: SearchCrons) -> Result<CronPage, Error> {
        self.read(move |storage| storage.search_crons(&request)).await
    }

    /// How many crons a filter means.
    pub async fn count_crons(&self, filter: CronFilter) -> Result<usize, Error> {
        self.read(move |storage| storage.count_crons(&filter)).await
    }

    /// Changes what is said of a cron; no other change comes between what `revision` reads and what it writes.
    ///
    /// A cron whose schedule or time zone changes, or that is enabled anew, begins now. The assistant stays. The
    /// change is stored when the answer comes. Fails with [`Error::CronNotFound`], [`Error::Invalid`],
    /// [`Error::Contradiction`], and with what `revision` says.
    pub async fn update_cron(
        &self,
        cron_id: Uuid,
        revision: impl FnOnce(&mut CronTerms) -> Result<(), Error> + Send + 'static,
    ) -> Result<Cron, Error> {
        let handle = self.clone();
        let revision = Box::new(move |terms: &mut CronTerms| {
            revision(terms)?;
            handle.check_run(&terms.run)
        });
        self.order_crons(|reply| ReviseCron { cron_id, revision, reply }).await
    }

    /// Deletes a cron; runs that it started go on. Fails with [`Error::CronNotFound`].
    pub async fn delete_cron(&self, cron_id: Uuid) -> Result<(), Error> {
        self.order_crons(|reply| ForgetCron { cron_id, reply }).await
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
