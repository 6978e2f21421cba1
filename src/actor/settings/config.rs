//! Flink's keys, resolved, with the defaults of Flink 2.3.

use std::collections::BTreeMap;

use crate::actor::zookeeper::client::RetryPolicy;
use crate::dataflow::batch::Alignment;
use crate::kernel::time::Span;
use crate::policy::LoadBalance;
use crate::policy::failover::FailoverStrategy;
use crate::policy::restart::RestartStrategy;

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
    /// `sink.committer.retries`
    pub committer_retries: u32,
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
    /// `taskmanager.resource-id`; none: each process makes one up. A cluster's TaskManagers each have one of their own: where
    /// this is set, a TaskManager that is started again is known by the id that it had.
    pub resource_id: Option<String>,
    /// `taskmanager.registration.timeout`
    pub taskmanager_registration_timeout: Span,
    /// `resourcemanager.job.timeout`
    pub job_timeout: Span,
    /// `state.backend.type`
    pub state_backend: StateBackend,
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
    /// `pipeline.auto-watermark-interval`; zero: sources make no watermarks.
    pub auto_watermark_interval: Span,
    /// `partition.discovery.interval.ms` of every KafkaSource; none: once, when an enumerator starts.
    pub partition_discovery: Option<Span>,
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
    pub mode: CheckpointingMode,
    /// `unaligned.enabled`
    pub unaligned: bool,
    /// `aligned-checkpoint-timeout`, where unaligned is on; zero: unaligned from the start.
    pub aligned_timeout: Span,
    pub incremental: bool,
}

impl Checkpointing {
    /// Of the periodic trigger: more often than they may follow each other makes no sense
    /// (`CheckpointCoordinator.baseInterval`).
    pub fn period(&self) -> Option<Span> {
        self.interval.map(|interval| interval.max(self.min_pause))
    }

    /// How a checkpoint's barriers get past records that wait (`CheckpointOptions.forConfig`).
    pub fn alignment(&self) -> Alignment {
        match (self.unaligned, self.aligned_timeout > Span::ZERO) {
            (false, _) => Alignment::Aligned,
            (true, true) => Alignment::Timeoutable,
            (true, false) => Alignment::Unaligned,
        }
    }
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

impl HighAvailability {
    pub fn retries(&self) -> RetryPolicy {
        RetryPolicy {
            attempts_max: self.max_retry_attempts,
            wait: self.retry_wait,
            wait_max: self.max_retry_wait,
        }
    }
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

/// `execution.checkpointing.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointingMode {
    ExactlyOnce,
    AtLeastOnce,
}

/// `state.backend.type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateBackend {
    HashMap,
    RocksDb,
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
                mode: CheckpointingMode::ExactlyOnce,
                unaligned: false,
                aligned_timeout: Span::ZERO,
                incremental: false,
            },
            committer_retries: 10,
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
            resource_id: None,
            taskmanager_registration_timeout: Span::from_secs(300),
            job_timeout: Span::from_secs(300),
            state_backend: StateBackend::HashMap,
            buffer_timeout: Span::from_ms(100),
            segment_bytes: 32 << 10,
            buffers_per_channel: 2,
            floating_buffers_per_gate: 8,
            restart_delay: Span::from_secs(1),
            max_parallelism: None,
            auto_watermark_interval: Span::from_ms(200),
            partition_discovery: Some(Span::from_secs(300)),
            in_flight_log_bytes: 256 << 20,
            keys: BTreeMap::new(),
        }
    }
}
