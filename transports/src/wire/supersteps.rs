//! The states with which a client has a new thread begin.

use eddyline_engine::Shared;
use eddyline_engine::update::StateUpdate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;

/// One of the `supersteps` of `POST /threads`: becomes a checkpoint.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Superstep {
    updates: Vec<Update>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Update {
    values: Option<Value>,
    command: Option<Command>,
    as_node: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Command {
    update: Option<Value>,
    goto: Option<Value>,
    resume: Option<Value>,
}

/// The changes by hand that these supersteps are. Those without any are left out.
pub(super) fn supersteps(steps: Vec<Superstep>) -> Result<Vec<Vec<StateUpdate>>, Refusal> {
    let steps = steps.into_iter().filter(|step| !step.updates.is_empty());
    steps.map(|step| step.updates.into_iter().map(update).collect()).collect()
}

fn update(Update { values, command, as_node }: Update) -> Result<StateUpdate, Refusal> {
    let values = match command {
        None => values,
        Some(Command { goto: None, resume: None, update }) => update.or(values),
        Some(_) => {
            let wrong = "`supersteps`: of a command, only `update` is supported";
            return Err(Refusal::unprocessable(wrong));
        }
    };
    Ok(StateUpdate { values: values.map(Shared::from), as_node: Some(as_node.into()), task_id: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(steps: Value) -> Result<Vec<Vec<StateUpdate>>, Refusal> {
        let steps =
            serde_json::from_value(steps).map_err(|error| Refusal::unprocessable(error.to_string()))?;
        supersteps(steps)
    }

    #[test]
    fn a_superstep_is_what_its_nodes_would_have_written() {
        let steps = json!([
            {"updates": [{"values": {"a": 1}, "as_node": "__input__"}]},
            {"updates": []},
            {"updates": [{"command": {"update": {"b": 2}}, "as_node": "n"}, {"as_node": "m"}]},
        ]);
        let read = read(steps).unwrap();
        let written =
            |update: &StateUpdate| (update.as_node.clone().unwrap().to_string(), update.values.clone());
        let read: Vec<Vec<_>> = read.iter().map(|step| step.iter().map(written).collect()).collect();
        let value = |value| Some(Shared::from(value));
        let expected = [
            vec![("__input__".to_owned(), value(json!({"a": 1})))],
            vec![("n".to_owned(), value(json!({"b": 2}))), ("m".to_owned(), None)],
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn supersteps_that_make_no_sense() {
        for steps in [
            json!([{}]),
            json!([{"updates": [{"values": {}}]}]),
            json!([{"updates": [{"command": {"goto": "n"}, "as_node": "n"}]}]),
        ] {
            assert!(read(steps.clone()).is_err(), "{steps}");
        }
    }
}
