//! The completed checkpoints of a job: pointers in ZooKeeper, files in storage, the latest one in memory
//! (`DefaultCompletedCheckpointStore`, `ZooKeeperCheckpointIDCounter`).

use std::sync::Arc;

use crate::actor::checkpoint::{Blob, BlobKey, CompletedCheckpoint};
use crate::actor::context::Context;
use crate::actor::fact::{Detector, Fact, JobStatus};
use crate::actor::flink::office::{Fatal, Office, StoreAsk, ZkAsk};
use crate::actor::message::Body;
use crate::actor::zookeeper::paths;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::dataflow::batch::CheckpointId;
use crate::policy::RecoveryScope;

use super::JobMaster;

#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    /// In the store, oldest first.
    retained: Vec<CheckpointId>,
    metadata: Option<Arc<CompletedCheckpoint>>,
    /// The one before, where a defect goes back to it.
    previous: Option<Arc<CompletedCheckpoint>>,
}

impl Store {
    /// Takes the checkpoint before the latest for the latest: a mistake that is made on purpose only.
    pub(super) fn go_back(&mut self) {
        if let Some(previous) = self.previous.take() {
            self.metadata = Some(previous);
        }
    }

    /// The latest completed checkpoint; 0: none.
    pub(super) fn latest(&self) -> CheckpointId {
        self.metadata.as_ref().map_or(0, |metadata| metadata.id)
    }

    pub(super) fn metadata(&self) -> Option<&CompletedCheckpoint> {
        self.metadata.as_deref()
    }

    /// A checkpoint has completed; what is beyond `num-retained` falls out, oldest first.
    pub(super) fn add(
        &mut self,
        metadata: Arc<CompletedCheckpoint>,
        retained_max: usize,
    ) -> Vec<(CheckpointId, Option<Arc<CompletedCheckpoint>>)> {
        self.retained.push(metadata.id);
        let replaced = self.metadata.replace(metadata);
        self.previous.clone_from(&replaced);
        let surplus = self.retained.len().saturating_sub(retained_max);
        self.retained
            .drain(..surplus)
            .map(|old| {
                let files = replaced.as_ref().filter(|replaced| replaced.id == old);
                (old, files.cloned())
            })
            .collect()
    }
}

impl JobMaster {
    /// Reads what the predecessors have left.
    pub(super) fn open_store(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let op = Op::GetChildren {
            path: paths::checkpoints(self.job),
            watch: false,
        };
        let ask = ZkAsk::Store(self.job, StoreAsk::List);
        office.desk.ask(op, ask, ctx);
    }

    /// The highest id counts; its metadata is read from storage.
    pub(super) fn on_listed(
        &mut self,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Ok(Answer::Children { names }) = result {
            self.store.retained = names.iter().filter_map(|name| name.parse().ok()).collect();
            self.store.retained.sort_unstable();
        }
        // A savepoint to start from is for a job that has nothing newer.
        let savepoint = (self.starts_from > 0).then_some(self.starts_from);
        match self.store.retained.last().copied().or(savepoint) {
            None => self.read_counter(office, ctx),
            Some(checkpoint) => {
                let key = BlobKey::Metadata {
                    job: self.job,
                    checkpoint,
                };
                ctx.send(office.blueprint.directory.storage, Body::Read { key });
            }
        }
    }

    /// Whether it waits for the latest checkpoint of its predecessors.
    pub fn is_reading(&self) -> bool {
        !self.started && !self.store.retained.is_empty() && self.store.metadata.is_none()
    }

    /// A job that cannot be initialized in a recovery ends the process (`Dispatcher.handleJobManagerRunnerResult`).
    pub(super) fn on_metadata(
        &mut self,
        checkpoint: CheckpointId,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fatal> {
        let is_recovery = !self.store.retained.is_empty();
        match blob {
            Some(Blob::Metadata(metadata)) if is_recovery => {
                self.store.metadata = Some(metadata);
                self.read_counter(office, ctx);
            }
            Some(Blob::Metadata(metadata)) => self.start_from(metadata, office, ctx),
            _ if is_recovery => return Err(Fatal("the latest checkpoint cannot be read")),
            // The client hands the job in again until it can start.
            _ => {
                let key = BlobKey::Metadata {
                    job: self.job,
                    checkpoint,
                };
                ctx.send(office.blueprint.directory.storage, Body::Read { key });
            }
        }
        Ok(())
    }

    /// `restoreSavepoint`: it is the first in the store, and ids go on after it.
    fn start_from(
        &mut self,
        savepoint: Arc<CompletedCheckpoint>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let id = savepoint.id;
        self.coordinator.continue_from(id + 1);
        self.store.add(savepoint, usize::MAX);
        self.begins_from_savepoint = true;
        let op = Op::Create {
            path: paths::pointer(self.job, id),
            data: [id, 0],
            mode: CreateMode::Persistent,
        };
        let ask = ZkAsk::Store(self.job, StoreAsk::AddSavepoint);
        office.desk.ask(op, ask, ctx);
    }

    pub(super) fn read_counter(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let op = Op::GetData {
            path: paths::counter(self.job),
            watch: false,
        };
        let ask = ZkAsk::Store(self.job, StoreAsk::Counter);
        office.desk.ask(op, ask, ctx);
    }

    pub(super) fn on_counter(
        &mut self,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match result {
            Ok(Answer::Data { data, .. }) => {
                self.coordinator.continue_from(data[0]);
                self.on_opened(office, ctx);
            }
            _ => {
                let op = Op::Create {
                    path: paths::counter(self.job),
                    data: [self.coordinator.next_id(), 0],
                    mode: CreateMode::Persistent,
                };
                let ask = ZkAsk::Store(self.job, StoreAsk::NewCounter);
                office.desk.ask(op, ask, ctx);
            }
        }
    }

    /// Takes the next checkpoint id: nobody will ever use it again.
    pub(super) fn count_up(
        &self,
        id: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let op = Op::SetData {
            path: paths::counter(self.job),
            data: [id + 1, 0],
        };
        let ask = ZkAsk::Store(self.job, StoreAsk::CountUp(id));
        office.desk.ask(op, ask, ctx);
    }

    /// Everything is known: the job starts, from the latest completed checkpoint if there is one.
    pub(super) fn on_opened(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.started = true;
        let subtasks = self.layout.subtasks.clone();
        let recovery = self.next_failover;
        self.next_failover += 1;
        let detector = match self.begins_from_savepoint {
            true => Detector::Resubmission,
            false => Detector::NewLeader,
        };
        if !self.submission {
            ctx.state(Fact::RecoveryStarted {
                job: self.job,
                recovery,
                detector,
                scope: RecoveryScope::Full,
                lost: Vec::new(),
                tasks: subtasks.clone(),
            });
        }
        self.turn(JobStatus::Created, "the job is known here".to_owned(), ctx);
        self.on_heartbeat_round(office, ctx);
        self.start_enumerators(office, ctx);
        if self.adaptive.is_some() {
            if !self.submission {
                self.retrieve_latest(recovery, ctx);
            }
            self.start_adaptive(recovery, office, ctx);
            return self.register_at_resource_manager(office, ctx);
        }
        self.turn(JobStatus::Running, "scheduling begins".to_owned(), ctx);
        self.idle
            .set(office.blueprint.config.slots.idle_timeout, ctx);
        self.schedule(subtasks, recovery, true, office, ctx);
        self.register_at_resource_manager(office, ctx);
    }
}
