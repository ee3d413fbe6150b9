//! The sweeper: items whose time is over are not found any more, and from time to time they go.

use std::time::Duration;

use eddyline_engine::store::StoreError;
use tokio::time::{MissedTickBehavior, interval};

use super::ItemStore;
use crate::storage::ItemChange;

/// How many items go in one transaction: others wait for it no longer than for a commit of their own.
const TOGETHER: usize = 256;

/// Sweeps now, and then every `pause`.
pub(crate) async fn sweep_for_ever(store: ItemStore, pause: Duration) {
    let mut ticks = interval(pause.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = store.sweep().await {
            tracing::warn!(%error, "items whose time is over are still stored; they go with the next sweep");
        }
    }
}

impl ItemStore {
    /// Drops every item whose time is over.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        let at = self.now();
        while self.look(move |storage| storage.items_ended(at)).await? {
            self.write(vec![ItemChange::Sweep(at, TOGETHER)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use actix::{Actor, Addr};
    use eddyline_engine::ids::Timestamp;
    use eddyline_engine::store::{PutItem, Store, Ttl};
    use serde_json::Map;

    use super::*;
    use crate::actors::{ReaderPool, StorageActor};
    use crate::clock::Clock;
    use crate::options::Options;
    use crate::storage::{MemoryStorage, Storage};

    #[derive(Debug, Default)]
    struct Told(AtomicI64);

    impl Clock for Told {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn keepers(storage: &MemoryStorage) -> (Addr<StorageActor>, ReaderPool) {
        let readers = storage.readers();
        let storage = StorageActor::new(Box::new(storage.clone()), 64, None).start();
        (storage, ReaderPool::start(1, readers))
    }

    #[actix::test]
    async fn every_item_whose_time_is_over_goes() {
        let (mut storage, clock) = (MemoryStorage::default(), Arc::new(Told::default()));
        let store = ItemStore::new(keepers(&storage), clock.clone(), None, &Options::default());
        // More than one transaction takes.
        for key in 0..=2 * TOGETHER {
            let ttl = Ttl::After(Duration::from_micros(5));
            let put = PutItem { ttl, ..PutItem::new(&["a"], key.to_string(), Map::new()) };
            store.put(put).await.expect("is stored");
        }
        clock.0.store(5, Ordering::SeqCst);
        assert!(storage.read().items_ended(Timestamp(5)).expect("reads"));
        store.sweep().await.expect("is swept");
        assert!(!storage.read().items_ended(Timestamp(5)).expect("reads"));
    }
}
