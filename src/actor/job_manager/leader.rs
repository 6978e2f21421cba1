//! The JobManager while it leads: members, jobs, and who is told what.

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::Context;
use crate::actor::fact::{Detector, Fact};
use crate::actor::flink::rpc::Address;
use crate::actor::message::{Body, FencingToken, Registration, Timer};
use crate::actor::task_manager::MEMBERS_PATH;
use crate::actor::zookeeper::protocol::{Answer, Op, ZkError};
use crate::dataflow::topology::JobId;
use crate::kernel::ActorId;
use crate::policy::defect::Defect;

use super::job_master::JobMaster;
use super::members::{Members, Registered};
use super::monitoring::Monitoring;
use super::notifier::{Notice, Notifier};
use super::office::{Ask, Desk, Office};

#[derive(Clone, Debug)]
pub struct Leader {
    token: FencingToken,
    members: Members,
    pub(super) jobs: Vec<JobMaster>,
    notifier: Notifier,
    monitoring: Monitoring,
    jobs_loaded: u32,
}

impl Leader {
    pub fn new(token: FencingToken, blueprint: &Blueprint) -> Leader {
        let jobs = (0..blueprint.topology.jobs.len())
            .map(|job| JobMaster::new(job as JobId, token, blueprint))
            .collect();
        Leader {
            token,
            members: Members::new(blueprint),
            jobs,
            notifier: Notifier::new(token),
            monitoring: Monitoring::new(blueprint),
            jobs_loaded: 0,
        }
    }

    pub fn start(&mut self, desk: &mut Desk, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        list_members(true, desk, ctx);
        self.notifier.start(desk, ctx);
        self.each_job(desk, blueprint, |job, office| job.load(office, ctx));
    }

    /// Leadership is gone: whatever runs goes on without us.
    pub fn suspend(&mut self, ctx: &mut Context<'_>) {
        ctx.state(Fact::LeadershipLost { token: self.token });
        self.notifier.stop(ctx);
        for job in &mut self.jobs {
            job.suspend(ctx);
        }
    }

    fn each_job(
        &mut self,
        desk: &mut Desk,
        blueprint: &Blueprint,
        mut act: impl FnMut(&mut JobMaster, &mut Office<'_>),
    ) {
        let mut office = Office {
            desk,
            blueprint,
            members: &mut self.members,
            notifier: &mut self.notifier,
            token: self.token,
        };
        for job in &mut self.jobs {
            act(job, &mut office);
        }
    }

    fn job(
        &mut self,
        job: JobId,
        desk: &mut Desk,
        blueprint: &Blueprint,
        act: impl FnOnce(&mut JobMaster, &mut Office<'_>),
    ) {
        let mut office = Office {
            desk,
            blueprint,
            members: &mut self.members,
            notifier: &mut self.notifier,
            token: self.token,
        };
        act(&mut self.jobs[job as usize], &mut office);
    }

    pub fn on_message(
        &mut self,
        from: ActorId,
        body: Body,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        match body {
            Body::RegisterTaskManager(registration) => {
                self.register(from, &registration, desk, blueprint, ctx)
            }
            Body::UpdateTaskExecutionState {
                subtask,
                attempt,
                state,
            } => {
                let job = blueprint.topology.job_of(subtask);
                self.job(job, desk, blueprint, |job, office| {
                    job.on_task_state(subtask, attempt, state, office, ctx)
                });
            }
            Body::AcknowledgeCheckpoint {
                job,
                checkpoint,
                attempt,
                handle,
            } => {
                self.job(job, desk, blueprint, |job, office| {
                    job.on_acknowledge(checkpoint, attempt, *handle, office, ctx)
                });
            }
            Body::DeclineCheckpoint { job, checkpoint } => {
                self.job(job, desk, blueprint, |job, office| {
                    job.on_decline(checkpoint, office, ctx)
                });
            }
            Body::MetricReport(report) => {
                if let Some(taskmanager) = blueprint.directory.taskmanager_index(from) {
                    self.monitoring.take(taskmanager, &report);
                    self.rebalance(desk, blueprint, ctx);
                }
            }
            Body::Written { key } => {
                let job = super::loading::job_of(&key, &blueprint.topology);
                self.job(job, desk, blueprint, |job, office| {
                    job.on_written(key, office, ctx)
                });
            }
            Body::WriteFailed { key } => {
                let job = super::loading::job_of(&key, &blueprint.topology);
                self.job(job, desk, blueprint, |job, office| {
                    job.on_write_failed(key, office, ctx)
                });
            }
            Body::ReadDone { key, blob } => self.on_read(key, blob, desk, blueprint, ctx),
            Body::ReadFailed { key } => self.on_read(key, None, desk, blueprint, ctx),
            Body::Partitions {
                job,
                operator,
                partitions,
            } => self.job(job, desk, blueprint, |job, office| {
                job.on_partitions(operator, partitions, office, ctx)
            }),
            Body::NotifyReceived { id } => self.notifier.on_received(id, desk, ctx),
            body => unreachable!("JobManagers do not receive {body:?}"),
        }
    }

    /// What storage has of a job's file, if it has it and can be read.
    fn on_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        let job = super::loading::job_of(&key, &blueprint.topology);
        self.job(job, desk, blueprint, |job, office| {
            job.on_read(key, blob, office, ctx)
        });
        self.count_loaded(ctx);
    }

    pub fn on_timer(
        &mut self,
        timer: Timer,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        match timer {
            Timer::CheckpointTrigger { job } => {
                self.job(job, desk, blueprint, |job, office| {
                    job.trigger_checkpoint(office, ctx)
                });
            }
            Timer::CheckpointTimeout { job } => {
                self.job(job, desk, blueprint, |job, office| {
                    job.on_checkpoint_timeout(office, ctx)
                });
            }
            Timer::RestartDelay { job } => self.job(job, desk, blueprint, |job, office| {
                job.on_delay_over(office, ctx)
            }),
            Timer::Retry { job } => {
                self.job(job, desk, blueprint, |job, office| job.place(office, ctx))
            }
            Timer::PartitionDiscovery { job, operator } => {
                self.job(job, desk, blueprint, |job, office| {
                    job.on_discovery_due(operator, office, ctx)
                });
            }
            Timer::Notify => self.notifier.retry(blueprint, ctx),
            timer => unreachable!("JobManagers set no {timer:?}"),
        }
    }

    pub fn on_watch(
        &mut self,
        path: &str,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        if path == MEMBERS_PATH {
            let again = !blueprint.defects.has(Defect::WatchNotRenewed);
            list_members(again, desk, ctx);
        }
    }

    /// A process is gone. TaskManagers are missed by their znodes; one that has registered so late that its znode was gone
    /// before would never be.
    pub fn on_reset(
        &mut self,
        peer: Address,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        // Its successor may be here by now.
        let is_latest = ctx.incarnation_of(peer.actor) == peer.incarnation;
        let taskmanager = blueprint.directory.taskmanager_index(peer.actor);
        let taskmanager = taskmanager.filter(|_| is_latest);
        if taskmanager.is_some_and(|taskmanager| self.members.doubt(taskmanager)) {
            list_members(false, desk, ctx);
        }
    }

    pub fn on_answer(
        &mut self,
        ask: Ask,
        result: Result<Answer, ZkError>,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        match ask {
            Ask::Members => {
                if let Ok(Answer::Children { names }) = result {
                    for taskmanager in self.members.list(&names, blueprint, ctx.now()) {
                        self.lose(
                            taskmanager,
                            Detector::ZookeeperSession,
                            desk,
                            blueprint,
                            ctx,
                        );
                    }
                    self.each_job(desk, blueprint, |job, office| {
                        job.place_if_waiting(office, ctx)
                    });
                }
            }
            Ask::Plan(job) => self.job(job, desk, blueprint, |job, office| {
                job.on_plan_known(result, office, ctx)
            }),
            Ask::SubmitPlan(job) => self.job(job, desk, blueprint, |job, office| {
                job.read_checkpoints(office, ctx)
            }),
            Ask::Checkpoints(job) => self.job(job, desk, blueprint, |job, office| {
                job.on_checkpoints(result, office, ctx)
            }),
            Ask::Counter(job) => self.job(job, desk, blueprint, |job, office| {
                job.on_counter(result, office, ctx)
            }),
            Ask::NewCounter(job) => self.job(job, desk, blueprint, |job, office| {
                job.on_loaded(true, office, ctx)
            }),
            Ask::CountUp(job, id) => {
                if result.is_ok() {
                    self.job(job, desk, blueprint, |job, office| {
                        job.on_counted(id, office, ctx)
                    });
                }
            }
            Ask::AddCheckpoint(job, id) => {
                self.job(job, desk, blueprint, |job, office| {
                    job.on_added(id, result, office, ctx)
                });
            }
            Ask::Notifications => self.notifier.on_listed(result, desk, ctx),
            Ask::Notification(id) => self.notifier.on_read(id, result, blueprint, ctx),
            Ask::StoreNotification(id) => Notifier::on_stored(id, &result, ctx),
            Ask::Cleanup => {}
            Ask::Election(_) => unreachable!("the election has its own answers"),
        }
        self.count_loaded(ctx);
    }

    /// Says once when every job has been read back.
    fn count_loaded(&mut self, ctx: &mut Context<'_>) {
        let loaded = self.jobs.iter().filter(|job| job.is_loaded()).count() as u32;
        if loaded > self.jobs_loaded && loaded as usize == self.jobs.len() {
            ctx.state(Fact::JobsRecovered {
                token: self.token,
                jobs: loaded,
            });
        }
        self.jobs_loaded = loaded;
    }

    fn register(
        &mut self,
        from: ActorId,
        registration: &Registration,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        if registration.token != self.token {
            return;
        }
        let Some(taskmanager) = blueprint.directory.taskmanager_index(from) else {
            return;
        };
        match self
            .members
            .register(taskmanager, registration.session, ctx.now())
        {
            Registered::Again => {}
            Registered::New => ctx.state(Fact::TaskManagerRegistered { taskmanager: from }),
            Registered::InPlaceOfAnother => {
                self.lose(taskmanager, Detector::Reregistration, desk, blueprint, ctx);
                self.members
                    .register(taskmanager, registration.session, ctx.now());
                ctx.state(Fact::TaskManagerRegistered { taskmanager: from });
            }
        }
        ctx.send(from, Body::TaskManagerRegistered { token: self.token });
        self.each_job(desk, blueprint, |job, office| {
            job.on_leftovers(from, &registration.attempts, office, ctx);
            job.place_if_waiting(office, ctx);
        });
    }

    fn lose(
        &mut self,
        taskmanager: usize,
        detector: Detector,
        desk: &mut Desk,
        blueprint: &Blueprint,
        ctx: &mut Context<'_>,
    ) {
        let actor = Members::actor(blueprint, taskmanager);
        ctx.state(Fact::TaskManagerLost {
            taskmanager: actor,
            detector,
        });
        self.monitoring.forget(taskmanager);
        let notice = Notice::TaskManagerLost {
            taskmanager: actor,
            detector,
        };
        self.notifier.notify(notice, desk, blueprint, ctx);
        self.each_job(desk, blueprint, |job, office| {
            job.on_taskmanager_lost(actor, detector, office, ctx)
        });
    }

    /// Moves a task where one has been under pressure for too long.
    fn rebalance(&mut self, desk: &mut Desk, blueprint: &Blueprint, ctx: &mut Context<'_>) {
        let monitoring = &mut self.monitoring;
        for job in &mut self.jobs {
            job.measured(monitoring);
        }
        if self.jobs.iter().any(|job| !job.is_steady()) {
            return;
        }
        if let Some(subtask) = monitoring.decide(&self.jobs, blueprint, ctx.now()) {
            let job = blueprint.topology.job_of(subtask);
            self.job(job, desk, blueprint, |job, office| {
                job.begin_move(subtask, office, ctx)
            });
        }
    }
}

fn list_members(watch: bool, desk: &mut Desk, ctx: &mut Context<'_>) {
    let op = Op::GetChildren {
        path: MEMBERS_PATH.to_owned(),
        watch,
    };
    desk.ask(op, Ask::Members, ctx);
}
