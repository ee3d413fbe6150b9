//! A run that is over, as webhooks tell it.

use eddyline_engine::Object;
use eddyline_engine::ids::Timestamp;
use eddyline_runtime::EndedRun;
use serde_json::{Map, Value, json};

use super::{RunJson, encode};

/// The run with what it came to; when it is sent, the sender adds.
pub(crate) fn ended_run(ended: &EndedRun<'_>) -> String {
    let EndedRun { run, outcome, started_at, ended_at, values, error } = ended;
    let mut told = match serde_json::to_value(RunJson(run)) {
        Ok(Value::Object(told)) => told,
        _ => Map::new(),
    };
    told.insert("status".to_owned(), json!(outcome));
    told.insert("run_started_at".to_owned(), json!(started_at.to_rfc3339()));
    told.insert("run_ended_at".to_owned(), json!(ended_at.to_rfc3339()));
    told.insert("values".to_owned(), values.map(Object::to_json).unwrap_or_default());
    if let Some(error) = error {
        told.insert("error".to_owned(), error.to_json());
    }
    let text = encode(&told).ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    text.unwrap_or_else(|| "{}".to_owned())
}

/// The same, with when it is sent.
pub(crate) fn sent_at(told: &str, now: Timestamp) -> String {
    let open = told.strip_suffix('}').unwrap_or_default();
    let comma = if open == "{" { "" } else { "," };
    format!("{open}{comma}\"webhook_sent_at\":\"{}\"}}", now.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use eddyline_engine::fact::Failure;

    use super::*;
    use crate::wire::run_json::tests::run;

    #[test]
    fn a_run_that_is_over_is_told_with_what_it_came_to() {
        let run = run(1);
        let Value::Object(values) = json!({"topic": "x\0"}) else { unreachable!() };
        let values = Object::from(values);
        let error = Failure { class: "OSError".into(), message: "/etc".into(), visible: false };
        let ended = EndedRun {
            run: &run,
            outcome: "error",
            started_at: Timestamp(1),
            ended_at: Timestamp(2),
            values: Some(&values),
            error: Some(&error),
        };
        let told: Value = serde_json::from_str(&sent_at(&ended_run(&ended), Timestamp(3))).unwrap();
        let time = |micros| format!("1970-01-01T00:00:00.00000{micros}+00:00");
        let mut expected = serde_json::to_value(RunJson(&run)).unwrap();
        let more = json!({
            "status": "error", "run_started_at": time(1), "run_ended_at": time(2), "webhook_sent_at": time(3),
            "values": {"topic": "x\u{fffd}"},
            "error": {"error": "OSError", "message": "An internal error occurred"},
        });
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(told, expected);

        let ended = EndedRun { outcome: "rollback", values: None, error: None, ..ended };
        let told: Value = serde_json::from_str(&ended_run(&ended)).unwrap();
        assert_eq!((&told["status"], &told["values"]), (&json!("rollback"), &Value::Null));
        assert!(told.get("error").is_none());
        assert_eq!(sent_at("{}", Timestamp(3)), format!("{{\"webhook_sent_at\":\"{}\"}}", time(3)));
    }
}
