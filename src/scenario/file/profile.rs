//! The profile: what the environment contributes, as distributions.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::At;
use super::values::plain;
use crate::kernel::Distribution;
use crate::kernel::distribution::Quantity;
use crate::kernel::time::Span;
use crate::scenario::units;

/// How a quantity of a distribution stands in the file.
pub trait Unit {
    type Of: Quantity;
    /// In the schema and in messages.
    const EXAMPLE: &'static str;
    fn read(text: &str) -> Result<u64, String>;
    fn write(count: u64) -> String;
}

/// Durations.
#[derive(Clone, Copy, Debug)]
pub struct Length;

/// Bytes per second, more than none.
#[derive(Clone, Copy, Debug)]
pub struct Throughput;

/// Plain numbers more than zero, in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Factor;

impl Unit for Length {
    type Of = Span;
    const EXAMPLE: &'static str = "5 ms";

    fn read(text: &str) -> Result<u64, String> {
        units::duration(text)
    }

    fn write(count: u64) -> String {
        units::write_duration(count)
    }
}

impl Unit for Throughput {
    type Of = u64;
    const EXAMPLE: &'static str = "200 MB/s";

    fn read(text: &str) -> Result<u64, String> {
        match units::bandwidth(text)? {
            0 => Err(format!("`{text}` is zero; nothing would ever arrive")),
            rate => Ok(rate),
        }
    }

    fn write(count: u64) -> String {
        units::write_bandwidth(count)
    }
}

impl Unit for Factor {
    type Of = u64;
    const EXAMPLE: &'static str = "0.8";

    fn read(text: &str) -> Result<u64, String> {
        match units::thousandths(text)? {
            0 => Err(format!("`{text}` is zero; nothing would ever be done")),
            factor if factor > 1_000_000 => Err(format!("`{text}` is more than 1000")),
            factor => Ok(factor),
        }
    }

    fn write(count: u64) -> String {
        units::write_thousandths(count)
    }
}

/// A distribution in the file: `5 ms`, `1 ms .. 3 ms`, or `{min, p50, p95, max}`.
pub struct Drawn<U: Unit>(pub Distribution<U::Of>);

impl<U: Unit> Clone for Drawn<U> {
    fn clone(&self) -> Drawn<U> {
        *self
    }
}

impl<U: Unit> Copy for Drawn<U> {}

impl<U: Unit> fmt::Debug for Drawn<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = (self.0.min().count(), self.0.max().count());
        write!(f, "{} .. {}", U::write(ends.0), U::write(ends.1))
    }
}

#[derive(serde::Deserialize)]
#[serde(rename = "the quantiles", deny_unknown_fields)]
struct Quantiles {
    min: String,
    p50: String,
    p95: String,
    max: String,
}

impl<'de, U: Unit> Deserialize<'de> for Drawn<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Drawn<U>, D::Error> {
        struct Reading<U>(PhantomData<U>);
        impl<'de, U: Unit> Visitor<'de> for Reading<U> {
            type Value = Drawn<U>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let like = U::EXAMPLE;
                write!(
                    f,
                    "`{like}`, a range `{like} .. {like}`, or min, p50, p95 and max"
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Drawn<U>, E> {
                let (from, to) = units::ends(text);
                let ends = U::read(from).and_then(|from| Ok((from, U::read(to)?)));
                let (min, max) = ends.map_err(E::custom)?;
                ordered(Distribution::between(quantity(min), quantity(max)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Drawn<U>, A::Error> {
                let texts = Quantiles::deserialize(MapAccessDeserializer::new(map))?;
                let read = |text: &str| U::read(text).map(quantity).map_err(A::Error::custom);
                ordered(Distribution::Quantiles {
                    min: read(&texts.min)?,
                    median: read(&texts.p50)?,
                    p95: read(&texts.p95)?,
                    max: read(&texts.max)?,
                })
            }
        }
        deserializer.deserialize_any(Reading(PhantomData))
    }
}

fn quantity<Q: Quantity>(count: u64) -> Q {
    Q::from_count(count)
}

fn ordered<U: Unit, E: Error>(distribution: Distribution<U::Of>) -> Result<Drawn<U>, E> {
    if distribution.is_ordered() {
        Ok(Drawn(distribution))
    } else {
        Err(E::custom(
            "this runs backwards; write the least value first, and the greatest last",
        ))
    }
}

impl<U: Unit> Serialize for Drawn<U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let write = |value: U::Of| U::write(value.count());
        match self.0 {
            Distribution::Uniform { min, max } if min == max => plain(&write(min), serializer),
            Distribution::Uniform { min, max } => {
                serializer.serialize_str(&format!("{} .. {}", write(min), write(max)))
            }
            Distribution::Quantiles {
                min,
                median,
                p95,
                max,
            } => {
                let mut map = serializer.serialize_map(Some(4))?;
                for (name, value) in [("min", min), ("p50", median), ("p95", p95), ("max", max)] {
                    map.serialize_entry(name, &write(value))?;
                }
                map.end()
            }
        }
    }
}

impl<U: Unit> JsonSchema for Drawn<U> {
    fn schema_name() -> Cow<'static, str> {
        format!(
            "DistributionLike_{}",
            U::EXAMPLE.replace([' ', '/', '.'], "_")
        )
        .into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let like = U::EXAMPLE;
        json_schema!({
            "description": format!("`{like}`, a range `{like} .. {like}`, or quantiles, straight between them."),
            "type": ["string", "number", "object"],
            "properties": {
                "min": {"type": ["string", "number"]},
                "p50": {"type": ["string", "number"]},
                "p95": {"type": ["string", "number"]},
                "max": {"type": ["string", "number"]},
            },
            "required": ["min", "p50", "p95", "max"],
            "additionalProperties": false,
        })
    }
}

/// A distribution of durations.
type Time = Option<Drawn<Length>>;

/// What the environment contributes: distributions, not settings. What is left out is the base's.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename = "profile", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct ProfileFile {
    /// Default: custom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// The profile that this one changes, by name. Default: default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<At<String>>,
    /// Speed of every host's CPU, drawn once per run; 1.0 is a core to oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_speed: Option<Drawn<Factor>>,
    /// From the start of any process to its first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_startup: Time,
    /// The same for a JobManager alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobmanager_startup: Time,
    /// The same for a TaskManager alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taskmanager_startup: Time,
    /// The same for a ZooKeeper server alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper_startup: Time,
    /// From SIGKILL until the operating system closes the process's sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_teardown: Time,
    /// From the arrival of a reset or of SIGTERM until the process's code acts on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_notice: Time,
    /// A main thread is busy for so long with one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_handling: Time,
    /// The same for a heartbeat with its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_handling: Time,
    /// From leadership granted until Dispatcher and ResourceManager run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_services_startup: Time,
    /// On top of it in a process that has not led before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_leader_services_startup: Time,
    /// From a cluster that is up until a client submits the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_submission: Time,
    /// A new leader's Dispatcher rebuilds an execution plan, beside reading it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_recovery: Time,
    /// A JobMaster and its execution graph are made, beside reading checkpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobmaster_startup: Time,
    /// On top of it for the first JobMaster of a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_jobmaster_startup: Time,
    /// The first deployment of the first JobMaster of a process keeps its main thread busy for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_jobmaster_deployment: Time,
    /// From `requestSlot` at the TaskManager until the slot is offered to the JobMaster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_allocation: Time,
    /// From the registration at a new JobMaster until the slots that were held are offered to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_offer: Time,
    /// A JobMaster's main thread is busy for so long with each task that a failover takes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover_handling: Time,
    /// From the end of a restart's delay until its tasks are SCHEDULED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_handling: Time,
    /// So late does the timer of a periodic checkpoint fire; the next one is on time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_trigger: Time,
    /// From the last slot until the first `submitTask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling: Time,
    /// From `submitTask` until the task starts to restore, beside what takes CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_deployment: Time,
    /// CPU work of a deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_deployment_cpu: Time,
    /// CPU work on top of it in a process that has not run the job before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_task_deployment_cpu: Time,
    /// From INITIALIZING to RUNNING, beside reading state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_initialization: Time,
    /// CPU work of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_initialization_cpu: Time,
    /// CPU work on top of it, for the first task of an operator in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_task_initialization_cpu: Time,
    /// From an exception in a task until its resources are freed and it can be reported FAILED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_failure: Time,
    /// From the cancel at a live task until its resources are freed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_cancellation: Time,
    /// What one task reads at the most while it restores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_read: Option<Drawn<Throughput>>,
    /// The same out of a full snapshot into RocksDB, key by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_rocksdb: Option<Drawn<Throughput>>,
    /// What one task writes at the most while it takes a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_write: Option<Drawn<Throughput>>,
    /// CPU work of the asynchronous part of a snapshot, however small it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_cpu: Time,
    /// What one core serializes of a snapshot, in the asynchronous part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_serialize: Option<Drawn<Throughput>>,
    /// The part of a snapshot during which a task handles no records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_sync: Time,
    /// From the last acknowledgement until the pointer goes to ZooKeeper, beside writing metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_finalization: Time,
    /// Building the restart plan in the leader; `story` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planning: Time,
}
