//! What every storage must do with deliveries.

use eddyline_engine::ids::Timestamp;
use serde_json::Map;
use uuid::Uuid;

use super::{THREAD, put};
use crate::storage::webhooks::FAILED;
use crate::storage::{Change, Storage, Transaction, WebhookChange};
use crate::threads::Thread;
use crate::webhooks::{Delivery, ListFailures};

pub(super) const RULES: [fn(&mut dyn Storage); 3] = [
    what_is_owed_comes_back_in_order,
    what_failed_is_listed_and_not_for_ever,
    what_is_owed_is_stored_with_its_run,
];

fn what_is_owed_comes_back_in_order(storage: &mut dyn Storage) {
    let odd = Delivery {
        url: "https://example.org/?a='\"".to_owned(),
        body: "{\"a\":\"\u{fffd}'\"}".to_owned(),
        ..delivery(3, Some(2))
    };
    for delivery in [delivery(1, Some(9)), delivery(2, Some(2)), odd.clone()] {
        change(storage, WebhookChange::Owe(Box::new(delivery)));
    }
    change(storage, WebhookChange::Owe(Box::new(delivery(2, Some(100)))));
    assert_eq!(owed(storage, 9), [2, 3, 1]);
    assert_eq!(owed(storage, 2), [2, 3]);
    assert_eq!(storage.read().next_deliveries(9).expect("reads")[1], odd);
    let again = Delivery { attempts: 1, error: Some("it's late".to_owned()), ..delivery(2, Some(20)) };
    change(storage, WebhookChange::Failed(Box::new(again.clone())));
    assert_eq!(owed(storage, 9), [3, 1, 2]);
    assert_eq!(storage.read().next_deliveries(9).expect("reads")[2], again);
    change(storage, WebhookChange::Delivered(Uuid::from_u128(3)));
    change(storage, WebhookChange::Failed(Box::new(delivery(3, Some(1)))));
    assert_eq!(owed(storage, 9), [1, 2], "what is delivered is gone");
    assert_eq!(storage.read().owed_deliveries().expect("reads"), 2);
    let reader = storage.readers().open().expect("opens").owed_deliveries();
    assert_eq!(reader.expect("reads"), 2);
}

fn what_failed_is_listed_and_not_for_ever(storage: &mut dyn Storage) {
    let count = u128::try_from(FAILED).expect("is small") + 2;
    let owe = (1..=count).map(|number| WebhookChange::Owe(Box::new(delivery(number, Some(1)))));
    let fail = (1..count).map(|number| {
        let at = Timestamp(i64::try_from(number).expect("is small"));
        WebhookChange::Failed(Box::new(Delivery { updated_at: at, ..delivery(number, None) }))
    });
    let answers = storage.write(vec![Transaction::Webhooks(owe.chain(fail).collect())]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
    assert_eq!(owed(storage, 9), [count]);
    assert_eq!(failed(storage, 3, 0), [count - 1, count - 2, count - 3]);
    assert_eq!(failed(storage, FAILED, FAILED - 1), [2], "the oldest is gone");
}

fn what_is_owed_is_stored_with_its_run(storage: &mut dyn Storage) {
    let record = Change::PutThread(Thread::new(THREAD, Map::new(), Timestamp(0)));
    put(storage, 1, vec![record, Change::Owe(Box::new(delivery(1, Some(1))))]);
    let (thread_id, epoch, changes) = (THREAD, 0, vec![Change::Owe(Box::new(delivery(2, Some(1))))]);
    let old = Transaction::Thread { thread_id, epoch, begins: false, changes };
    assert!(storage.write(vec![old])[0].is_err());
    put(storage, 1, vec![Change::DeleteThread]);
    assert_eq!(owed(storage, 9), [1], "it is owed even when the thread is gone");
}

fn delivery(number: u128, due: Option<i64>) -> Delivery {
    Delivery {
        delivery_id: Uuid::from_u128(number),
        run_id: Uuid::from_u128(0x50),
        thread_id: THREAD,
        url: "https://example.org/hook".to_owned(),
        body: "{}".to_owned(),
        attempts: 0,
        due: due.map(Timestamp),
        error: None,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    }
}

fn change(storage: &mut dyn Storage, change: WebhookChange) {
    let answers = storage.write(vec![Transaction::Webhooks(vec![change])]);
    assert!(matches!(answers[..], [Ok(())]), "{answers:?}");
}

fn owed(storage: &mut dyn Storage, limit: usize) -> Vec<u128> {
    numbers(&storage.read().next_deliveries(limit).expect("reads"))
}

fn failed(storage: &mut dyn Storage, limit: usize, offset: usize) -> Vec<u128> {
    numbers(&storage.read().failed_deliveries(ListFailures { limit, offset }).expect("reads"))
}

fn numbers(deliveries: &[Delivery]) -> Vec<u128> {
    deliveries.iter().map(|delivery| delivery.delivery_id.as_u128()).collect()
}
