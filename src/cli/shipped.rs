//! The scenarios that come with Firedrill, inside the binary: each goes by its name where no file has that name.

use std::path::Path;

use super::engine;

/// A scenario file, as it is in `scenarios/`.
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// The scenario with this name, without a folder or an ending.
pub(super) fn named(name: &Path) -> Option<&'static Shipped> {
    SHIPPED
        .iter()
        .find(|shipped| Path::new(shipped.name) == name)
}

/// `; did you mean ...?` for a name that is nearly one of them.
pub(super) fn nearest(name: &Path) -> String {
    let names = SHIPPED.iter().map(|shipped| shipped.name);
    engine::hint(&name.to_string_lossy(), names)
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".yaml")),
        }),*]
    };
}

/// In the order in which a newcomer should read them. A test compares this list with the folder.
pub(super) const SHIPPED: &[Shipped] = shipped![
    "fraud-detection",
    "any-time",
    "cut-off",
    "fraud-detection-10k",
    "fraud-detection-leader-dies",
    "fraud-detection-naive",
    "fraud-detection-replaced",
    "fraud-detection-returns",
    "hang",
    "overload",
    "zookeeper-server-dies",
    "attempts-burnt",
    "slot-shortage",
    "silent-partition",
    "connection-reset",
    "zombie-leader",
    "zookeeper-blip",
    "savepoint-and-restart",
    "kafka-exactly-once",
    "kafka-at-least-once",
    "kafka-no-guarantee",
    "kafka-notification-lost",
    "notifications-unreliable",
    "kafka-partial-commits",
    "kafka-transaction-timeout",
    "kafka-zombie-writer",
    "kafka-zombie-committer",
    "kafka-lingering-transaction",
    "kafka-broker-dies",
    "kafka-broker-hangs",
    "retention-overtaken",
    "partitions-added",
    "idle-partition",
    "idle-partition-idleness",
    "event-time-recovery",
    "checkpoint-commit-unknown",
    "restored-from-older",
    "recovery-scopes",
    "checkpoint-race",
    "checkpoint-at-least-once",
    "checkpoint-unaligned",
    "lab",
    "lab-two-pipelines",
    "khaos-iot",
    "khaos-ysb",
];
