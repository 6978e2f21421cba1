//! The table of keys that models use.

use super::format::{
    at_least, boolean, choice, count, duration, memory, or_for_ever, per_mille, seconds, segment,
    write_memory, write_per_mille, write_span,
};
use super::{Family, Key, MAX_PARALLELISM, RestartKind, Settings};
use crate::actor::settings::{CheckpointingMode, StateBackend};
use crate::kernel::time::Span;
use crate::policy::LoadBalance;
use crate::policy::failover::FailoverStrategy;
use crate::policy::restart::RestartStrategy;
use crate::scenario::model::SchedulerKind;
use crate::scenario::resolve::{MAX_OPERATOR_PARALLELISM, MAX_SLOTS};

const STORY: u8 = Family::Story.bit();
const DEFAULT: u8 = Family::Default.bit();
const ADAPTIVE: u8 = Family::Adaptive.bit();
const FLINK: u8 = DEFAULT | ADAPTIVE;
const ALL: u8 = STORY | FLINK;
/// Read and checked, but no actor waits for it: a warning says so.
const NOBODY: u8 = 0;

/// A key that is one field of [`Settings`].
macro_rules! key {
    ($users:expr, $name:literal $([$($alias:literal),*])? $($field:ident).+, $read:expr, $write:expr) => {
        Key {
            name: $name,
            aliases: &[$($($alias),*)?],
            users: $users,
            set: |settings, text| {
                let read: fn(&str) -> Result<_, String> = $read;
                settings.$($field).+ = read(text)?;
                Ok(())
            },
            get: |settings| $write(settings.$($field).+),
        }
    };
}

/// A key that is read into one field, while what came out of it in the end is in another.
macro_rules! derived {
    ($users:expr, $name:literal $([$($alias:literal),*])? $($field:ident).+, $read:expr, $get:expr) => {
        Key {
            name: $name,
            aliases: &[$($($alias),*)?],
            users: $users,
            set: |settings, text| {
                let read: fn(&str) -> Result<_, String> = $read;
                settings.$($field).+ = read(text)?;
                Ok(())
            },
            get: $get,
        }
    };
}

fn span(span: Span) -> Option<String> {
    Some(write_span(span))
}

fn number(value: u32) -> Option<String> {
    Some(value.to_string())
}

fn bytes(bytes: u64) -> Option<String> {
    Some(write_memory(bytes))
}

fn truth(value: bool) -> Option<String> {
    Some(value.to_string())
}

fn maybe(span: Option<Span>) -> Option<String> {
    span.map(write_span)
}

fn threshold(text: &str) -> Result<Option<u32>, String> {
    match text.trim() {
        "-1" => Ok(None),
        text => count(text, 1, 1_000_000).map(Some),
    }
}

/// Zero or less: only when an enumerator starts.
fn discovery(text: &str) -> Result<Option<Span>, String> {
    let interval = or_for_ever(text)?;
    Ok(interval.filter(|interval| *interval > Span::ZERO))
}

fn high_availability(text: &str) -> Result<(), String> {
    match text.trim().to_lowercase().as_str() {
        "zookeeper" => Ok(()),
        "none" => Err(
            "a cluster without high availability is outside the model, which has ZooKeeper; write `zookeeper`, and let no fault meet the leader".to_owned(),
        ),
        "kubernetes" => Err("high availability with Kubernetes is outside the model; only `zookeeper` is modelled".to_owned()),
        _ => Err(format!("`{text}` is outside the model; only `zookeeper` is modelled")),
    }
}

fn scheduler(text: &str) -> Result<Option<SchedulerKind>, String> {
    if text.trim().eq_ignore_ascii_case("AdaptiveBatch") {
        return Err("batch jobs and their scheduler are outside the model; it can be `Default` or `Adaptive`".to_owned());
    }
    let kinds = [
        ("Default", SchedulerKind::Default),
        ("Adaptive", SchedulerKind::Adaptive),
    ];
    choice(text, &kinds).map(Some)
}

fn runtime_mode(text: &str) -> Result<(), String> {
    if text.trim().eq_ignore_ascii_case("BATCH") {
        return Err("batch jobs are outside the model; their recovery is another one".to_owned());
    }
    // Jobs here read topics without end, so AUTOMATIC is STREAMING.
    choice(text, &[("STREAMING", ()), ("AUTOMATIC", ())])
}

const RESTART_KINDS: &[(&str, RestartKind)] = &[
    ("none", RestartKind::None),
    ("fixed-delay", RestartKind::FixedDelay),
    ("failure-rate", RestartKind::FailureRate),
    ("exponential-delay", RestartKind::ExponentialDelay),
    ("off", RestartKind::None),
    ("disable", RestartKind::None),
    ("fixeddelay", RestartKind::FixedDelay),
    ("failurerate", RestartKind::FailureRate),
    ("exponentialdelay", RestartKind::ExponentialDelay),
];

fn restart_kind(settings: &Settings) -> Option<String> {
    let kind = match settings.config.restart {
        RestartStrategy::NoRestart => "none",
        RestartStrategy::FixedDelay { .. } => "fixed-delay",
        RestartStrategy::FailureRate { .. } => "failure-rate",
        RestartStrategy::ExponentialDelay { .. } => "exponential-delay",
    };
    Some(kind.to_owned())
}

/// A parameter of the strategy in force; those of others have no effect and are not kept.
macro_rules! parameter {
    ($name:literal $field:ident, $variant:ident { $part:ident }, $read:expr, $write:expr) => {
        derived!(FLINK, $name restart.$field, $read, |settings| match settings.config.restart {
            RestartStrategy::$variant { $part, .. } => $write($part),
            _ => None,
        })
    };
}

const LOAD_BALANCE: &[(&str, LoadBalance)] = &[
    ("NONE", LoadBalance::None),
    ("SLOTS", LoadBalance::Slots),
    ("MIN_RESOURCES", LoadBalance::MinResources),
    ("TASKS", LoadBalance::Tasks),
];

const CHECKPOINTING_MODES: &[(&str, CheckpointingMode)] = &[
    ("EXACTLY_ONCE", CheckpointingMode::ExactlyOnce),
    ("AT_LEAST_ONCE", CheckpointingMode::AtLeastOnce),
];

const STATE_BACKENDS: &[(&str, StateBackend)] = &[
    ("hashmap", StateBackend::HashMap),
    ("rocksdb", StateBackend::RocksDb),
    // Before 1.13.
    ("filesystem", StateBackend::HashMap),
    ("jobmanager", StateBackend::HashMap),
];

const FAILOVER: &[(&str, FailoverStrategy)] = &[
    ("region", FailoverStrategy::Region),
    ("full", FailoverStrategy::Full),
];

fn named<T: Copy + PartialEq>(value: T, choices: &[(&str, T)]) -> Option<String> {
    let found = choices.iter().find(|(_, choice)| *choice == value);
    found.map(|(name, _)| (*name).to_owned())
}

/// Every key that a model uses.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    // CheckpointCoordinator refuses less than 10 ms.
    key!(ALL, "execution.checkpointing.interval" config.checkpointing.interval, |text| at_least(text, 10).map(Some), maybe),
    key!(ALL, "execution.checkpointing.timeout" config.checkpointing.timeout, |text| at_least(text, 10), span),
    key!(ALL, "execution.checkpointing.min-pause" config.checkpointing.min_pause, duration, span),
    key!(FLINK, "execution.checkpointing.max-concurrent-checkpoints" config.checkpointing.max_concurrent, |text| count(text, 1, 1_000), number),
    key!(ALL, "execution.checkpointing.tolerable-failed-checkpoints" config.checkpointing.tolerable_failures, |text| count(text, 0, i32::MAX as u32), number),
    key!(ALL, "execution.checkpointing.mode" config.checkpointing.mode, |text| choice(text, CHECKPOINTING_MODES), |mode| named(mode, CHECKPOINTING_MODES)),
    derived!(ALL, "execution.checkpointing.unaligned.enabled" ["execution.checkpointing.unaligned"] unaligned, boolean, |settings| truth(settings.config.checkpointing.unaligned)),
    key!(ALL, "execution.checkpointing.aligned-checkpoint-timeout" ["execution.checkpointing.alignment-timeout"] config.checkpointing.aligned_timeout, duration, span),
    key!(ALL, "execution.checkpointing.num-retained" ["state.checkpoints.num-retained"] config.checkpointing.retained, |text| count(text, 1, 1_000), number),
    key!(ALL, "state.backend.type" ["state.backend"] config.state_backend, |text| choice(text, STATE_BACKENDS), |backend| named(backend, STATE_BACKENDS)),
    key!(ALL, "execution.checkpointing.incremental" ["state.backend.incremental"] config.checkpointing.incremental, boolean, truth),
    key!(ALL, "sink.committer.retries" config.committer_retries, |text| count(text, 0, i32::MAX as u32), number),
    key!(ALL, "execution.buffer-timeout.interval" ["execution.buffer-timeout"] config.buffer_timeout, duration, span),

    key!(FLINK, "heartbeat.interval" config.heartbeat.interval, |text| at_least(text, 1), span),
    key!(FLINK, "heartbeat.timeout" config.heartbeat.timeout, |text| at_least(text, 1), span),
    key!(FLINK, "heartbeat.rpc-failure-threshold" config.heartbeat.rpc_failure_threshold, threshold, |threshold: Option<u32>| Some(threshold.map_or_else(|| "-1".to_owned(), |number| number.to_string()))),
    key!(FLINK, "cluster.registration.initial-timeout" config.registration.initial_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "cluster.registration.max-timeout" config.registration.max_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "cluster.registration.error-delay" config.registration.error_delay, duration, span),
    key!(FLINK, "cluster.registration.refused-registration-delay" config.registration.refused_delay, duration, span),
    key!(FLINK, "pekko.ask.timeout" ["akka.ask.timeout"] config.rpc.ask_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "pekko.tcp.timeout" ["akka.tcp.timeout"] config.rpc.tcp_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "pekko.retry-gate-closed-for" ["akka.retry-gate-closed-for"] config.rpc.retry_gate_closed_for, duration, span),
    key!(FLINK, "taskmanager.registration.timeout" ["taskmanager.maxRegistrationDuration"] config.taskmanager_registration_timeout, |text| at_least(text, 1), span),
    Key {
        name: "taskmanager.resource-id",
        aliases: &[],
        users: FLINK,
        set: |settings, text| { settings.config.resource_id = Some(text.trim().to_owned()); Ok(()) },
        get: |settings| settings.config.resource_id.clone(),
    },
    key!(FLINK, "resourcemanager.job.timeout" config.job_timeout, |text| at_least(text, 1), span),

    derived!(FLINK, "taskmanager.slot.timeout" slot_timeout, |text| at_least(text, 1).map(Some), |settings| span(settings.config.slots.timeout)),
    key!(FLINK, "slot.request.timeout" config.slots.request_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "slot.idle.timeout" config.slots.idle_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "slot.request.max-interval" config.slots.request_max_interval, duration, span),
    key!(FLINK, "slotmanager.requirement-check.delay" config.slots.requirement_check_delay, duration, span),
    // Before 2.0 the default was -1, which stood for `slot.request.timeout`.
    derived!(FLINK, "resourcemanager.standalone.start-up-time" standalone_start_up, or_for_ever, |settings| span(settings.config.slots.standalone_start_up)),
    derived!(FLINK, "taskmanager.load-balance.mode" load_balance, |text| choice(text, LOAD_BALANCE).map(Some), |settings| named(settings.config.load_balance, LOAD_BALANCE)),
    derived!(FLINK, "cluster.evenly-spread-out-slots" evenly_spread_out, boolean, |_| None),
    key!(FLINK, "execution.state-recovery.from-local" ["state.backend.local-recovery"] config.local_recovery, boolean, truth),

    key!(NOBODY, "task.cancellation.interval" ["task.cancellation-interval"] config.task.cancellation_interval, |text| at_least(text, 1), span),
    key!(FLINK, "task.cancellation.timeout" config.task.cancellation_timeout, |text| duration(text).map(|span| (span > Span::ZERO).then_some(span)), |timeout: Option<Span>| span(timeout.unwrap_or(Span::ZERO))),
    key!(NOBODY, "task.cancellation.timers.timeout" ["timerservice.exceptional.shutdown.timeout"] config.task.cancellation_timers_timeout, duration, span),

    Key { name: "high-availability.type", aliases: &["high-availability", "recovery.mode"], users: ALL, set: |_, text| high_availability(text), get: |_| None },
    Key { name: "execution.runtime-mode", aliases: &[], users: ALL, set: |_, text| runtime_mode(text), get: |_| None },
    key!(ALL, "high-availability.zookeeper.client.session-timeout" ["recovery.zookeeper.client.session-timeout"] config.ha.session_timeout, |text| at_least(text, 1), span),
    key!(ALL, "high-availability.zookeeper.client.connection-timeout" ["recovery.zookeeper.client.connection-timeout"] config.ha.connection_timeout, |text| at_least(text, 1), span),
    key!(FLINK, "high-availability.zookeeper.client.retry-wait" ["recovery.zookeeper.client.retry-wait"] config.ha.retry_wait, |text| at_least(text, 1), span),
    key!(FLINK, "high-availability.zookeeper.client.max-retry-wait" config.ha.max_retry_wait, |text| at_least(text, 1), span),
    key!(FLINK, "high-availability.zookeeper.client.max-retry-attempts" ["recovery.zookeeper.client.max-retry-attempts"] config.ha.max_retry_attempts, |text| count(text, 0, 29), number),
    key!(FLINK, "high-availability.zookeeper.client.tolerate-suspended-connections" config.ha.tolerate_suspended, boolean, truth),
    key!(FLINK, "high-availability.zookeeper.client.simulated-session-expiration-percent" config.ha.simulated_session_expiration_percent, |text| count(text, 0, 100), number),

    derived!(FLINK, "jobmanager.scheduler" scheduler, scheduler, |settings| Some(format!("{:?}", settings.config.scheduler))),
    derived!(FLINK, "scheduler-mode" reactive, |text| choice(text, &[("REACTIVE", Some(true))]), |settings| settings.config.reactive.then(|| "REACTIVE".to_owned())),
    derived!(DEFAULT, "jobmanager.execution.failover-strategy" failover, |text| choice(text, FAILOVER).map(Some), |settings| named(settings.config.failover, FAILOVER)),
    derived!(ADAPTIVE, "jobmanager.adaptive-scheduler.submission.resource-wait-timeout" ["jobmanager.adaptive-scheduler.resource-wait-timeout"] wait_timeout, |text| or_for_ever(text).map(Some),
        |settings| Some(settings.config.adaptive.wait_timeout.map_or_else(|| "-1 ms".to_owned(), write_span))),
    derived!(ADAPTIVE, "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout" ["jobmanager.adaptive-scheduler.resource-stabilization-timeout"] stabilization, |text| duration(text).map(Some),
        |settings| span(settings.config.adaptive.stabilization)),
    key!(ADAPTIVE, "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling" ["jobmanager.adaptive-scheduler.scaling-interval.min"] config.adaptive.cooldown, duration, span),
    key!(ADAPTIVE, "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout" config.adaptive.executing_stabilization, duration, span),
    key!(ADAPTIVE, "jobmanager.adaptive-scheduler.rescale-trigger.max-checkpoint-failures" config.adaptive.max_checkpoint_failures, |text| count(text, 1, 1_000_000), number),
    key!(ADAPTIVE, "jobmanager.adaptive-scheduler.rescale-trigger.max-delay" config.adaptive.max_delay, |text| duration(text).map(Some), maybe),

    derived!(FLINK, "restart-strategy.type" ["restart-strategy"] restart.kind, |text| choice(text, RESTART_KINDS).map(Some), restart_kind),
    parameter!("restart-strategy.fixed-delay.attempts" fixed_attempts, FixedDelay { attempts }, |text| count(text, 0, i32::MAX as u32).map(Some), number),
    derived!(ALL, "restart-strategy.fixed-delay.delay" restart.fixed_delay, duration, |settings| span(settings.config.restart_delay)),
    parameter!("restart-strategy.failure-rate.max-failures-per-interval" rate_max, FailureRate { max_failures }, |text| count(text, 1, 1_000_000), number),
    parameter!("restart-strategy.failure-rate.failure-rate-interval" rate_interval, FailureRate { interval }, |text| at_least(text, 1), span),
    parameter!("restart-strategy.failure-rate.delay" rate_delay, FailureRate { delay }, duration, span),
    parameter!("restart-strategy.exponential-delay.initial-backoff" initial_backoff, ExponentialDelay { initial }, |text| at_least(text, 1), span),
    parameter!("restart-strategy.exponential-delay.max-backoff" max_backoff, ExponentialDelay { max }, |text| at_least(text, 1), span),
    parameter!("restart-strategy.exponential-delay.backoff-multiplier" multiplier_per_mille, ExponentialDelay { multiplier_per_mille }, |text| per_mille(text, 1_000, 1_000_000), write_per_mille),
    parameter!("restart-strategy.exponential-delay.reset-backoff-threshold" reset_threshold, ExponentialDelay { reset_threshold }, |text| at_least(text, 1), span),
    parameter!("restart-strategy.exponential-delay.jitter-factor" jitter_per_mille, ExponentialDelay { jitter_per_mille }, |text| per_mille(text, 0, 1_000), write_per_mille),
    parameter!("restart-strategy.exponential-delay.attempts-before-reset-backoff" attempts, ExponentialDelay { attempts }, |text| count(text, 1, i32::MAX as u32), number),

    key!(ALL, "taskmanager.memory.segment-size" config.segment_bytes, segment, bytes),
    key!(ALL, "taskmanager.network.memory.buffers-per-channel" config.buffers_per_channel, |text| count(text, 1, 10_000), number),
    key!(ALL, "taskmanager.network.memory.floating-buffers-per-gate" config.floating_buffers_per_gate, |text| count(text, 0, 100_000), number),
    key!(ALL, "taskmanager.network.request-backoff.initial" ["taskmanager.net.request-backoff.initial"] config.network.request_backoff_initial, duration, span),
    key!(ALL, "taskmanager.network.request-backoff.max" ["taskmanager.net.request-backoff.max"] config.network.request_backoff_max, duration, span),
    key!(FLINK, "taskmanager.network.partition-request-timeout" config.network.partition_request_timeout, duration, span),
    key!(ALL, "taskmanager.network.netty.client.connectTimeoutSec" ["taskmanager.net.client.connectTimeoutSec"] config.network.connect_timeout, seconds, |timeout: Span| Some((timeout.0 / 1_000_000_000).to_string())),
    key!(NOBODY, "taskmanager.network.retries" config.network.retries, |text| count(text, 0, 1_000), number),

    key!(ALL, "pipeline.max-parallelism" config.max_parallelism, |text| count(text, 1, MAX_PARALLELISM).map(Some), |max: Option<u32>| max.map(|max| max.to_string())),
    key!(ALL, "taskmanager.numberOfTaskSlots" slots, |text| count(text, 1, MAX_SLOTS).map(Some), |slots: Option<u32>| slots.map(|slots| slots.to_string())),
    key!(ALL, "parallelism.default" parallelism, |text| count(text, 1, MAX_OPERATOR_PARALLELISM).map(Some), |parallelism: Option<u32>| parallelism.map(|number| number.to_string())),
    key!(ALL, "pipeline.auto-watermark-interval" config.auto_watermark_interval, duration, span),
    // A property of KafkaSource (KafkaSourceOptions), the same for all sources here.
    key!(ALL, "partition.discovery.interval.ms" config.partition_discovery, discovery,
        |interval: Option<Span>| Some(interval.map_or_else(|| "-1".to_owned(), write_span))),
    key!(STORY, "recovery.in-flight-log.size" config.in_flight_log_bytes, memory, bytes),
];
