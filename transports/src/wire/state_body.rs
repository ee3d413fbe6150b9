//! What clients ask about the state of a thread, and how they change it.

use eddyline_runtime::{CheckpointAddress, ReadHistory, ReadState, ThreadState, UpdateState};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::checkpoint::{Before, CheckpointConfig, checkpoint_id};
use super::thread_state::ThreadStateJson;
use super::{Query, Refusal};

/// The body of `POST /threads/{thread_id}/state/checkpoint`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct StateAtBody {
    checkpoint: CheckpointConfig,
    subgraphs: Option<bool>,
    select: Option<Vec<String>>,
}

impl StateAtBody {
    /// The request that the body makes, and what of the state is to be shown.
    pub(crate) fn into_request(self, thread_id: Uuid) -> Result<(ReadState, SelectState), Refusal> {
        let request = ReadState {
            checkpoint: self.checkpoint.address()?,
            subgraphs: self.subgraphs.unwrap_or_default(),
            ..ReadState::new(thread_id)
        };
        Ok((request, SelectState::new(self.select.unwrap_or_default())?))
    }
}

/// Which state a query asks for; without a checkpoint, the newest.
pub(crate) fn read_state(
    thread_id: Uuid,
    at: Option<&str>,
    query: &Query,
) -> Result<(ReadState, SelectState), Refusal> {
    let checkpoint = at.map(checkpoint_id).transpose()?.map(CheckpointAddress::of_id).unwrap_or_default();
    let request = ReadState { checkpoint, subgraphs: query.flag("subgraphs"), ..ReadState::new(thread_id) };
    Ok((request, SelectState::new(query.list("select"))?))
}

/// The parts of a state that a client wants to see: fields, or single keys as `values.messages`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SelectState {
    fields: Vec<String>,
    keys: Vec<String>,
}

const FIELDS: [&str; 10] = [
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
    "checkpoint_id",
    "parent_checkpoint_id",
];

impl SelectState {
    fn new(names: Vec<String>) -> Result<Self, Refusal> {
        let mut select = Self::default();
        for name in names {
            if let Some(key) = name.strip_prefix("values.") {
                select.keys.push(key.to_owned());
            } else if FIELDS.contains(&name.as_str()) {
                select.fields.push(name);
            } else {
                let known = FIELDS.join(", ");
                let wrong = format!("`select`: there is no field `{name}`; there are values.KEY, {known}");
                return Err(Refusal::unprocessable(wrong));
            }
        }
        Ok(select)
    }

    /// The state with nothing but what is to be shown.
    pub(crate) fn of(&self, state: &ThreadState) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::to_value(ThreadStateJson(state))?;
        let Value::Object(map) = &mut json else { return Ok(json) };
        let whole = self.fields.iter().any(|field| field == "values");
        if let Some(Value::Object(values)) = map.get_mut("values").filter(|_| !self.keys.is_empty() && !whole)
        {
            values.retain(|key, _| self.keys.contains(key));
        }
        if !self.fields.is_empty() || !self.keys.is_empty() {
            let by_key = !self.keys.is_empty();
            map.retain(|name, _| self.fields.contains(name) || (by_key && name == "values"));
        }
        Ok(json)
    }
}

/// The body of `POST /threads/{thread_id}/state`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateBody {
    values: Option<Value>,
    as_node: Option<String>,
    checkpoint: Option<CheckpointConfig>,
    #[schemars(extend("format" = "uuid"))]
    checkpoint_id: Option<String>,
}

impl UpdateBody {
    /// The change that the body asks for.
    pub(crate) fn into_request(self, thread_id: Uuid) -> Result<UpdateState, Refusal> {
        if self.values.as_ref().is_some_and(|values| !values.is_object() && !values.is_array()) {
            return Err(Refusal::unprocessable("`values`: must be an object, a list or null"));
        }
        let id = self.checkpoint_id.as_deref().map(checkpoint_id).transpose()?;
        let mut checkpoint = self.checkpoint.unwrap_or_default().address()?;
        checkpoint.checkpoint_id = checkpoint.checkpoint_id.or(id);
        let (values, as_node) = (self.values.map(Into::into), self.as_node.map(Into::into));
        Ok(UpdateState { checkpoint, ..UpdateState::new(thread_id, values, as_node) })
    }
}

/// The body of `POST /threads/{thread_id}/history`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct HistoryBody {
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    before: Option<Before>,
    metadata: Option<Map<String, Value>>,
    checkpoint: Option<CheckpointConfig>,
}

impl HistoryBody {
    /// The request that the body makes.
    pub(crate) fn into_request(self, thread_id: Uuid) -> Result<ReadHistory, Refusal> {
        let limit = self.limit.unwrap_or(1);
        let limit =
            known_limit(limit).ok_or_else(|| Refusal::unprocessable(format!("Invalid limit {limit}")))?;
        Ok(ReadHistory {
            checkpoint: self.checkpoint.unwrap_or_default().address()?,
            before: self.before.map(Before::id).transpose()?.flatten(),
            metadata: self.metadata.unwrap_or_default(),
            ..ReadHistory::new(thread_id, limit)
        })
    }
}

/// Which former states a query asks for.
pub(crate) fn read_history(thread_id: Uuid, query: &Query) -> Result<ReadHistory, Refusal> {
    let limit = query.text("limit").unwrap_or("1");
    let invalid = || Refusal::unprocessable(format!("Invalid limit {limit}"));
    let limit = limit.parse().ok().and_then(known_limit).ok_or_else(invalid)?;
    let before = query.text("before").map(checkpoint_id).transpose()?;
    Ok(ReadHistory { before, ..ReadHistory::new(thread_id, limit) })
}

fn known_limit(limit: i64) -> Option<usize> {
    usize::try_from(limit).ok().filter(|limit| (1..=1000).contains(limit))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::parse;

    const ONE: Uuid = Uuid::from_u128(1);

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn shown(names: &[&str]) -> Vec<String> {
        let state =
            ThreadState { thread_id: Uuid::nil(), asked: CheckpointAddress::default(), snapshot: None };
        let select = SelectState::new(names.iter().map(ToString::to_string).collect()).unwrap();
        let Value::Object(map) = select.of(&state).unwrap() else { unreachable!() };
        map.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_state_shows_what_was_named() {
        assert_eq!(shown(&[]), FIELDS);
        assert_eq!(shown(&["next", "values"]), ["values", "next"]);
        assert_eq!(shown(&["values.messages"]), ["values"]);
        assert!(SelectState::new(vec!["shoes".to_owned()]).is_err());
    }

    #[test]
    fn states_are_asked_for_by_query_or_body() {
        let (request, _) = read_state(ONE, None, &query(&[("subgraphs", "True")])).unwrap();
        assert_eq!((request.checkpoint, request.subgraphs), (CheckpointAddress::default(), true));
        let (request, _) = read_state(ONE, Some(&ONE.to_string()), &query(&[])).unwrap();
        assert_eq!(request.checkpoint, CheckpointAddress::of_id(ONE));
        assert!(read_state(ONE, Some("x"), &query(&[])).is_err());
        let body = json!({"checkpoint": {"checkpoint_id": ONE}, "subgraphs": true}).to_string();
        let (request, _) = parse::<StateAtBody>(body.as_bytes()).unwrap().into_request(ONE).unwrap();
        assert_eq!((request.checkpoint, request.subgraphs), (CheckpointAddress::of_id(ONE), true));
        assert!(parse::<StateAtBody>(b"{}").is_err());
    }

    fn update(body: &Value) -> Result<UpdateState, Refusal> {
        parse::<UpdateBody>(body.to_string().as_bytes())?.into_request(ONE)
    }

    #[test]
    fn a_change_names_its_node_and_its_checkpoint() {
        let request = update(&json!({"values": {"a": 1}, "as_node": "n", "checkpoint_id": ONE})).unwrap();
        assert_eq!(request.checkpoint, CheckpointAddress::of_id(ONE));
        let change = &request.supersteps[0][0];
        assert_eq!(change.values.as_ref().unwrap().json(), &json!({"a": 1}));
        assert_eq!(change.as_node.as_deref(), Some("n"));
        assert!(update(&json!({"values": null})).unwrap().supersteps[0][0].values.is_none());
        assert!(update(&json!({"values": 7})).is_err());
        assert!(update(&json!({"checkpoint_id": "x"})).is_err());
    }

    #[test]
    fn histories_are_one_state_long_unless_said() {
        let request = read_history(ONE, &query(&[])).unwrap();
        assert_eq!((request.limit, request.before), (1, None));
        let request = read_history(ONE, &query(&[("limit", "50"), ("before", &ONE.to_string())])).unwrap();
        assert_eq!((request.limit, request.before), (50, Some(ONE)));
        for limit in ["0", "1001", "x", "-1"] {
            let refused = read_history(ONE, &query(&[("limit", limit)])).unwrap_err();
            assert_eq!(refused, Refusal::unprocessable(format!("Invalid limit {limit}")));
        }
        let body =
            json!({"limit": 10, "before": {"checkpoint_id": ONE}, "metadata": {"step": 1}}).to_string();
        let request = parse::<HistoryBody>(body.as_bytes()).unwrap().into_request(ONE).unwrap();
        assert_eq!((request.limit, request.before), (10, Some(ONE)));
        assert_eq!(Value::from(request.metadata), json!({"step": 1}));
        let body = parse::<HistoryBody>(br#"{"limit": 0}"#).unwrap();
        assert!(body.into_request(ONE).is_err());
    }
}
