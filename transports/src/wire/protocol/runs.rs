//! Commands that start runs: with input, with answers, from a checkpoint.

use eddyline_runtime::{Questions, StartRun};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::command::text;
use super::problem::Problem;
use crate::wire::RunBody;

/// What a run of the protocol tells.
const MODES: [&str; 8] =
    ["values", "updates", "messages", "tools", "lifecycle", "custom", "tasks", "checkpoints"];

/// Answers to questions. For which assistant, the thread knows.
#[derive(Debug)]
pub(crate) struct Respond {
    request: StartRun,
}

impl Respond {
    /// The run that brings the answers.
    pub(crate) fn into_request(self, assistant: String) -> StartRun {
        StartRun { assistant, ..self.request }
    }
}

/// `run.start`.
pub(super) fn start(mut params: Map<String, Value>) -> Result<StartRun, Problem> {
    if text(&params, "assistant_id").is_none() {
        return Err(Problem::invalid("run.start requires an assistant_id."));
    }
    check_tracer(params.get("langsmith_tracer"))?;
    let checkpoint = checkpoint_of(&mut params)?;
    let mut request = run(&params, Map::new())?;
    if checkpoint.is_none() {
        request.questions = Questions::AnswerWithInput;
    }
    request.checkpoint_id = checkpoint;
    Ok(request)
}

/// `state.fork`.
pub(super) fn fork(params: Map<String, Value>) -> Result<(StartRun, String), Problem> {
    let Some(checkpoint) = text(&params, "checkpoint_id").map(str::to_owned) else {
        return Err(Problem::invalid("state.fork requires a checkpoint_id."));
    };
    let id = checkpoint.parse().map_err(|_| Problem::no_checkpoint(&checkpoint))?;
    let mut params = params;
    params.insert("assistant_id".into(), text(&params, "assistant_id").unwrap_or_default().into());
    let mut request = run(&params, Map::new())?;
    request.checkpoint_id = Some(id);
    Ok((request, checkpoint))
}

/// The body of the API that a command comes to.
fn run(params: &Map<String, Value>, more: Map<String, Value>) -> Result<StartRun, Problem> {
    let mut body = Map::new();
    for key in ["assistant_id", "input"] {
        body.insert(key.to_owned(), params.get(key).cloned().unwrap_or_default());
    }
    for key in ["config", "metadata"] {
        let object = params.get(key).filter(|value| value.is_object());
        body.insert(key.to_owned(), object.cloned().unwrap_or_default());
    }
    // The thread is the one that the command is about, whatever the configuration says.
    if let Some(Value::Object(configurable)) = body["config"].get_mut("configurable") {
        configurable.shift_remove("thread_id");
    }
    let strategies = ["multitaskStrategy", "multitask_strategy"].map(|key| params.get(key)?.as_str());
    let known = ["reject", "rollback", "interrupt", "enqueue"];
    let strategy = strategies.into_iter().flatten().find(|name| known.contains(name)).unwrap_or("enqueue");
    body.extend([
        ("multitask_strategy".to_owned(), strategy.into()),
        ("stream_mode".to_owned(), json!(MODES)),
        ("stream_subgraphs".to_owned(), true.into()),
        ("stream_resumable".to_owned(), true.into()),
        ("if_not_exists".to_owned(), "create".into()),
        ("on_completion".to_owned(), "keep".into()),
    ]);
    body.extend(more);
    let body = serde_path_to_error::deserialize::<_, RunBody>(Value::Object(body))
        .map_err(|error| Problem::invalid(error.to_string()))?;
    Ok(body.into_request(None)?)
}

/// Takes the checkpoint to begin at out of the configuration.
fn checkpoint_of(params: &mut Map<String, Value>) -> Result<Option<Uuid>, Problem> {
    let config = params.get_mut("config").and_then(|config| config.get_mut("configurable"));
    let Some(configurable) = config.and_then(Value::as_object_mut) else { return Ok(None) };
    match configurable.shift_remove("checkpoint_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => match id.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(Problem::invalid(format!("Invalid config.configurable.checkpoint_id: '{id}'."))),
        },
        Some(_) => Err(Problem::invalid("config.configurable.checkpoint_id must be a non-empty string.")),
    }
}

/// There is nobody to trace for; what is wrong is said all the same.
fn check_tracer(tracer: Option<&Value>) -> Result<(), Problem> {
    let map = match tracer {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(Problem::invalid("langsmith_tracer must be an object.")),
    };
    let known = ["project_name", "example_id"];
    let mut unknown: Vec<&str> = map.keys().map(String::as_str).filter(|key| !known.contains(key)).collect();
    unknown.sort_unstable();
    if !unknown.is_empty() {
        let list: Vec<String> = unknown.iter().map(|key| format!("'{key}'")).collect();
        let list = list.join(", ");
        return Err(Problem::invalid(format!("langsmith_tracer has unsupported fields: [{list}].")));
    }
    match map.iter().find(|(_, value)| !value.is_string() && !value.is_null()) {
        Some((key, _)) => Err(Problem::invalid(format!("langsmith_tracer.{key} must be a string."))),
        None => Ok(()),
    }
}

/// `input.respond`.
pub(super) fn respond(params: &Map<String, Value>) -> Result<Respond, Problem> {
    let answers = answers(params)?;
    let ids = answers.keys().cloned().collect();
    let mut command = Map::from_iter([("resume".to_owned(), Value::Object(answers))]);
    if let Some(update) = params.get("update").filter(|update| !update.is_null()) {
        command.insert("update".into(), update.clone());
    }
    if let Some(goto) = params.get("goto").filter(|goto| !goto.is_null()) {
        command.insert("goto".into(), goto_of(goto));
    }
    let more = Map::from_iter([
        ("assistant_id".to_owned(), "".into()),
        ("input".to_owned(), Value::Null),
        ("command".to_owned(), command.into()),
        ("strict_resume".to_owned(), params.get("strict_resume").cloned().unwrap_or_default()),
    ]);
    let mut request = run(params, more)?;
    request.questions = Questions::MustBeOpen(ids);
    Ok(Respond { request })
}

/// The answers by the ids of their questions: one, or a list of them.
fn answers(params: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let Some(Value::Array(responses)) = params.get("responses") else {
        let missing = || Problem::invalid("input.respond requires an interrupt_id.");
        return Ok(Map::from_iter([answer(params, missing)?]));
    };
    let one = |response: &Value| {
        let objects = || Problem::invalid("input.respond responses entries must be objects.");
        let missing = || Problem::invalid("input.respond responses entries require an interrupt_id.");
        answer(response.as_object().ok_or_else(objects)?, missing)
    };
    if responses.is_empty() {
        return Err(Problem::invalid("input.respond requires at least one response."));
    }
    responses.iter().map(one).collect()
}

fn answer(params: &Map<String, Value>, missing: impl Fn() -> Problem) -> Result<(String, Value), Problem> {
    let id = text(params, "interrupt_id").ok_or_else(missing)?;
    check_namespace(params)?;
    Ok((id.to_owned(), params.get("response").cloned().unwrap_or_default()))
}

/// A place to go to that is given no input is the node's name.
fn goto_of(goto: &Value) -> Value {
    match goto {
        Value::Array(places) => places.iter().map(goto_of).collect(),
        Value::Object(map) if map.get("input").or_else(|| map.get("args")).is_none() => {
            map.get("node").cloned().unwrap_or_else(|| goto.clone())
        }
        goto => goto.clone(),
    }
}

/// Ids of questions are unique, so that the namespace says nothing more; but it has a form.
fn check_namespace(params: &Map<String, Value>) -> Result<(), Problem> {
    let namespace = params.get("namespace").filter(|namespace| !namespace.is_null());
    match namespace.map(Vec::<String>::deserialize) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(Problem::invalid("input.respond requires namespace to be a list of strings.")),
    }
}

#[cfg(test)]
mod tests {
    use eddyline_runtime::{MultitaskStrategy, StreamMode};

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[track_caller]
    fn refused(params: &Value, read: impl Fn(Map<String, Value>) -> Option<Problem>, expected: &str) {
        assert_eq!(read(object(params.clone())), Some(Problem::invalid(expected)));
    }

    #[test]
    fn a_run_is_started_with_all_that_the_protocol_tells() {
        let id = "1f0a0b0c-0000-6000-8000-000000000000";
        let request = start(object(json!({
            "assistant_id": "a", "input": {"x": 1}, "multitaskStrategy": "reject", "extra": 1,
            "config": {"configurable": {"thread_id": "other", "checkpoint_id": id, "k": 1}},
        })));
        let request = request.unwrap();
        assert_eq!(request.config["configurable"], json!({"k": 1}));
        assert_eq!(request.checkpoint_id.unwrap().to_string(), id);
        assert_eq!(request.questions, Questions::Ignore);
        assert_eq!(request.multitask_strategy, MultitaskStrategy::Reject);
        assert!(
            request.subgraphs && request.resumable && request.stream_modes.contains(&StreamMode::Messages)
        );
        let request = start(object(json!({"assistant_id": "a", "multitask_strategy": "maybe"}))).unwrap();
        assert_eq!(request.multitask_strategy, MultitaskStrategy::Enqueue);
        assert_eq!(request.questions, Questions::AnswerWithInput);
    }

    #[test]
    fn what_is_wrong_with_a_start_is_said() {
        let check = |params: Value, expected| refused(&params, |params| start(params).err(), expected);
        check(json!({}), "run.start requires an assistant_id.");
        check(json!({"assistant_id": ""}), "run.start requires an assistant_id.");
        let from =
            |id: Value| json!({"assistant_id": "a", "config": {"configurable": {"checkpoint_id": id}}});
        check(from(json!("")), "config.configurable.checkpoint_id must be a non-empty string.");
        check(from(json!(1)), "config.configurable.checkpoint_id must be a non-empty string.");
        check(from(json!("zz")), "Invalid config.configurable.checkpoint_id: 'zz'.");
        assert!(start(object(from(json!(null)))).is_ok());
        let traced = |tracer: Value| json!({"assistant_id": "a", "langsmith_tracer": tracer});
        check(traced(json!(1)), "langsmith_tracer must be an object.");
        check(traced(json!({"zz": 1})), "langsmith_tracer has unsupported fields: ['zz'].");
        check(traced(json!({"project_name": 1})), "langsmith_tracer.project_name must be a string.");
    }

    #[test]
    fn answers_are_one_or_many() {
        let one = respond(&object(json!({
            "interrupt_id": "a", "response": "yes", "namespace": [], "update": {"k": 1},
            "goto": ["m", {"node": "n"}, {"node": "o", "input": 1}],
        })));
        let request = one.unwrap().into_request("g".into());
        assert_eq!(
            request.command.unwrap(),
            json!({"resume": {"a": "yes"}, "update": {"k": 1}, "goto": ["m", "n", {"node": "o", "input": 1}]})
        );
        assert_eq!(request.questions, Questions::MustBeOpen(vec!["a".into()]));
        let many = respond(&object(json!({"responses": [
            {"interrupt_id": "a", "response": 0}, {"interrupt_id": "b", "response": 1, "namespace": ["x"]},
        ]})));
        let request = many.unwrap().into_request("g".into());
        assert_eq!(request.command.unwrap(), json!({"resume": {"a": 0, "b": 1}}));
        assert_eq!(request.questions, Questions::MustBeOpen(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_said() {
        let check = |params: Value, expected| refused(&params, |params| respond(&params).err(), expected);
        check(json!({}), "input.respond requires an interrupt_id.");
        check(json!({"responses": []}), "input.respond requires at least one response.");
        check(json!({"responses": [1]}), "input.respond responses entries must be objects.");
        check(json!({"responses": [{}]}), "input.respond responses entries require an interrupt_id.");
        let namespace = json!({"interrupt_id": "a", "namespace": "x"});
        check(namespace, "input.respond requires namespace to be a list of strings.");
    }
}
