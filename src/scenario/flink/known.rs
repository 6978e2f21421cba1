//! Keys that Flink knows: those that no model uses earn a warning, those outside what is modelled an error with its reason.

use std::sync::LazyLock;

/// One a line, in order; lines that begin with `#` are about the file.
const KEYS: &str = include_str!("keys.txt");

/// They are looked up for every key of every scenario that is read.
static LISTED: LazyLock<Vec<&str>> = LazyLock::new(|| keys().collect());

/// Whole families of keys, by prefix: their names go on as users and plugins like.
const FAMILIES: &[&str] = &[
    "containerized.",
    "env.java.opts.",
    "external-resource.",
    "flink.hadoop.",
    "fs.",
    "gs.",
    "hadoop.",
    "metrics.reporter.",
    "metrics.scope.",
    "python.",
    "s3.",
    "s3a.",
    "security.delegation.token.",
    "security.kerberos.",
    "sql-client.",
    "state.backend.rocksdb.",
    "table.",
    "traces.reporter.",
    "zookeeper.",
];

/// Prefixes of what is not modelled, and why.
const OUTSIDE: &[(&str, &str)] = &[
    (
        "high-availability.kubernetes.",
        "high availability is modelled with ZooKeeper alone",
    ),
    (
        "kubernetes.",
        "a ResourceManager that starts and stops TaskManagers itself is outside the model, which is a standalone cluster: leave the key out, and let `restart-after` or `replace` of a fault stand for what Kubernetes starts again",
    ),
    (
        "yarn.",
        "a ResourceManager that starts and stops TaskManagers itself is outside the model, which is a standalone cluster: leave the key out, and let `restart-after` or `replace` of a fault stand for what YARN starts again",
    ),
    (
        "mesos.",
        "Mesos is outside the model, which is a standalone cluster: leave the key out",
    ),
];

pub fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.lines().filter(|line| !line.starts_with('#'))
}

/// Why a key is refused although Flink knows it.
pub fn outside(key: &str) -> Option<&'static str> {
    let found = OUTSIDE.iter().find(|(prefix, _)| key.starts_with(prefix));
    found.map(|(_, why)| *why)
}

/// Whether Flink (2.3, or 1.17 and later) knows the key.
pub fn is_known(key: &str) -> bool {
    LISTED.binary_search(&key).is_ok()
        || outside(key).is_some()
        // A misspelt known key must not hide behind its family.
        || (FAMILIES.iter().any(|family| key.starts_with(family)) && !nearly_known(key))
}

fn nearly_known(key: &str) -> bool {
    key.len() <= 200
        && keys()
            .filter(|known| known.len().abs_diff(key.len()) <= 2)
            .any(|known| strsim::damerau_levenshtein(known, key) <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_holds_no_outsiders() {
        let listed: Vec<&str> = keys().collect();
        assert!(listed.len() > 1_000 && listed.is_sorted_by(|a, b| a < b));
        assert!(listed.iter().all(|key| outside(key).is_none()));
    }

    #[test]
    fn families_do_not_hide_misspelt_keys() {
        assert!(is_known("rest.port"));
        assert!(is_known("metrics.reporter.prom.port"));
        assert!(is_known("kubernetes.cluster-id"));
        assert!(!is_known("state.backend.rocksdb.localdri"));
        assert!(!is_known("heartbeat.intervall"));
    }
}
