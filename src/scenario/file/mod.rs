//! The scenario file as serde types, from which reading, writing and the JSON Schema all come.
//!
//! Every key that has a default is optional here; `resolve` fills it in.

mod cluster;
mod de;
mod either;
mod job;
mod named;
mod plan;
mod profile;
mod values;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::*;
pub use de::read;
pub use either::Either;
pub use job::*;
pub use named::*;
pub use plan::*;
pub use profile::*;
pub use values::*;

use crate::scenario::model::{
    Defect, Liveness, Model, Placement, Rebalancing, RecoveryScope, Scheduler, Slots,
};

/// A drill: a cluster, a workload, faults, and what must then hold.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "the scenario",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "Scenario")]
pub struct ScenarioFile {
    /// Letters, digits, `-`, `_` and `.`; reports are written to a folder of this name.
    pub name: At<String>,
    /// What the drill is about, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// A named bundle of defaults for the switches below. Default: story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<At<Model>>,
    /// The release of Flink whose defaults hold, `1.18` say. Default: 2.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flink_version: Option<At<String>>,
    /// What random draws start from. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Simulated length of the run. Default: 3 min.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<At<Duration>>,
    /// Real records that one simulated record stands for. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<At<u32>>,
    /// Mistakes that are switched on, to see whether they are noticed (`firedrill list defects`). Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defects: Option<Vec<Defect>>,
    /// How the leader learns that a TaskManager is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<At<Liveness>>,
    /// Flink's scheduler, under Flink's own liveness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<At<Scheduler>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementFile>,
    /// Whether the leader moves running tasks because of load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebalancing: Option<At<Rebalancing>>,
    pub cluster: ClusterFile,
    /// What the environment contributes: `default`, `lab`, a file by its path, or its distributions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<At<Either<ProfileFile>>>,
    /// Flink keys, verbatim, with Flink's own formats of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Named<At<Setting>>>,
    /// Topics by name.
    pub topics: Named<TopicFile>,
    pub jobs: Vec<JobFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<MonitorFile>,
    /// What goes wrong, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<Vec<At<FaultFile>>>,
    /// Statements that make the scenario a test: `total < 60 s`, `lost == 0 and duplicated == 0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Vec<At<String>>>,
}

/// How a failed task comes back.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "recovery", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Recovery")]
pub struct RecoveryFile {
    /// What restarts when a task fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<At<RecoveryScope>>,
}

/// Which TaskManager a task goes to.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "placement", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Placement")]
pub struct PlacementFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<At<Placement>>,
    /// Whether a TaskManager may run more tasks than it has slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<At<Slots>>,
}

/// A value of `config`: a scalar, or a map whose keys continue the dotted key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Setting(pub Either<Named<At<Setting>>>);

impl JsonSchema for Setting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Setting".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A value in Flink's format (`10 s`, `500ms`, `PT10S`, `32 kb`), or a map that continues the key.",
            "type": ["string", "number", "boolean", "object"],
            "additionalProperties": generator.subschema_for::<Setting>(),
        })
    }
}
