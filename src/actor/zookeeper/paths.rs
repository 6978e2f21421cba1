//! Where jobs have what they keep in ZooKeeper (`ZooKeeperUtils`).

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

pub const PLANS: &str = "/execution-plans";
const JOBS: &str = "/jobs/";
const CHECKPOINTS: &str = "/checkpoints";

pub fn plan(job: JobId) -> String {
    format!("{PLANS}/{job}")
}

pub fn counter(job: JobId) -> String {
    format!("{JOBS}{job}/checkpoint_id_counter")
}

pub fn checkpoints(job: JobId) -> String {
    format!("{JOBS}{job}{CHECKPOINTS}")
}

/// What leads to a completed checkpoint.
pub fn pointer(job: JobId, checkpoint: CheckpointId) -> String {
    format!("{}/{checkpoint:019}", checkpoints(job))
}

/// The checkpoint that this leads to.
pub fn checkpoint_at(path: &str) -> Option<(JobId, CheckpointId)> {
    let (job, checkpoint) = path.strip_prefix(JOBS)?.split_once(CHECKPOINTS)?;
    let checkpoint = checkpoint.strip_prefix('/')?;
    Some((job.parse().ok()?, checkpoint.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_known_by_its_path() {
        assert_eq!(pointer(3, 12), "/jobs/3/checkpoints/0000000000000000012");
        assert_eq!(checkpoint_at(&pointer(3, 12)), Some((3, 12)));
        assert_eq!(checkpoint_at(&checkpoints(3)), None);
        assert_eq!(checkpoint_at(&counter(3)), None);
    }
}
