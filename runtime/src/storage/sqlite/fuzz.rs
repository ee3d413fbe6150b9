//! What is stored of checkpoints, read: for fuzzers, and for their corpora as plain tests. Nothing of it may panic.

use rusqlite::types::{FromSql as _, ValueRef};

use super::state::State;
use super::writes::sizes;

/// The columns of a checkpoint, packed as they are now and as JSON as they were.
pub fn checkpoints(data: &[u8]) {
    for value in [ValueRef::Blob(data), ValueRef::Text(data)] {
        if let Ok(mut state) = State::column_result(value) {
            let _ = state.spread();
            let _ = state.updated();
        }
    }
    let _ = sizes(&String::from_utf8_lossy(data));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use eddyline_engine::testing::mutants;

    #[test]
    fn a_corpus_of_checkpoints_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/checkpoints");
        let mut read = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            super::checkpoints(&seed);
            mutants(&seed, 5000).for_each(|mutant| super::checkpoints(&mutant));
            read += 1;
        }
        assert!(read > 1, "the corpus is there");
    }
}
