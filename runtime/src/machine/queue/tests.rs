//! The queue, event by event.

use super::*;

const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);
const C: Uuid = Uuid::from_u128(3);

fn enqueue(run: Uuid) -> Event {
    Event::Submitted { run, strategy: MultitaskStrategy::Enqueue }
}

fn reject(run: Uuid) -> Event {
    Event::Submitted { run, strategy: MultitaskStrategy::Reject }
}

/// Plays the events on an empty queue of which one run may wait.
fn check(table: &[(Event, &[Effect])]) -> Queue {
    let mut queue = Queue::new(1);
    for (place, (event, expected)) in table.iter().enumerate() {
        assert_eq!(queue.on(*event), *expected, "event {place}: {event:?}");
    }
    queue
}

#[test]
fn runs_take_turns() {
    let queue = check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (enqueue(B), &[Effect::Accept { run: B }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Stored { run: A }, &[Effect::Launch { run: B }]),
        (Event::Ended { run: B }, &[Effect::Finish { run: B }]),
        (Event::Stored { run: B }, &[Effect::Rest]),
    ]);
    assert!(!queue.is_busy());
}

#[test]
fn the_slot_is_taken_until_the_end_is_stored() {
    let queue = check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (reject(B), &[Effect::RefuseBusy { run: B }]),
        (enqueue(C), &[Effect::Accept { run: C }]),
    ]);
    assert!(queue.holds(A) && queue.holds(C) && !queue.holds(B));
}

#[test]
fn a_full_queue_refuses() {
    check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (enqueue(B), &[Effect::Accept { run: B }]),
        (enqueue(C), &[Effect::RefuseFull { run: C }]),
    ]);
}

#[test]
fn strategies_are_alike_on_a_free_thread() {
    check(&[(reject(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }])]);
}

#[test]
fn updates_come_before_runs_and_not_beside_them() {
    let update = |update| Event::Update { update };
    check(&[
        (update(A), &[Effect::Update { update: A }]),
        (update(B), &[]),
        (update(C), &[Effect::RefuseFull { run: C }]),
        (reject(C), &[Effect::Accept { run: C }]),
        (update(A), &[Effect::RefuseBusy { run: A }]),
        (Event::Updated { update: B }, &[]),
        (Event::Updated { update: A }, &[Effect::Update { update: B }]),
        (Event::Updated { update: B }, &[Effect::Launch { run: C }]),
        (update(A), &[Effect::RefuseBusy { run: A }]),
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
        (enqueue(C), &[Effect::Accept { run: C }]),
        (Event::Draining, &[]),
        (Event::Updated { update: A }, &[Effect::Update { update: B }]),
        (Event::Updated { update: B }, &[Effect::Rest]),
    ]);
    assert!(queue.holds(C), "it waits for the next life of the thread");
}

#[test]
fn a_run_is_cancelled_where_it_stands_and_one_that_waits_just_goes() {
    let cancel = |run| Event::Cancel { run };
    check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (enqueue(B), &[Effect::Accept { run: B }]),
        (cancel(B), &[Effect::Dismiss { run: B }]),
        (cancel(B), &[]),
        (cancel(A), &[Effect::Cancel { run: A }]),
        (enqueue(C), &[Effect::Accept { run: C }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (cancel(A), &[]),
        (Event::Stored { run: A }, &[Effect::Launch { run: C }]),
    ]);
}

#[test]
fn a_queue_that_is_cleared_rests_when_the_slot_is_free() {
    check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (enqueue(B), &[Effect::Accept { run: B }]),
        (Event::Clear, &[Effect::Dismiss { run: B }, Effect::Cancel { run: A }]),
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
    check(&[
        (Event::Ended { run: A }, &[]),
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (Event::Stored { run: A }, &[]),
        (Event::Ended { run: B }, &[]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Ended { run: A }, &[]),
    ]);
}

#[test]
fn a_draining_thread_ends_its_run_and_starts_no_other() {
    check(&[
        (enqueue(A), &[Effect::Accept { run: A }, Effect::Launch { run: A }]),
        (enqueue(B), &[Effect::Accept { run: B }]),
        (Event::Draining, &[Effect::Drain { run: A }]),
        (Event::Ended { run: A }, &[Effect::Finish { run: A }]),
        (Event::Stored { run: A }, &[Effect::Rest]),
    ]);
    check(&[(Event::Draining, &[Effect::Rest])]);
}

#[test]
fn recovered_runs_go_on_in_the_order_in_which_they_are_told() {
    let mut queue = Queue::new(0);
    assert_eq!(queue.on(Event::Recovered { run: A }), [Effect::Launch { run: A }]);
    assert_eq!(queue.on(Event::Recovered { run: B }), [], "whatever the limit is");
    assert_eq!(queue.on(Event::Ended { run: A }), [Effect::Finish { run: A }]);
    assert_eq!(queue.on(Event::Stored { run: A }), [Effect::Launch { run: B }]);
}
