//! What clients say when they make and change assistants.

use eddyline_runtime::{CreateAssistant, IfExists, ListVersions, UpdateAssistant};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::body::strip;
use super::run_fields::Config;
use super::search::Page;
use super::thread::Existing;
use super::{Refusal, id};

/// The body of `POST /assistants`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AssistantBody {
    graph_id: String,
    #[schemars(extend("format" = "uuid"))]
    assistant_id: Option<String>,
    config: Option<Config>,
    context: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    if_exists: Option<Existing>,
    name: Option<String>,
    description: Option<String>,
}

impl AssistantBody {
    /// The request that the body makes of the runtime.
    pub(crate) fn into_request(self) -> Result<CreateAssistant, Refusal> {
        let mut request = CreateAssistant {
            assistant_id: self.assistant_id.map(|text| id("assistant", &text)).transpose()?,
            config: self.config.unwrap_or_default().0,
            context: self.context.unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
            if_exists: self.if_exists.map(IfExists::from).unwrap_or_default(),
            name: self.name,
            description: self.description,
            ..CreateAssistant::new(self.graph_id)
        };
        strip(&mut request.config, &mut request.context, &mut request.metadata)?;
        Ok(request)
    }
}

/// The body of `PATCH /assistants/{assistant_id}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AssistantPatch {
    graph_id: Option<String>,
    config: Option<Config>,
    context: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    name: Option<String>,
    description: Option<String>,
}

impl AssistantPatch {
    /// The change that the body asks for.
    pub(crate) fn into_request(self, assistant_id: Uuid) -> Result<UpdateAssistant, Refusal> {
        let mut request = UpdateAssistant {
            assistant_id,
            graph_id: self.graph_id,
            config: self.config.unwrap_or_default().0,
            context: self.context,
            metadata: self.metadata.unwrap_or_default(),
            name: self.name,
            description: self.description,
        };
        let mut none = Map::new();
        let context = request.context.as_mut().unwrap_or(&mut none);
        strip(&mut request.config, context, &mut request.metadata)?;
        Ok(request)
    }
}

/// The body of `POST /assistants/{assistant_id}/versions`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VersionsBody {
    metadata: Option<Map<String, Value>>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<i64>,
    #[schemars(range(min = 0))]
    offset: Option<i64>,
}

impl VersionsBody {
    /// The versions that the body asks for.
    pub(crate) fn into_request(self, assistant_id: Uuid) -> Result<ListVersions, Refusal> {
        let Page { limit, offset } = Page::new(self.limit, self.offset)?;
        Ok(ListVersions { assistant_id, metadata: self.metadata.unwrap_or_default(), limit, offset })
    }
}

/// The body of `POST /assistants/{assistant_id}/latest`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct LatestBody {
    pub(crate) version: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::parse;

    fn create(body: &Value) -> Result<CreateAssistant, Refusal> {
        parse::<AssistantBody>(body.to_string().as_bytes())?.into_request()
    }

    fn patch(body: &Value) -> Result<UpdateAssistant, Refusal> {
        parse::<AssistantPatch>(body.to_string().as_bytes())?.into_request(Uuid::nil())
    }

    fn versions(body: &Value) -> Result<ListVersions, Refusal> {
        parse::<VersionsBody>(body.to_string().as_bytes())?.into_request(Uuid::nil())
    }

    #[test]
    fn null_is_absent_everywhere() {
        let nothing = json!({
            "graph_id": null, "assistant_id": null, "config": null, "context": null, "metadata": null,
            "if_exists": null, "name": null, "description": null, "limit": null, "offset": null,
        });
        let request = patch(&nothing).unwrap();
        assert!(request.graph_id.is_none() && request.context.is_none() && request.config.is_empty());
        let mut body = nothing.clone();
        body["graph_id"] = json!("agent");
        let request = create(&body).unwrap();
        assert_eq!((request.graph_id.as_str(), request.if_exists), ("agent", IfExists::Raise));
        assert!(request.assistant_id.is_none() && request.name.is_none());
        let request = versions(&nothing).unwrap();
        assert_eq!((request.limit, request.offset), (10, 0));
    }

    #[test]
    fn clients_do_not_speak_for_the_server() {
        let said = json!({
            "graph_id": "agent", "metadata": {"a": 1, "run_id": "x"}, "if_exists": "do_nothing",
            "config": {
                "tags": ["t"], "configurable": {"k": 1, "langgraph_auth_user": 2},
                "metadata": {"b": 1, "thread_id": "x"},
            },
            "context": {"c": 1, "__after_seconds__": 3},
        });
        let (made, changed) = (create(&said).unwrap(), patch(&said).unwrap());
        assert_eq!(made.if_exists, IfExists::DoNothing);
        assert_eq!((&changed.config, &changed.metadata), (&made.config, &made.metadata));
        assert_eq!(changed.context.as_ref(), Some(&made.context));
        assert_eq!(Value::Object(made.metadata), json!({"a": 1}));
        assert_eq!(Value::Object(made.context), json!({"c": 1}));
        let config = json!({"tags": ["t"], "configurable": {"k": 1}, "metadata": {"b": 1}});
        assert_eq!(Value::Object(made.config), config);
    }

    #[test]
    fn an_empty_context_is_one() {
        assert_eq!(patch(&json!({"context": {}})).unwrap().context, Some(Map::new()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |body: Value, expected: &str| {
            assert_eq!(create(&body).unwrap_err(), Refusal::unprocessable(expected), "{body}");
        };
        check(json!({}), "missing field `graph_id`");
        check(json!({"graph_id": "a", "assistant_id": "x"}), "Invalid assistant ID: must be a UUID");
        check(
            json!({"graph_id": "a", "config": {"tags": 1}}),
            "`config.tags`: invalid type: integer `1`, expected a sequence",
        );
        check(
            json!({"graph_id": "a", "if_exists": "maybe"}),
            "`if_exists`: unknown variant `maybe`, expected `raise` or `do_nothing`",
        );
        for wrong in [json!({"config": 1}), json!({"context": {"a\0": 1}}), json!({"name": 1})] {
            assert!(patch(&wrong).is_err(), "{wrong}");
        }
        for wrong in [json!({"limit": 0}), json!({"limit": 1001}), json!({"offset": -1})] {
            assert!(versions(&wrong).is_err(), "{wrong}");
        }
        assert!(parse::<LatestBody>(br#"{"version": "one"}"#).is_err());
    }
}
