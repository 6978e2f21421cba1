//! Settings under which a scenario is searched: each key as the scenario has it, or as swarm testing draws it.

use crate::kernel::{Random, Streams};
use crate::scenario::model::{Liveness, RecoveryScope, Scenario};
use crate::scenario::{Beside, Loaded, Override, ScenarioError, Text};

use super::{shapes, sinks, sized};

/// Settings that a search prepares; each seed takes one.
pub const VARIANTS: usize = 64;

/// A path, and values that it may take. Recoveries must fit into a short run, so timeouts are short ones.
type Choice = (&'static str, &'static [&'static str]);

const OF_ALL: &[Choice] = &[
    ("execution.checkpointing.interval", &["2 s", "3 s", "5 s"]),
    ("execution.checkpointing.timeout", &["3 s", "10 s"]),
    ("execution.checkpointing.min-pause", &["1 s"]),
    (
        "execution.checkpointing.tolerable-failed-checkpoints",
        &["1", "100"],
    ),
    ("execution.checkpointing.num-retained", &["1", "3"]),
    ("execution.checkpointing.incremental", &["true", "false"]),
    (
        "execution.buffer-timeout.interval",
        // Nearly all events are flushes: what is shorter makes a run long and shows nothing more.
        &["50 ms", "500 ms", "1 s"],
    ),
    (
        "high-availability.zookeeper.client.session-timeout",
        &["3 s", "5 s", "8 s"],
    ),
    ("cluster.zookeeper.tick-time", &["500 ms", "1 s"]),
    ("cluster.zookeeper.servers", &["1", "3", "5"]),
    ("cluster.kafka.brokers", &["3"]),
    ("cluster.kafka.min-insync-replicas", &["2"]),
    (
        "cluster.links.default.latency",
        &["0.1 ms .. 20 ms", "1 ms .. 100 ms"],
    ),
];

const OF_STORY: &[Choice] = &[
    (
        "recovery.scope",
        &["per-task", "per-task", "region", "full"],
    ),
    ("placement.policy", &["least-loaded", "round-robin"]),
    ("rebalancing", &["on-pressure", "off"]),
    ("recovery.in-flight-log.size", &["16 MB"]),
    ("cluster.receiver.loss", &["20 %"]),
    (
        "execution.checkpointing.unaligned.enabled",
        &["true", "false"],
    ),
    (
        "execution.checkpointing.aligned-checkpoint-timeout",
        &["0 ms", "50 ms", "500 ms"],
    ),
];

const OF_FLINK: &[Choice] = &[
    ("heartbeat.interval", &["1 s"]),
    ("heartbeat.timeout", &["4 s", "8 s"]),
    ("heartbeat.rpc-failure-threshold", &["-1", "2"]),
    ("pekko.ask.timeout", &["2 s", "10 s"]),
    ("slot.request.timeout", &["10 s"]),
    ("resourcemanager.standalone.start-up-time", &["10 s"]),
    ("task.cancellation.timeout", &["5 s"]),
    ("task.cancellation.interval", &["2 s"]),
    (
        "jobmanager.execution.failover-strategy",
        &["full", "region"],
    ),
    (
        "restart-strategy.type",
        &["fixed-delay", "exponential-delay", "failure-rate"],
    ),
    (
        "restart-strategy.failure-rate.max-failures-per-interval",
        &["3"],
    ),
    ("restart-strategy.failure-rate.delay", &["1 s"]),
    ("execution.checkpointing.max-concurrent-checkpoints", &["2"]),
    (
        "high-availability.zookeeper.client.tolerate-suspended-connections",
        &["true"],
    ),
    ("taskmanager.registration.timeout", &["20 s"]),
    ("restart-strategy.fixed-delay.attempts", &["1000", "1"]),
    ("restart-strategy.fixed-delay.delay", &["500 ms"]),
    ("restart-strategy.exponential-delay.max-backoff", &["5 s"]),
    (
        "restart-strategy.exponential-delay.reset-backoff-threshold",
        &["5 s"],
    ),
    ("execution.state-recovery.from-local", &["true"]),
    ("taskmanager.load-balance.mode", &["TASKS", "SLOTS"]),
    (
        "jobmanager.adaptive-scheduler.submission.resource-wait-timeout",
        &["20 s"],
    ),
    (
        "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout",
        &["1 s"],
    ),
    (
        "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling",
        &["2 s"],
    ),
    (
        "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout",
        &["3 s"],
    ),
    (
        "execution.checkpointing.unaligned.enabled",
        &["true", "false"],
    ),
    (
        "execution.checkpointing.aligned-checkpoint-timeout",
        &["0 ms", "50 ms", "500 ms"],
    ),
];

/// Last, so that they change nothing of what is drawn before.
const OF_FEW: &[Choice] = &[
    ("partition.discovery.interval.ms", &["3 s", "10 s"]),
    ("taskmanager.slot.timeout", &["2 s"]),
    ("slot.idle.timeout", &["5 s"]),
    ("cluster.kafka.request-timeout", &["2 s", "5 s"]),
];

/// What a search starts from: a scenario file, what stands beside it, and what the user has set.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    pub text: &'a Text,
    pub beside: &'a Beside<'a>,
    pub overrides: &'a [Override],
}

impl Base<'_> {
    /// The scenario, with `more` set on it.
    ///
    /// # Errors
    /// Where it is no scenario.
    pub fn load(&self, more: &[Override]) -> Result<Loaded, ScenarioError> {
        // What the user has set wins over what is drawn.
        let all: Vec<Override> = more.iter().chain(self.overrides).cloned().collect();
        self.text.load(&all, self.beside)
    }
}

/// The variants of a scenario; the first is the scenario as it is. Settings that do not go together are left out.
pub fn variants(base: &Base<'_>, scenario: &Scenario) -> Vec<Scenario> {
    let mut variants = vec![prepared(scenario.clone(), scenario)];
    let jobs_are_set = base
        .overrides
        .iter()
        .any(|set| set.path.starts_with("jobs"));
    for number in 1..VARIANTS {
        let mut overrides = drawn(number, scenario);
        let loaded = loop {
            match base.load(&overrides) {
                Ok(loaded) => break loaded.scenario,
                // One after the other is given up, the last one first.
                Err(_) if overrides.pop().is_some() => {}
                Err(_) => break scenario.clone(),
            }
        };
        let mut variant = prepared(loaded, scenario);
        if !jobs_are_set {
            sinks::vary(number, &mut variant);
            shapes::vary(number, &mut variant);
        }
        variants.push(variant);
    }
    variants
}

fn drawn(number: usize, scenario: &Scenario) -> Vec<Override> {
    let mut random = Streams::new(number as u64).small("check", "settings");
    let own = match scenario.switches.liveness {
        Liveness::ZkEphemeral => OF_STORY,
        Liveness::RpcHeartbeats => OF_FLINK,
    };
    let mut overrides = Vec::new();
    for (path, values) in OF_ALL.iter().chain(own).chain(OF_FEW) {
        let (on, which) = (
            // Without these the adaptive scheduler does nothing in a short run.
            random.chance_per_mille(if path.contains("adaptive") { 900 } else { 600 }),
            random.below(values.len() as u64),
        );
        // Whoever asks for single tasks without logs wants to see how that breaks.
        let naive =
            scenario.switches.scope == RecoveryScope::PerTaskNaive && *path == "recovery.scope";
        if on && !naive {
            overrides.push(Override {
                path: (*path).to_owned(),
                value: values[which as usize].to_owned(),
            });
        }
    }
    overrides
}

/// As a check runs it: without faults of its own, short, and light unless the user says how heavy.
fn prepared(mut variant: Scenario, scenario: &Scenario) -> Scenario {
    variant.faults.clear();
    variant.expect.clear();
    variant.duration = sized::DURATION;
    if scenario.weight == 1 {
        variant.weight = sized::weight(scenario);
    }
    variant
}
