//! The JSON that clients see, and nothing else in the project knows: request bodies, resources, frames.
//!
//! Knows the runtime's requests and records, and no transport: HTTP, WebSocket and stdio carry the same bytes.

mod assistant;
mod assistant_body;
mod body;
mod cancel;
mod checkpoint;
mod drawing;
mod events;
mod frame;
mod json;
mod meta;
mod place;
mod query;
mod refusal;
mod result;
mod run;
mod run_fields;
mod run_json;
mod schemas;
mod search;
mod select;
mod state_body;
mod store_body;
mod store_json;
mod thread;
mod thread_events;
mod thread_state;

pub(crate) use assistant::{AssistantJson, AssistantSearch, VersionJson};
pub(crate) use assistant_body::{AssistantBody, AssistantPatch, LatestBody, VersionsBody};
pub(crate) use body::{parse, parse_list};
pub(crate) use cancel::{Cancel, CancelBody};
pub(crate) use drawing::{DrawingJson, xray};
pub(crate) use events::Events;
pub(crate) use frame::{Frame, HEARTBEAT};
pub(crate) use json::encode;
pub(crate) use meta::{info, ok};
pub(crate) use place::{Place, Wanted};
pub(crate) use query::Query;
pub(crate) use refusal::{Reason, Refusal};
pub(crate) use result::{RunResult, result_of_thread};
pub(crate) use run::RunBody;
pub(crate) use run_json::{RunJson, list_runs};
pub(crate) use schemas::{SchemasJson, SubgraphsJson};
pub(crate) use search::PageOf;
pub(crate) use select::Select;
pub(crate) use state_body::{HistoryBody, SelectState, StateAtBody, UpdateBody, read_history, read_state};
pub(crate) use store_body::{DeleteItemBody, NamespacesBody, PutItemBody, SearchItemsBody, get_item};
pub(crate) use store_json::{FoundItemsJson, ItemJson, NamespacesJson};
pub(crate) use thread::{PatchBody, ThreadBody, ThreadJson};
pub(crate) use thread_events::{ThreadEvents, ThreadModes, thread_place};
pub use thread_state::{ThreadStateJson, UpdatedStateJson};
