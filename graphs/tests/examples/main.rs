//! Every example once, in virtual time: what it streams, and how it ends.

mod chat;
mod flow;
mod questions;
mod support;
mod tours;
mod world;

use eddyline_graphs::all;

#[test]
fn every_example_has_an_id_of_its_own_and_no_other_name() {
    let graphs = all().unwrap();
    let mut ids: Vec<_> = graphs.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), 22);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 22);
    assert!(graphs.iter().all(|(_, graph)| graph.name().is_none()), "a served graph goes by its id");
}
