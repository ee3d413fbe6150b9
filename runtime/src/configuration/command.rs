//! The command of a client: `{update?, resume?, goto?}`.

use eddyline_engine::{AnyCommand, Goto, Key, SendTo, Shared};
use serde_json::Value;

use crate::error::Error;

/// Reads `{update?, resume?, goto?}`; `None` for a command that has no key.
pub(super) fn command(json: Option<&Value>) -> Result<Option<AnyCommand>, Error> {
    let fields = match json {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(fields)) if fields.is_empty() => return Ok(None),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(Error::invalid("command must be an object")),
    };
    Ok(Some(AnyCommand {
        parent: false,
        update: update(fields.get("update"))?,
        resume: fields.get("resume").filter(|answer| !answer.is_null()).cloned().map(Shared::from),
        goto: goto(fields.get("goto"))?,
    }))
}

/// An object, or a list of pairs.
fn update(json: Option<&Value>) -> Result<Option<Vec<(Key, Shared)>>, Error> {
    let wrong = || Error::invalid("command.update must be an object, or a list of pairs of key and value");
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([Value::String(key), value]) => Ok((Key::from(key.as_str()), Shared::from(value.clone()))),
        _ => Err(wrong()),
    };
    match json {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => {
            let pairs = map.iter().map(|(key, value)| (Key::from(key.as_str()), value.clone().into()));
            Ok(Some(pairs.collect()))
        }
        Some(Value::Array(pairs)) => pairs.iter().map(pair).collect::<Result<_, _>>().map(Some),
        Some(_) => Err(wrong()),
    }
}

/// A node, a packet `{node, input}`, or a list of either.
fn goto(json: Option<&Value>) -> Result<Vec<Goto>, Error> {
    let target = |target: &Value| {
        if let Some(node) = target.as_str() {
            return Ok(Goto::from(node));
        }
        match target["node"].as_str() {
            Some(node) => Ok(SendTo::new(node, target["input"].clone()).into()),
            None => {
                Err(Error::invalid("command.goto must name nodes or hold objects with a node and an input"))
            }
        }
    };
    match json {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(targets)) => targets.iter().map(target).collect(),
        Some(one) => Ok(vec![target(one)?]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_read_from_each_of_their_shapes() {
        let update = |pairs: &[(&str, i32)]| {
            let pairs = pairs.iter().map(|(key, value)| (Key::from(*key), json!(value).into()));
            AnyCommand { update: Some(pairs.collect()), ..AnyCommand::default() }
        };
        let goto = |goto: Vec<Goto>| AnyCommand { goto, ..AnyCommand::default() };
        let send = || Goto::from(SendTo::new("n", json!({"i": 1})));
        for (json, expected) in [
            (json!({"update": {"k": 1}}), update(&[("k", 1)])),
            (json!({"update": [["k", 1], ["k", 2]]}), update(&[("k", 1), ("k", 2)])),
            (json!({"resume": false}), AnyCommand::resume(json!(false))),
            (json!({"resume": null}), AnyCommand::default()),
            (json!({"goto": "n"}), goto(vec!["n".into()])),
            (json!({"goto": {"node": "n", "input": {"i": 1}}}), goto(vec![send()])),
            (json!({"goto": ["m", {"node": "n", "input": {"i": 1}}]}), goto(vec!["m".into(), send()])),
        ] {
            assert_eq!(command(Some(&json)).unwrap(), Some(expected), "{json}");
        }
        assert_eq!(command(Some(&json!({}))).unwrap(), None);
        for wrong in [json!([]), json!({"update": 1}), json!({"update": [1]}), json!({"goto": {"input": 1}})]
        {
            assert!(command(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}
