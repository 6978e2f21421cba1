//! What must hold between keys, as Flink checks it when it starts; and what has no effect beside another key.

use super::{Family, FlinkVersion, RestartKind, Settings};
use crate::actor::settings::StateBackend;
use crate::kernel::time::Span;
use crate::policy::restart::RestartStrategy;

/// Something to say about keys taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Whoever set the first of these that is set should look at it.
    pub keys: &'static [&'static str],
    pub message: String,
    /// Refused, or only a warning.
    pub fatal: bool,
}

/// Once the settings are finished.
pub fn check(settings: &Settings, family: Family) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let config = &settings.config;
    let mut refuse = |holds: bool, keys: &'static [&'static str], message: String| {
        if !holds {
            complaints.push(Complaint {
                keys,
                message,
                fatal: true,
            });
        }
    };
    let checkpointing = &config.checkpointing;
    refuse(
        !checkpointing.unaligned || checkpointing.max_concurrent == 1,
        &[
            "execution.checkpointing.max-concurrent-checkpoints",
            "execution.checkpointing.unaligned.enabled",
        ],
        "`execution.checkpointing.max-concurrent-checkpoints` must be 1 with unaligned checkpoints"
            .to_owned(),
    );
    if family != Family::Story {
        let heartbeat = &config.heartbeat;
        refuse(
            heartbeat.timeout > heartbeat.interval,
            &["heartbeat.timeout", "heartbeat.interval"],
            format!(
                "`heartbeat.timeout` ({}) must be longer than `heartbeat.interval` ({})",
                heartbeat.timeout, heartbeat.interval
            ),
        );
        let registration = &config.registration;
        refuse(
            registration.initial_timeout <= registration.max_timeout,
            &[
                "cluster.registration.initial-timeout",
                "cluster.registration.max-timeout",
            ],
            format!(
                "`cluster.registration.initial-timeout` ({}) must not be longer than `cluster.registration.max-timeout` ({})",
                registration.initial_timeout, registration.max_timeout
            ),
        );
        let network = &config.network;
        refuse(
            network.request_backoff_initial <= network.request_backoff_max,
            &[
                "taskmanager.network.request-backoff.initial",
                "taskmanager.network.request-backoff.max",
            ],
            format!(
                "`taskmanager.network.request-backoff.initial` ({}) must not be longer than `taskmanager.network.request-backoff.max` ({})",
                network.request_backoff_initial, network.request_backoff_max
            ),
        );
        if let RestartStrategy::ExponentialDelay { initial, max, .. } = config.restart {
            refuse(
                initial <= max,
                &[
                    "restart-strategy.exponential-delay.initial-backoff",
                    "restart-strategy.exponential-delay.max-backoff",
                ],
                format!(
                    "`restart-strategy.exponential-delay.initial-backoff` ({initial}) must not be longer than `restart-strategy.exponential-delay.max-backoff` ({max})"
                ),
            );
        }
        doubtful(settings, &mut complaints);
        without_effect(settings, family, &mut complaints);
    }
    if settings.unaligned && !checkpointing.unaligned {
        complaints.push(Complaint {
            keys: &["execution.checkpointing.unaligned.enabled"],
            message: "unaligned checkpoints need `execution.checkpointing.mode: EXACTLY_ONCE`; they are off".to_owned(),
            fatal: false,
        });
    }
    if checkpointing.aligned_timeout > Span::ZERO && !settings.unaligned {
        complaints.push(Complaint {
            keys: &["execution.checkpointing.aligned-checkpoint-timeout"],
            message: "it has no effect without `execution.checkpointing.unaligned.enabled`"
                .to_owned(),
            fatal: false,
        });
    }
    if checkpointing.incremental && config.state_backend != StateBackend::RocksDb {
        complaints.push(Complaint {
            keys: &["execution.checkpointing.incremental"],
            message: "it has no effect without `state.backend.type: rocksdb`: snapshots are full"
                .to_owned(),
            fatal: false,
        });
    }
    if checkpointing.interval.is_none() && checkpointing.min_pause > Span::ZERO {
        complaints.push(Complaint {
            keys: &["execution.checkpointing.min-pause"],
            message: "it has no effect without `execution.checkpointing.interval`".to_owned(),
            fatal: false,
        });
    }
    complaints
}

/// What Flink accepts, and its owner should hear of.
fn doubtful(settings: &Settings, complaints: &mut Vec<Complaint>) {
    let heartbeat = &settings.config.heartbeat;
    let two = heartbeat.interval + heartbeat.interval;
    if heartbeat.timeout > heartbeat.interval && heartbeat.timeout < two {
        complaints.push(Complaint {
            keys: &["heartbeat.timeout", "heartbeat.interval"],
            message: format!(
                "`heartbeat.timeout` ({}) is shorter than two of `heartbeat.interval` ({}): one heartbeat that comes late, as after a long garbage collection, is taken for a failure",
                heartbeat.timeout, heartbeat.interval
            ),
            fatal: false,
        });
    }
}

fn without_effect(settings: &Settings, family: Family, complaints: &mut Vec<Complaint>) {
    let mut warn = |keys: &'static [&'static str], message: &str| {
        complaints.push(Complaint {
            keys,
            message: message.to_owned(),
            fatal: false,
        });
    };
    if settings.evenly_spread_out && settings.version >= FlinkVersion::FIRST_2 {
        warn(
            &["cluster.evenly-spread-out-slots"],
            "Flink 2 no longer reads it; write `taskmanager.load-balance.mode: SLOTS`",
        );
    }
    if settings.reactive == Some(true) && family == Family::Default {
        warn(
            &["scheduler-mode"],
            "reactive mode needs the adaptive scheduler, which is not in force here; it has no effect",
        );
    }
    let set = &settings.restart;
    let unset = Settings::new(settings.version).restart;
    let parameters: [(RestartKind, &'static [&'static str], bool); 11] = [
        (
            RestartKind::FixedDelay,
            &["restart-strategy.fixed-delay.attempts"],
            set.fixed_attempts != unset.fixed_attempts,
        ),
        (
            RestartKind::FixedDelay,
            &["restart-strategy.fixed-delay.delay"],
            set.fixed_delay != unset.fixed_delay,
        ),
        (
            RestartKind::FailureRate,
            &["restart-strategy.failure-rate.max-failures-per-interval"],
            set.rate_max != unset.rate_max,
        ),
        (
            RestartKind::FailureRate,
            &["restart-strategy.failure-rate.failure-rate-interval"],
            set.rate_interval != unset.rate_interval,
        ),
        (
            RestartKind::FailureRate,
            &["restart-strategy.failure-rate.delay"],
            set.rate_delay != unset.rate_delay,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.initial-backoff"],
            set.initial_backoff != unset.initial_backoff,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.max-backoff"],
            set.max_backoff != unset.max_backoff,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.backoff-multiplier"],
            set.multiplier_per_mille != unset.multiplier_per_mille,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.reset-backoff-threshold"],
            set.reset_threshold != unset.reset_threshold,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.jitter-factor"],
            set.jitter_per_mille != unset.jitter_per_mille,
        ),
        (
            RestartKind::ExponentialDelay,
            &["restart-strategy.exponential-delay.attempts-before-reset-backoff"],
            set.attempts != unset.attempts,
        ),
    ];
    for (kind, keys, is_set) in parameters {
        if is_set && set.kind != Some(kind) {
            warn(
                keys,
                match set.kind {
                    Some(_) => "it has no effect: `restart-strategy.type` chooses another strategy",
                    None => {
                        "it has no effect without `restart-strategy.type`: Flink's own choice has its own parameters"
                    }
                },
            );
        }
    }
}
