//! The graphs and models that ship with eddyline.
//!
//! Knows the engine and nothing else of ours: no server, no storage. Every graph here runs in a
//! test, in a program of your own, or behind a server. Only the [models] of providers use the network.
//!
//! | id | what it shows | file |
//! |---|---|---|
//! | `agent` | two nodes in a row | [`examples/agent.rs`](examples::agent) |
//! | `nested` | a graph as a node of another | [`examples/nested.rs`](examples::nested) |
//! | `chat` | a chat model whose words stream | [`examples/chat.rs`](examples::chat) |
//! | `tagged` | model calls told apart by tags, and one that stays silent | [`examples/tagged.rs`](examples::tagged) |
//! | `tools` | a tool call that streams in pieces, and the tool | [`examples/tools.rs`](examples::tools) |
//! | `custom` | a node's own data on the stream | [`examples/custom.rs`](examples::custom) |
//! | `approval` | a question to a person | [`examples/approval.rs`](examples::approval) |
//! | `approvals` | several questions at once, and one after another | [`examples/approvals.rs`](examples::approvals) |
//! | `deep` | three levels of graphs, with a question at the bottom | [`examples/deep.rs`](examples::deep) |
//! | `mapreduce` | as many executions of a node as there are items | [`examples/mapreduce.rs`](examples::mapreduce) |
//! | `parallel` | branches, a join, a node that waits for everything else | [`examples/parallel.rs`](examples::parallel) |
//! | `router` | a node that says where to go | [`examples/router.rs`](examples::router) |
//! | `loop` | a cycle | [`examples/cycle.rs`](examples::cycle) |
//! | `failing` | an error that a client may read | [`examples/failing.rs`](examples::failing) |
//! | `flaky` | failures that pass, and a retry policy | [`examples/flaky.rs`](examples::flaky) |
//! | `private` | an input, an output, and a key that is neither | [`examples/private.rs`](examples::private) |
//! | `memory` | the long-term store | [`examples/memory.rs`](examples::memory) |
//! | `slow` | waiting, by the clock of the run | [`examples/slow.rs`](examples::slow) |
//! | `bench` | as many events as asked for | [`examples/bench.rs`](examples::bench) |
//! | `showcase` | a tour: tokens, a tool, a question, a graph called from inside a node | [`examples/showcase.rs`](examples::showcase) |
//! | `tools_agent` | the loop of a model and its tools, by hand | [`examples/tools_agent.rs`](examples::tools_agent) |
//! | `prebuilt_agent` | the same in a few lines, with a model that goes by a name | [`examples/prebuilt_agent.rs`](examples::prebuilt_agent) |

pub mod declared;
pub mod examples;
pub mod models;
pub mod prebuilt;
mod requests;
mod text;
pub mod tools;

pub use examples::all;
