//! Values of settings, and steps whose setting depends on more than the step.

use crate::drill::causes::Expiry;
use crate::drill::explain::Setting;
use crate::drill::phase::Phase;
use crate::kernel::{Distribution, Span};
use crate::policy::restart::RestartStrategy;

use super::{Answer, SESSION_TIMEOUT, Said};

impl Said<'_> {
    pub(super) fn first(&self) -> &str {
        self.leg
            .actors
            .first()
            .map_or("somebody", |actor| self.blueprint.directory.name(*actor))
    }

    pub(super) fn last(&self) -> &str {
        self.leg
            .actors
            .last()
            .map_or("somebody", |actor| self.blueprint.directory.name(*actor))
    }

    /// A Flink key, with its resolved value.
    pub(super) fn flink(&self, key: &str) -> Option<Setting> {
        let keys = &self.blueprint.config.keys;
        Some(Setting {
            key: key.to_owned(),
            value: keys.get(key).map_or("unset", String::as_str).to_owned(),
            note: None,
        })
    }

    pub(super) fn profile(&self, key: &str, drawn: Distribution) -> Option<Setting> {
        self.given(format!("profile.{key}"), range(drawn.min(), drawn.max()))
    }

    pub(super) fn restore_rate(&self) -> Option<Setting> {
        let (key, rate) = self.blueprint.profile.restore_rate(&self.blueprint.config);
        self.given(format!("profile.{key}"), bandwidth(rate.median()))
    }

    pub(super) fn given(
        &self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Option<Setting> {
        Some(Setting {
            key: key.into(),
            value: value.into(),
            note: None,
        })
    }

    pub(super) fn links(&self) -> Option<Setting> {
        let latency = self.blueprint.cluster.link_latency;
        self.given(
            "cluster.links.default.latency",
            range(latency.min, latency.max),
        )
    }

    pub(super) fn tick(&self) -> Option<Setting> {
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        self.given("cluster.zookeeper.tick-time", tick.to_string())
    }

    pub(super) fn session(&self, expiry: Expiry) -> Answer {
        let owner = self.blueprint.directory.name(expiry.owner);
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        let asked = self.blueprint.config.ha.session_timeout;
        let mut setting = self.flink(SESSION_TIMEOUT);
        if let Some(setting) = &mut setting {
            let ticks = expiry.timeout.0 / tick.0.max(1);
            setting.note = match expiry.timeout.cmp(&asked) {
                std::cmp::Ordering::Less => Some(format!(
                    "cut to {ticks} ticks ({}) by the server",
                    expiry.timeout
                )),
                std::cmp::Ordering::Greater => Some(format!(
                    "raised to {ticks} ticks ({}) by the server",
                    expiry.timeout
                )),
                std::cmp::Ordering::Equal => None,
            };
        }
        let what = format!(
            "the session of {owner} had to expire: last heard at {}, {} and the rest of a tick of {tick} later it was over",
            expiry.last_heard, expiry.timeout
        );
        (what, setting)
    }

    /// CPU work is of deployments, of initialisations, or on records.
    pub(super) fn cpu(&self) -> Answer {
        let last = self.last();
        let profile = &self.blueprint.profile;
        match self.phase {
            Phase::Resources | Phase::Deployment => (
                format!("{last} loads classes and sets tasks up, on the cores that there are"),
                self.profile(
                    "first-task-deployment-cpu",
                    profile.first_task_deployment_cpu,
                ),
            ),
            Phase::Restore => (
                format!("tasks on {last} initialise, on the cores that there are"),
                self.profile("task-initialization-cpu", profile.task_initialization_cpu),
            ),
            _ => {
                let taskmanagers = &self.blueprint.cluster.taskmanagers;
                let mine = taskmanagers.iter().find(|tm| tm.name == last);
                let setting = mine.and_then(|tm| {
                    let cores = f64::from(tm.cpu_millicores) / 1e3;
                    self.given(
                        format!("cluster.taskmanagers.{last}.cpu"),
                        cores.to_string(),
                    )
                });
                (format!("records are worked on: {}", self.chain()), setting)
            }
        }
    }

    /// The back-off of Flink's restart strategy.
    pub(super) fn delay(&self) -> Answer {
        let (key, note) = match self.blueprint.config.restart {
            RestartStrategy::NoRestart | RestartStrategy::FixedDelay { .. } => {
                ("fixed-delay.delay", None)
            }
            RestartStrategy::FailureRate { .. } => ("failure-rate.delay", None),
            RestartStrategy::ExponentialDelay {
                multiplier_per_mille,
                ..
            } => {
                let factor = f64::from(multiplier_per_mille) / 1e3;
                let note = format!("times backoff-multiplier, {factor}, at each further restart");
                ("exponential-delay.initial-backoff", Some(note))
            }
        };
        let setting = self.flink(&format!("restart-strategy.{key}"));
        let setting = setting.map(|setting| Setting { note, ..setting });
        ("the restart is delayed".to_owned(), setting)
    }

    /// `zk-1 → zk-2 → jm-1 (Propose, Commit, WatchFired)`
    pub(super) fn chain(&self) -> String {
        let names: Vec<&str> = self
            .leg
            .actors
            .iter()
            .map(|actor| self.blueprint.directory.name(*actor))
            .collect();
        format!("{} ({})", names.join(" → "), self.leg.names.join(", "))
    }
}

pub(super) fn range(min: Span, max: Span) -> String {
    match min == max {
        true => min.to_string(),
        false => format!("{min} .. {max}"),
    }
}

pub(super) fn bandwidth(bytes_per_s: u64) -> String {
    format!("{} MB/s", bytes_per_s as f64 / 1e6)
}
