//! The Flink keys of `config`: which models use them, how each is read and written, what follows from them together.
//!
//! Keys and defaults are those of Flink 2.3, or of the release that the scenario names; the names that Flink still
//! accepts from earlier releases are accepted too.

mod checks;
pub mod file;
pub mod format;
mod keys;
mod known;
mod version;

use crate::actor::settings::CheckpointingMode;
use crate::kernel::time::Span;
use crate::policy::LoadBalance;
use crate::policy::failover::FailoverStrategy;
use crate::policy::restart::RestartStrategy;
use crate::scenario::model::{Config, SchedulerKind};

pub use checks::check;
pub use keys::KEYS;
pub use known::{is_known, outside};
pub use version::FlinkVersion;

pub const MAX_PARALLELISM: u32 = 32_768;

/// Who uses a key: the same keys mean something to all models that decide alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ZooKeeper liveness.
    Story,
    /// Flink's control plane with the default scheduler.
    Default,
    /// Flink's control plane with the adaptive scheduler, reactive mode included.
    Adaptive,
}

impl Family {
    const fn bit(self) -> u8 {
        match self {
            Family::Story => 1,
            Family::Default => 2,
            Family::Adaptive => 4,
        }
    }
}

/// A key that a model uses.
pub struct Key {
    /// In Flink 2, or Firedrill's own.
    pub name: &'static str,
    /// In earlier releases; Flink 2.3 still reads most of them.
    pub aliases: &'static [&'static str],
    /// By whom, as bits of [`Family`].
    users: u8,
    pub set: fn(&mut Settings, &str) -> Result<(), String>,
    /// None: unset, or nothing that a resolved scenario needs.
    pub get: fn(&Settings) -> Option<String>,
}

impl Key {
    pub fn is_used_by(&self, family: Family) -> bool {
        self.users & family.bit() != 0
    }

    /// Some model waits for it.
    pub fn is_used_by_any(&self) -> bool {
        self.users != 0
    }
}

/// What `config` comes to, while it is read.
#[derive(Clone, Debug)]
pub struct Settings {
    version: FlinkVersion,
    pub config: Config,
    /// `taskmanager.numberOfTaskSlots`, for TaskManagers that do not say.
    pub slots: Option<u32>,
    /// `parallelism.default`, for operators that do not say.
    pub parallelism: Option<u32>,
    pub restart: RestartKeys,
    /// `taskmanager.slot.timeout`
    slot_timeout: Option<Span>,
    /// `resourcemanager.standalone.start-up-time`
    standalone_start_up: Option<Span>,
    /// `taskmanager.load-balance.mode`
    load_balance: Option<LoadBalance>,
    /// `cluster.evenly-spread-out-slots`: SLOTS, by the name that Flink 2 no longer reads.
    evenly_spread_out: bool,
    /// `execution.checkpointing.unaligned.enabled`, as asked for.
    unaligned: bool,
    /// `jobmanager.execution.failover-strategy`
    pub failover: Option<FailoverStrategy>,
    /// `jobmanager.scheduler`
    pub scheduler: Option<SchedulerKind>,
    /// `scheduler-mode`
    pub reactive: Option<bool>,
    /// `jobmanager.adaptive-scheduler.submission.resource-wait-timeout`; the inner none: for ever.
    wait_timeout: Option<Option<Span>>,
    /// `jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout`
    stabilization: Option<Span>,
}

/// `restart-strategy.*` one by one: the parameters of all strategies may be set, one strategy is chosen.
#[derive(Clone, Copy, Debug)]
pub struct RestartKeys {
    pub kind: Option<RestartKind>,
    /// Where checkpoints are on and nothing is chosen.
    pub default: RestartKind,
    pub fixed_attempts: Option<u32>,
    pub fixed_delay: Span,
    pub rate_max: u32,
    pub rate_interval: Span,
    pub rate_delay: Span,
    pub initial_backoff: Span,
    pub max_backoff: Span,
    pub multiplier_per_mille: u32,
    pub reset_threshold: Span,
    pub jitter_per_mille: u32,
    pub attempts: u32,
}

/// `restart-strategy.type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartKind {
    None,
    FixedDelay,
    FailureRate,
    ExponentialDelay,
}

const UNLIMITED: u32 = i32::MAX as u32;

impl Settings {
    /// Nothing set, in this release.
    pub fn new(version: FlinkVersion) -> Settings {
        let mut settings = Settings {
            version,
            config: Config::default(),
            slots: None,
            parallelism: None,
            restart: RestartKeys {
                kind: None,
                default: RestartKind::ExponentialDelay,
                fixed_attempts: None,
                fixed_delay: Span::from_secs(1),
                rate_max: 1,
                rate_interval: Span::from_secs(60),
                rate_delay: Span::from_secs(1),
                initial_backoff: Span::from_secs(1),
                max_backoff: Span::from_secs(60),
                multiplier_per_mille: 1_500,
                reset_threshold: Span::from_secs(3_600),
                jitter_per_mille: 100,
                attempts: UNLIMITED,
            },
            slot_timeout: None,
            standalone_start_up: None,
            load_balance: None,
            evenly_spread_out: false,
            unaligned: false,
            failover: None,
            scheduler: None,
            reactive: None,
            wait_timeout: None,
            stabilization: None,
        };
        version.apply(&mut settings);
        settings
    }

    /// Fills in what Flink derives from other keys, once all are read and the scheduler is settled.
    pub fn finish(&mut self, scheduler: SchedulerKind, reactive: bool, failover: FailoverStrategy) {
        let restart = self.restart();
        let config = &mut self.config;
        config.scheduler = scheduler;
        config.reactive = reactive;
        config.failover = failover;
        config.restart = restart;
        // `StreamGraph` turns them off where a barrier does not separate anything.
        config.checkpointing.unaligned =
            self.unaligned && config.checkpointing.mode == CheckpointingMode::ExactlyOnce;
        let evenly = self.evenly_spread_out && self.version < FlinkVersion::FIRST_2;
        config.load_balance = self.load_balance.unwrap_or(match evenly {
            true => LoadBalance::Slots,
            false => LoadBalance::None,
        });
        config.restart_delay = self.restart.fixed_delay;
        config.slots.timeout = self.slot_timeout.unwrap_or(config.rpc.ask_timeout);
        config.slots.standalone_start_up = self
            .standalone_start_up
            .unwrap_or(config.slots.request_timeout);
        // `AdaptiveScheduler.Settings`: reactive mode waits for ever, and for nothing else.
        if reactive {
            config.adaptive.wait_timeout = None;
            config.adaptive.stabilization = Span::ZERO;
        }
        if let Some(wait) = self.wait_timeout {
            config.adaptive.wait_timeout = wait;
        }
        if let Some(stabilization) = self.stabilization {
            config.adaptive.stabilization = stabilization;
        }
    }

    /// The strategy in force. Where nobody chose one, Flink takes its own with its own parameters, whatever keys are set
    /// (`RestartBackoffTimeStrategyFactoryLoader.getDefaultRestartStrategyFactory`).
    fn restart(&self) -> RestartStrategy {
        let (kind, keys) = match self.restart.kind {
            Some(kind) => (kind, self.restart),
            None => {
                let keys = Settings::new(self.version).restart;
                let checkpoints = self.config.checkpointing.interval.is_some();
                let kind = if checkpoints {
                    keys.default
                } else {
                    RestartKind::None
                };
                (kind, keys)
            }
        };
        match kind {
            RestartKind::None => RestartStrategy::NoRestart,
            RestartKind::FixedDelay => RestartStrategy::FixedDelay {
                // Nobody's choice restarts without end.
                attempts: keys.fixed_attempts.unwrap_or(match keys.kind {
                    Some(_) => 1,
                    None => UNLIMITED,
                }),
                delay: keys.fixed_delay,
            },
            RestartKind::FailureRate => RestartStrategy::FailureRate {
                max_failures: keys.rate_max,
                interval: keys.rate_interval,
                delay: keys.rate_delay,
            },
            RestartKind::ExponentialDelay => RestartStrategy::ExponentialDelay {
                initial: keys.initial_backoff,
                max: keys.max_backoff,
                multiplier_per_mille: keys.multiplier_per_mille,
                reset_threshold: keys.reset_threshold,
                jitter_per_mille: keys.jitter_per_mille,
                attempts: keys.attempts,
            },
        }
    }
}

/// The key of this name or alias that a model uses.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter()
        .find(|key| key.name == name || key.aliases.contains(&name))
}

/// Whether a key means something to Flink or to Firedrill.
pub fn is_known_or_used(name: &str) -> bool {
    find(name).is_some() || is_known(name)
}

/// A known key that looks much like this one, those that a model uses first.
pub fn nearest(name: &str) -> Option<&'static str> {
    let used: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let known: Vec<&str> = known::keys().collect();
    let near = super::near::nearest;
    near(name, &used).or_else(|| near(name, &known))
}

#[cfg(test)]
mod tests;
