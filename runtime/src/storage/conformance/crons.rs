//! What every storage must do with crons.

use std::time::Duration;

use eddyline_engine::config::{Breakpoints, Durability};
use eddyline_engine::ids::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{OTHER, THREAD, put};
use crate::crons::{Cron, CronFilter, CronTerms, SearchCrons, SortCrons};
use crate::runs::{MultitaskStrategy, OnCompletion, StartRun, StreamMode};
use crate::storage::{AssistantChange, Change, CronChange, Storage, Transaction};
use crate::threads::Thread;

pub(super) const RULES: [fn(&mut dyn Storage); 6] = [
    crons_come_back_as_put,
    what_is_gone_is_not_revised,
    crons_go_with_their_thread_and_their_assistant,
    crons_are_filtered,
    crons_are_sorted_and_paged,
    what_comes_next_is_found,
];

const ASSISTANT: Uuid = Uuid::from_u128(0x30);

fn crons_come_back_as_put(storage: &mut dyn Storage) {
    assert_eq!(storage.read().cron(id(1)).expect("reads"), None);
    let run = StartRun {
        input: Some(json!({"it's": ["\"odd\"\0", 20, 20.0]}).into()),
        command: Some(json!({"goto": "a"})),
        config: object(json!({"tags": ["'; DROP TABLE crons"], "configurable": {"$.a": null}})),
        context: object(json!({"a": 1})),
        metadata: object(json!({"own": 1})),
        stream_modes: vec![StreamMode::Updates, StreamMode::MessagesTuple],
        subgraphs: true,
        resumable: true,
        interrupt_before: Some(Breakpoints::All),
        interrupt_after: Some(Breakpoints::from(["a", "b"])),
        checkpoint_id: Some(id(9)),
        checkpoint: object(json!({"checkpoint_ns": ""})),
        caller: object(json!({"langgraph_auth_user_id": "kim"})),
        durability: Durability::Exit,
        multitask_strategy: MultitaskStrategy::Rollback,
        webhook: Some("https://example.org".to_owned()),
        feedback_keys: Some(vec!["a".to_owned()]),
        strict_resume: true,
        delay: Duration::from_micros(1_500_001),
        ..StartRun::new("agent")
    };
    let full = Cron {
        terms: CronTerms {
            timezone: Some("Europe/Berlin".to_owned()),
            end_time: Some(Timestamp(70)),
            enabled: false,
            on_completion: OnCompletion::Keep,
            metadata: object(json!({"a": {"b": [1, "\0"]}})),
            payload: object(json!({"z": null, "a": [{"k": 1.5}]})),
            ..CronTerms::new("0 0 1 1 *", run)
        },
        thread_id: Some(THREAD),
        next_run_date: None,
        owed: Some(id(8)),
        ..cron(1)
    };
    let null = Cron {
        terms: CronTerms { run: StartRun { input: Some(Value::Null.into()), ..plain() }, ..cron(2).terms },
        ..cron(2)
    };
    for cron in [&full, &null, &cron(3)] {
        change(storage, vec![CronChange::Make(Box::new(cron.clone()))]);
        assert_eq!(storage.read().cron(cron.cron_id).expect("reads").as_ref(), Some(cron));
        let reader = storage.readers().open().expect("opens").cron(cron.cron_id);
        assert_eq!(reader.expect("reads").as_ref(), Some(cron));
    }
    let revised = Cron { terms: cron(3).terms, owed: None, ..full };
    change(storage, vec![CronChange::Revise(Box::new(revised.clone()))]);
    assert_eq!(storage.read().cron(id(1)).expect("reads"), Some(revised));
    assert_eq!(storage.read().cron(id(3)).expect("reads"), Some(cron(3)));
}

fn what_is_gone_is_not_revised(storage: &mut dyn Storage) {
    make(storage, [cron(1), cron(2)]);
    change(storage, vec![CronChange::Delete(id(1)), CronChange::Revise(Box::new(cron(1)))]);
    change(storage, vec![CronChange::Delete(id(1))]);
    assert_eq!(found(storage, SearchCrons::default()), [2]);
}

fn crons_go_with_their_thread_and_their_assistant(storage: &mut dyn Storage) {
    put(storage, 0, vec![Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)))]);
    make(
        storage,
        [
            Cron { thread_id: Some(THREAD), ..cron(1) },
            Cron { thread_id: Some(OTHER), ..cron(2) },
            cron(3),
            Cron { assistant_id: ASSISTANT, ..cron(4) },
        ],
    );
    put(storage, 0, vec![Change::DeleteThread]);
    assert_eq!(found(storage, SearchCrons::default()), [4, 3, 2]);
    let answers = storage.write(vec![Transaction::Assistant(AssistantChange::Delete(ASSISTANT))]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
    assert_eq!(found(storage, SearchCrons::default()), [3, 2]);
}

fn crons_are_filtered(storage: &mut dyn Storage) {
    let says = |number, metadata| {
        let terms = CronTerms { metadata: object(metadata), ..cron(number).terms };
        Cron { terms, ..cron(number) }
    };
    let asleep = CronTerms { enabled: false, ..cron(3).terms };
    make(
        storage,
        [
            Cron { thread_id: Some(THREAD), ..says(1, json!({"a": [1, 2], "b": 1})) },
            Cron { assistant_id: ASSISTANT, ..says(2, json!({"a": [2]})) },
            Cron { terms: asleep, ..cron(3) },
        ],
    );
    let mut check = |filter: CronFilter, expected: &[u128]| {
        assert_eq!(storage.read().count_crons(&filter).expect("reads"), expected.len(), "{filter:?}");
        assert_eq!(found(storage, SearchCrons { filter, ..SearchCrons::default() }), expected);
    };
    let all = CronFilter::default;
    check(all(), &[3, 2, 1]);
    check(CronFilter { assistant_id: Some(ASSISTANT), ..all() }, &[2]);
    check(CronFilter { thread_id: Some(THREAD), ..all() }, &[1]);
    check(CronFilter { thread_id: Some(OTHER), ..all() }, &[]);
    check(CronFilter { enabled: Some(false), ..all() }, &[3]);
    check(CronFilter { enabled: Some(true), ..all() }, &[2, 1]);
    check(CronFilter { metadata: object(json!({"a": [2]})), ..all() }, &[2, 1]);
    check(CronFilter { metadata: object(json!({"a": [2], "b": 1})), enabled: Some(true), ..all() }, &[1]);
}

fn crons_are_sorted_and_paged(storage: &mut dyn Storage) {
    let odd = |number: u128, at: i64| Cron {
        assistant_id: id(0x100 - number),
        created_at: Timestamp(at),
        updated_at: Timestamp(-at),
        ..cron(number)
    };
    let ends =
        |end, cron: Cron| Cron { terms: CronTerms { end_time: Some(Timestamp(end)), ..cron.terms }, ..cron };
    make(
        storage,
        [
            Cron { thread_id: Some(OTHER), next_run_date: None, ..odd(1, 3) },
            Cron { thread_id: Some(THREAD), next_run_date: Some(Timestamp(4)), ..ends(8, odd(2, 1)) },
            Cron { next_run_date: Some(Timestamp(2)), ..ends(7, odd(3, 1)) },
        ],
    );
    for (sort_by, expected) in [
        (SortCrons::CronId, [1, 2, 3]),
        (SortCrons::AssistantId, [3, 2, 1]),
        (SortCrons::ThreadId, [2, 1, 3]),
        (SortCrons::NextRunDate, [3, 2, 1]),
        (SortCrons::EndTime, [3, 2, 1]),
        (SortCrons::CreatedAt, [2, 3, 1]),
        (SortCrons::UpdatedAt, [1, 2, 3]),
    ] {
        for descending in [false, true] {
            let mut expected = expected;
            if descending {
                expected.reverse();
            }
            for offset in 0..4 {
                let request = SearchCrons { sort_by, descending, offset, limit: 2, ..SearchCrons::default() };
                let page = storage.read().search_crons(&request).expect("reads");
                let page = (page.crons.iter().map(number).collect::<Vec<_>>(), page.more);
                let rest = &expected[offset.min(3)..];
                assert_eq!(page, (rest[..rest.len().min(2)].to_vec(), rest.len() > 2), "{request:?}");
            }
        }
    }
}

fn what_comes_next_is_found(storage: &mut dyn Storage) {
    assert_eq!(storage.read().next_crons(9).expect("reads"), []);
    let next = |number, at| Cron { next_run_date: Some(Timestamp(at)), ..cron(number) };
    let mut asleep = next(4, 1);
    asleep.terms.enabled = false;
    let mut over = next(5, 2);
    over.terms.end_time = Some(Timestamp(1));
    let [owing, done] = [6, 7].map(|number| Cron { owed: Some(id(9 - number % 2)), ..next(number, 50) });
    let done = Cron { next_run_date: None, ..done };
    make(storage, [next(1, 30), next(2, 20), next(3, 20), asleep, over, owing, done]);
    let mut check = |limit, expected: &[u128]| {
        let found = storage.read().next_crons(limit).expect("reads");
        assert_eq!(found.iter().map(number).collect::<Vec<_>>(), expected);
    };
    check(9, &[7, 6, 2, 3, 1]);
    check(3, &[7, 6, 2]);
    check(1, &[7]);
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn plain() -> StartRun {
    StartRun::new("agent")
}

fn cron(number: u128) -> Cron {
    let at = Timestamp(i64::try_from(number).expect("is small"));
    Cron {
        cron_id: id(number),
        assistant_id: id(0x40),
        thread_id: None,
        terms: CronTerms::new("* * * * *", plain()),
        next_run_date: Some(Timestamp(60_000_000)),
        owed: None,
        created_at: at,
        updated_at: at,
    }
}

fn number(cron: &Cron) -> u128 {
    cron.cron_id.as_u128()
}

fn make<const N: usize>(storage: &mut dyn Storage, crons: [Cron; N]) {
    change(storage, crons.map(|cron| CronChange::Make(Box::new(cron))).into());
}

fn change(storage: &mut dyn Storage, changes: Vec<CronChange>) {
    let answers = storage.write(vec![Transaction::Crons(changes)]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

#[allow(clippy::needless_pass_by_value, reason = "it is made for the call")]
fn found(storage: &mut dyn Storage, request: SearchCrons) -> Vec<u128> {
    storage.read().search_crons(&request).expect("reads").crons.iter().map(number).collect()
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { unreachable!("{value} is no object") };
    map
}
