//! What a step waited for, in words, and the setting that decides how long.

mod settings;

use crate::actor::blueprint::Blueprint;
use crate::drill::causes::Wait;
use crate::drill::phase::Phase;

use super::{Leg, Setting};

use settings::bandwidth;

const SESSION_TIMEOUT: &str = "high-availability.zookeeper.client.session-timeout";

/// The step in words, and its setting; none where no setting decides.
pub fn of(leg: &Leg, phase: Phase, blueprint: &Blueprint) -> (String, Option<Setting>) {
    let said = Said {
        leg,
        phase,
        blueprint,
    };
    match leg.expiry {
        Some(expiry) => said.session(expiry),
        None => said.wait(),
    }
}

struct Said<'a> {
    leg: &'a Leg,
    phase: Phase,
    blueprint: &'a Blueprint,
}

type Answer = (String, Option<Setting>);

impl Said<'_> {
    fn wait(&self) -> Answer {
        let (first, last) = (self.first(), self.last());
        let profile = &self.blueprint.profile;
        let flink = |what: String, key: &str| (what, self.flink(key));
        match self.leg.wait {
            Wait::Fault => (
                "nothing goes on before the plan of faults does".to_owned(),
                self.given("faults", "the times of the plan"),
            ),
            Wait::ProcessStartup => {
                let roles = [
                    (
                        &self.blueprint.directory.taskmanagers,
                        "taskmanager-startup",
                        profile.process_startup.taskmanager,
                    ),
                    (
                        &self.blueprint.directory.zookeeper,
                        "zookeeper-startup",
                        profile.process_startup.zookeeper,
                    ),
                    (
                        &self.blueprint.directory.jobmanagers,
                        "jobmanager-startup",
                        profile.process_startup.jobmanager,
                    ),
                ];
                let mine = roles.into_iter().find(|(role, ..)| {
                    self.leg
                        .actors
                        .first()
                        .is_some_and(|actor| role.contains(actor))
                });
                let setting = mine.and_then(|(_, key, drawn)| self.profile(key, drawn));
                (format!("the process of {first} starts"), setting)
            }
            Wait::SocketTeardown => (
                format!("the operating system closes the sockets of {first}"),
                self.profile("process-teardown", profile.process_teardown),
            ),
            Wait::ZooKeeper => (
                format!("ZooKeeper is written and read: {}", self.chain()),
                self.links(),
            ),
            Wait::Rpc => (format!("messages go: {}", self.chain()), self.links()),
            Wait::Connection => (
                match first == last {
                    true => {
                        format!("{last} hears that its connection to a dead process is refused")
                    }
                    false => format!("{last} is told that {first} is not there"),
                },
                self.profile("connection-notice", profile.connection_notice),
            ),
            Wait::MainThread => (
                format!("the main thread of {last} is busy"),
                self.profile("rpc-handling", profile.rpc_handling),
            ),
            Wait::Notification => (
                format!("{last} is told"),
                self.given(
                    "cluster.receiver.latency",
                    self.blueprint.cluster.receiver.latency.max.to_string(),
                ),
            ),
            Wait::Tick => (
                format!("{last} looks for expired sessions once a tick"),
                self.tick(),
            ),
            Wait::ServerElection => (
                "ZooKeeper elects a leader among its servers".to_owned(),
                self.tick(),
            ),
            Wait::ServerSync => (
                "ZooKeeper's servers miss each other".to_owned(),
                self.tick(),
            ),
            Wait::ClientPing => flink(
                format!("{last} pings its ZooKeeper server"),
                SESSION_TIMEOUT,
            ),
            Wait::ClientReadTimeout => flink(
                format!("{last} hears nothing of its ZooKeeper server"),
                SESSION_TIMEOUT,
            ),
            // Up to a second, at random: ZooKeeper's client has no setting for it.
            Wait::ClientReconnect => (format!("{last} tries the next ZooKeeper server"), None),
            Wait::ClientLost => flink(format!("{last} gives its own session up"), SESSION_TIMEOUT),
            Wait::Watermark => flink(
                format!("{last} makes watermarks from time to time"),
                "pipeline.auto-watermark-interval",
            ),
            Wait::PartitionDiscovery => flink(
                format!("{last} looks for partitions from time to time"),
                "partition.discovery.interval.ms",
            ),
            Wait::ClientRetries => flink(
                format!("{last} tries in vain to reach ZooKeeper"),
                "high-availability.zookeeper.client.retry-wait",
            ),
            Wait::AskTimeout => flink(
                format!("{last} waits in vain for an answer"),
                "pekko.ask.timeout",
            ),
            Wait::HeartbeatTimeout => flink(
                format!("{last} hears nothing of {first} until it gives it up"),
                "heartbeat.timeout",
            ),
            Wait::HeartbeatInterval => {
                let mut setting = self.flink("heartbeat.interval");
                if let (Some(setting), Some(threshold)) = (
                    &mut setting,
                    self.blueprint.config.heartbeat.rpc_failure_threshold,
                ) {
                    setting.note = Some(format!(
                        "times heartbeat.rpc-failure-threshold, {threshold}"
                    ));
                }
                (
                    format!("{last} waits for its next round of heartbeats"),
                    setting,
                )
            }
            Wait::LeaderServices => (
                format!("{last} starts the Dispatcher and the ResourceManager"),
                self.profile("leader-services-startup", profile.leader_services_startup),
            ),
            Wait::JobSubmission => (
                "a client submits the job".to_owned(),
                self.profile("job-submission", profile.job_submission),
            ),
            Wait::JobRecovery => (
                format!("{last} reads the job back"),
                self.profile("job-recovery", profile.job_recovery),
            ),
            Wait::JobMasterStartup => (
                format!("{last} makes a JobMaster and its execution graph"),
                self.profile("jobmaster-startup", profile.jobmaster_startup),
            ),
            Wait::Registration => flink(
                format!("{last} tries again to register"),
                "cluster.registration.error-delay",
            ),
            Wait::RegistrationTimeout => flink(
                format!("{last} finds nobody to register at"),
                "taskmanager.registration.timeout",
            ),
            Wait::RequirementsSent => flink(
                format!("{last} collects what slots it needs"),
                "slot.request.max-interval",
            ),
            Wait::RequirementsChecked => flink(
                format!("the ResourceManager of {last} looks later for slots"),
                "slotmanager.requirement-check.delay",
            ),
            Wait::ResourceManagerStartup => flink(
                "the ResourceManager hopes for more TaskManagers".to_owned(),
                "resourcemanager.standalone.start-up-time",
            ),
            Wait::JobTimeout => flink(
                "the job has no JobMaster".to_owned(),
                "resourcemanager.job.timeout",
            ),
            Wait::SlotIdle => flink(format!("{last} looks for idle slots"), "slot.idle.timeout"),
            Wait::SlotRequestTimeout => flink(
                format!("{last} waits in vain for slots"),
                "slot.request.timeout",
            ),
            Wait::SlotAllocation => (
                format!("{last} offers its slots"),
                self.profile("slot-allocation", profile.slot_allocation),
            ),
            Wait::SlotTimeout => flink(
                format!("{last} keeps slots that no job asks for"),
                "taskmanager.slot.timeout",
            ),
            Wait::RestartDelay => self.delay(),
            Wait::Scheduling => (
                format!("{last} makes the deployment descriptors"),
                self.profile("scheduling", profile.scheduling),
            ),
            Wait::SubmissionResources => flink(
                "the scheduler waits for slots".to_owned(),
                "jobmanager.adaptive-scheduler.submission.resource-wait-timeout",
            ),
            Wait::SubmissionStabilization => flink(
                "the scheduler waits whether more slots come".to_owned(),
                match self.phase {
                    Phase::CatchUp => {
                        "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout"
                    }
                    _ => "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout",
                },
            ),
            Wait::RescaleCooldown => flink(
                "the scheduler lets the last rescaling cool down".to_owned(),
                "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling",
            ),
            Wait::RescaleDelay => flink(
                "the scheduler waits for a checkpoint before it rescales".to_owned(),
                "jobmanager.adaptive-scheduler.rescale-trigger.max-delay",
            ),
            Wait::SchedulerState => ("the scheduler enters its next state".to_owned(), None),
            Wait::CheckpointInterval => flink(
                "the next checkpoint was not due yet".to_owned(),
                "execution.checkpointing.interval",
            ),
            Wait::CheckpointTimeout => flink(
                "a checkpoint did not come to its end".to_owned(),
                "execution.checkpointing.timeout",
            ),
            Wait::CheckpointFinalization => (
                "a checkpoint's metadata is made".to_owned(),
                self.profile("checkpoint-finalization", profile.checkpoint_finalization),
            ),
            Wait::CheckpointSync => (
                format!("a task on {last} takes a snapshot"),
                self.profile("checkpoint-sync", profile.checkpoint_sync),
            ),
            Wait::TaskDeployment => (
                format!("{last} sets up a task"),
                self.profile("task-deployment", profile.task_deployment),
            ),
            Wait::TaskInitialization => (
                format!("a task on {last} opens its operators"),
                self.profile("task-initialization", profile.task_initialization),
            ),
            Wait::TaskEnd => (
                format!("a task on {last} ends"),
                self.profile("task-cancellation", profile.task_cancellation),
            ),
            Wait::CancellationTimeout => flink(
                format!("a task on {last} does not react to its cancellation"),
                "task.cancellation.timeout",
            ),
            Wait::ExitLimit => (format!("tasks keep {last} from ending"), None),
            Wait::StateRead => (
                format!("a task on {last} takes its state in"),
                self.restore_rate(),
            ),
            Wait::StorageRead => (
                format!("{last} reads from {}", self.blueprint.cluster.storage.name),
                self.given(
                    "cluster.storage.read",
                    bandwidth(self.blueprint.cluster.storage.read_bytes_per_s),
                ),
            ),
            Wait::StorageWrite => (
                format!("{} writes", self.blueprint.cluster.storage.name),
                self.given(
                    "cluster.storage.write",
                    bandwidth(self.blueprint.cluster.storage.write_bytes_per_s),
                ),
            ),
            Wait::Cpu => self.cpu(),
            Wait::Records | Wait::Kafka => {
                (format!("records flow: {}", self.chain()), self.links())
            }
            Wait::BufferTimeout => flink(
                "half-full buffers wait for more records".to_owned(),
                "execution.buffer-timeout.interval",
            ),
            Wait::AlignmentTimeout => flink(
                "barriers wait for their turn".to_owned(),
                "execution.checkpointing.aligned-checkpoint-timeout",
            ),
            Wait::SourceHeld => ("a source holds back".to_owned(), None),
            Wait::Append => (
                "no record has come in yet".to_owned(),
                self.given("topics", "their rate"),
            ),
            Wait::Database => (
                format!("{} answers", self.blueprint.cluster.database.name),
                self.given(
                    "cluster.database.commit-latency",
                    self.blueprint
                        .cluster
                        .database
                        .commit_latency
                        .max
                        .to_string(),
                ),
            ),
            Wait::Linger => (format!("a sink on {last} collects records"), None),
            Wait::Delivery => (format!("a sink on {last} waits for brokers"), None),
            Wait::TransactionTimeout => (
                "brokers look for transactions whose time is over".to_owned(),
                self.given(
                    "cluster.kafka.abort-interval",
                    self.blueprint.cluster.kafka.abort_interval.to_string(),
                ),
            ),
            Wait::PartitionBackoff => flink(
                format!("{last} asks again for a producer that is not there yet"),
                "taskmanager.network.request-backoff.max",
            ),
            Wait::PartitionTimeout => flink(
                format!("{last} waits for a producer that does not come"),
                "taskmanager.network.partition-request-timeout",
            ),
            Wait::Delay if self.phase == Phase::Backoff => flink(
                "the restart is delayed".to_owned(),
                "restart-strategy.fixed-delay.delay",
            ),
            Wait::Delay => (
                format!("{last} plans where the tasks go"),
                self.profile("planning", profile.planning),
            ),
            Wait::Settle => (format!("{last} waits whether more TaskManagers come"), None),
            Wait::Register => (format!("{last} tries again to register"), None),
            Wait::MetricReport => (
                "the next report of load is awaited".to_owned(),
                self.given(
                    "monitor.interval",
                    self.blueprint.monitor.interval.to_string(),
                ),
            ),
        }
    }
}
