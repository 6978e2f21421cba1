//! Which TaskManager each task goes to, and the orders that bring it there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::Context;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::message::{Body, PartitionUpdate, ReplayFrom, TaskDeployment};
use crate::actor::state_assignment::assign_state;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span};
use crate::policy::defect::Defect;
use crate::policy::placement::{
    Candidate, LeastLoaded, PlacementPolicy, Resources, policy, with_room,
};
use crate::policy::{Placement, RecoveryScope};

use super::job_master::{JobMaster, Phase};
use super::members::Members;
use super::office::Office;

/// How long a whole job waits for TaskManagers that may still come, once the last one has come.
const SETTLE: Span = Span::from_ms(1_000);
/// How long it waits for those that are known to be there and do not register.
const SETTLE_MAX: Span = Span::from_secs(30);

/// What a task uses above this part of what it was expected to use (a quarter) is taken for a larger load.
const MEASURED_NOISE: u64 = 4;

impl JobMaster {
    /// Something has changed that a waiting job may have waited for.
    pub fn place_if_waiting(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if self.phase == Phase::WaitingForResources {
            self.place(office, ctx);
        }
    }

    pub fn place(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if self.phase != Phase::WaitingForResources
            || !self.leftovers.is_empty()
            || !self.has_settled(office, ctx)
        {
            return;
        }
        let recovery = self.recovery.clone().expect("something is being recovered");
        let Some(places) = self.choose_places(office) else {
            ctx.state(Fact::ResourcesMissing {
                job: self.job,
                recovery: recovery.number,
            });
            return;
        };
        for (subtask, taskmanager) in &places {
            let to = Members::actor(office.blueprint, *taskmanager);
            let execution = self.execution(*subtask);
            let from = execution.taskmanager;
            execution.schedule(office.token, to, office.blueprint.defects, ctx);
            if !recovery.submission {
                ctx.state(Fact::TaskPlaced {
                    job: self.job,
                    recovery: recovery.number,
                    subtask: *subtask,
                    from,
                    to,
                });
            }
        }
        self.note_usage(office);
        self.phase = Phase::Deploying;
        self.deploy(office, ctx);
        ctx.state(Fact::RecoveryDeployed {
            job: self.job,
            recovery: recovery.number,
        });
    }

    /// A new leader gives TaskManagers time to register: those that are known to be there, and stragglers.
    fn has_settled(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) -> bool {
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        if recovery.scope != RecoveryScope::Full
            || self.executions.iter().any(|e| e.taskmanager.is_some())
        {
            return true;
        }
        let settles = office.members.changed + SETTLE;
        // Who has a znode and does not register is not waited for without end.
        let patience_ends = office.members.changed + SETTLE_MAX;
        if office.members.are_complete() && settles <= ctx.now() || patience_ends <= ctx.now() {
            return true;
        }
        self.retry.set_at(settles.max(ctx.now() + SETTLE / 4), ctx);
        false
    }

    /// One TaskManager for each task to restart; none if some task finds no place.
    fn choose_places(&self, office: &Office<'_>) -> Option<BTreeMap<SubtaskId, usize>> {
        let blueprint = office.blueprint;
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        let mut candidates = self.candidates(office, |subtask| !recovery.tasks.contains(&subtask));
        let job = &blueprint.topology.jobs[self.job as usize].name;
        // Each recovery draws anew, whatever happened before it.
        let who = format!("{job} {}", recovery.number);
        let stream = blueprint.streams.stream("placement", &who);
        let mut policy = policy(blueprint.placement, stream);
        let mut places = BTreeMap::new();
        for subtask in &recovery.tasks {
            let need = self.need(*subtask, blueprint);
            self.count_neighbours(*subtask, &places, &mut candidates, office);
            let room = with_room(&candidates, blueprint.slots);
            let stays = self
                .preferred(*subtask, office)
                .filter(|wanted| room.iter().any(|c| c.taskmanager == *wanted));
            let taskmanager = match stays {
                Some(taskmanager) => taskmanager,
                None => room[policy.choose(need, &room)?].taskmanager,
            };
            let chosen = candidates
                .iter_mut()
                .find(|c| c.taskmanager == taskmanager)
                .expect("it was a candidate");
            chosen.committed += need;
            chosen.used_microcores += self.use_of(*subtask, blueprint);
            chosen.tasks += 1;
            places.insert(*subtask, taskmanager);
        }
        Some(places)
    }

    /// A place that is not left to the policy: where a task is moved to, was, or is pinned at the start.
    fn preferred(&self, subtask: SubtaskId, office: &Office<'_>) -> Option<usize> {
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        if let Some(target) = recovery.target
            && recovery.tasks.len() == 1
        {
            return Some(target);
        }
        let was = self.peek(subtask).taskmanager;
        let was = was.and_then(|actor| office.blueprint.directory.taskmanager_index(actor));
        was.or(office.blueprint.pins[subtask as usize])
            .filter(|taskmanager| office.members.is_registered(*taskmanager))
    }

    /// Registered TaskManagers with what runs there, of this job's tasks those that `counts` accepts.
    fn candidates(
        &self,
        office: &Office<'_>,
        counts: impl Fn(SubtaskId) -> bool,
    ) -> Vec<Candidate> {
        let blueprint = office.blueprint;
        let candidate = |taskmanager: usize| {
            let actor = Members::actor(blueprint, taskmanager);
            let mut candidate = Candidate {
                taskmanager,
                capacity: Members::capacity(blueprint, taskmanager),
                committed: Resources::default(),
                slots: blueprint.cluster.taskmanagers[taskmanager].slots,
                tasks: 0,
                used_microcores: 0,
                neighbours: 0,
            };
            let here = self
                .executions
                .iter()
                .filter(|e| e.is_live() && e.taskmanager == Some(actor));
            for execution in here.filter(|execution| counts(execution.subtask)) {
                candidate.committed += self.need(execution.subtask, blueprint);
                candidate.used_microcores += self.use_of(execution.subtask, blueprint);
                candidate.tasks += 1;
            }
            let (others, tasks) = office.members.taken_by_others(taskmanager, self.job);
            candidate.committed += others;
            candidate.used_microcores += others.cpu_microcores;
            candidate.tasks += tasks;
            candidate
        };
        office
            .members
            .registered()
            .into_iter()
            .map(candidate)
            .collect()
    }

    /// How many of a task's producers and consumers run on each candidate, or were just placed there.
    fn count_neighbours(
        &self,
        subtask: SubtaskId,
        places: &BTreeMap<SubtaskId, usize>,
        candidates: &mut [Candidate],
        office: &Office<'_>,
    ) {
        if office.blueprint.placement != Placement::Locality {
            return;
        }
        let topology = &office.blueprint.topology;
        let vertex = topology.jobs[self.job as usize].layout.vertex(subtask);
        let producers = vertex
            .inputs
            .iter()
            .map(|channel| topology.channels[*channel as usize].producer);
        let outputs = vertex.outputs.iter().flat_map(|output| &output.channels);
        let consumers = outputs.map(|channel| topology.channels[*channel as usize].consumer);
        let neighbours: BTreeSet<SubtaskId> = producers.chain(consumers).collect();
        let live = |neighbour: &SubtaskId| {
            let execution = self.peek(*neighbour);
            let actor = execution.taskmanager.filter(|_| execution.is_live())?;
            office.blueprint.directory.taskmanager_index(actor)
        };
        let hosts: Vec<usize> = neighbours
            .iter()
            .filter_map(|neighbour| places.get(neighbour).copied().or_else(|| live(neighbour)))
            .collect();
        for candidate in candidates {
            let here = hosts.iter().filter(|host| **host == candidate.taskmanager);
            candidate.neighbours = here.count() as u32;
        }
    }

    /// CPU that a task was seen to use; what its part of the load takes where nothing was seen.
    fn use_of(&self, subtask: SubtaskId, blueprint: &Blueprint) -> u64 {
        let seen = self.peek(subtask).cpu_microcores;
        seen.unwrap_or_else(|| declared_need(subtask, blueprint).cpu_microcores)
    }

    /// Tells the other jobs of the cluster what this one takes.
    fn note_usage(&self, office: &mut Office<'_>) {
        let mut usage: BTreeMap<usize, (Resources, u32)> = BTreeMap::new();
        for execution in self
            .executions
            .iter()
            .filter(|execution| execution.is_live())
        {
            let actor = execution
                .taskmanager
                .expect("a live execution is somewhere");
            if let Some(taskmanager) = office.blueprint.directory.taskmanager_index(actor) {
                let (committed, tasks) = usage.entry(taskmanager).or_default();
                *committed += self.need(execution.subtask, office.blueprint);
                *tasks += 1;
            }
        }
        office.members.note_usage(self.job, usage);
    }

    /// What a task needs: what its part of the load takes, or more where it was seen to use clearly more, which noise
    /// is not: it would decide between equal machines. Not less: tasks behind a failed one idle, and will not for long.
    fn need(&self, subtask: SubtaskId, blueprint: &Blueprint) -> Resources {
        let declared = declared_need(subtask, blueprint);
        let measured = self.peek(subtask).cpu_microcores.unwrap_or(0);
        let expected = declared.cpu_microcores;
        let clearly_more = measured > expected + expected / MEASURED_NOISE;
        Resources {
            cpu_microcores: if clearly_more { measured } else { expected },
            ..declared
        }
    }

    /// Where a task would be better off than where it is: whatever the policy for new tasks, a move is for room.
    pub(super) fn better_place(&self, subtask: SubtaskId, office: &Office<'_>) -> Option<usize> {
        let here = self.peek(subtask).taskmanager?;
        let here = office.blueprint.directory.taskmanager_index(here)?;
        let need = self.need(subtask, office.blueprint);
        let candidates = self.candidates(office, |other| other != subtask);
        let room = with_room(&candidates, office.blueprint.slots);
        let chosen = &room[LeastLoaded.choose(need, &room)?];
        let stay = candidates
            .iter()
            .find(|candidate| candidate.taskmanager == here)?;
        (chosen.left_per_million(need) > stay.left_per_million(need)).then_some(chosen.taskmanager)
    }

    fn deploy(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let recovery = self.recovery.clone().expect("something is being recovered");
        let topology = &office.blueprint.topology;
        let naive = recovery.scope == RecoveryScope::PerTaskNaive;
        let from = if naive {
            ReplayFrom::Now
        } else {
            ReplayFrom::Checkpoint(self.latest)
        };
        let layout = &topology.jobs[self.job as usize].layout;
        let mut assigned = assign_state(self.metadata.as_deref(), layout, topology);
        if office.blueprint.defects.has(Defect::TwoReaders) && !recovery.submission {
            let first = layout.sources.first().and_then(|first| assigned.get(first));
            let split = first.and_then(|first| first.splits.first().copied());
            for source in layout.sources.iter().skip(1).take(1) {
                let splits = &mut assigned.entry(*source).or_default().splits;
                splits.extend(split);
            }
        }
        for subtask in &recovery.tasks {
            let inputs = &layout.vertex(*subtask).inputs;
            let assigned = assigned.remove(subtask).unwrap_or_default();
            let producer = |channel: &u32| {
                let execution = self.peek(topology.channels[*channel as usize].producer);
                (
                    execution.taskmanager.expect("producers are placed"),
                    execution.attempt,
                )
            };
            let task = TaskDeployment {
                subtask: *subtask,
                attempt: self.peek(*subtask).attempt,
                restored_checkpoint: self.latest,
                layout: Arc::clone(layout),
                state: assigned.state,
                channels: assigned.channels,
                splits: assigned.splits,
                aborted_up_to: self
                    .coordinator
                    .issued_max
                    .max(self.coordinator.next_id - 1),
                producers: inputs.iter().map(producer).collect(),
                incarnations: Vec::new(),
                inputs_from: from,
            };
            let execution = self.execution(*subtask);
            execution.turn(ExecutionState::Deploying, ctx);
            let taskmanager = execution.taskmanager.expect("it was placed");
            ctx.send(
                taskmanager,
                Body::SubmitTask {
                    token: office.token,
                    task: Box::new(task),
                },
            );
        }
        for subtask in &recovery.tasks {
            self.update_consumers(*subtask, from, !naive, office, ctx);
        }
    }

    /// Consumers that run on are told where their producer is now.
    fn update_consumers(
        &self,
        producer: SubtaskId,
        from: ReplayFrom,
        deduplicate: bool,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let topology = &office.blueprint.topology;
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        let execution = self.peek(producer);
        let (taskmanager, attempt): (Option<ActorId>, _) =
            (execution.taskmanager, execution.attempt);
        let outputs = &topology.jobs[self.job as usize]
            .layout
            .vertex(producer)
            .outputs;
        for channel in outputs
            .iter()
            .flat_map(|output| output.channels.iter().copied())
        {
            let consumer = topology.channels[channel as usize].consumer;
            if recovery.tasks.contains(&consumer) {
                continue;
            }
            let survivor = self.peek(consumer);
            let update = PartitionUpdate {
                channel,
                consumer_attempt: survivor.attempt,
                producer: taskmanager.expect("it was placed"),
                producer_attempt: attempt,
                from,
                deduplicate,
            };
            let to = survivor.taskmanager.expect("survivors run somewhere");
            ctx.send(
                to,
                Body::UpdatePartition {
                    token: office.token,
                    update: Box::new(update),
                },
            );
        }
    }
}

/// What a task takes when the load is what the scenario says.
fn declared_need(subtask: SubtaskId, blueprint: &Blueprint) -> Resources {
    let operator = blueprint.topology.operator_of(subtask);
    let rate = blueprint.topology.rate_of(subtask);
    let cpu_ns = operator.spec.cpu_per_record.0 as f64 * f64::from(blueprint.weight);
    Resources {
        cpu_microcores: (rate * cpu_ns / 1_000.0) as u64,
        network_bytes_per_s: (rate * operator.record_bytes as f64) as u64,
    }
}
