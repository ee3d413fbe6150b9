//! One process of a simulation: the real actors and the real driver on one OS thread, under a clock that stands
//! still while anything can be done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_rt::System;
use anyhow::Result;
use eddyline::runtime::storage::Read as _;
use eddyline::{Handle, Runtime};
use futures_util::future::{join_all, pending};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::disk::Disk;
use super::graph::GRAPH;
use super::listener::observe;
use super::scene::{End, Scene};

/// By then everything has ended: what clients delay they delay by seconds.
const PATIENCE: Duration = Duration::from_hours(1);

/// Lives until `end`, or until nothing is left to do: then true.
pub(super) fn live(scene: &Arc<Scene>, end: Option<End>) -> Result<bool> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let system = System::with_tokio_rt(|| tokio);
    let finished = system.block_on(async {
        let finished = process(scene, end).await;
        // What is left of it comes to nothing.
        scene.world.die();
        scene.world.stop();
        finished
    });
    drop(system);
    finished
}

async fn process(scene: &Arc<Scene>, end: Option<End>) -> Result<bool> {
    let world = &scene.world;
    world.begin();
    scene.disorder.store(false, Ordering::Relaxed);
    if let Some(End::DiskDeath(place, late)) = end {
        scene.disk.late.store(late, Ordering::Relaxed);
        scene.disk.death.store(place, Ordering::Relaxed);
    }
    let runtime = start(scene)?;
    if world.one_in(3) {
        scene.disorder.store(true, Ordering::Relaxed);
        world.clock.set_trap(i64::try_from(1 + world.below(150))?);
    }
    if scene.observed {
        for thread in &scene.threads {
            tokio::task::spawn_local(observe(Arc::clone(scene), runtime.handle(), *thread));
        }
    }
    let mut runtime = Some(runtime);
    let handle = runtime.as_ref().map(Runtime::handle).expect("it has begun");
    let finished = tokio::select! {
        biased;
        () = world.death() => false,
        () = time_of(end) => {
            if matches!(end, Some(End::Shutdown(_))) {
                shut_down(scene, &mut runtime).await;
            }
            false
        }
        () = everything(scene, handle) => true,
    };
    if finished {
        shut_down(scene, &mut runtime).await;
    }
    Ok(finished)
}

fn start(scene: &Arc<Scene>) -> Result<Runtime> {
    let world = &scene.world;
    let (chance, most) = (Arc::clone(world), scene.pace);
    let builder = Runtime::builder()
        .graph(GRAPH, scene.graph.clone())
        .storage(Box::new(Disk::new(world, &scene.disk)))
        .clock(Arc::<super::clock::VirtualClock>::clone(&world.clock))
        .ids(Arc::<eddyline::runtime::CountingIds>::clone(&world.ids))
        .options(scene.options.clone());
    Ok(builder.start_here(move || Duration::from_millis(chance.below(most + 1)))?)
}

async fn time_of(end: Option<End>) {
    match end {
        Some(End::Death(millis) | End::Shutdown(millis)) => sleep(Duration::from_millis(millis)).await,
        Some(End::DiskDeath(..)) | None => pending().await,
    }
}

async fn shut_down(scene: &Scene, runtime: &mut Option<Runtime>) {
    scene.disorder.store(true, Ordering::Relaxed);
    scene.world.happened("shuts down");
    let Some(runtime) = runtime.take() else { return };
    tokio::select! {
        biased;
        () = scene.world.death() => {}
        ended = timeout(PATIENCE, runtime.shutdown()) => {
            if ended.is_err() {
                scene.world.broken("the shutdown does not come to its end");
            }
        }
    }
}

/// Ends when clients have asked for everything and all of it is done.
async fn everything(scene: &Arc<Scene>, handle: Handle) {
    let clients = (0..scene.clients.len())
        .map(|number| Client { scene: Arc::clone(scene), handle: handle.clone(), number })
        .map(|client| tokio::task::spawn_local(client.work()));
    let clients = join_all(clients.collect::<Vec<_>>());
    if timeout(PATIENCE, clients).await.is_err() {
        scene.world.broken("a client is never answered");
    }
    // From now on nothing goes wrong any more, so everything comes to its end.
    scene.disk.trouble.store(0, Ordering::Relaxed);
    scene.disk.death.store(0, Ordering::Relaxed);
    scene.world.clock.set_trap(0);
    if timeout(PATIENCE, quiet(scene)).await.is_err() {
        scene.world.broken("a run never ends");
    }
}

async fn quiet(scene: &Scene) {
    let mut memory = scene.world.memory.clone();
    while !memory.open_threads().expect("memory reads").is_empty() {
        sleep(Duration::from_millis(500)).await;
    }
    // What is stored is told a little later.
    sleep(Duration::from_secs(2)).await;
}
