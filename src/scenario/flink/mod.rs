//! The Flink keys of `config`: those that the model uses, and how each is read and written.
//!
//! Keys and defaults are those of Flink 2.3; names of 1.x are accepted where Flink accepts them.

pub mod format;
mod known;

use format::{count, duration, memory, write_memory, write_span};

use crate::kernel::time::Span;
use crate::scenario::model::Config;

pub use known::is_known;

/// What `config` comes to.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub config: Config,
    /// `taskmanager.numberOfTaskSlots`, for TaskManagers that do not say.
    pub slots: Option<u32>,
    /// `parallelism.default`, for operators that do not say.
    pub parallelism: Option<u32>,
}

/// A key that the model uses.
pub struct Key {
    /// In Flink 2, or Firedrill's own.
    pub name: &'static str,
    /// In Flink 1.x.
    pub aliases: &'static [&'static str],
    pub set: fn(&mut Settings, &str) -> Result<(), String>,
    /// None: unset.
    pub get: fn(&Settings) -> Option<String>,
}

pub const MAX_PARALLELISM: u32 = 32_768;

/// A duration of at least so many milliseconds.
fn at_least(text: &str, ms: u64) -> Result<Span, String> {
    let span = duration(text)?;
    if span < Span::from_ms(ms) {
        Err(format!("`{text}` is too short; this is at least {ms} ms"))
    } else {
        Ok(span)
    }
}

/// Flink's `MemoryManager.MIN_PAGE_SIZE`, and its demand for powers of two.
fn segment(text: &str) -> Result<u64, String> {
    let bytes = memory(text)?;
    if bytes.is_power_of_two() && (4 << 10..=64 << 20).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!(
        "`{text}` is no segment size; it is a power of two from 4 kb to 64 mb, like `32 kb`"
    ))
}

macro_rules! key {
    ($name:literal $([$($alias:literal),*])? $($field:ident).+, $read:expr, $write:expr) => {
        Key {
            name: $name,
            aliases: &[$($($alias),*)?],
            set: |settings, text| {
                let read: fn(&str) -> Result<_, String> = $read;
                settings.config.$($field).+ = read(text)?;
                Ok(())
            },
            get: |settings| $write(settings.config.$($field).+.clone()),
        }
    };
}

fn some_span(span: Span) -> Option<String> {
    Some(write_span(span))
}

fn some_count(value: u32) -> Option<String> {
    Some(value.to_string())
}

fn some_memory(bytes: u64) -> Option<String> {
    Some(write_memory(bytes))
}

/// Every key that the model uses.
pub const KEYS: &[Key] = &[
    // CheckpointCoordinator refuses less than 10 ms.
    key!("execution.checkpointing.interval" checkpointing.interval, |text| at_least(text, 10).map(Some), |span: Option<Span>| span.map(write_span)),
    key!("execution.checkpointing.timeout" checkpointing.timeout, |text| at_least(text, 10), some_span),
    key!("execution.checkpointing.min-pause" checkpointing.min_pause, duration, some_span),
    key!("execution.checkpointing.tolerable-failed-checkpoints" checkpointing.tolerable_failures, |text| count(text, 0, u32::MAX), some_count),
    key!("execution.checkpointing.num-retained" ["state.checkpoints.num-retained"] checkpointing.retained, |text| count(text, 1, 1_000), some_count),
    key!("execution.buffer-timeout.interval" ["execution.buffer-timeout"] buffer_timeout, duration, some_span),
    key!("high-availability.zookeeper.client.session-timeout" ["recovery.zookeeper.client.session-timeout"] ha.session_timeout, |text| at_least(text, 1), some_span),
    key!("high-availability.zookeeper.client.connection-timeout" ["recovery.zookeeper.client.connection-timeout"] ha.connection_timeout, |text| at_least(text, 1), some_span),
    key!("taskmanager.memory.segment-size" segment_bytes, segment, some_memory),
    key!("taskmanager.network.memory.buffers-per-channel" buffers_per_channel, |text| count(text, 1, 10_000), some_count),
    key!("taskmanager.network.memory.floating-buffers-per-gate" floating_buffers_per_gate, |text| count(text, 0, 100_000), some_count),
    key!("pekko.ask.timeout" ["akka.ask.timeout"] rpc.ask_timeout, |text| at_least(text, 1), some_span),
    key!("restart-strategy.fixed-delay.delay" restart_delay, duration, some_span),
    key!("pipeline.max-parallelism" max_parallelism, |text| count(text, 1, MAX_PARALLELISM).map(Some), |max: Option<u32>| max.map(|max| max.to_string())),
    key!("recovery.in-flight-log.size" in_flight_log_bytes, memory, some_memory),
    Key {
        name: "taskmanager.numberOfTaskSlots",
        aliases: &[],
        set: |settings, text| {
            settings.slots = Some(count(text, 1, super::resolve::MAX_SLOTS)?);
            Ok(())
        },
        get: |settings| settings.slots.map(|slots| slots.to_string()),
    },
    Key {
        name: "parallelism.default",
        aliases: &[],
        set: |settings, text| {
            settings.parallelism = Some(count(text, 1, super::resolve::MAX_OPERATOR_PARALLELISM)?);
            Ok(())
        },
        get: |settings| {
            settings
                .parallelism
                .map(|parallelism| parallelism.to_string())
        },
    },
];

/// The modelled key of this name or alias.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter()
        .find(|key| key.name == name || key.aliases.contains(&name))
}

/// A known key that looks much like this one, modelled ones first.
pub fn nearest(name: &str) -> Option<&'static str> {
    let modelled: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    super::near::nearest(name, &modelled).or_else(|| super::near::nearest(name, known::KNOWN))
}
