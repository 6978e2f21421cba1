//! A new leader reads back what its predecessors left: plans, checkpoints, counters.

use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::Context;
use crate::actor::fact::Detector;
use crate::actor::message::Body;
use crate::actor::zookeeper::paths;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::dataflow::topology::{JobId, Topology};
use crate::policy::RecoveryScope;
use crate::policy::defect::Defect;

use super::job_master::{JobMaster, Phase};
use super::office::{Ask, Office};
use super::recovery::Recovery;

/// Size of an execution plan in storage.
const PLAN_BYTES: u64 = 64 * 1024;

/// Whose file it is.
pub(super) fn job_of(key: &BlobKey, topology: &Topology) -> JobId {
    match key {
        BlobKey::Plan { job } | BlobKey::JobResult { job } | BlobKey::Metadata { job, .. } => *job,
        BlobKey::State { subtask, .. } | BlobKey::Channels { subtask, .. } => {
            topology.job_of(*subtask)
        }
    }
}

impl JobMaster {
    pub fn load(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let op = Op::GetData {
            path: paths::plan(self.job),
            watch: false,
        };
        office.desk.ask(op, Ask::Plan(self.job), ctx);
    }

    /// A job that nobody has run yet is stored first.
    pub fn on_plan_known(
        &mut self,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let key = BlobKey::Plan { job: self.job };
        let body = match result {
            Ok(_) => Body::Read { key },
            Err(_) => Body::Write {
                key,
                bytes: PLAN_BYTES,
                blob: Blob::Plan(0),
            },
        };
        ctx.send(office.blueprint.directory.storage, body);
    }

    /// Storage could not write: the plan is written again, a checkpoint fails.
    pub fn on_write_failed(
        &mut self,
        key: BlobKey,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match key {
            BlobKey::Metadata { checkpoint, .. } => self.on_decline(checkpoint, office, ctx),
            key => {
                let (bytes, blob) = (PLAN_BYTES, Blob::Plan(0));
                let body = Body::Write { key, bytes, blob };
                ctx.send(office.blueprint.directory.storage, body);
            }
        }
    }

    pub(super) fn on_plan_written(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let op = Op::Create {
            path: paths::plan(self.job),
            data: [0; 2],
            mode: CreateMode::Persistent,
        };
        office.desk.ask(op, Ask::SubmitPlan(self.job), ctx);
    }

    pub fn on_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match key {
            BlobKey::Plan { .. } => self.read_checkpoints(office, ctx),
            BlobKey::Metadata { .. } => self.on_metadata(blob, office, ctx),
            key => unreachable!("JobMasters do not read {key:?}"),
        }
    }

    pub fn read_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let op = Op::GetChildren {
            path: paths::checkpoints(self.job),
            watch: false,
        };
        office.desk.ask(op, Ask::Checkpoints(self.job), ctx);
    }

    /// The highest completed one counts.
    pub fn on_checkpoints(
        &mut self,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Ok(Answer::Children { names }) = result {
            self.coordinator.retained = names.iter().filter_map(|name| name.parse().ok()).collect();
            self.latest = self.coordinator.retained.iter().copied().max().unwrap_or(0);
        }
        let op = Op::GetData {
            path: paths::counter(self.job),
            watch: false,
        };
        office.desk.ask(op, Ask::Counter(self.job), ctx);
    }

    pub fn on_counter(
        &mut self,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match result {
            Ok(Answer::Data { data, .. }) => {
                let reuses = office.blueprint.defects.has(Defect::CheckpointIdReused);
                self.coordinator.next_id = if reuses { self.latest + 1 } else { data[0] };
                self.on_loaded(false, office, ctx);
            }
            _ => {
                let data = [self.coordinator.next_id, 0];
                let op = Op::Create {
                    path: paths::counter(self.job),
                    data,
                    mode: CreateMode::Persistent,
                };
                office.desk.ask(op, Ask::NewCounter(self.job), ctx);
            }
        }
    }

    pub(super) fn count_up(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let id = self.coordinator.next_id;
        let op = Op::SetData {
            path: paths::counter(self.job),
            data: [id + 1, 0],
        };
        office.desk.ask(op, Ask::CountUp(self.job, id), ctx);
    }

    /// Everything is known: the whole job starts, from the latest checkpoint if there is one. `submission`: no leader has
    /// run it before, for there was no counter of its checkpoints.
    pub fn on_loaded(&mut self, submission: bool, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.recoveries += 1;
        let recovery = Recovery {
            number: self.recoveries,
            detector: Detector::NewLeader,
            scope: RecoveryScope::Full,
            lost: Vec::new(),
            tasks: self
                .executions
                .iter()
                .map(|execution| execution.subtask)
                .collect(),
            submission,
            target: None,
        };
        self.phase = Phase::Canceling;
        self.begin(recovery, office, ctx);
    }
}
