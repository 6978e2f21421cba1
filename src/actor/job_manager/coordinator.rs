//! The checkpoint coordinator: triggers, collects acknowledgements, stores, tells everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Attempt, Barrier, Blob, BlobKey, CompletedCheckpoint, StateHandle};
use crate::actor::context::{Alarm, Context};
use crate::actor::enumerator::EnumeratorState;
use crate::actor::fact::{Detector, Fact};
use crate::actor::message::{Body, Timer};
use crate::actor::zookeeper::paths;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{Distribution, SmallStream, Span, Time};
use crate::policy::defect::Defect;

use super::job_master::{JobMaster, Phase};
use super::office::{Ask, Office};

/// Bytes of metadata per task (`_metadata`).
const METADATA_BYTES_PER_TASK: u64 = 2_048;

#[derive(Clone, Debug)]
pub struct Coordinator {
    pub next_id: CheckpointId,
    /// The highest id that was triggered: its barriers may still be about.
    pub issued_max: CheckpointId,
    /// Completed checkpoints that are in the store.
    pub retained: Vec<CheckpointId>,
    pending: Option<Pending>,
    /// An id is being taken.
    counting: bool,
    active: bool,
    trigger: Alarm,
    timeout: Alarm,
    completed_at: Time,
    failures: u32,
    random: Option<SmallStream>,
    job: JobId,
}

/// A checkpoint on its way (`PendingCheckpoint`).
#[derive(Clone, Debug)]
struct Pending {
    id: CheckpointId,
    triggered_at: Time,
    handles: BTreeMap<SubtaskId, StateHandle>,
    enumerators: Vec<EnumeratorState>,
    stage: Stage,
    metadata: Option<Arc<CompletedCheckpoint>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Collecting,
    WritingMetadata,
    /// The pointer is on its way into ZooKeeper: from here on only the answer tells whether it is complete.
    Storing,
}

impl Coordinator {
    pub fn new(job: JobId) -> Coordinator {
        Coordinator {
            next_id: 1,
            issued_max: 0,
            retained: Vec::new(),
            pending: None,
            counting: false,
            active: false,
            trigger: Alarm::new(Timer::CheckpointTrigger { job }),
            timeout: Alarm::new(Timer::CheckpointTimeout { job }),
            completed_at: Time::ZERO,
            failures: 0,
            random: None,
            job,
        }
    }

    pub fn draw(&mut self, distribution: Distribution, blueprint: &Blueprint) -> Span {
        let job = &blueprint.topology.jobs[self.job as usize].name;
        let random = self
            .random
            .get_or_insert_with(|| blueprint.streams.small("planning", job));
        distribution.draw(random)
    }

    pub fn is_storing(&self) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|pending| pending.stage == Stage::Storing)
    }

    /// All tasks run: the first checkpoint of a new job after its interval, after a restart as soon as allowed.
    pub fn resume(&mut self, submission: bool, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        let Some(interval) = blueprint.config.checkpointing.interval else {
            return;
        };
        self.active = true;
        let delay = if submission {
            interval
        } else {
            blueprint.config.checkpointing.min_pause
        };
        self.trigger.set(delay, ctx);
    }

    pub fn pause(&mut self, ctx: &mut Context<'_>) {
        self.active = false;
        self.trigger.cancel(ctx);
    }

    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        self.active = false;
        self.trigger.release(ctx);
        self.timeout.release(ctx);
    }

    /// The next trigger does not have to wait for a pause.
    pub fn hurry(&mut self) {
        self.completed_at = Time::ZERO;
    }
}

impl JobMaster {
    pub fn trigger_checkpoint(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let config = &office.blueprint.config;
        let Some(interval) = config.checkpointing.interval else {
            return;
        };
        let coordinator = &mut self.coordinator;
        if !coordinator.active || self.phase != Phase::Steady {
            return;
        }
        coordinator.trigger.set(interval, ctx);
        if coordinator.pending.is_some() || coordinator.counting {
            return;
        }
        let pause_ends = coordinator.completed_at + config.checkpointing.min_pause;
        if coordinator.completed_at > Time::ZERO && pause_ends > ctx.now() {
            return coordinator.trigger.set_at(pause_ends, ctx);
        }
        coordinator.counting = true;
        self.count_up(office, ctx);
    }

    /// The id is ours: nobody will ever use it again.
    pub fn on_counted(&mut self, id: CheckpointId, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let coordinator = &mut self.coordinator;
        coordinator.counting = false;
        coordinator.next_id = id + 1;
        if !coordinator.active || self.phase != Phase::Steady {
            return;
        }
        coordinator.issued_max = id;
        coordinator.pending = Some(Pending {
            id,
            triggered_at: ctx.now(),
            handles: BTreeMap::new(),
            enumerators: Vec::new(),
            stage: Stage::Collecting,
            metadata: None,
        });
        coordinator
            .timeout
            .set(office.blueprint.config.checkpointing.timeout, ctx);
        ctx.state(Fact::CheckpointTriggered {
            job: self.job,
            checkpoint: id,
        });
        // Before any source, as in Flink.
        let layout = &office.blueprint.topology.jobs[self.job as usize].layout;
        let states = self.enumerators.snapshot(id, &layout.sources, ctx);
        if let Some(pending) = &mut self.coordinator.pending {
            pending.enumerators = states;
        }
        if office.blueprint.defects.has(Defect::OldCheckpointDropped) {
            self.drop_surplus(0, None, office, ctx);
        }
        for subtask in &office.blueprint.topology.jobs[self.job as usize]
            .layout
            .sources
        {
            let execution = self.peek(*subtask);
            let (attempt, taskmanager) = (
                execution.attempt,
                execution
                    .taskmanager
                    .expect("every task of a steady job runs somewhere"),
            );
            let barrier = Barrier {
                checkpoint: id,
                alignment: office.blueprint.config.checkpointing.alignment(),
                triggered_at: ctx.now(),
            };
            let body = Body::TriggerCheckpoint {
                token: office.token,
                subtask: *subtask,
                attempt,
                barrier: Box::new(barrier),
            };
            ctx.send(taskmanager, body);
        }
    }

    pub fn on_acknowledge(
        &mut self,
        checkpoint: CheckpointId,
        attempt: Attempt,
        handle: StateHandle,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let subtask = handle.subtask;
        if self.peek(subtask).attempt != attempt {
            return;
        }
        self.source_acknowledges(subtask, checkpoint, office, ctx);
        let early = office.blueprint.defects.has(Defect::CompleteBeforeLastAck);
        let tasks = self.executions.len() - usize::from(early);
        let Some(pending) = self
            .coordinator
            .pending
            .as_mut()
            .filter(|pending| pending.id == checkpoint)
        else {
            return;
        };
        pending.handles.insert(subtask, handle);
        ctx.state(Fact::CheckpointAcknowledged {
            job: self.job,
            checkpoint,
            subtask,
            attempt,
        });
        if pending.handles.len() < tasks || pending.stage != Stage::Collecting {
            return;
        }
        pending.stage = Stage::WritingMetadata;
        let handles = std::mem::take(&mut pending.handles).into_values().collect();
        let metadata = Arc::new(CompletedCheckpoint {
            job: self.job,
            id: checkpoint,
            handles,
            enumerators: std::mem::take(&mut pending.enumerators),
        });
        pending.metadata = Some(Arc::clone(&metadata));
        let key = BlobKey::Metadata {
            job: self.job,
            checkpoint,
        };
        let bytes = METADATA_BYTES_PER_TASK * tasks as u64;
        let body = Body::Write {
            key,
            bytes,
            blob: Blob::Metadata(metadata),
        };
        ctx.send_sized(office.blueprint.directory.storage, bytes, body);
    }

    pub fn on_written(&mut self, key: BlobKey, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        match key {
            BlobKey::Plan { .. } => self.on_plan_written(office, ctx),
            BlobKey::Metadata { checkpoint, .. } => self.store(checkpoint, office, ctx),
            key => unreachable!("JobMasters do not write {key:?}"),
        }
    }

    fn store(&mut self, checkpoint: CheckpointId, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let pending = self
            .coordinator
            .pending
            .as_mut()
            .filter(|pending| pending.id == checkpoint);
        if let Some(pending) = pending.filter(|pending| pending.stage == Stage::WritingMetadata) {
            pending.stage = Stage::Storing;
            let path = paths::pointer(self.job, checkpoint);
            let op = Op::Create {
                path,
                data: [checkpoint, 0],
                mode: CreateMode::Persistent,
            };
            office
                .desk
                .ask(op, Ask::AddCheckpoint(self.job, checkpoint), ctx);
            if office.blueprint.defects.has(Defect::CompleteBeforeStored) {
                let answer = Answer::Changed { zxid: 0 };
                self.on_added(checkpoint, Ok(answer), office, ctx);
            }
        }
    }

    /// The store has answered: only now the checkpoint is complete.
    pub fn on_added(
        &mut self,
        checkpoint: CheckpointId,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !matches!(result, Ok(_) | Err(ZkError::NodeExists)) {
            return;
        }
        let Some(pending) = self
            .coordinator
            .pending
            .take_if(|pending| pending.id == checkpoint)
        else {
            return;
        };
        let metadata = pending.metadata.expect("it was written before");
        self.coordinator.timeout.cancel(ctx);
        self.coordinator.completed_at = ctx.now();
        self.coordinator.failures = 0;
        self.latest = checkpoint;
        ctx.state(Fact::CheckpointCompleted {
            job: self.job,
            checkpoint,
            offsets: metadata.offsets(),
            bytes: metadata.bytes(),
            written_bytes: metadata.written_bytes(),
            persisted_bytes: metadata.persisted_bytes(),
            duration: ctx.now().since(pending.triggered_at),
        });
        self.enumerators.checkpoint_complete(checkpoint);
        self.subsume(metadata, office, ctx);
        for taskmanager in self.hosts() {
            let body = Body::NotifyCheckpointComplete {
                token: office.token,
                job: self.job,
                checkpoint,
            };
            ctx.send(taskmanager, body);
        }
        self.go_on_when_canceled(office, ctx);
        if self.phase == Phase::Steady {
            self.continue_move(office, ctx);
        }
    }

    /// Drops what is beyond `execution.checkpointing.num-retained`: first the pointer, then the files.
    fn subsume(
        &mut self,
        metadata: Arc<CompletedCheckpoint>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let replaced = self.metadata.replace(metadata);
        self.coordinator.retained.push(self.latest);
        let keep = office.blueprint.config.checkpointing.retained.max(1) as usize;
        self.drop_surplus(keep, replaced, office, ctx);
    }

    /// Keeps so many checkpoints, the latest ones.
    fn drop_surplus(
        &mut self,
        keep: usize,
        replaced: Option<Arc<CompletedCheckpoint>>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let storage = office.blueprint.directory.storage;
        while self.coordinator.retained.len() > keep {
            let old = self.coordinator.retained.remove(0);
            let path = paths::pointer(self.job, old);
            office.desk.ask(Op::Delete { path }, Ask::Cleanup, ctx);
            ctx.send(
                storage,
                Body::Delete {
                    key: BlobKey::Metadata {
                        job: self.job,
                        checkpoint: old,
                    },
                },
            );
            for key in replaced
                .iter()
                .filter(|replaced| replaced.id == old)
                .flat_map(|replaced| &replaced.handles)
                .flat_map(StateHandle::files)
            {
                ctx.send(storage, Body::Delete { key });
            }
        }
    }

    /// A task that lost a producer refuses. Like any abort because of a lost task it does not count as a failure.
    pub fn on_decline(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self
            .coordinator
            .pending
            .as_ref()
            .is_some_and(|pending| pending.id == checkpoint)
        {
            self.abort_checkpoint("declined", office, ctx);
        }
    }

    pub fn on_checkpoint_timeout(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.abort_checkpoint("expired", office, ctx);
        self.coordinator.failures += 1;
        if self.coordinator.failures > office.blueprint.config.checkpointing.tolerable_failures
            && self.phase == Phase::Steady
        {
            let all = self
                .executions
                .iter()
                .map(|execution| execution.subtask)
                .collect();
            self.restart(all, Vec::new(), Detector::TaskFailure, true, office, ctx);
        }
    }

    /// Gives a checkpoint up, unless it is on its way into the store.
    pub(super) fn abort_checkpoint(
        &mut self,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let always = office.blueprint.defects.has(Defect::AbortWhileStoring);
        let abortable = |pending: &mut Pending| always || pending.stage != Stage::Storing;
        if let Some(pending) = self.coordinator.pending.take_if(abortable) {
            let checkpoint = pending.id;
            self.coordinator.timeout.cancel(ctx);
            self.enumerators.checkpoint_aborted(checkpoint);
            ctx.state(Fact::CheckpointAborted {
                job: self.job,
                checkpoint,
                reason,
            });
            for taskmanager in self.hosts() {
                let body = Body::NotifyCheckpointAborted {
                    token: office.token,
                    job: self.job,
                    checkpoint,
                };
                ctx.send(taskmanager, body);
            }
        }
    }
}
