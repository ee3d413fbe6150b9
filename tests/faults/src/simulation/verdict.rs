//! What must be true of what is stored when everything is over.

use std::collections::BTreeSet;

use eddyline::Which;
use eddyline::checkpoint::{Saved, Source};
use eddyline::runtime::ThreadStatus;
use eddyline::runtime::storage::Read as _;
use uuid::Uuid;

use super::client::recorded;
use super::disk::{Rows, short};
use super::graph::{done, is_in_order, newest};
use super::scene::Scene;
use super::world::{Answer, Asked};

/// Notes what is stored, and what is wrong with it.
pub(super) fn pass(scene: &Scene) {
    scene.world.end();
    for thread_id in &scene.threads {
        describe(scene, *thread_id);
        thread(scene, *thread_id);
    }
    asked(scene);
    told(scene);
}

/// Puts everything that is stored into the trace.
fn describe(scene: &Scene, thread_id: Uuid) {
    let world = &scene.world;
    let rows = Rows::of(world, thread_id);
    world.happened(format!("stored {:?}", rows.thread));
    rows.runs.iter().for_each(|run| world.happened(format!("stored {run:?}")));
    let levels: Vec<_> = world.notes().levels.iter().filter(|(of, _)| *of == thread_id).cloned().collect();
    for (_, ns) in levels {
        for saved in world.memory.clone().history(thread_id, &ns, None, usize::MAX).expect("memory reads") {
            world.happened(format!("stored {ns} {saved:?}"));
        }
    }
}

fn thread(scene: &Scene, thread_id: Uuid) {
    let world = &scene.world;
    let rows = Rows::of(world, thread_id);
    let name = short(thread_id);
    let Some(stored) = &rows.thread else { return };
    for run in rows.runs.iter().filter(|run| !run.status.is_final()) {
        world.broken(format!("run {} is {:?} in the end", short(run.run_id), run.status));
    }
    if stored.thread.status == ThreadStatus::Busy {
        world.broken(format!("thread {name} is busy, and nothing runs"));
    }
    let newest = newest(&world.memory, thread_id);
    // What is written by hand may lead to a node that was to run anyway.
    let of_runs =
        |step: &&String| world.notes().asked.contains_key(step.split(':').next().unwrap_or_default());
    let steps: Vec<&String> = newest.iter().filter(of_runs).collect();
    let distinct: BTreeSet<&&String> = steps.iter().collect();
    if distinct.len() != steps.len() {
        world.broken(format!("thread {name} did something twice: {newest:?}"));
    }
    let record = recorded(stored.thread.values.as_ref());
    let record = eddyline::Shared::from(record["done"].clone());
    // Deleting a run leaves the thread's record as it was.
    let shrinks = world.notes().may_shrink.contains(&thread_id);
    if !shrinks && scene.is_untroubled(thread_id) && done(Some(&record)) != newest {
        world.broken(format!("thread {name} says {:?} and did {newest:?}", done(Some(&record))));
    }
    chain(scene, thread_id);
}

/// Each checkpoint is what came of the one that it follows.
fn chain(scene: &Scene, thread_id: Uuid) {
    let history = scene.world.memory.clone().history(thread_id, &"".into(), None, usize::MAX);
    let history = history.expect("memory reads");
    for saved in &history {
        let parent =
            saved.parent.and_then(|parent| history.iter().find(|other| other.checkpoint.id == parent));
        let run_id = saved.metadata.extra.get("run_id").and_then(serde_json::Value::as_str);
        let known = run_id.and_then(|id| scene.world.notes().runs.get(&Uuid::parse_str(id).ok()?).cloned());
        if let Some(parent) = parent.filter(|_| known.is_none_or(|known| !known.late)) {
            link(scene, parent, saved);
        }
    }
}

fn link(scene: &Scene, parent: &Saved, saved: &Saved) {
    let before = done(parent.checkpoint.values.get("done"));
    let after = done(saved.checkpoint.values.get("done"));
    let writes = parent.writes.iter().filter(|write| &*write.channel == "done" && write.index >= 0);
    let written = writes.flat_map(|write| done(Some(&write.value)));
    let fold: Vec<String> = match saved.metadata.source {
        Source::Loop => before.iter().cloned().chain(written).collect(),
        Source::Input => before,
        // What was written by hand is its author's.
        Source::Update | Source::Fork => return,
    };
    if fold != after {
        let id = short(saved.checkpoint.id);
        scene.world.broken(format!("checkpoint {id} holds {after:?}, and what was written is {fold:?}"));
    }
}

/// What was accepted is done, or was taken back; what was refused left nothing.
fn asked(scene: &Scene) {
    let asked: Vec<(String, Asked)> =
        scene.world.notes().asked.iter().map(|(label, asked)| (label.clone(), asked.clone())).collect();
    for (label, asked) in asked {
        match asked.answer {
            Answer::Accepted { thread_id, run_id } => accepted(scene, &label, thread_id, run_id),
            Answer::Refused => refused(scene, &label),
            Answer::Unknown => {}
        }
    }
}

fn accepted(scene: &Scene, label: &str, thread_id: Uuid, run_id: Uuid) {
    let known = scene.world.notes().runs.get(&run_id).cloned();
    let is_there = Rows::of(&scene.world, thread_id).run(run_id).is_some();
    if !is_there && known.is_none_or(|known| !known.gone) {
        scene.world.broken(format!("run {} ({label}) was accepted and is lost", short(run_id)));
    }
    let done = newest(&scene.world.memory, thread_id);
    if !is_in_order(&done, label) {
        scene.world.broken(format!("run {label} did what it did in a wrong order: {done:?}"));
    }
}

fn refused(scene: &Scene, label: &str) {
    if scene.world.notes().runs.values().any(|known| known.label == label) {
        scene.world.broken(format!("{label} was refused and is stored"));
    }
    for thread_id in &scene.threads {
        let history = scene.world.memory.clone().history(*thread_id, &"".into(), None, usize::MAX);
        let history = history.expect("memory reads");
        let left = history.iter().filter(|saved| {
            let done = done(saved.checkpoint.values.get("done"));
            done.iter().any(|step| step.split(':').next() == Some(label))
        });
        if left.count() > 0 {
            scene.world.broken(format!("{label} was refused and has left something"));
        }
    }
}

/// Checkpoints that clients were told of are there, unless their run was taken back.
fn told(scene: &Scene) {
    let told = scene.world.notes().told.clone();
    for (checkpoint, (thread_id, run_id)) in told {
        let is_gone = scene.world.notes().runs.get(&run_id).is_none_or(|known| known.gone);
        let found = scene.world.memory.clone().checkpoint(thread_id, &"".into(), Which::Id(checkpoint));
        if !is_gone && found.expect("memory reads").is_none() {
            scene.world.broken(format!("checkpoint {} was told of and is lost", short(checkpoint)));
        }
    }
}
