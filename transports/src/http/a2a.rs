//! `/a2a/{assistant_id}`: an assistant as an agent among agents.

use actix_web::http::header;
use actix_web::web::{Data, Path as InPath, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::{
    CancelAction, CancelRun, Delivery, Error, Handle, ListRuns, Run, Subscription, Thread,
};
use futures_util::{Stream, StreamExt as _, stream};

use super::answer::{self, Answer};
use super::operation::{self, Path};
use super::request::{Served, query};
use super::told;
use super::waiting::BrokenOff;
use crate::wire::a2a::{Call, Dialect, Progress, Request, Sent, TaskId, Told, card, read, tasks};
use crate::wire::openapi::{Content, Parameter};
use crate::wire::rpc::{Json, RpcError, accepts, answer};
use crate::wire::{Frame, Reason, Refusal};

/// What is served here.
pub(super) fn routes() -> Vec<Path> {
    let post =
        operation::post(post, "A message to an agent (A2A)").takes_one("JsonRpc").answers(Content::Json);
    let get = operation::get(read_card, "The card of an agent (A2A)").answers(Content::Json);
    let card = || operation::get(read_card, "The card of an agent (A2A)").answers(Content::Json);
    let by_query = operation::get(find_card, "The card of an agent (A2A)")
        .query(&[Parameter::Required("assistant_id")])
        .answers(Content::Json);
    vec![
        Path::new("/a2a/{assistant_id}", [post, get]),
        Path::new("/a2a/{assistant_id}/.well-known/agent-card.json", [card()]),
        Path::new("/a2a/{assistant_id}/.well-known/agent.json", [card()]),
        Path::new("/.well-known/agent-card.json", [by_query]),
    ]
}

async fn read_card(served: Data<Served>, path: InPath<String>, asked: HttpRequest) -> Answer {
    Ok(answer::json(&card_of(&served.runtime_for(&asked), &path, &asked)?))
}

async fn find_card(served: Data<Served>, asked: HttpRequest) -> Answer {
    let name = query(&asked)?.text("assistant_id").map(str::to_owned);
    let name = name.ok_or_else(|| Refusal::new(Reason::BadRequest, "assistant_id is required"))?;
    Ok(answer::json(&card_of(&served.runtime_for(&asked), &name, &asked)?))
}

fn card_of(runtime: &Handle, name: &str, asked: &HttpRequest) -> Result<Json, Refusal> {
    let assistant = runtime.assistant(name).map_err(|_| Refusal::not_found("Assistant not found"))?;
    let at = asked.connection_info();
    Ok(card(&assistant, &format!("{}://{}/a2a/{}", at.scheme(), at.host(), assistant.assistant_id)))
}

async fn post(served: Data<Served>, path: InPath<String>, asked: HttpRequest, payload: Payload) -> Answer {
    let accept = asked.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if let Err(refusal) = accepts(accept) {
        return Ok(HttpResponse::BadRequest().json(refusal));
    }
    let Request { id, dialect, call } = match read(&served.bytes(payload).await?) {
        Ok(request) => request,
        Err(error) => return Ok(answer::json(&answer(&Json::Null, Err(error)))),
    };
    let runtime = served.runtime_in_name_of(&asked);
    let agent = Agent { runtime, dialect };
    let result = match call {
        Ok(Call::Send { sent, stream }) => match agent.start(&path, &sent).await {
            Ok((run, facts)) if stream => {
                let progress = Progress::new(id, dialect, run.clone());
                return Ok(told::events(frames(agent.runtime, run, facts, progress), &served));
            }
            Ok((run, facts)) => agent.come_to(run, facts, sent.immediately).await,
            Err(error) => Err(error),
        },
        Ok(Call::Task(task)) => agent.task(task).await,
        Ok(Call::Cancel(task)) => agent.cancel(task).await,
        Ok(Call::Tasks { thread_id, limit, offset }) => {
            agent.tasks(ListRuns { thread_id, status: None, limit, offset }).await
        }
        Ok(Call::Card) => {
            card_of(&agent.runtime, &path, &asked).map_err(|refusal| RpcError::params(refusal.detail))
        }
        Err(error) => Err(error),
    };
    Ok(answer::json(&answer(&id, result)))
}

/// The runtime as whoever asks sees it, and in whose words it answers.
struct Agent {
    runtime: Handle,
    dialect: Dialect,
}

impl Agent {
    async fn start(&self, name: &str, sent: &Sent) -> Result<(Run, Subscription), RpcError> {
        let refused = |error: Error| RpcError::refused(error.to_string());
        let unknown = |_| RpcError::params("Assistant not found");
        let assistant = self.runtime.assistant(name).map_err(unknown)?;
        let graph = self.runtime.graph(name).map_err(unknown)?;
        let waits = match sent.task {
            Some(task) => self.waits(task).await?,
            None => false,
        };
        let thread_id = sent.thread_id.unwrap_or_else(|| self.runtime.new_request_id());
        let request = sent.request(assistant.assistant_id, &graph, thread_id, waits)?;
        self.runtime.start_run(request).await.map_err(refused)
    }

    /// Whether a task waits for an answer.
    async fn waits(&self, task: TaskId) -> Result<bool, RpcError> {
        let thread = self.runtime.thread(task.thread_id).await.map_err(|_| RpcError::no_task())?;
        Ok(!thread.interrupts.is_empty())
    }

    /// What a run comes to, or that it was taken in.
    async fn come_to(&self, run: Run, mut facts: Subscription, immediately: bool) -> Result<Json, RpcError> {
        if immediately {
            return Ok(Told { dialect: self.dialect, run: &run, thread: None }.sent());
        }
        // It ends with the run.
        while facts.next().await.is_some() {}
        let (run, thread) = stands(&self.runtime, run).await;
        Ok(Told { dialect: self.dialect, run: &run, thread: thread.as_ref() }.sent())
    }

    async fn find(&self, task: TaskId) -> Result<Run, RpcError> {
        self.runtime.run(task.thread_id, task.run_id).await.map_err(|_| RpcError::no_task())
    }

    async fn task(&self, task: TaskId) -> Result<Json, RpcError> {
        let run = self.find(task).await?;
        let thread = self.runtime.thread(run.thread_id).await.ok();
        Ok(Told { dialect: self.dialect, run: &run, thread: thread.as_ref() }.task())
    }

    async fn cancel(&self, task: TaskId) -> Result<Json, RpcError> {
        let run = self.find(task).await?;
        if run.status.is_final() {
            return Err(RpcError::not_cancelable());
        }
        let request = CancelRun {
            thread_id: run.thread_id,
            run_id: run.run_id,
            action: CancelAction::Interrupt,
            reason: "canceled by A2A".to_owned(),
            wait: true,
        };
        self.runtime.cancel(request).await.map_err(|_| RpcError::not_cancelable())?;
        self.task(task).await
    }

    async fn tasks(&self, request: ListRuns) -> Result<Json, RpcError> {
        let (offset, limit) = (request.offset, request.limit);
        let thread = self.runtime.thread(request.thread_id).await.map_err(|_| RpcError::no_task())?;
        let runs = self.runtime.runs(request).await.map_err(|error| RpcError::refused(error.to_string()))?;
        Ok(tasks(self.dialect, &runs, &thread, offset, limit))
    }
}

/// A run that is over, and its thread as it left it.
async fn stands(runtime: &Handle, run: Run) -> (Run, Option<Thread>) {
    let settled = runtime.settled_run(run.thread_id, run.run_id).await.unwrap_or(run);
    let thread = runtime.thread(settled.thread_id).await.ok();
    (settled, thread)
}

/// The frames of a task that is told as it goes.
fn frames(
    runtime: Handle,
    run: Run,
    facts: Subscription,
    progress: Progress,
) -> impl Stream<Item = Result<Frame, BrokenOff>> {
    let begun = stream::iter(progress.begun().map(Ok));
    let told = stream::unfold(Some((progress, facts, run, runtime)), |told| async {
        let (mut progress, mut facts, run, runtime) = told?;
        match facts.next().await {
            Some(Delivery::Fact(entry)) => {
                let frames = progress.of(&entry.fact);
                Some((frames, Some((progress, facts, run, runtime))))
            }
            Some(_) => Some((Vec::new(), Some((progress, facts, run, runtime)))),
            None => {
                let (run, thread) = stands(&runtime, run).await;
                Some((progress.ended(&run, thread.as_ref()), None))
            }
        }
    });
    begun.chain(told.flat_map(|frames| stream::iter(frames.into_iter().map(Ok))))
}
