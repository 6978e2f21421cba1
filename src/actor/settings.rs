//! What the actors are told at the start: machines, distances, Flink's keys.

use std::collections::BTreeMap;

use crate::kernel::Distribution;
use crate::kernel::time::{Span, SpanRange};
use crate::policy::failover::FailoverStrategy;
use crate::policy::restart::RestartStrategy;
use crate::policy::{LoadBalance, RebalanceWhen};

#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// In the order in which they join the election.
    pub jobmanagers: Vec<String>,
    pub taskmanagers: Vec<TaskManager>,
    pub zookeeper: ZooKeeper,
    pub storage: Storage,
    pub database: Database,
    pub receiver: Receiver,
    /// One-way latency of a message between two hosts, uniform in this range.
    pub link_latency: SpanRange,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TaskManager {
    pub name: String,
    pub slots: u32,
    /// CPU in thousandths of a core.
    pub cpu_millicores: u32,
    /// Network in bytes per second, each way.
    pub network_bytes_per_s: u64,
    /// False for a spare that only starts when a fault plan starts it.
    pub starts: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ZooKeeper {
    /// zk-1, zk-2, ...; zk-1 leads the ensemble at the start.
    pub servers: u32,
    pub tick_time: Span,
}

/// Checkpoint storage (HDFS, say).
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub name: String,
    pub read_bytes_per_s: u64,
    pub write_bytes_per_s: u64,
    /// Before the first byte of a request.
    pub latency: Span,
}

/// The database that the sinks write to.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    pub name: String,
    /// From a commit's arrival until readers see it.
    pub commit_latency: SpanRange,
}

/// Who is told of failure and recovery from outside (a webhook).
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    pub name: String,
    /// From a notification's arrival to the answer.
    pub latency: SpanRange,
    /// Share of notifications that are lost, in thousandths.
    pub loss_per_mille: u32,
}

/// What the environment contributes: distributions, not settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    /// From `submitTask` at the TaskManager until the task starts to restore, beside what takes CPU.
    pub task_deployment: Distribution,
    /// CPU work of a deployment, in a process that has run tasks of the job before.
    pub task_deployment_cpu: Distribution,
    /// CPU work on top of it in a process that has not: classes are loaded, code is not compiled yet.
    pub first_task_deployment_cpu: Distribution,
    /// Task initialisation beside reading state: operators are opened.
    pub task_initialization: Distribution,
    /// From `cancelTask` at the TaskManager until the task's resources are freed.
    pub task_cancellation: Distribution,
    /// From the start of a process to its first message.
    pub process_startup: Distribution,
    /// From SIGKILL until the operating system closes the process's sockets.
    pub process_teardown: Distribution,
    /// From a connection's reset until the process's code acts on it.
    pub connection_notice: Distribution,
    /// An endpoint's main thread is busy for so long with one message.
    pub rpc_handling: Distribution,
    /// From `requestSlot` at the TaskManager until the slot is offered to the JobMaster.
    pub slot_allocation: Distribution,
    /// From the last slot until the first `submitTask`: deployment descriptors are made.
    pub scheduling: Distribution,
    /// From leadership granted until Dispatcher and ResourceManager run.
    pub leader_services_startup: Distribution,
    /// Beside reading it from storage: an execution plan is rebuilt by the Dispatcher.
    pub job_recovery: Distribution,
    /// A JobMaster and its execution graph are made.
    pub jobmaster_startup: Distribution,
    /// Between a checkpoint's metadata in storage and its pointer on the way to ZooKeeper.
    pub checkpoint_finalization: Distribution,
    /// Speed of every host's CPU during a run, in thousandths; drawn once: neighbours that take CPU away.
    pub host_speed_per_mille: (u32, u32),
    /// Building the restart plan in the leader (the story's).
    pub planning: Distribution,
}

/// The Flink keys that the models use, resolved. Each field names its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub checkpointing: Checkpointing,
    pub heartbeat: Heartbeat,
    /// `cluster.registration.*`
    pub registration: RegistrationConfig,
    pub rpc: RpcConfig,
    pub slots: SlotConfig,
    pub task: TaskConfig,
    pub ha: HighAvailability,
    pub adaptive: Adaptive,
    pub network: NetworkConfig,
    /// `restart-strategy.type` and its parameters. Unset: exponential-delay with checkpointing, none without.
    pub restart: RestartStrategy,
    /// `jobmanager.execution.failover-strategy`
    pub failover: FailoverStrategy,
    /// `jobmanager.scheduler`
    pub scheduler: SchedulerKind,
    /// `scheduler-mode: reactive`
    pub reactive: bool,
    /// `taskmanager.load-balance.mode`
    pub load_balance: LoadBalance,
    /// `execution.state-recovery.from-local`
    pub local_recovery: bool,
    /// `taskmanager.registration.timeout`
    pub taskmanager_registration_timeout: Span,
    /// `resourcemanager.job.timeout`
    pub job_timeout: Span,
    /// `execution.buffer-timeout.interval`
    pub buffer_timeout: Span,
    /// `taskmanager.memory.segment-size`
    pub segment_bytes: u64,
    /// `taskmanager.network.memory.buffers-per-channel`
    pub buffers_per_channel: u32,
    /// `taskmanager.network.memory.floating-buffers-per-gate`
    pub floating_buffers_per_gate: u32,
    /// `restart-strategy.fixed-delay.delay`, used where the story restarts a region or the job.
    pub restart_delay: Span,
    /// `pipeline.max-parallelism`; none: from the parallelism, by Flink's rule.
    pub max_parallelism: Option<u32>,
    /// Firedrill's own `recovery.in-flight-log.size`: bytes of output that a task keeps for replay.
    pub in_flight_log_bytes: u64,
    /// The whole `config` section of the resolved file: every key above under its name in Flink 2, and the keys
    /// that this model does not use as the user wrote them.
    pub keys: BTreeMap<String, String>,
}

/// `execution.checkpointing.*`
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpointing {
    /// `interval`; none: no checkpoints.
    pub interval: Option<Span>,
    pub timeout: Span,
    pub min_pause: Span,
    /// `max-concurrent-checkpoints`
    pub max_concurrent: u32,
    /// `tolerable-failed-checkpoints`
    pub tolerable_failures: u32,
    /// `num-retained`
    pub retained: u32,
}

/// `heartbeat.*`
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub interval: Span,
    pub timeout: Span,
    /// `rpc-failure-threshold`; none: -1, off.
    pub rpc_failure_threshold: Option<u32>,
}

/// `cluster.registration.*`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationConfig {
    pub initial_timeout: Span,
    pub max_timeout: Span,
    pub error_delay: Span,
    /// `refused-registration-delay`
    pub refused_delay: Span,
}

/// `pekko.*`
#[derive(Clone, Debug, PartialEq)]
pub struct RpcConfig {
    /// `ask.timeout`
    pub ask_timeout: Span,
    /// `tcp.timeout`
    pub tcp_timeout: Span,
    /// `retry-gate-closed-for`
    pub retry_gate_closed_for: Span,
}

/// Slots, as TaskManagers, JobMasters and the ResourceManager handle them.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotConfig {
    /// `taskmanager.slot.timeout`; unset: `pekko.ask.timeout`
    pub timeout: Span,
    /// `slot.request.timeout`
    pub request_timeout: Span,
    /// `slot.idle.timeout`
    pub idle_timeout: Span,
    /// `slot.request.max-interval`
    pub request_max_interval: Span,
    /// `slotmanager.requirement-check.delay`
    pub requirement_check_delay: Span,
    /// `resourcemanager.standalone.start-up-time`; unset: `slot.request.timeout`
    pub standalone_start_up: Span,
}

/// `task.cancellation.*`
#[derive(Clone, Debug, PartialEq)]
pub struct TaskConfig {
    pub cancellation_interval: Span,
    /// `timeout`; none: 0, no watchdog.
    pub cancellation_timeout: Option<Span>,
    /// `timers.timeout`
    pub cancellation_timers_timeout: Span,
}

/// `high-availability.zookeeper.client.*`
#[derive(Clone, Debug, PartialEq)]
pub struct HighAvailability {
    pub session_timeout: Span,
    pub connection_timeout: Span,
    pub retry_wait: Span,
    pub max_retry_wait: Span,
    pub max_retry_attempts: u32,
    /// `tolerate-suspended-connections`
    pub tolerate_suspended: bool,
    /// `simulated-session-expiration-percent`; unset: Curator's 100.
    pub simulated_session_expiration_percent: u32,
}

/// `jobmanager.adaptive-scheduler.*`
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// `submission.resource-wait-timeout`; none: for ever.
    pub wait_timeout: Option<Span>,
    /// `submission.resource-stabilization-timeout`
    pub stabilization: Span,
    /// `executing.cooldown-after-rescaling`
    pub cooldown: Span,
    /// `executing.resource-stabilization-timeout`
    pub executing_stabilization: Span,
    /// `rescale-trigger.max-checkpoint-failures`
    pub max_checkpoint_failures: u32,
    /// `rescale-trigger.max-delay`; unset: so many checkpoint intervals as failures are allowed, and one.
    pub max_delay: Option<Span>,
}

/// `taskmanager.network.*`: how a consumer finds its producer.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    /// `request-backoff.initial`
    pub request_backoff_initial: Span,
    /// `request-backoff.max`
    pub request_backoff_max: Span,
    /// `partition-request-timeout`
    pub partition_request_timeout: Span,
    /// `netty.client.connectTimeoutSec`
    pub connect_timeout: Span,
    /// `retries`
    pub retries: u32,
}

/// `jobmanager.scheduler`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerKind {
    Default,
    Adaptive,
}

impl Default for Config {
    /// Flink 2.3's.
    fn default() -> Config {
        Config {
            checkpointing: Checkpointing {
                interval: None,
                timeout: Span::from_secs(600),
                min_pause: Span::ZERO,
                max_concurrent: 1,
                tolerable_failures: 0,
                retained: 1,
            },
            heartbeat: Heartbeat {
                interval: Span::from_secs(10),
                timeout: Span::from_secs(50),
                rpc_failure_threshold: Some(2),
            },
            registration: RegistrationConfig {
                initial_timeout: Span::from_ms(100),
                max_timeout: Span::from_secs(30),
                error_delay: Span::from_secs(10),
                refused_delay: Span::from_secs(30),
            },
            rpc: RpcConfig {
                ask_timeout: Span::from_secs(10),
                tcp_timeout: Span::from_secs(20),
                retry_gate_closed_for: Span::from_ms(50),
            },
            slots: SlotConfig {
                timeout: Span::from_secs(10),
                request_timeout: Span::from_secs(300),
                idle_timeout: Span::from_secs(50),
                request_max_interval: Span::from_ms(20),
                requirement_check_delay: Span::from_ms(50),
                standalone_start_up: Span::from_secs(300),
            },
            task: TaskConfig {
                cancellation_interval: Span::from_secs(30),
                cancellation_timeout: Some(Span::from_secs(180)),
                cancellation_timers_timeout: Span::from_ms(7_500),
            },
            ha: HighAvailability {
                session_timeout: Span::from_secs(60),
                connection_timeout: Span::from_secs(15),
                retry_wait: Span::from_secs(5),
                max_retry_wait: Span::from_secs(60),
                max_retry_attempts: 3,
                tolerate_suspended: false,
                simulated_session_expiration_percent: 100,
            },
            adaptive: Adaptive {
                wait_timeout: Some(Span::from_secs(300)),
                stabilization: Span::from_secs(10),
                cooldown: Span::from_secs(30),
                executing_stabilization: Span::from_secs(60),
                max_checkpoint_failures: 2,
                max_delay: None,
            },
            network: NetworkConfig {
                request_backoff_initial: Span::from_ms(100),
                request_backoff_max: Span::from_secs(10),
                partition_request_timeout: Span::from_secs(10),
                connect_timeout: Span::from_secs(120),
                retries: 0,
            },
            restart: RestartStrategy::ExponentialDelay {
                initial: Span::from_secs(1),
                max: Span::from_secs(60),
                multiplier_per_mille: 1_500,
                reset_threshold: Span::from_secs(3_600),
                jitter_per_mille: 100,
                attempts: i32::MAX as u32,
            },
            failover: FailoverStrategy::Region,
            scheduler: SchedulerKind::Default,
            reactive: false,
            load_balance: LoadBalance::None,
            local_recovery: false,
            taskmanager_registration_timeout: Span::from_secs(300),
            job_timeout: Span::from_secs(300),
            buffer_timeout: Span::from_ms(100),
            segment_bytes: 32 << 10,
            buffers_per_channel: 2,
            floating_buffers_per_gate: 8,
            restart_delay: Span::from_secs(1),
            max_parallelism: None,
            in_flight_log_bytes: 256 << 20,
            keys: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// How often TaskManagers report.
    pub interval: Span,
    pub rebalance_when: RebalanceWhen,
}
