//! What a program may ask about graphs and assistants.

use std::sync::Arc;

use actix::{Handler, Message};
use eddyline_engine::Graph;
use uuid::Uuid;

use super::Handle;
use crate::access::{Action, Resource};
use crate::actors::AssistantsActor;
use crate::assistants::{
    Assistant, AssistantVersion, CreateAssistant, DeleteAssistant, ListVersions, UpdateAssistant,
};
use crate::configuration;
use crate::containment::check_filter;
use crate::error::Error;
use crate::messages::{ForgetAssistant, MakeAssistant, Reply, RestoreVersion, ReviseAssistant, ServeGraph};
use crate::runs::{CancelAction, CancelRuns, WhichRuns};

impl Handle {
    /// The ids of the graphs that this runtime has, in their order.
    pub fn graph_ids(&self) -> impl Iterator<Item = String> {
        self.0.environment.registry.graphs().into_keys()
    }

    /// Serves a graph under an id from now on: a new one, or in place of another. Its default assistant is there when
    /// the answer comes.
    ///
    /// Runs that were asked for before end on the graph that there was then; all that come later take this one, as do
    /// those that a restart begins again. A thread that waits at a node which this graph does not have says so when it is to go on
    /// ([`RunError::NodeGone`](eddyline_engine::RunError::NodeGone)). Fails with [`Error::Forbidden`] for a handle
    /// that is limited, and as storage does.
    pub async fn set_graph(&self, graph_id: impl Into<String>, graph: impl Into<Graph>) -> Result<(), Error> {
        let (graph_id, graph) = (graph_id.into(), graph.into());
        self.check_owns_graphs()?;
        self.order_assistants(|reply| ServeGraph { graph_id, graph, reply }).await
    }

    /// Serves a graph no more; false if there was none of this id. What is stored of its assistants and threads stays,
    /// and is there again when the graph is.
    ///
    /// Runs that were asked for before end as they would. Fails with [`Error::Forbidden`] for a handle that is limited.
    pub fn remove_graph(&self, graph_id: &str) -> Result<bool, Error> {
        self.check_owns_graphs()?;
        Ok(self.0.environment.registry.remove_graph(graph_id))
    }

    fn check_owns_graphs(&self) -> Result<(), Error> {
        if self.rows(Resource::Assistants, Action::Create)?.are_all() {
            return Ok(());
        }
        Err(Error::forbidden("The graphs belong to the server"))
    }

    /// Fails with [`Error::GraphNotFound`] when no graph goes by this id.
    pub fn check_graph(&self, graph_id: &str) -> Result<(), Error> {
        self.0.environment.registry.graph(graph_id).map(|_| ())
    }

    /// The graph behind the assistant that `name` means. Fails as [`assistant`](Self::assistant) does.
    pub fn graph(&self, name: &str) -> Result<Graph, Error> {
        let registry = &self.0.environment.registry;
        registry.graph(&self.assistant(name)?.graph_id)
    }

    /// The assistant that `name` means: the id of an assistant, or of a graph and so its default.
    ///
    /// Fails with [`Error::InvalidAssistant`] and [`Error::AssistantNotFound`]; an assistant whose graph this
    /// runtime does not have is not there.
    pub fn assistant(&self, name: &str) -> Result<Arc<Assistant>, Error> {
        let rows = self.rows(Resource::Assistants, Action::Read)?;
        self.0.environment.registry.find(name, &rows)
    }

    /// The assistants whose graphs this runtime has, ordered by graph, age and id.
    /// Fails with [`Error::Forbidden`].
    pub fn assistants(&self) -> Result<Vec<Arc<Assistant>>, Error> {
        let rows = self.rows(Resource::Assistants, Action::Search)?;
        let registry = &self.0.environment.registry;
        let mut all = registry.assistants();
        all.retain(|one| rows.have(&one.metadata) || registry.is_default(one.assistant_id));
        Ok(all)
    }

    /// Makes an assistant.
    ///
    /// It is stored when the answer comes. Fails with [`Error::GraphNotFound`], [`Error::AssistantExists`],
    /// [`Error::Invalid`] and [`Error::Contradiction`].
    pub async fn create_assistant(&self, mut request: CreateAssistant) -> Result<Arc<Assistant>, Error> {
        let environment = &self.0.environment;
        let rows = self.rows(Resource::Assistants, Action::Create)?;
        configuration::check_config(&request.config, &request.context)?;
        environment.registry.graph(&request.graph_id)?;
        let assistant_id = request.assistant_id.unwrap_or_else(|| environment.ids.random());
        rows.stamp(&mut request.metadata);
        self.order_assistants(|reply| MakeAssistant { assistant_id, rows, request, reply }).await
    }

    /// Changes an assistant, which makes a new version of it: one more than the newest that there is.
    ///
    /// It is stored when the answer comes; runs that were started before do not notice. Fails with
    /// [`Error::AssistantNotFound`], [`Error::GraphNotFound`], [`Error::Invalid`] and
    /// [`Error::Contradiction`].
    pub async fn update_assistant(&self, mut request: UpdateAssistant) -> Result<Arc<Assistant>, Error> {
        let rows = self.rows(Resource::Assistants, Action::Update)?;
        rows.keep(&mut request.metadata);
        let registry = &self.0.environment.registry;
        let no_context = serde_json::Map::new();
        configuration::check_config(&request.config, request.context.as_ref().unwrap_or(&no_context))?;
        if let Some(graph_id) = &request.graph_id {
            registry.graph(graph_id)?;
        }
        self.order_assistants(|reply| ReviseAssistant { rows, request, reply }).await
    }

    /// Makes an assistant what it was at one of its versions, which is its version again. No new one is made.
    ///
    /// It is stored when the answer comes. Fails with [`Error::VersionNotFound`], [`Error::AssistantNotFound`]
    /// and, when this runtime does not have the graph of that version, [`Error::GraphNotFound`].
    pub async fn set_latest_version(
        &self,
        assistant_id: Uuid,
        version: u64,
    ) -> Result<Arc<Assistant>, Error> {
        let rows = self.rows(Resource::Assistants, Action::Update)?;
        if !rows.are_all() {
            self.0.environment.registry.changeable(assistant_id, &rows)?;
        }
        let found = self.read(move |storage| storage.assistant_version(assistant_id, version)).await?;
        let mut version = found.ok_or(Error::VersionNotFound { assistant_id, version })?;
        self.0.environment.registry.graph(&version.graph_id)?;
        rows.stamp(&mut version.metadata);
        self.order_assistants(|reply| RestoreVersion { rows, version, reply }).await
    }

    /// The versions of an assistant, newest first. Fails with [`Error::AssistantNotFound`], and with
    /// [`Error::Invalid`] when the filter has too much ([`FILTER_VALUES`](crate::FILTER_VALUES)).
    pub async fn assistant_versions(&self, request: ListVersions) -> Result<Vec<AssistantVersion>, Error> {
        let rows = self.rows(Resource::Assistants, Action::Read)?;
        check_filter(&request.metadata)?;
        self.0.environment.registry.readable(request.assistant_id, &rows)?;
        self.read(move |storage| storage.assistant_versions(&request)).await
    }

    /// Deletes an assistant with its versions, and cancels its runs that are under way or wait. If asked to, it
    /// deletes the threads first on which the assistant ran last, with everything on them.
    ///
    /// When the answer comes, the assistant is gone, and the records of its runs say that they are cancelled;
    /// their tasks may still be letting go. A run that is asked for at the same moment may escape. The default
    /// assistant of a graph comes back with the next start. Fails with [`Error::AssistantNotFound`].
    pub async fn delete_assistant(&self, request: DeleteAssistant) -> Result<(), Error> {
        let handle = self.clone();
        self.to_the_end(async move { handle.take_apart(request).await }).await
    }

    async fn take_apart(&self, request: DeleteAssistant) -> Result<(), Error> {
        let DeleteAssistant { assistant_id, threads } = request;
        let rows = self.rows(Resource::Assistants, Action::Delete)?;
        self.0.environment.registry.changeable(assistant_id, &rows)?;
        if threads {
            for thread_id in self.read(move |storage| storage.threads_of_assistant(assistant_id)).await? {
                match self.delete_thread(thread_id).await {
                    Ok(()) | Err(Error::ThreadNotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.order_assistants(|reply| ForgetAssistant { assistant_id, rows, reply }).await?;
        let reason = format!("assistant {assistant_id} was deleted");
        let which = WhichRuns::OfAssistant(assistant_id);
        // Whoever asked for them: they run no more.
        self.unlimited().cancel_runs(CancelRuns { which, action: CancelAction::Interrupt, reason }).await?;
        Ok(())
    }

    /// Has the assistants' actor do something.
    async fn order_assistants<M, T>(&self, order: impl FnOnce(Reply<T>) -> M) -> Result<T, Error>
    where
        M: Message<Result = ()> + Send + 'static,
        AssistantsActor: Handler<M>,
    {
        let (reply, answer) = self.expect_reply().await?;
        // Bounded by the permits that replies carry.
        self.0.assistants.do_send(order(reply));
        answer.await.unwrap_or(Err(Error::Lost))
    }
}
