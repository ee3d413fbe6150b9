//! The queue, event by event.

use super::*;

const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);
const C: Uuid = Uuid::from_u128(3);
const NOW: Timestamp = Timestamp(100);
const LATER: Timestamp = Timestamp(200);

fn submit(run: Uuid, strategy: MultitaskStrategy) -> Event {
    Event::Submitted { run, strategy, due: NOW }
}

fn enqueue(run: Uuid) -> Event {
    submit(run, MultitaskStrategy::Enqueue)
}

fn reject(run: Uuid) -> Event {
    submit(run, MultitaskStrategy::Reject)
}

fn accept(run: Uuid) -> Effect {
    Effect::Accept { run }
}

fn admit(run: Uuid) -> Effect {
    Effect::Admit { run }
}

fn dismiss(run: Uuid, action: CancelAction) -> Effect {
    Effect::Dismiss { run, action }
}

fn play(queue: &mut Queue, table: &[(Event, &[Effect])]) {
    for (place, (event, expected)) in table.iter().enumerate() {
        assert_eq!(queue.on(*event, NOW), *expected, "event {place}: {event:?}");
    }
}

/// Plays the events on an empty queue of which one run may wait.
fn check(table: &[(Event, &[Effect])]) -> Queue {
    let mut queue = Queue::new(1);
    play(&mut queue, table);
    queue
}

/// Plays the events on a queue on which A runs, and of which one run may wait.
fn check_running(table: &[(Event, &[Effect])]) -> Queue {
    let mut queue = check(&[
        (enqueue(A), &[accept(A), admit(A)]),
        (Event::Admitted { run: A }, &[Effect::Launch { run: A }]),
    ]);
    play(&mut queue, table);
    queue
}

#[test]
fn runs_take_turns() {
    let queue = check_running(&[
        (enqueue(B), &[accept(B)]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Stored { run: A }, &[admit(B)]),
        (Event::Admitted { run: B }, &[Effect::Launch { run: B }]),
        (Event::Ended { run: B }, &[Effect::Finish { run: B }]),
        (Event::Stored { run: B }, &[Effect::Rest]),
    ]);
    assert!(!queue.is_busy());
}

#[test]
fn the_slot_is_taken_until_the_end_is_stored() {
    let queue = check_running(&[
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (reject(B), &[Effect::RefuseBusy { run: B }]),
        (enqueue(C), &[accept(C)]),
    ]);
    assert!(queue.holds(A) && queue.holds(C) && !queue.holds(B));
}

#[test]
fn a_run_whose_end_is_stored_with_its_last_commit_has_nothing_left_to_store() {
    check_running(&[
        (enqueue(B), &[accept(B)]),
        (Event::Sealed { run: A }, &[]),
        (Event::Cancel { run: A, action: CancelAction::Interrupt }, &[]),
        (Event::Ended { run: A }, &[Effect::Announce { run: A }, admit(B)]),
    ]);
    check_running(&[
        (Event::Sealed { run: A }, &[]),
        (Event::Unsealed { run: A }, &[]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
    ]);
}

#[test]
fn a_full_queue_refuses() {
    check_running(&[(enqueue(B), &[accept(B)]), (enqueue(C), &[Effect::RefuseFull { run: C }])]);
}

#[test]
fn strategies_are_alike_on_a_free_thread() {
    for strategy in MultitaskStrategy::ALL {
        check(&[(submit(A, strategy), &[accept(A), admit(A)])]);
    }
}

#[test]
fn a_run_may_stop_those_before_it() {
    for (strategy, action) in [
        (MultitaskStrategy::Interrupt, CancelAction::Interrupt),
        (MultitaskStrategy::Rollback, CancelAction::Rollback),
    ] {
        let stop = Effect::Cancel { run: A, action };
        check_running(&[
            (enqueue(B), &[accept(B)]),
            (submit(C, strategy), &[accept(C), dismiss(B, action), stop]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (Event::Stored { run: A }, &[admit(C)]),
            // It has not begun, and its place is free at once.
            (submit(B, strategy), &[accept(B), dismiss(C, action), admit(B)]),
            (Event::Admitted { run: C }, &[]),
            (Event::Admitted { run: B }, &[Effect::Launch { run: B }]),
        ]);
    }
}

#[test]
fn a_run_waits_until_it_is_due() {
    let mut queue = Queue::new(9);
    let late = |run| Event::Submitted { run, strategy: MultitaskStrategy::Enqueue, due: LATER };
    assert_eq!(queue.on(late(A), NOW), [accept(A), Effect::WaitUntil { due: LATER }]);
    assert!(queue.has_runs() && queue.has_waiting());
    assert_eq!(queue.on(reject(C), NOW), [Effect::RefuseBusy { run: C }]);
    assert_eq!(queue.on(enqueue(B), NOW), [accept(B), admit(B)], "what is due does not wait for it");
    assert_eq!(queue.on(Event::Due, LATER), []);
    queue.on(Event::Admitted { run: B }, NOW);
    queue.on(Event::Ended { run: B }, NOW);
    assert_eq!(queue.on(Event::Stored { run: B }, NOW), [Effect::WaitUntil { due: LATER }]);
    assert_eq!(queue.on(Event::Due, NOW), [Effect::WaitUntil { due: LATER }]);
    assert_eq!(queue.on(Event::Due, LATER), [admit(A)]);
}

#[test]
fn updates_come_before_runs_and_not_beside_them() {
    let update = |update| Event::Update { update };
    check(&[
        (update(A), &[Effect::Update { update: A }]),
        (update(B), &[]),
        (update(C), &[Effect::RefuseFull { run: C }]),
        (reject(C), &[accept(C)]),
        (update(A), &[Effect::RefuseBusy { run: A }]),
        (Event::Updated { update: B }, &[]),
        (Event::Updated { update: A }, &[Effect::Update { update: B }]),
        (Event::Updated { update: B }, &[admit(C)]),
        (update(A), &[Effect::RefuseBusy { run: A }]),
        (Event::Admitted { run: C }, &[Effect::Launch { run: C }]),
        (Event::Ended { run: C }, &[Effect::Finish { run: C }]),
        (update(A), &[Effect::RefuseBusy { run: A }]),
        (Event::Stored { run: C }, &[Effect::Rest]),
        (update(A), &[Effect::Update { update: A }]),
    ]);
}

#[test]
fn updates_that_wait_are_made_before_a_draining_thread_rests() {
    let queue = check(&[
        (Event::Update { update: A }, &[Effect::Update { update: A }]),
        (Event::Update { update: B }, &[]),
        (enqueue(C), &[accept(C)]),
        (Event::Draining, &[]),
        (Event::Updated { update: A }, &[Effect::Update { update: B }]),
        (Event::Updated { update: B }, &[Effect::Rest]),
    ]);
    assert!(queue.holds(C), "it waits for the next life of the thread");
}

#[test]
fn a_run_is_cancelled_where_it_stands_and_one_that_waits_just_goes() {
    let action = CancelAction::Interrupt;
    let cancel = |run| Event::Cancel { run, action };
    check(&[
        (enqueue(A), &[accept(A), admit(A)]),
        (enqueue(B), &[accept(B)]),
        (cancel(A), &[dismiss(A, action), admit(B)]),
        (Event::Admitted { run: A }, &[]),
        (Event::Admitted { run: B }, &[Effect::Launch { run: B }]),
        (enqueue(A), &[accept(A)]),
        (cancel(A), &[dismiss(A, action)]),
        (cancel(A), &[]),
        (cancel(B), &[Effect::Cancel { run: B, action }]),
        (enqueue(C), &[accept(C)]),
        (Event::Ended { run: B }, &[Effect::Finish { run: B }]),
        (cancel(B), &[]),
        (Event::Stored { run: B }, &[admit(C)]),
    ]);
}

#[test]
fn a_queue_that_is_cleared_rests_when_the_slot_is_free() {
    let action = CancelAction::Rollback;
    check_running(&[
        (enqueue(B), &[accept(B)]),
        (Event::Clear, &[dismiss(B, action), Effect::Cancel { run: A, action }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Stored { run: A }, &[Effect::Rest]),
        (Event::Clear, &[Effect::Rest]),
        (Event::Update { update: A }, &[Effect::Update { update: A }]),
        (Event::Update { update: B }, &[]),
        (Event::Clear, &[Effect::DropUpdate { update: B }]),
        (Event::Updated { update: A }, &[Effect::Rest]),
    ]);
}

#[test]
fn news_of_other_runs_changes_nothing() {
    check(&[(Event::Ended { run: A }, &[])]);
    check_running(&[
        (Event::Stored { run: A }, &[]),
        (Event::Ended { run: B }, &[]),
        (Event::Sealed { run: B }, &[]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Ended { run: A }, &[]),
    ]);
}

#[test]
fn a_draining_thread_ends_its_run_and_starts_no_other() {
    check_running(&[
        (enqueue(B), &[accept(B)]),
        (Event::Draining, &[Effect::Drain { run: A }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Stored { run: A }, &[Effect::Rest]),
    ]);
    check(&[(Event::Draining, &[Effect::Rest])]);
    let queue = check(&[
        (enqueue(A), &[accept(A), admit(A)]),
        (Event::Draining, &[Effect::Rest]),
        (Event::Admitted { run: A }, &[]),
    ]);
    assert!(queue.holds(A), "it waits for the next life of the thread");
}

#[test]
fn recovered_runs_go_on_in_the_order_in_which_they_are_told() {
    let mut queue = Queue::new(0);
    let recovered = |run| Event::Recovered { run, due: NOW };
    play(
        &mut queue,
        &[
            (recovered(A), &[admit(A)]),
            // Whatever the limit is.
            (recovered(B), &[]),
            (Event::Admitted { run: A }, &[Effect::Launch { run: A }]),
            (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
            (Event::Stored { run: A }, &[admit(B)]),
        ],
    );
}
