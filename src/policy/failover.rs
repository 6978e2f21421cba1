//! What restarts with a failed task: Flink's `FailoverStrategy` classes over the pipelined regions of a job.

use std::collections::BTreeSet;

use crate::dataflow::topology::SubtaskId;

/// `jobmanager.execution.failover-strategy`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverStrategy {
    /// `region` (`RestartPipelinedRegionFailoverStrategy`)
    Region,
    /// `full` (`RestartAllFailoverStrategy`)
    Full,
}

/// An `ExecutionVertex` as the strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vertex {
    pub subtask: SubtaskId,
    /// Its pipelined region (`PipelinedRegionComputeUtil`).
    pub region: u32,
    /// Its attempt is still CREATED: there is nothing to restart.
    pub created: bool,
}

/// The tasks to restart (`getTasksNeedingRestart`). `failed` are the tasks that failed; `unavailable` the producers
/// whose result partition the failure names as lost (`PartitionException`), which are restarted too.
///
/// Every exchange here is pipelined. So the consumers of a region and the producers that cannot send again are in the
/// region itself, and no pipelined edge leads out of what restarts.
pub fn tasks_to_restart(
    strategy: FailoverStrategy,
    failed: &BTreeSet<SubtaskId>,
    unavailable: &BTreeSet<SubtaskId>,
    vertices: &[Vertex],
) -> BTreeSet<SubtaskId> {
    let hit = |vertex: &&Vertex| {
        failed.contains(&vertex.subtask) || unavailable.contains(&vertex.subtask)
    };
    let regions: BTreeSet<u32> = vertices.iter().filter(hit).map(|v| v.region).collect();
    vertices
        .iter()
        .filter(|vertex| match strategy {
            FailoverStrategy::Full => true,
            FailoverStrategy::Region => regions.contains(&vertex.region),
        })
        .filter(|vertex| !vertex.created)
        .map(|vertex| vertex.subtask)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pipelines of three tasks without a shuffle; the last task of the second has never been scheduled.
    fn vertices() -> Vec<Vertex> {
        let vertex = |subtask, region, created| Vertex {
            subtask,
            region,
            created,
        };
        vec![
            vertex(0, 0, false),
            vertex(1, 1, false),
            vertex(2, 0, false),
            vertex(3, 1, false),
            vertex(4, 0, false),
            vertex(5, 1, true),
        ]
    }

    fn restarted(strategy: FailoverStrategy, failed: &[u32], unavailable: &[u32]) -> Vec<u32> {
        let set = |tasks: &[u32]| tasks.iter().copied().collect();
        tasks_to_restart(strategy, &set(failed), &set(unavailable), &vertices())
            .into_iter()
            .collect()
    }

    #[test]
    fn a_region_restarts_alone_and_without_what_never_ran() {
        assert_eq!(restarted(FailoverStrategy::Region, &[2], &[]), [0, 2, 4]);
        assert_eq!(restarted(FailoverStrategy::Region, &[3], &[]), [1, 3]);
        assert_eq!(
            restarted(FailoverStrategy::Region, &[2, 3], &[]),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn the_region_of_a_lost_partition_joins_in() {
        assert_eq!(
            restarted(FailoverStrategy::Region, &[4], &[1]),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn full_means_all() {
        assert_eq!(
            restarted(FailoverStrategy::Full, &[3], &[]),
            [0, 1, 2, 3, 4]
        );
    }
}
