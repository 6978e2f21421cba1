//! A recovery in Flink's terms: who noticed, each restart with what it waited for, the leader's election, the checkpoint
//! that is restored, the states of the tasks. Its times are those of the phases, cut at the restarts.

use std::collections::BTreeSet;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Detector;
use crate::drill::episode::{Election, Episode, Restart};
use crate::drill::number::count;
use crate::drill::outcome::Step;
use crate::drill::phase::Phase;
use crate::drill::watch::Watch;
use crate::kernel::{Span, Time};

use super::cause::cause;
use super::{named, restored, took};

/// Of more places only the number is told.
const PLACES_NAMED: usize = 12;

type Piece = (Phase, Time, Time);

struct Telling<'a> {
    episode: &'a Episode,
    blueprint: &'a Blueprint,
    steps: Vec<Step>,
}

pub(super) fn steps(
    episode: &Episode,
    watch: &Watch,
    blueprint: &Blueprint,
    now: Time,
) -> Vec<Step> {
    let mut telling = Telling {
        episode,
        blueprint,
        steps: Vec::new(),
    };
    let end = episode.until(now);
    telling.faults(watch);
    telling.elections();
    let pieces = episode.intervals.until(end);
    let stopped = episode.giving_up.as_ref().map_or(end, |(at, ..)| *at);
    let from = |number: usize| {
        episode
            .restarts
            .get(number)
            .map_or(stopped, |restart| restart.at)
    };
    telling.before_any(&cut(&pieces, Time::ZERO, from(0)));
    for number in 0..episode.restarts.len() {
        let (at, to) = (from(number), from(number + 1));
        telling.restart(number, &cut(&pieces, at, to), to);
    }
    telling.given_up(end);
    telling.end(now);
    let mut steps = telling.steps;
    // What takes no time comes before what begins with it.
    let lasts = |step: &Step| step.to_ms > step.from_ms;
    steps.sort_by(|a, b| {
        a.from_ms
            .total_cmp(&b.from_ms)
            .then(lasts(a).cmp(&lasts(b)))
    });
    for (number, step) in (1..).zip(&mut steps) {
        step.number = number;
    }
    steps
}

/// What of the phases lies between two instants.
fn cut(pieces: &[Piece], from: Time, to: Time) -> Vec<Piece> {
    let within = pieces
        .iter()
        .map(|(phase, begin, end)| (*phase, (*begin).max(from), (*end).min(to)));
    within.filter(|(_, begin, end)| begin < end).collect()
}

impl Telling<'_> {
    fn tell(&mut self, name: String, from: Time, to: Time, what: String) {
        self.steps.push(Step {
            number: 0,
            name,
            from_ms: from.as_ms(),
            to_ms: to.as_ms(),
            what,
        });
    }

    fn faults(&mut self, watch: &Watch) {
        for number in &self.episode.faults {
            let fault = &watch.recoveries.faults[*number];
            let target = self.blueprint.directory.name(fault.target);
            let over = fault
                .over()
                .filter(|at| *at > fault.at)
                .map_or(String::new(), |at| format!(", over at {at}"));
            let what = format!("{} {target}{over}", fault.what);
            self.tell("Fault".to_owned(), fault.at, fault.at, what);
        }
    }

    fn elections(&mut self) {
        for (at, jobmanager, what) in &self.episode.elections {
            let name = self.blueprint.directory.name(*jobmanager);
            match what {
                Election::Lost => {
                    let what = format!("{name} gives it up");
                    self.tell("Leadership lost".to_owned(), *at, *at, what);
                }
                Election::Won => {
                    let what = format!("{name} wins the election");
                    self.tell("Leader elected".to_owned(), *at, *at, what);
                }
                Election::ReadBack => {}
            }
        }
    }

    /// Without a leader, or while a new one does not have the job yet.
    fn leadership(&self, from: Time) -> (&'static str, String) {
        let elections = self.episode.elections.iter();
        match elections.rev().find(|(at, ..)| *at <= from) {
            Some((_, jobmanager, Election::Won)) => {
                let name = self.blueprint.directory.name(*jobmanager);
                (
                    "Job read back",
                    format!("{name} starts its services, reads the job and its checkpoints back"),
                )
            }
            _ => ("No leader", "nobody leads the job".to_owned()),
        }
    }

    /// Until the first restart: somebody notices, or another JobManager has to lead first.
    fn before_any(&mut self, pieces: &[Piece]) {
        for (phase, from, to) in pieces {
            let (name, what) = match phase {
                Phase::Detection if self.episode.detector.is_none() => {
                    ("Unnoticed", "nobody acts".to_owned())
                }
                Phase::Detection => ("Detected", self.detected()),
                Phase::Leadership => self.leadership(*from),
                Phase::CatchUp => ("Catch-up", "the job runs, output is late".to_owned()),
                phase => (title(*phase), "the job comes up".to_owned()),
            };
            self.tell(name.to_owned(), *from, *to, what);
        }
    }

    /// The job fails for good.
    fn given_up(&mut self, end: Time) {
        if let Some((at, ..)) = self.episode.giving_up {
            let what = "what still runs of it is canceled".to_owned();
            self.tell("Job FAILING".to_owned(), at, end, what);
        }
    }

    fn detected(&self) -> String {
        let heard = match &self.episode.marks.last_heard {
            Some((owner, heard)) => format!(
                "ZooKeeper last heard {} at {heard} and expired its session: ",
                self.blueprint.directory.name(*owner)
            ),
            None => String::new(),
        };
        let Some(by) = self.episode.detector else {
            return "nobody acts".to_owned();
        };
        let first = self
            .episode
            .restarts
            .first()
            .map(|restart| self.why(restart));
        let cause = match first.or(self.why_given_up()) {
            Some((detector, why)) if detector.name() == by => why,
            _ => format!("noticed by {by}"),
        };
        format!("{heard}{cause}")
    }

    fn why(&self, restart: &Restart) -> (Detector, String) {
        let leader = self.blueprint.directory.name(restart.leader);
        let lost = named(&restart.lost, self.blueprint);
        let verdict = restart
            .verdict
            .map_or(String::new(), |why| format!(": {why}"));
        let cause = cause(restart.detector, &lost, leader);
        (restart.detector, cause + &verdict)
    }

    fn why_given_up(&self) -> Option<(Detector, String)> {
        let (_, detector, lost) = self.episode.giving_up.as_ref()?;
        let lost = named(lost, self.blueprint);
        Some((*detector, cause(*detector, &lost, "a JobManager")))
    }

    /// What one restart came to: a line where it was for nothing, else a line for each thing that it waited for.
    fn restart(&mut self, number: usize, pieces: &[Piece], to: Time) {
        let episode = self.episode;
        let restart = &episode.restarts[number];
        let led = |(phase, ..): &Piece| *phase != Phase::Leadership;
        let ended = match restart.overtaken {
            Some(by) => Some(self.why(&episode.restarts[by])),
            None if restart.is_open() => self.why_given_up(),
            None => None,
        };
        match ended {
            Some((_, why)) if pieces.iter().all(led) && !restart.is_stop() => {
                let what = format!("{}: {}; wasted, {why}", self.begun(restart), spent(pieces));
                self.tell(
                    format!("Restart {}, wasted", number + 1),
                    restart.at,
                    to,
                    what,
                );
            }
            _ => self.in_detail(number, pieces),
        }
    }

    fn in_detail(&mut self, number: usize, pieces: &[Piece]) {
        let episode = self.episode;
        let restart = &episode.restarts[number];
        let called = |what: &str| match episode.restarts.len() {
            1 => what.to_owned(),
            _ => format!("{}: {what}", number + 1),
        };
        if number > 0 {
            let (_, why) = self.why(restart);
            let name = format!("Restart {}", number + 1);
            self.tell(name, restart.at, restart.at, why);
        }
        for (phase, from, to) in pieces {
            let (name, what) = match phase {
                Phase::Cancellation if restart.is_stop() => (
                    "Job stops",
                    "its tasks finish behind the savepoint".to_owned(),
                ),
                Phase::Leadership if restart.is_stop() => (
                    "Job FINISHED",
                    "until a client hands it in again".to_owned(),
                ),
                Phase::Leadership => self.leadership(*from),
                phase => (title(*phase), self.waited_for(number, *phase)),
            };
            self.tell(called(name), *from, *to, what);
        }
        if let Some(retrieval) = &restart.retrieval {
            let until = retrieval.to.unwrap_or(retrieval.from);
            let what = restored(retrieval, self.blueprint);
            self.tell(called("Restore from"), retrieval.from, until, what);
        }
        if let Some(at) = restart.running {
            self.tell(
                called("All RUNNING"),
                at,
                at,
                "all tasks of the job run".to_owned(),
            );
        }
    }

    fn begun(&self, restart: &Restart) -> String {
        let leader = self.blueprint.directory.name(restart.leader);
        let (tasks, scope) = (restart.tasks.len(), restart.scope.name());
        format!("{leader} restarts {tasks} tasks ({scope})")
    }

    /// What a phase of a restart is about.
    fn waited_for(&self, number: usize, phase: Phase) -> String {
        let restart = &self.episode.restarts[number];
        match phase {
            Phase::Detection | Phase::Leadership => "nobody acts yet".to_owned(),
            Phase::Cancellation => format!("{}: those that run are canceled", self.begun(restart)),
            Phase::Backoff => match restart.delay {
                Some(delay) => format!("the restart strategy's delay is {}", took(delay)),
                None => "the restart waits".to_owned(),
            },
            Phase::Resources => self.slots(restart),
            Phase::Deployment => format!("tasks are submitted{}", self.places(number)),
            Phase::Restore => "tasks fetch and load their state".to_owned(),
            Phase::FirstOutput => "restored tasks run and have put nothing out yet".to_owned(),
            Phase::CatchUp => "output is late".to_owned(),
        }
    }

    fn slots(&self, restart: &Restart) -> String {
        let mut told = match restart.slots {
            Some((pooled, needed)) if pooled < needed => {
                format!("{pooled} of {needed} slots are in the pool, the others are waited for")
            }
            Some((_, needed)) => {
                format!("the {needed} slots are in the pool; the deployment is made")
            }
            None => "slots are requested, the deployment is made".to_owned(),
        };
        if let Some((at, _)) = restart.missing {
            told += &format!("; not enough resources at {at}");
        }
        told
    }

    /// Where the tasks of the last restart went.
    fn places(&self, number: usize) -> String {
        let placement = &self.episode.placement;
        if number + 1 < self.episode.restarts.len() || placement.is_empty() {
            return String::new();
        }
        let places: BTreeSet<&str> = placement
            .iter()
            .map(|(_, _, to)| self.blueprint.directory.name(*to))
            .collect();
        let to = match places.len() {
            many if many > PLACES_NAMED => format!("{many} TaskManagers"),
            _ => places.into_iter().collect::<Vec<_>>().join(", "),
        };
        format!(": {} to {to}", placement.len())
    }

    fn end(&mut self, now: Time) {
        let episode = self.episode;
        let end = episode.until(now);
        let (name, what) = match (episode.end, episode.given_up) {
            (Some(_), _) => ("Caught up", self.handled_again()),
            (None, Some(_)) => ("Job FAILED", "for good: all tasks have ended".to_owned()),
            (None, None) => ("Not recovered", "the run has ended".to_owned()),
        };
        self.tell(name.to_owned(), end, end, what);
    }

    fn handled_again(&self) -> String {
        match self.episode.reprocessed * u64::from(self.blueprint.weight) {
            0 => "output is in time again".to_owned(),
            again => format!(
                "output is in time again; {} records were read again",
                count(again)
            ),
        }
    }
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Detection => "Detected",
        Phase::Leadership => "No leader",
        Phase::Cancellation => "Job RESTARTING",
        Phase::Backoff => "Back-off",
        Phase::Resources => "Slots",
        Phase::Deployment => "DEPLOYING",
        Phase::Restore => "INITIALIZING",
        Phase::FirstOutput => "First output",
        Phase::CatchUp => "Catch-up",
    }
}

/// How long a restart was in which phase.
fn spent(pieces: &[Piece]) -> String {
    let mut spent: Vec<(Phase, Span)> = Vec::new();
    for (phase, from, to) in pieces {
        match spent.iter_mut().find(|(other, _)| other == phase) {
            Some((_, span)) => *span += *to - *from,
            None => spent.push((*phase, *to - *from)),
        }
    }
    let named = |(phase, span): &(Phase, Span)| {
        let name = match phase {
            Phase::Cancellation => "canceling",
            Phase::Backoff => "back-off",
            Phase::Resources => "slots",
            phase => title(*phase),
        };
        format!("{name} {}", took(*span))
    };
    match spent.is_empty() {
        true => "at once".to_owned(),
        false => spent.iter().map(named).collect::<Vec<_>>().join(", "),
    }
}
