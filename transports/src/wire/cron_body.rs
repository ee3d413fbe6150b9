//! What clients say when they make and change crons.

use eddyline_engine::ids::Timestamp;
use eddyline_runtime::{CreateCron, CronTerms, Error, OnCompletion, StartRun};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use uuid::Uuid;

use super::body::{read, strip_payload};
use super::run::Completion;
use super::{Reason, Refusal, RunBody};

/// The body of `POST /runs/crons` and `POST /threads/{thread_id}/runs/crons`.
///
/// It is that of a run, with more beside it, and is kept as it came.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CronBody(Map<String, Value>);

/// The body of `PATCH /runs/crons/{cron_id}`: what is to be said anew.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CronPatch(Map<String, Value>);

/// What the body of a cron has beside that of a run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "CronTerms")]
struct Said {
    schedule: Option<String>,
    timezone: Option<String>,
    end_time: Option<String>,
    enabled: Option<bool>,
    on_run_completed: Option<Completion>,
    metadata: Option<Map<String, Value>>,
}

impl JsonSchema for CronBody {
    fn schema_name() -> Cow<'static, str> {
        "CronBody".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (run, said) = (generator.subschema_for::<RunBody>(), generator.subschema_for::<Said>());
        json_schema!({"allOf": [run, said], "required": ["schedule"]})
    }
}

impl JsonSchema for CronPatch {
    fn schema_name() -> Cow<'static, str> {
        "CronPatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let said = generator.subschema_for::<Said>();
        json_schema!({"allOf": [said], "description": "What is to be said anew, of the cron and of its runs."})
    }
}

impl CronBody {
    /// The request that the body makes of the runtime; without a thread, each run makes one for itself.
    pub(crate) fn into_request(self, thread_id: Option<Uuid>) -> Result<CreateCron, Refusal> {
        let Self(mut payload) = self;
        strip_payload(&mut payload)?;
        let said: Said = read(Value::Object(payload.clone()))?;
        let run = run(&payload)?;
        let schedule =
            said.schedule.clone().ok_or_else(|| Refusal::unprocessable("missing field `schedule`"))?;
        let mut terms = CronTerms { payload, ..CronTerms::new(schedule, run) };
        terms.metadata = said.metadata.clone().unwrap_or_default();
        said.on(&mut terms)?;
        Ok(CreateCron { thread_id, terms })
    }
}

impl CronPatch {
    /// The change that the body asks for. The assistant stays; what is said of metadata is added to what there is.
    pub(crate) fn into_revision(
        self,
    ) -> Result<impl FnOnce(&mut CronTerms) -> Result<(), Error> + Send + use<>, Refusal> {
        let Self(mut patch) = self;
        let ends_never = patch.get("end_time").is_some_and(Value::is_null);
        patch.retain(|_, value| !value.is_null());
        if patch.is_empty() && !ends_never {
            return Err(Refusal::new(Reason::BadRequest, "there is nothing to change"));
        }
        strip_payload(&mut patch)?;
        let said: Said = read(Value::Object(patch.clone()))?;
        for key in ["assistant_id", "metadata"] {
            patch.shift_remove(key);
        }
        if ends_never {
            patch.insert("end_time".to_owned(), Value::Null);
        }
        Ok(move |terms: &mut CronTerms| {
            terms.payload.extend(patch);
            let refused = |refusal: Refusal| Error::Invalid { message: refusal.detail };
            terms.run = run(&terms.payload).map_err(refused)?;
            terms.metadata.extend(said.metadata.clone().unwrap_or_default());
            if ends_never {
                terms.end_time = None;
            }
            said.on(terms).map_err(refused)
        })
    }
}

impl Said {
    fn on(self, terms: &mut CronTerms) -> Result<(), Refusal> {
        let Self { schedule, timezone, end_time, enabled, on_run_completed, metadata: _ } = self;
        if let Some(schedule) = schedule {
            terms.schedule = schedule;
        }
        if timezone.is_some() {
            terms.timezone = timezone;
        }
        if let Some(end_time) = end_time {
            terms.end_time = Some(time(&end_time)?);
        }
        if let Some(enabled) = enabled {
            terms.enabled = enabled;
        }
        match on_run_completed {
            Some(Completion::Keep) => terms.on_completion = OnCompletion::Keep,
            Some(Completion::Delete) => terms.on_completion = OnCompletion::Delete,
            None => {}
        }
        Ok(())
    }
}

/// The run that a payload asks for.
fn run(payload: &Map<String, Value>) -> Result<StartRun, Refusal> {
    read::<RunBody>(Value::Object(payload.clone()))?.into_request(None)
}

/// A moment by RFC 3339; one without an offset is in UTC.
fn time(text: &str) -> Result<Timestamp, Refusal> {
    let in_utc = |time: jiff::civil::DateTime| time.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let time = text.parse::<jiff::Timestamp>().ok();
    let time = time.or_else(|| Some(text.parse().ok().and_then(in_utc)?.timestamp()));
    let wrong = || Refusal::unprocessable(format!("`end_time`: is no date and time: `{text}`"));
    Ok(Timestamp(time.ok_or_else(wrong)?.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use eddyline_runtime::{MultitaskStrategy, StreamMode};
    use serde_json::json;

    use super::*;
    use crate::wire::parse;

    fn create(body: &Value) -> Result<CreateCron, Refusal> {
        parse::<CronBody>(body.to_string().as_bytes())?.into_request(None)
    }

    fn patch(terms: &mut CronTerms, body: &Value) -> Result<(), Refusal> {
        let revision = parse::<CronPatch>(body.to_string().as_bytes())?.into_revision()?;
        revision(terms).map_err(Refusal::from)
    }

    fn terms() -> CronTerms {
        create(&json!({
            "schedule": "0 0 * * *", "assistant_id": "agent", "timezone": "Europe/Berlin",
            "end_time": "2030-01-01T00:00:00", "on_run_completed": "keep", "input": {"n": 1},
            "metadata": {"a": 1, "cron_id": "x"}, "stream_mode": ["updates"], "unknown": [7],
            "config": {"tags": ["t"], "configurable": {"langgraph_auth_user": "root", "k": 1}},
            "multitask_strategy": "reject",
        }))
        .unwrap()
        .terms
    }

    #[test]
    fn a_body_is_kept_as_it_came_without_what_only_the_server_says() {
        let terms = terms();
        assert_eq!(
            (terms.schedule.as_str(), terms.timezone.as_deref()),
            ("0 0 * * *", Some("Europe/Berlin"))
        );
        assert_eq!(terms.end_time.unwrap().to_rfc3339(), "2030-01-01T00:00:00.000000+00:00");
        assert_eq!((terms.enabled, terms.on_completion), (true, OnCompletion::Keep));
        assert_eq!(terms.run.multitask_strategy, MultitaskStrategy::Reject);
        assert_eq!(terms.run.stream_modes, [StreamMode::Updates]);
        assert_eq!(Value::from(terms.metadata), json!({"a": 1}));
        let payload = Value::from(terms.payload);
        assert_eq!(payload["metadata"], json!({"a": 1}));
        assert_eq!(payload["config"], json!({"tags": ["t"], "configurable": {"k": 1}}));
        assert_eq!((&payload["unknown"], &payload["end_time"]), (&json!([7]), &json!("2030-01-01T00:00:00")));
    }

    #[test]
    fn a_patch_says_something_anew() {
        let (mut changed, before) = (terms(), terms());
        patch(
            &mut changed,
            &json!({"input": {"n": 2}, "enabled": false, "metadata": {"b": 2}, "config": null}),
        )
        .unwrap();
        assert_eq!(changed.run.input.as_ref().unwrap().json(), &json!({"n": 2}));
        assert_eq!(changed.run.config, before.run.config);
        assert_eq!(Value::from(changed.metadata.clone()), json!({"a": 1, "b": 2}));
        let payload = Value::from(changed.payload.clone());
        assert_eq!((&payload["input"], &payload["enabled"]), (&json!({"n": 2}), &json!(false)));
        assert_eq!(payload["metadata"], json!({"a": 1}), "what is added is said of the cron");
        assert!(!changed.enabled && changed.end_time == before.end_time);

        patch(&mut changed, &json!({"end_time": null, "assistant_id": "other"})).unwrap();
        assert_eq!((changed.end_time, changed.run.assistant.as_str()), (None, "agent"));
        patch(&mut changed, &json!({"end_time": "2031-02-03T04:05:06+02:00"})).unwrap();
        assert_eq!(changed.end_time.unwrap().to_rfc3339(), "2031-02-03T02:05:06.000000+00:00");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |extra: Value| {
            let mut body = json!({"schedule": "* * * * *", "assistant_id": "agent"});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            create(&body).unwrap_err()
        };
        let check = |extra: Value, expected: &str| assert_eq!(said(extra), Refusal::unprocessable(expected));
        check(json!({"schedule": null}), "missing field `schedule`");
        check(json!({"assistant_id": null}), "`assistant_id`: invalid type: null, expected a string");
        check(json!({"end_time": "soon"}), "`end_time`: is no date and time: `soon`");
        check(
            json!({"on_run_completed": "burn"}),
            "`on_run_completed`: unknown variant `burn`, expected `delete` or `keep`",
        );
        check(json!({"enabled": 1}), "`enabled`: invalid type: integer `1`, expected a boolean");
        for wrong in [json!({"config": 1}), json!({"stream_mode": "zzz"}), json!({"context": {"a\0": 1}})] {
            said(wrong);
        }
        let mut terms = terms();
        assert_eq!(patch(&mut terms, &json!({})).unwrap_err().reason, Reason::BadRequest);
        assert_eq!(patch(&mut terms, &json!({"input": null})).unwrap_err().reason, Reason::BadRequest);
        for wrong in [json!({"schedule": 1}), json!({"durability": "never"}), json!({"end_time": "x"})] {
            assert_eq!(patch(&mut terms, &wrong).unwrap_err().reason, Reason::Unprocessable, "{wrong}");
        }
    }
}
