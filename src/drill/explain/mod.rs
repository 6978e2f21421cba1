//! Why a recovery took so long: what each of its phases waited for, step by step, and which setting decides that.

mod governing;
mod legs;

use serde::Serialize;

use crate::actor::blueprint::Blueprint;
use crate::kernel::Time;

use super::causes::{Causes, Wait};
use super::episode::Episode;
use super::number::count;
use super::outcome::RestartAttempt;
use super::phase::Phase;
use super::steps as tell;
use super::watch::Watch;

pub use legs::Leg;

/// A machine that is used so much has nothing to spare.
const FULL_PER_MILLE: u64 = 900;

/// A task that is less busy is not what holds its job up.
const BUSY_PER_MILLE: u64 = 800;

/// The critical path of one recovery, from the fault to "caught up". Times are milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub fault: String,
    pub job: String,
    pub at_ms: f64,
    /// Null while the run ends before "caught up".
    pub total_ms: Option<f64>,
    /// Null where it has recovered.
    pub why_not: Option<String>,
    pub attempts: Vec<RestartAttempt>,
    /// In order of time, without gaps: they add up to the total, or to what there was of it.
    pub path: Vec<Step>,
    /// The settings that decide it, the one that decides most first.
    pub settings: Vec<Share>,
}

/// Something that had to pass before the recovery could go on.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub phase: &'static str,
    /// The restart that it is part of, from 1; null before the first.
    pub restart: Option<u32>,
    pub from_ms: f64,
    pub to_ms: f64,
    pub ms: f64,
    /// Of the whole recovery.
    pub share: f64,
    pub what: String,
    /// Who took part, in order.
    pub actors: Vec<String>,
    /// Messages and timers, in order; the first few.
    pub via: Vec<&'static str>,
    /// First and last event in the trace; null where nothing happened.
    pub events: Option<[u64; 2]>,
    pub setting: Option<Setting>,
}

/// What decides how long a step takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// A Flink key, or a path of the scenario or of its profile.
    pub key: String,
    pub value: String,
    /// What became of the value.
    pub note: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Share {
    pub key: String,
    pub value: String,
    pub note: Option<String>,
    pub ms: f64,
    pub share: f64,
}

/// Every recovery of the run, in order; `now` is where the run has ended.
pub fn explanations(watch: &Watch, blueprint: &Blueprint, now: Time) -> Vec<Explanation> {
    let episodes = watch.recoveries.closed.iter();
    episodes
        .map(|episode| explanation(episode, watch, blueprint, now))
        .collect()
}

/// What led to an event, in order of time.
pub fn led_to(event: u64, causes: &Causes, blueprint: &Blueprint) -> Vec<Step> {
    let legs = Leg::path(event, Time::ZERO, causes);
    let mut path = Vec::new();
    if let (Some(first), Some(last)) = (legs.first(), legs.last()) {
        // No recovery is told here: words that differ by phase are those of the first.
        let phase = Phase::Detection;
        steps(&legs, phase, first.from, last.to, blueprint, &mut path);
    }
    path
}

fn explanation(episode: &Episode, watch: &Watch, blueprint: &Blueprint, now: Time) -> Explanation {
    let end = episode.until(now);
    let turns = episode.intervals.turns();
    let mut path = Vec::new();
    for (number, (phase, from)) in turns.iter().enumerate() {
        let (from, to) = (
            *from,
            turns.get(number + 1).map_or(end, |(_, to)| *to).min(end),
        );
        if from >= to {
            continue;
        }
        let told = path.len();
        match episode.paths.get(number) {
            Some(legs) => steps(legs, *phase, from, to, blueprint, &mut path),
            None => path.push(last(*phase, from, to, episode, watch, blueprint)),
        }
        let restart = episode.restart_at(from).map(|number| number as u32 + 1);
        path[told..]
            .iter_mut()
            .for_each(|step| step.restart = restart);
    }
    let whole = path.iter().map(|step| step.ms).sum::<f64>();
    for step in &mut path {
        step.share = step.ms / whole.max(f64::MIN_POSITIVE);
    }
    Explanation {
        fault: tell::faults(episode, watch, blueprint),
        job: blueprint.topology.jobs[episode.job as usize].name.clone(),
        at_ms: episode.at.as_ms(),
        total_ms: episode.end.map(|_| whole),
        settings: settings(&path),
        path,
        attempts: tell::restarts(episode, blueprint),
        why_not: tell::why_not(episode, watch, now),
    }
}

/// A phase that an event has ended.
fn steps(
    legs: &[Leg],
    phase: Phase,
    from: Time,
    to: Time,
    blueprint: &Blueprint,
    path: &mut Vec<Step>,
) {
    let begun = legs.first().map_or(to, |leg| leg.from);
    if begun > from {
        let what = match legs.first().and_then(|leg| leg.expiry) {
            Some(expiry) => format!(
                "ZooKeeper still heard {}",
                blueprint.directory.name(expiry.owner)
            ),
            None => "nobody acted on it".to_owned(),
        };
        path.push(step(phase, from, begun, what));
    }
    for leg in legs.iter().filter(|leg| leg.from < leg.to) {
        let (what, setting) = governing::of(leg, phase, blueprint);
        let name = |actor: &crate::kernel::ActorId| blueprint.directory.name(*actor).to_owned();
        path.push(Step {
            actors: leg.actors.iter().map(name).collect(),
            via: leg.names.clone(),
            events: Some([leg.first, leg.last]),
            setting,
            ..step(phase, leg.from, leg.to, what)
        });
    }
}

fn step(phase: Phase, from: Time, to: Time, what: String) -> Step {
    Step {
        phase: phase.name(),
        from_ms: from.as_ms(),
        to_ms: to.as_ms(),
        ms: to.since(from).as_ms(),
        share: 0.0,
        what,
        restart: None,
        actors: Vec::new(),
        via: Vec::new(),
        events: None,
        setting: None,
    }
}

/// The last phase: no event ends it, output is in time again, or the run is over.
fn last(
    phase: Phase,
    from: Time,
    to: Time,
    episode: &Episode,
    watch: &Watch,
    blueprint: &Blueprint,
) -> Step {
    if phase != Phase::CatchUp {
        let what = match episode.given_up {
            Some(_) => format!("the job failed for good in {}", phase.name()),
            None => format!("the run ended in {}", phase.name()),
        };
        return step(phase, from, to, what);
    }
    let waiting = watch.lag.iter().find(|point| point.at_ms >= from.as_ms());
    let waiting = waiting.map_or(0, |point| point.total);
    let waiting = count(waiting);
    let mut what = format!("{waiting} records waited in the topics when the tasks ran again");
    if episode.replayed > 0 {
        let replayed = count(episode.replayed * u64::from(blueprint.weight));
        what += &format!(", {replayed} were sent again");
    }
    if episode.end.is_none() {
        what += "; not caught up when the run ended";
    }
    let setting = limit(episode, from, to, watch, blueprint).and_then(|(limit, setting)| {
        what += &limit;
        setting
    });
    Step {
        setting,
        ..step(phase, from, to, what)
    }
}

/// What kept a job from catching up sooner: a machine without CPU to spare, else its busiest task, if that was busy.
fn limit(
    episode: &Episode,
    from: Time,
    to: Time,
    watch: &Watch,
    blueprint: &Blueprint,
) -> Option<(String, Option<Setting>)> {
    let (topology, directory) = (&blueprint.topology, &blueprint.directory);
    if let Some((actor, load)) = watch.tasks.hottest(from, to)
        && load >= FULL_PER_MILLE
    {
        let name = directory.name(actor);
        let mut machines = blueprint.cluster.taskmanagers.iter();
        let machine = machines.find(|machine| machine.name == name)?;
        let setting = Setting {
            key: format!("cluster.taskmanagers.{name}.cpu"),
            value: (f64::from(machine.cpu_millicores) / 1e3).to_string(),
            note: None,
        };
        return Some((
            format!("; {} % of the CPU of {name} was in use", load / 10),
            Some(setting),
        ));
    }
    let (subtask, load) = watch.tasks.busiest(episode.job, from, to, topology)?;
    let operator = &topology.operator_of(subtask).spec;
    let job = &topology.jobs[episode.job as usize].name;
    let setting = Setting {
        key: format!("jobs.{job}.operators.{}.parallelism", operator.name),
        value: operator.parallelism.to_string(),
        note: Some(format!("or its cpu, {} a record", operator.cpu_per_record)),
    };
    let task = topology.task_name(subtask);
    Some((
        format!("; the busiest task, {task}, was at {} %", load / 10),
        (load >= BUSY_PER_MILLE).then_some(setting),
    ))
}

/// What each setting decides in all.
fn settings(path: &[Step]) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for step in path {
        let Some(setting) = &step.setting else {
            continue;
        };
        match shares.iter_mut().find(|share| share.key == setting.key) {
            Some(share) => {
                share.ms += step.ms;
                share.share += step.share;
            }
            None => shares.push(Share {
                key: setting.key.clone(),
                value: setting.value.clone(),
                note: setting.note.clone(),
                ms: step.ms,
                share: step.share,
            }),
        }
    }
    shares.sort_by(|a, b| b.ms.total_cmp(&a.ms).then_with(|| a.key.cmp(&b.key)));
    shares
}

impl Wait {
    /// Steps that come in turns and are told as one.
    fn company(self) -> u8 {
        match self {
            Wait::Records | Wait::BufferTimeout | Wait::SourceHeld | Wait::Kafka | Wait::Append => {
                1
            }
            Wait::ZooKeeper | Wait::Rpc | Wait::MainThread | Wait::Connection => 2,
            _ => 0,
        }
    }
}
