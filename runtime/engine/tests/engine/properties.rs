//! What holds for every graph: random ones, with random delays.

use std::collections::BTreeSet;
use std::time::Duration;

use eddyline_engine::message::{Message, Messages, add_messages};
use eddyline_engine::prelude::*;
use eddyline_engine::snapshot::View;
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::{S, Thread};

/// A graph without cycles: for each node its delay, the earlier nodes that lead to it, and whether it
/// waits for all of them or is deferred.
#[derive(Clone, Debug)]
struct Shape(Vec<(u64, BTreeSet<usize>, bool, bool)>);

fn shapes() -> impl Strategy<Value = Shape> {
    let node = (
        0..4_u64,
        proptest::collection::btree_set(0..6_usize, 0..3),
        any::<bool>(),
        proptest::bool::weighted(0.2),
    );
    proptest::collection::vec(node, 1..7).prop_map(|nodes| {
        let fit = |(place, (delay, from, join, defer)): (usize, (u64, BTreeSet<usize>, bool, bool))| {
            (delay, from.into_iter().filter(|other| *other < place).collect(), join, defer)
        };
        Shape(nodes.into_iter().enumerate().map(fit).collect())
    })
}

fn build(shape: &Shape, delays: &[u64]) -> Thread<S> {
    let name = |place: usize| format!("n{place}");
    let mut graph = StateGraph::<S>::new();
    for (place, (_, from, join, defer)) in shape.0.iter().enumerate() {
        let (text, wait) = (name(place), Duration::from_millis(delays[place]));
        let node = move |_: S, ctx: NodeContext| {
            let text = text.clone();
            async move {
                ctx.sleep(wait).await;
                S::update().log([text])
            }
        };
        let def = Node::new(name(place), node);
        graph = graph.add(if *defer { def.defer() } else { def });
        graph = match (from.len(), join) {
            (0, _) => graph.edge(START, name(place)),
            (1, _) | (_, false) => {
                from.iter().fold(graph, |graph, other| graph.edge(name(*other), name(place)))
            }
            (_, true) => graph.edge(from.iter().map(|other| name(*other)).collect::<Vec<_>>(), name(place)),
        };
    }
    Thread::new(graph.compile())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_result_does_not_depend_on_what_ends_first(shape in shapes(), seed in proptest::collection::vec(0..5_u64, 7)) {
        let result = |delays: &[u64]| {
            let thread = build(&shape, delays);
            let report = thread.observe(thread.input(S::update().x(1)));
            let steps: Vec<_> = thread.memory.history("").iter().map(|saved| saved.checkpoint.values.clone()).collect();
            (report.values().log, report.nodes(), steps)
        };
        let still: Vec<u64> = shape.0.iter().map(|node| node.0).collect();
        prop_assert_eq!(result(&still), result(&seed));
    }

    #[test]
    fn the_writes_of_a_checkpoint_make_the_next_one(shape in shapes()) {
        let thread = build(&shape, &[0; 7]);
        thread.observe(thread.input(S::update().x(1).log(["in"])));
        let mut history = thread.memory.history("");
        history.reverse();
        let graph = thread.graph.graph();
        for pair in history.windows(2) {
            let made = graph.snapshot("", &pair[0], View::Live, &mut Uuid::nil).unwrap();
            let next = graph.snapshot("", &pair[1], View::Historic, &mut Uuid::nil).unwrap();
            prop_assert_eq!(json!(made.values), json!(next.values));
            let grown = pair[1].checkpoint.versions.iter().all(|(channel, version)| {
                pair[0].checkpoint.versions.get(channel).is_none_or(|before| before <= version)
            });
            prop_assert!(grown, "versions only grow");
        }
        let last = graph.snapshot("", history.last().unwrap(), View::Live, &mut Uuid::nil).unwrap();
        prop_assert!(last.next.is_empty(), "nothing follows exactly when the run is over");
    }

    #[test]
    fn a_replay_of_any_checkpoint_ends_alike_and_changes_nothing_before(shape in shapes(), pick in any::<prop::sample::Index>()) {
        let thread = build(&shape, &[0; 7]);
        let first = thread.observe(thread.input(S::update().x(1)));
        let before = thread.memory.history("");
        let at = pick.get(&before).checkpoint.id;
        let again = thread.observe(thread.go_on().checkpoint(at));
        prop_assert_eq!(again.values().log, first.values().log);
        let after = thread.memory.history("");
        prop_assert_eq!(&after[after.len() - before.len()..], &before[..]);
    }

    #[test]
    fn reducing_loses_no_message(turns in proptest::collection::vec(proptest::collection::vec((0..6_u8, any::<bool>()), 0..5), 1..6)) {
        let mut state = Messages::default();
        let mut expected: Vec<(String, String)> = Vec::new();
        let mut drawn = 0_u128;
        for (turn, messages) in turns.iter().enumerate() {
            let mut right: Vec<Message> = Vec::new();
            for (place, (id, remove)) in messages.iter().enumerate() {
                let (id, text) = (format!("m{id}"), format!("{turn}.{place}"));
                let known = expected.iter().position(|(other, _)| *other == id);
                let batch = right.iter().any(|message| message.id() == Some(&id));
                if *remove && known.is_some() && !batch {
                    right.push(Message::remove(id));
                    expected.remove(known.unwrap());
                } else if !batch {
                    right.push(Message::ai(text.clone()).with_id(id.clone()));
                    match known {
                        Some(known) => expected[known].1 = text,
                        None => expected.push((id, text)),
                    }
                }
            }
            right.push(Message::human(format!("{turn}")));
            expected.push((String::new(), format!("{turn}")));
            let mut new_id = || { drawn += 1; Uuid::from_u128(drawn) };
            state = add_messages(&state, &Messages::from(right), &mut new_id).unwrap();
        }
        let found: Vec<String> = state.iter().map(|message| message.text().into_owned()).collect();
        let texts: Vec<String> = expected.into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(found, texts);
        prop_assert!(state.iter().all(|message| message.id().is_some()));
    }
}
