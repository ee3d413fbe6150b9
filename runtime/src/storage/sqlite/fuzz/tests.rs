use std::path::PathBuf;
use std::{env, fs};

use eddyline_engine::AnyCommand;
use eddyline_engine::checkpoint::{Commit, NewCheckpoint, Outcome};
use eddyline_engine::local::Memory as Thread;
use eddyline_engine::prelude::*;
use eddyline_engine::testing::{World, mutants};
use rusqlite::types::Value as Column;

use super::super::commits::Commits;
use super::super::memory::Memory;
use super::super::schema;
use super::*;

/// With this variable the part of the corpus that the code writes is written anew.
const WRITE: &str = "EDDYLINE_WRITE_CORPUS";

fn corpus() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/checkpoints").into()
}

#[test]
fn a_corpus_of_checkpoints_is_read() {
    let mut read = 0;
    for entry in fs::read_dir(corpus()).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        checkpoints(&seed);
        mutants(&seed, 1000).for_each(|mutant| checkpoints(&mutant));
        read += 1;
    }
    assert!(read > 12, "the corpus is there");
}

/// What a thread of the graph has stored: before its question is answered, and after.
fn history() -> Vec<Saved> {
    let (world, thread) = (Arc::new(World::new()), Thread::new("t"));
    let input = Everything::update().last("rain").messages([Message::human("how is it?").with_id("h")]);
    let waits = world.block_on(GRAPH.invocation(input, world.clone()).thread(&thread).invoke());
    assert_eq!(waits.unwrap_err().code(), "RUN_WAITS");
    let asked = thread.history("");
    let answer = AnyCommand { resume: Some(json!("fine").into()), ..AnyCommand::default() };
    world.block_on(GRAPH.command(answer, world.clone()).thread(&thread).invoke()).unwrap();
    let mut all = thread.history("");
    // The question is told by the writes as they were.
    for saved in &mut all {
        if let Some(before) = asked.iter().find(|before| before.checkpoint.id == saved.checkpoint.id) {
            saved.writes.extend(before.writes.iter().filter(|row| row.index < 0).cloned());
        }
    }
    all.reverse();
    all
}

/// Files by their names, as storage writes the columns.
fn seeds() -> BTreeMap<String, Vec<u8>> {
    let folder = env::temp_dir().join(format!("eddyline-corpus-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let db = schema::open(&folder).unwrap();
    let mut memory = Memory::default();
    for name in NAMES {
        memory.names.number(&db, &name.into()).unwrap();
    }
    for Saved { checkpoint, metadata, parent, writes } in history() {
        let writes = Some((checkpoint.id, writes));
        let new = NewCheckpoint { checkpoint, metadata, parent, shown: None };
        let commit =
            Commit { run: None, ns: "".into(), writes, checkpoint: Some(new), outcome: Outcome::Continue };
        Commits { db: &db, memory: &mut memory, thread: 1 }.store(&commit).unwrap();
    }
    let mut named = db.prepare("SELECT name FROM names ORDER BY id").unwrap();
    let named = named.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(named.collect::<rusqlite::Result<Vec<String>>>().unwrap(), NAMES);
    let mut rows = db.prepare("SELECT step, state, added, writes FROM commits ORDER BY row").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?])));
    let mut seeds = BTreeMap::new();
    for row in rows.unwrap() {
        let (step, columns): (i64, [Column; 3]) = row.unwrap();
        for (column, name) in columns.into_iter().zip(["state", "added", "writes"]) {
            let bytes = match column {
                Column::Text(text) => text.into_bytes(),
                Column::Blob(bytes) => bytes,
                _ => continue,
            };
            seeds.insert(format!("everything_{step}_{name}"), bytes);
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    seeds
}

#[test]
fn the_corpus_is_what_storage_writes() {
    let seeds = seeds();
    let all = |name: &str| {
        let columns = seeds.iter().filter(|(file, _)| file.ends_with(name));
        columns.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>()
    };
    let (added, written) = (all("added"), all("writes"));
    for (text, what) in [
        (&added, r#""type":"human""#),
        (&added, r#""tool_calls":[{"#),
        (&added, r#"{"node":"work","#),
        (&written, r#""question":"ok?""#),
        (&written, r#""fine""#),
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
    for (name, bytes) in seeds {
        let file = corpus().join(&name);
        if env::var_os(WRITE).is_some() {
            fs::write(&file, bytes).unwrap();
        } else {
            let stands = fs::read(&file).unwrap_or_default();
            assert!(stands == bytes, "{name} is behind; with {WRITE}=1 this test writes it");
        }
    }
}
