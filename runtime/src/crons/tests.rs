use serde_json::json;

use super::*;

const MINUTE: i64 = 60_000_000;

/// A cron that was made at the beginning of time, for every tenth minute.
fn cron(change: impl FnOnce(&mut CronTerms)) -> Cron {
    let mut terms = CronTerms::new("*/10 * * * *", StartRun::new("agent"));
    change(&mut terms);
    let request = CreateCron { thread_id: None, terms };
    Cron::new((Uuid::from_u128(1), Uuid::from_u128(2)), request, Timestamp(0)).unwrap()
}

fn minute(minute: i64) -> Timestamp {
    Timestamp(minute * MINUTE)
}

/// Checks whether a run is owed after a look at the clock, and when the next is due.
#[track_caller]
fn check(mut cron: Cron, now: Timestamp, owes: bool, next: Option<i64>) {
    let run_id = Uuid::from_u128(7);
    cron.tick(run_id, now);
    assert_eq!((cron.owed, cron.due()), (owes.then_some(run_id), next.map(minute)));
}

#[test]
fn a_tick_owes_a_run_and_waits_for_the_next() {
    let ends = |end| cron(move |terms| terms.end_time = Some(minute(end)));
    check(cron(|_| ()), minute(9), false, Some(10));
    check(cron(|_| ()), minute(10), true, Some(20));
    check(cron(|_| ()), Timestamp(10 * MINUTE + 17), true, Some(20));
    // Two were missed: there is one run.
    check(cron(|_| ()), minute(35), true, Some(40));
    check(cron(|terms| terms.enabled = false), minute(35), false, None);
    check(ends(20), minute(10), true, Some(20));
    check(ends(19), minute(10), true, None);
    check(ends(9), minute(10), false, None);
    // Late by less than a minute is in time.
    check(ends(10), Timestamp(10 * MINUTE + 17), true, None);
    // The end passed unseen.
    check(ends(12), minute(15), false, None);
    check(ends(16), minute(15), true, None);
}

#[test]
fn a_run_that_was_owed_for_long_stands_for_what_was_missed() {
    let mut cron = cron(|_| ());
    cron.tick(Uuid::from_u128(7), minute(10));
    let (mut in_time, mut late) = (cron.clone(), cron);
    in_time.settle(false, minute(35));
    assert_eq!((in_time.owed, in_time.due()), (None, Some(minute(20))));
    late.settle(true, minute(35));
    assert_eq!((late.owed, late.due()), (None, Some(minute(40))));
}

#[test]
fn other_times_begin_now() {
    let old = cron(|_| ());
    let check = |change: fn(&mut CronTerms), next| {
        let mut terms = old.terms.clone();
        change(&mut terms);
        let new = old.revised(terms, minute(100)).unwrap();
        assert_eq!((new.next_run_date, new.updated_at), (Some(minute(next)), minute(100)));
    };
    check(|terms| terms.metadata = Map::from_iter([("a".to_owned(), json!(1))]), 10);
    check(|terms| terms.end_time = Some(minute(5)), 10);
    check(|terms| terms.enabled = false, 10);
    check(|terms| terms.schedule = "0 * * * *".to_owned(), 120);
    check(|terms| terms.timezone = Some("Asia/Kolkata".to_owned()), 110);
    let asleep = cron(|terms| terms.enabled = false);
    let mut terms = asleep.terms.clone();
    terms.enabled = true;
    assert_eq!(asleep.revised(terms, minute(100)).unwrap().due(), Some(minute(110)));
    let mut wrong = old.terms.clone();
    wrong.schedule = "soon".to_owned();
    assert_eq!(old.revised(wrong, minute(100)).unwrap_err().code(), "INVALID_REQUEST");
}

#[test]
fn a_cron_says_what_it_runs() {
    let cron = cron(|terms| {
        terms.metadata = Map::from_iter([("a".to_owned(), json!(1))]);
        terms.on_completion = OnCompletion::Keep;
        terms.run.input = Some(json!(5).into());
        terms.run.if_not_exists = IfNotExists::Create;
    });
    let request = cron.request();
    let expected = StartRun {
        input: Some(json!(5).into()),
        metadata: cron.terms.metadata.clone(),
        on_completion: OnCompletion::Keep,
        cron_id: Some(cron.cron_id),
        attended: false,
        ..StartRun::new(cron.assistant_id.to_string())
    };
    assert_eq!(request, expected);
}
