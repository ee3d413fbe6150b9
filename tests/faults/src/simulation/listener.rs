//! Clients that listen, and what they must never hear.

use std::sync::Arc;
use std::time::Duration;

use eddyline::fact::{Body, Fact};
use eddyline::runtime::storage::Read as _;
use eddyline::runtime::{Begin, Delivery, Entry, Listen, Subscription};
use eddyline::{Handle, Which};
use uuid::Uuid;

use super::disk::{Rows, short};
use super::scene::Scene;

/// Follows a thread, from one stream to the next, until the process ends.
pub(super) async fn observe(scene: Arc<Scene>, handle: Handle, thread_id: Uuid) {
    loop {
        let listen = Listen { thread_id, run_id: None, begin: Begin::OldestToPresent, tokens: false };
        if let Ok(events) = handle.listen(listen).await {
            follow(&scene, thread_id, events).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Hears a stream to its end; true if the last thing was that its run has ended.
async fn follow(scene: &Scene, thread_id: Uuid, mut events: Subscription) -> bool {
    let mut last = None;
    let mut has_ended = false;
    while let Some(delivery) = events.next().await {
        let Delivery::Fact(entry) = delivery else { continue };
        if scene.world.is_dead() {
            return true;
        }
        if last.is_some_and(|last| entry.seq <= last) {
            scene.world.broken(format!("a listener hears {} behind {last:?}", entry.seq));
        }
        if has_ended && events.run_id().is_some() {
            scene.world.broken(format!("{} is heard of a run that has ended", entry.seq));
        }
        last = Some(entry.seq);
        has_ended = matches!(entry.fact.body, Body::RunEnded { .. });
        hear(scene, thread_id, &entry);
    }
    has_ended
}

/// Hears the stream of a run to its end.
pub(super) async fn listen(scene: Arc<Scene>, thread_id: Uuid, run_id: Uuid, events: Subscription) {
    let heard = follow(&scene, thread_id, events).await;
    let world = &scene.world;
    world.happened(format!("the stream of run {} ends", short(run_id)));
    if heard || !scene.is_calm(thread_id) {
        return;
    }
    let rows = Rows::of(world, thread_id);
    if rows.run(run_id).is_some_and(|run| run.attempt > 0) {
        world.broken(format!("the stream of run {} ends without its end", short(run_id)));
    }
}

fn hear(scene: &Scene, thread_id: Uuid, entry: &Entry) {
    let world = &scene.world;
    let text = format!("{} {}", short(entry.run_id), tell(&entry.fact));
    let known = world.notes().runs.get(&entry.run_id).cloned();
    let deaths = known.as_ref().map_or_else(|| world.notes().deaths(thread_id), |known| known.deaths);
    // It cannot be told again if it is not stored. What storage did not take ends the run, and only that is told.
    let is_failure = matches!(entry.fact.body, Body::RunEnded { failure: Some(_), .. });
    let is_owed = known.as_ref().is_some_and(|known| known.resumable && !known.gone) && !is_failure;
    if is_owed && !is_stored(scene, thread_id, entry) {
        world.broken(format!(
            "number {} of run {} is told of and not stored",
            entry.seq,
            short(entry.run_id)
        ));
    }
    if number(scene, (thread_id, deaths), entry, &text) {
        world.happened(format!("told {} {} {text}", short(thread_id), entry.seq));
    }
    match &entry.fact.body {
        Body::RunEnded { failure, .. } => end(scene, thread_id, entry.run_id, failure.is_some()),
        Body::Checkpoint(checkpoint)
            if !checkpoint.loaded
                && entry.fact.ns.is_empty()
                && known.is_some_and(|known| !known.gone && !known.late) =>
        {
            world.notes().told.insert(checkpoint.id, (thread_id, entry.run_id));
            let found = world.memory.clone().checkpoint(thread_id, &"".into(), Which::Id(checkpoint.id));
            if found.expect("memory reads").is_none() {
                world.broken(format!("checkpoint {} is told of and not stored", short(checkpoint.id)));
            }
        }
        _ => {}
    }
}

fn is_stored(scene: &Scene, thread_id: Uuid, entry: &Entry) -> bool {
    let stored = scene.world.memory.clone().facts(thread_id).expect("memory reads");
    stored.iter().any(|other| (other.seq, other.run_id) == (entry.seq, entry.run_id))
}

/// Notes the number of a fact; true if it is new.
fn number(scene: &Scene, thread: (Uuid, u32), entry: &Entry, text: &str) -> bool {
    let (world, seq) = (&scene.world, entry.seq);
    let former = world.notes().last_numbers.get(&thread).copied();
    let before = world.notes().facts.entry(thread).or_default().insert(seq, text.to_owned());
    // What was stored and not heard by then is heard later.
    let is_late = before.is_none() && former.is_some_and(|former| seq <= former);
    if is_late && !is_stored(scene, thread.0, entry) {
        world.broken(format!("number {seq} is given after {former:?}"));
    }
    if before.as_deref().is_some_and(|before| before != text) {
        world.broken(format!("number {seq} is {before:?} and {text:?}"));
    }
    before.is_none()
}

/// A run is told to have ended: that is stored.
fn end(scene: &Scene, thread_id: Uuid, run_id: Uuid, failed: bool) {
    let is_final = Rows::of(&scene.world, thread_id).run(run_id).is_none_or(|run| run.status.is_final());
    if is_final {
        scene.world.notes().over.insert(run_id);
    } else if !failed || scene.is_calm(thread_id) {
        scene.world.broken(format!("run {} is told to have ended, and has not", short(run_id)));
    }
}

fn tell(fact: &Fact) -> String {
    let body = match &fact.body {
        Body::RunStarted { attempt, .. } => format!("attempt {attempt} starts"),
        Body::RunEnded { failure, .. } => format!("ends {failure:?}"),
        Body::Checkpoint(checkpoint) => format!("checkpoint {} {}", checkpoint.id, checkpoint.metadata.step),
        Body::TaskStarted(task) => format!("task {} starts", task.name),
        Body::TaskRestored(end) => format!("task {} is restored", end.task.name),
        Body::TaskFinished(end) => format!("task {} ends {:?}", end.task.name, end.failure),
        Body::StateUpdated { checkpoint } => format!("updated {checkpoint}"),
        Body::Custom { task, .. } => format!("{} says something", task.name),
        body => {
            let text = format!("{body:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        }
    };
    format!("{:?} {body}", &*fact.ns)
}
