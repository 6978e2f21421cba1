//! The Dispatcher: which jobs there are, and what becomes of those that are over (`SessionDispatcherLeaderProcess`,
//! `JobResultStore`).

use std::collections::BTreeMap;

use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::flink::office::{DispatcherAsk, Fatal, Office, ZkAsk};
use crate::actor::message::{Body, FencingToken, Timer};
use crate::actor::zookeeper::paths;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, SmallStream};
use crate::policy::defect::Defect;

use super::{JobManagerTimer, JobView};

/// Size of an execution plan in storage.
const PLAN_BYTES: u64 = 64 * 1024;
/// Size of a job's result in storage.
const RESULT_BYTES: u64 = 1024;

/// Where the Dispatcher is with a job.
#[derive(Clone, Debug)]
enum Stage {
    /// Is there a result of it?
    ReadingResult,
    /// There is none. Which plans there are is asked once, when this is known of every job.
    Unknown,
    ReadingPlan,
    /// Nobody has stored it: the client will hand it in.
    Awaited(Alarm),
    /// The client has handed it in, to start from this savepoint; 0: from nothing.
    Storing {
        savepoint: CheckpointId,
    },
    /// The plan is rebuilt.
    Recovering {
        alarm: Alarm,
        savepoint: CheckpointId,
    },
    /// Its JobMaster may be made.
    Ready {
        submission: bool,
        savepoint: CheckpointId,
    },
    Running,
    /// It has ended, and its result is on its way to storage.
    WritingResult {
        savepoint: CheckpointId,
    },
    /// Never to be run again, unless the client hands it in with the savepoint that it was stopped with; 0: there is none.
    Over {
        savepoint: CheckpointId,
    },
}

#[derive(Clone, Debug)]
pub struct Dispatcher {
    token: FencingToken,
    jobs: BTreeMap<JobId, Stage>,
    random: SmallStream,
}

impl Dispatcher {
    pub fn new(token: FencingToken, office: &Office<'_>) -> Dispatcher {
        let blueprint = office.blueprint;
        let name = blueprint.directory.name(office.me.actor);
        let jobs = 0..blueprint.topology.jobs.len() as JobId;
        Dispatcher {
            token,
            jobs: jobs.map(|job| (job, Stage::ReadingResult)).collect(),
            random: blueprint
                .streams
                .small("dispatcher", &format!("{name}@{token}")),
        }
    }

    /// Results first: a job that is over must not be run again, whatever else is left of it.
    pub fn recover(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        for job in self.jobs.keys() {
            let key = BlobKey::JobResult { job: *job };
            ctx.send(office.blueprint.directory.storage, Body::Read { key });
        }
    }

    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        for stage in self.jobs.values_mut() {
            if let Stage::Recovering { alarm, .. } | Stage::Awaited(alarm) = stage {
                alarm.release(ctx);
            }
        }
        self.jobs.clear();
    }

    /// A job whose JobMaster is to be made now, and whether nobody has run it before.
    /// And the savepoint that it starts from.
    pub fn take_ready(&mut self) -> Option<(JobId, bool, CheckpointId)> {
        self.jobs.iter_mut().find_map(|(job, stage)| match stage {
            Stage::Ready {
                submission,
                savepoint,
            } => {
                let ready = (*job, *submission, *savepoint);
                *stage = Stage::Running;
                Some(ready)
            }
            _ => None,
        })
    }

    /// Every job that has to run has been handed out.
    pub fn has_recovered(&self) -> bool {
        let done = |stage: &Stage| {
            matches!(
                stage,
                Stage::Running | Stage::WritingResult { .. } | Stage::Over { .. }
            )
        };
        self.jobs.values().all(done)
    }

    /// It waits for results or plans from storage.
    pub fn is_reading(&self) -> bool {
        let reads = |stage: &Stage| matches!(stage, Stage::ReadingResult | Stage::ReadingPlan);
        self.jobs.values().any(reads)
    }

    pub fn on_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fatal> {
        match (key, blob) {
            (BlobKey::JobResult { job }, result) => {
                let forgets = office.blueprint.defects.has(Defect::TerminalJobRecovered);
                self.on_result(job, result.filter(|_| !forgets), office, ctx);
            }
            (BlobKey::Plan { job }, Some(Blob::Plan(savepoint))) => {
                self.on_plan(job, savepoint, office, ctx)
            }
            (BlobKey::Plan { .. }, None) => {
                return Err(Fatal("an execution plan cannot be read"));
            }
            (key, _) => unreachable!("Dispatchers do not read {key:?}"),
        }
        Ok(())
    }

    fn on_result(
        &mut self,
        job: JobId,
        result: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(stage @ Stage::ReadingResult) = self.jobs.get_mut(&job) else {
            return;
        };
        *stage = Stage::Unknown;
        if let Some(Blob::JobResult(savepoint)) = result {
            *stage = Stage::Over { savepoint };
            self.clean_up(job, office, ctx);
        }
        let mut stages = self.jobs.values();
        if !stages.any(|stage| matches!(stage, Stage::ReadingResult)) {
            let op = Op::GetChildren {
                path: paths::PLANS.to_owned(),
                watch: false,
            };
            self.ask(DispatcherAsk::ListPlans, op, office, ctx);
        }
    }

    fn ask(&self, what: DispatcherAsk, op: Op, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let ask = ZkAsk::Dispatcher(what, self.token);
        office.desk.ask(op, ask, ctx);
    }

    pub fn on_answer(
        &mut self,
        ask: DispatcherAsk,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match (ask, result) {
            (DispatcherAsk::ListPlans, Ok(Answer::Children { names })) => {
                self.on_plans(&names, office, ctx)
            }
            (DispatcherAsk::StorePlan(job), Ok(_) | Err(ZkError::NodeExists)) => {
                self.on_stored(job, office, ctx)
            }
            (DispatcherAsk::ListCheckpoints(job), Ok(Answer::Children { names })) => {
                for name in names {
                    let path = format!("{}/{name}", paths::checkpoints(job));
                    office.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
                }
            }
            // The session's end has an event of its own.
            _ => {}
        }
    }

    /// What is stored is recovered; the rest the client hands in, sooner or later: nothing ties the phases of a job's
    /// timers to those of the cluster.
    fn on_plans(&mut self, names: &[String], office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let storage = office.blueprint.directory.storage;
        for (job, stage) in &mut self.jobs {
            if !matches!(stage, Stage::Unknown) {
                continue;
            }
            let key = BlobKey::Plan { job: *job };
            let is_stored = names.iter().any(|name| name.parse() == Ok(*job));
            if is_stored {
                *stage = Stage::ReadingPlan;
                ctx.send(storage, Body::Read { key });
                continue;
            }
            let submission = office.blueprint.profile.job_submission;
            let timer = JobManagerTimer::JobSubmitted { job: *job };
            let mut alarm = Alarm::new(Timer::JobManager(timer));
            alarm.set(submission.draw(&mut self.random), ctx);
            *stage = Stage::Awaited(alarm);
        }
    }

    /// `submitJob`: stored before anything of it runs.
    pub fn on_submitted(&mut self, job: JobId, storage: ActorId, ctx: &mut Context<'_>) {
        if let Some(Stage::Awaited(alarm)) = self.jobs.get_mut(&job) {
            alarm.release(ctx);
            self.jobs.insert(job, Stage::Storing { savepoint: 0 });
            write_plan(job, 0, storage, ctx);
        }
    }

    /// The client hands a job in again that was stopped with this savepoint.
    pub fn resubmit(
        &mut self,
        job: JobId,
        savepoint: CheckpointId,
        storage: ActorId,
        ctx: &mut Context<'_>,
    ) {
        if matches!(self.jobs.get(&job), Some(Stage::Over { savepoint: taken }) if *taken == savepoint)
        {
            self.jobs.insert(job, Stage::Storing { savepoint });
            write_plan(job, savepoint, storage, ctx);
        }
    }

    /// The plan is stored, and found. To Flink what is handed in again is another job: what became of the one before does not
    /// stand in its way.
    fn on_stored(&mut self, job: JobId, office: &Office<'_>, ctx: &mut Context<'_>) {
        let Some(Stage::Storing { savepoint }) = self.jobs.get(&job) else {
            return;
        };
        let savepoint = *savepoint;
        if savepoint > 0 {
            ctx.state(Fact::JobResubmitted(job, savepoint));
            let key = BlobKey::JobResult { job };
            ctx.send(office.blueprint.directory.storage, Body::Delete { key });
        }
        let ready = Stage::Ready {
            submission: savepoint == 0,
            savepoint,
        };
        self.jobs.insert(job, ready);
    }

    /// What a client sees of a job that has no JobMaster.
    pub fn view(&self, job: JobId) -> JobView {
        match self.jobs.get(&job) {
            Some(Stage::Over { savepoint: 0 }) => JobView::Failed,
            Some(Stage::Over { savepoint }) => JobView::Stopped {
                savepoint: *savepoint,
            },
            _ => JobView::Pending,
        }
    }

    fn on_plan(
        &mut self,
        job: JobId,
        savepoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(stage @ Stage::ReadingPlan) = self.jobs.get_mut(&job) else {
            return;
        };
        let recovery = office.blueprint.profile.job_recovery.draw(&mut self.random);
        let recovery = ctx.stretched(recovery);
        let mut alarm = Alarm::new(Timer::JobManager(JobManagerTimer::JobRecovered { job }));
        alarm.set(recovery, ctx);
        *stage = Stage::Recovering { alarm, savepoint };
    }

    pub fn on_job_recovered(&mut self, job: JobId, ctx: &mut Context<'_>) {
        if let Some(Stage::Recovering { alarm, savepoint }) = self.jobs.get_mut(&job) {
            alarm.release(ctx);
            let ready = Stage::Ready {
                submission: false,
                savepoint: *savepoint,
            };
            self.jobs.insert(job, ready);
        }
    }

    pub fn on_written(&mut self, key: BlobKey, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        match key {
            BlobKey::Plan { job } if matches!(self.jobs.get(&job), Some(Stage::Storing { .. })) => {
                let op = Op::Create {
                    path: paths::plan(job),
                    data: [0; 2],
                    mode: CreateMode::Persistent,
                };
                self.ask(DispatcherAsk::StorePlan(job), op, office, ctx);
            }
            BlobKey::JobResult { job } => {
                let Some(Stage::WritingResult { savepoint }) = self.jobs.get(&job) else {
                    return;
                };
                let savepoint = *savepoint;
                self.jobs.insert(job, Stage::Over { savepoint });
                ctx.state(Fact::JobResultStored(job));
                self.clean_up(job, office, ctx);
            }
            _ => {}
        }
    }

    /// Storage was in trouble: the client hands the job in again, and a result has to be kept.
    pub fn write_again(&self, key: BlobKey, office: &Office<'_>, ctx: &mut Context<'_>) {
        let (BlobKey::Plan { job } | BlobKey::JobResult { job }) = key else {
            return;
        };
        let storage = office.blueprint.directory.storage;
        match (key, self.jobs.get(&job)) {
            (BlobKey::Plan { .. }, Some(Stage::Storing { savepoint })) => {
                write_plan(job, *savepoint, storage, ctx)
            }
            (BlobKey::JobResult { .. }, Some(Stage::WritingResult { savepoint })) => {
                write_result(job, *savepoint, storage, ctx)
            }
            // Nobody waits for it any more.
            _ => {}
        }
    }

    /// The job is globally terminal: its result is written before anything of it is deleted. With the savepoint that it was
    /// stopped with; 0: none.
    pub fn end(
        &mut self,
        job: JobId,
        savepoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.jobs.insert(job, Stage::WritingResult { savepoint });
        write_result(job, savepoint, office.blueprint.directory.storage, ctx);
    }

    /// The result itself stays, unlike with `job-result-store.delete-on-commit`: by it everybody knows that the client has
    /// handed the job in before.
    fn clean_up(&self, job: JobId, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let key = BlobKey::Plan { job };
        ctx.send(office.blueprint.directory.storage, Body::Delete { key });
        for path in [paths::plan(job), paths::counter(job)] {
            office.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
        }
        let op = Op::GetChildren {
            path: paths::checkpoints(job),
            watch: false,
        };
        self.ask(DispatcherAsk::ListCheckpoints(job), op, office, ctx);
    }
}

fn write_plan(job: JobId, savepoint: CheckpointId, storage: ActorId, ctx: &mut Context<'_>) {
    let body = Body::Write {
        key: BlobKey::Plan { job },
        bytes: PLAN_BYTES,
        blob: Blob::Plan(savepoint),
    };
    ctx.send(storage, body);
}

fn write_result(job: JobId, savepoint: CheckpointId, storage: ActorId, ctx: &mut Context<'_>) {
    let body = Body::Write {
        key: BlobKey::JobResult { job },
        bytes: RESULT_BYTES,
        blob: Blob::JobResult(savepoint),
    };
    ctx.send(storage, body);
}
