//! `flink-version`: the release whose defaults hold.
//!
//! What differed was read from the option classes and docs of the released jars, from 1.17 on.

use std::fmt;

use crate::kernel::time::Span;

use super::{RestartKind, Settings};

/// A minor release of Flink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlinkVersion {
    pub major: u32,
    pub minor: u32,
}

const fn version(major: u32, minor: u32) -> FlinkVersion {
    FlinkVersion { major, minor }
}

const FIRST: FlinkVersion = version(1, 11);
const LAST_1: FlinkVersion = version(1, 20);

impl FlinkVersion {
    pub const FIRST_2: FlinkVersion = version(2, 0);
    pub const LATEST: FlinkVersion = version(2, 3);

    /// `1.18`, `1.18.1`, `2.3`.
    pub fn parse(text: &str) -> Result<FlinkVersion, String> {
        let mut parts = text.trim().split('.');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let found = number().zip(number());
        let rest_is_patch = parts.next().is_none_or(|part| part.parse::<u32>().is_ok());
        match found {
            Some((major, minor)) if rest_is_patch && parts.next().is_none() => {
                let found = version(major, minor);
                let there = (FIRST..=LAST_1).contains(&found)
                    || (FlinkVersion::FIRST_2..=FlinkVersion::LATEST).contains(&found);
                there.then_some(found)
            }
            _ => None,
        }
        .ok_or_else(|| {
            format!(
                "`{}` is no release whose defaults are known; {FIRST} to {LAST_1} and {} to {} are",
                crate::scenario::units::short(text),
                FlinkVersion::FIRST_2,
                FlinkVersion::LATEST
            )
        })
    }

    /// Changes Flink 2.3's defaults to those of this release.
    pub fn apply(self, settings: &mut Settings) {
        let config = &mut settings.config;
        if self < FlinkVersion::FIRST_2 {
            // `slot.request.max-interval` did not exist: requirements went out at once.
            config.slots.request_max_interval = Span::ZERO;
            // The adaptive scheduler neither waited for stable resources nor for a checkpoint while it ran (FLIP-461).
            config.adaptive.executing_stabilization = Span::ZERO;
            config.adaptive.max_delay = Some(Span::ZERO);
        }
        if self < version(1, 19) {
            // FLIP-364.
            settings.restart.default = RestartKind::FixedDelay;
            settings.restart.max_backoff = Span::from_secs(300);
            settings.restart.multiplier_per_mille = 2_000;
            // `taskmanager.network.partition-request-timeout` did not exist: the producer's side refused at once.
            config.network.partition_request_timeout = Span::ZERO;
            // Nor did `jobmanager.adaptive-scheduler.scaling-interval.min`.
            config.adaptive.cooldown = Span::ZERO;
        }
        if self < version(1, 14) {
            // `heartbeat.rpc-failure-threshold` did not exist: only silence counted.
            config.heartbeat.rpc_failure_threshold = None;
        }
    }
}

impl fmt::Display for FlinkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_by_name() {
        assert_eq!(FlinkVersion::parse("1.18"), Ok(version(1, 18)));
        assert_eq!(FlinkVersion::parse("1.20.3"), Ok(version(1, 20)));
        assert_eq!(FlinkVersion::parse("2.3"), Ok(FlinkVersion::LATEST));
        for text in [
            "", "2", "1.21", "1.10", "2.4", "3.0", "1.18.x", "1.18.1.1", "-1.18",
        ] {
            assert!(FlinkVersion::parse(text).is_err(), "{text}");
        }
        assert!(version(1, 9) < version(1, 18) && version(1, 20) < version(2, 0));
    }
}
