//! The body that asks for a run.

use eddyline_engine::config::Durability;
use eddyline_runtime::{IfNotExists, OnCompletion, StartRun};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Refusal;
use super::body::{named, strip};
use super::checkpoint::{CheckpointConfig, checkpoint_id};
use super::run_fields::{Config, Modes, Multitask, Pauses, delay};

/// The body of `POST /runs/stream` and of its siblings.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RunBody {
    assistant_id: String,
    input: Option<Value>,
    command: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    config: Option<Config>,
    context: Option<Map<String, Value>>,
    checkpoint: Option<Map<String, Value>>,
    #[schemars(extend("format" = "uuid"))]
    checkpoint_id: Option<String>,
    stream_mode: Option<Modes>,
    stream_subgraphs: Option<bool>,
    stream_resumable: Option<bool>,
    feedback_keys: Option<Vec<String>>,
    interrupt_before: Option<Pauses>,
    interrupt_after: Option<Pauses>,
    webhook: Option<String>,
    multitask_strategy: Option<Multitask>,
    on_disconnect: Option<OnDisconnect>,
    on_completion: Option<Completion>,
    if_not_exists: Option<Missing>,
    after_seconds: Option<f64>,
    durability: Option<Durability>,
    checkpoint_during: Option<bool>,
    strict_resume: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum OnDisconnect {
    Cancel,
    Continue,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Completion {
    Delete,
    Keep,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Missing {
    Create,
    Reject,
}

impl RunBody {
    /// Whether a reader that goes away takes the run with it.
    pub(crate) fn cancels_on_disconnect(&self) -> bool {
        matches!(self.on_disconnect, Some(OnDisconnect::Cancel))
    }

    /// The request that the body makes of the runtime; without a thread, the run makes one for itself.
    pub(crate) fn into_request(self, thread_id: Option<Uuid>) -> Result<StartRun, Refusal> {
        let durability = self.durability();
        let checkpoint_id = self.checkpoint_id.as_deref().map(checkpoint_id).transpose()?;
        let mut request = StartRun {
            thread_id,
            input: self.input.map(Into::into),
            // One that says nothing is none.
            command: self.command.filter(|said| said.values().any(|part| !part.is_null())).map(Value::Object),
            config: self.config.unwrap_or_default().0,
            context: self.context.unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
            subgraphs: self.stream_subgraphs.unwrap_or_default(),
            resumable: self.stream_resumable.unwrap_or_default(),
            interrupt_before: self.interrupt_before.map(|pauses| pauses.0),
            interrupt_after: self.interrupt_after.map(|pauses| pauses.0),
            checkpoint_id,
            checkpoint: self.checkpoint.unwrap_or_default(),
            durability,
            strict_resume: self.strict_resume.unwrap_or_default(),
            webhook: self.webhook,
            feedback_keys: self.feedback_keys,
            ..StartRun::new(self.assistant_id)
        };
        if let Some(Modes(modes)) = self.stream_mode
            && !modes.is_empty()
        {
            request.stream_modes = modes;
        }
        if let Some(Multitask(strategy)) = self.multitask_strategy {
            request.multitask_strategy = strategy;
        }
        if let Some(seconds) = self.after_seconds {
            request.delay = delay(seconds)?;
        }
        if let Some(Completion::Keep) = self.on_completion {
            request.on_completion = OnCompletion::Keep;
        }
        if let Some(Missing::Create) = self.if_not_exists {
            request.if_not_exists = IfNotExists::Create;
        }
        strip(&mut request.config, &mut request.context, &mut request.metadata)?;
        // The thread is the one of the path, whatever the checkpoint says.
        request.checkpoint.shift_remove("thread_id");
        request.checkpoint.retain(|_, value| !value.is_null());
        named::<CheckpointConfig>(Value::Object(request.checkpoint.clone()))
            .map_err(|wrong| Refusal::unprocessable(format!("`checkpoint`: {wrong}")))?
            .address()?;
        Ok(request)
    }

    fn durability(&self) -> Durability {
        match (self.durability, self.checkpoint_during) {
            (Some(durability), _) => durability,
            (None, Some(false)) => Durability::Exit,
            (None, _) => Durability::Async,
        }
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::config::Breakpoints;
    use eddyline_runtime::{MultitaskStrategy, StreamMode};
    use serde_json::json;

    use super::*;
    use crate::wire::parse;

    fn read(body: &Value) -> Result<StartRun, Refusal> {
        parse::<RunBody>(body.to_string().as_bytes())?.into_request(None)
    }

    fn check(body: &Value, expected: &str) {
        assert_eq!(read(body).unwrap_err(), Refusal::unprocessable(expected));
    }

    #[test]
    fn a_body_with_nothing_but_an_assistant() {
        let request = read(&json!({"assistant_id": "agent", "unknown": 1})).unwrap();
        assert_eq!((request.assistant.as_str(), request.input.is_none()), ("agent", true));
        assert_eq!(request.stream_modes, [StreamMode::Values]);
        assert_eq!(request.durability, Durability::Async);
        assert_eq!(request.multitask_strategy, MultitaskStrategy::Enqueue);
    }

    #[test]
    fn null_is_absent_everywhere() {
        let body = json!({
            "assistant_id": "agent", "input": null, "command": null, "metadata": null, "config": null,
            "context": null, "checkpoint": null, "checkpoint_id": null, "stream_mode": null,
            "stream_subgraphs": null, "stream_resumable": null, "feedback_keys": null,
            "interrupt_before": null, "interrupt_after": null, "webhook": null, "multitask_strategy": null,
            "on_disconnect": null, "on_completion": null, "if_not_exists": null, "after_seconds": null,
            "durability": null, "checkpoint_during": null, "strict_resume": null,
        });
        let request = read(&body).unwrap();
        assert!(request.input.is_none() && request.command.is_none() && request.checkpoint.is_empty());
        let inner = json!({"assistant_id": "a", "config": {"tags": null, "configurable": null}});
        assert!(read(&inner).unwrap().config.is_empty());
    }

    #[test]
    fn a_body_that_says_everything() {
        let request = read(&json!({
            "assistant_id": "agent", "input": {"n": 20}, "command": {}, "metadata": {"a": 1, "thread_id": "x"},
            "config": {"tags": ["t"], "recursion_limit": 9, "configurable": {"k": 1, "langgraph_auth_user": 2}},
            "checkpoint": {"checkpoint_ns": "", "thread_id": "x", "checkpoint_map": null},
            "stream_mode": ["updates", "messages-tuple"], "stream_subgraphs": true, "interrupt_before": "*",
            "interrupt_after": ["a"], "multitask_strategy": "reject", "on_completion": "keep",
            "if_not_exists": "create", "checkpoint_during": false, "on_disconnect": "cancel",
        }));
        let request = request.unwrap();
        assert!(request.command.is_none(), "an empty command says nothing");
        let nulls = json!({"assistant_id": "a", "command": {"update": null, "resume": null, "goto": null}});
        assert!(read(&nulls).unwrap().command.is_none());
        assert_eq!(Value::from(request.metadata), json!({"a": 1}));
        assert_eq!(request.config["configurable"], json!({"k": 1}));
        assert_eq!(Value::from(request.checkpoint), json!({"checkpoint_ns": ""}));
        assert_eq!(request.stream_modes, [StreamMode::Updates, StreamMode::MessagesTuple]);
        assert_eq!(request.interrupt_before, Some(Breakpoints::All));
        assert_eq!(request.interrupt_after, Some(Breakpoints::from(["a"])));
        assert_eq!(request.durability, Durability::Exit);
        assert_eq!(request.if_not_exists, IfNotExists::Create);
    }

    #[test]
    fn an_empty_list_of_modes_is_the_default() {
        let request = read(&json!({"assistant_id": "a", "stream_mode": []})).unwrap();
        assert_eq!(request.stream_modes, [StreamMode::Values]);
        let request = read(&json!({"assistant_id": "a", "stream_mode": "tools"})).unwrap();
        assert_eq!(request.stream_modes, [StreamMode::Tools]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(&json!({"input": {}}), "missing field `assistant_id`");
        check(
            &json!({"assistant_id": "a", "stream_mode": "zzz"}),
            "`stream_mode`: unknown stream mode `zzz`; there are values, messages, messages-tuple, updates, \
             events, debug, tasks, checkpoints, custom, tools, lifecycle",
        );
        check(
            &json!({"assistant_id": "a", "stream_mode": 1}),
            "`stream_mode`: must be a string or a list of strings",
        );
        check(
            &json!({"assistant_id": "a", "interrupt_before": "node"}),
            "`interrupt_before`: must be \"*\" or a list of nodes",
        );
        check(
            &json!({"assistant_id": "a", "config": {"recursion_limit": "many"}}),
            "`config.recursion_limit`: invalid type: string \"many\", expected a whole number that is not negative",
        );
        check(&json!({"assistant_id": "a", "checkpoint": {"checkpoint_id": "x"}}), "Invalid checkpoint ID");
        check(
            &json!({"assistant_id": "a", "checkpoint": {"checkpoint_map": {"": "x"}}}),
            "Invalid checkpoint ID",
        );
        check(&json!({"assistant_id": "a", "checkpoint_id": "x"}), "Invalid checkpoint ID");
        check(
            &json!({"assistant_id": "a", "context": {"a\u{0}": 1}}),
            r#"`context`: the key "a\0" contains a NUL"#,
        );
    }

    #[test]
    fn a_run_meets_others_as_its_strategy_says_and_starts_when_it_may() {
        let body = json!({"assistant_id": "a", "multitask_strategy": "rollback", "after_seconds": 1.5});
        let request = read(&body).unwrap();
        assert_eq!(request.multitask_strategy, MultitaskStrategy::Rollback);
        assert_eq!(request.delay.as_millis(), 1500);
        assert!(read(&json!({"assistant_id": "a", "after_seconds": -3})).unwrap().delay.is_zero());
        check(&json!({"assistant_id": "a", "after_seconds": 1e300}), "`after_seconds`: is too large");
        check(
            &json!({"assistant_id": "a", "multitask_strategy": "maybe"}),
            "`multitask_strategy`: unknown strategy `maybe`; there are enqueue, reject, interrupt, rollback",
        );
    }
}
