//! Commits that come late, twice or from a restart.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::drill::steps::took;
use crate::kernel::{Span, Time};

use super::{Count, Counted};

#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    completed: BTreeMap<(JobId, CheckpointId), Time>,
    restarted: BTreeMap<JobId, Time>,
    committers: BTreeMap<SubtaskId, Committer>,
    late: Count,
    latest: Span,
    by_restart: Count,
    twice: Count,
}

/// The newest attempt that has committed anything, and up to which checkpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Committer {
    attempt: Attempt,
    done: CheckpointId,
}

impl Commits {
    pub(super) fn completed(&mut self, now: Time, job: JobId, checkpoint: CheckpointId) {
        self.completed.entry((job, checkpoint)).or_insert(now);
    }

    pub(super) fn restarts(&mut self, now: Time, job: JobId) {
        self.restarted.insert(job, now);
    }

    /// The committer is through with everything up to this checkpoint. What takes longer than `patience` is late.
    pub(super) fn done(
        &mut self,
        now: Time,
        job: JobId,
        sink: SubtaskId,
        (attempt, checkpoint): (Attempt, CheckpointId),
        patience: Span,
    ) {
        let committer = self.committers.entry(sink).or_default();
        let (before, done) = (committer.attempt, committer.done);
        committer.attempt = before.max(attempt);
        committer.done = done.max(checkpoint);
        if checkpoint <= done {
            // A restart commits once more whatever it has restored.
            if attempt == before && checkpoint == done {
                self.twice.add(now, 0);
            }
            return;
        }
        let mut left = self.completed.range((job, done + 1)..=(job, checkpoint));
        let Some((_, completed)) = left.next() else {
            return;
        };
        let restarted = self.restarted.get(&job);
        if restarted.is_some_and(|restarted| completed < restarted) {
            self.by_restart.add(now, 0);
        } else if now.since(*completed) >= patience {
            self.late.add(now, 0);
            self.latest = self.latest.max(now.since(*completed));
        }
    }

    pub(super) fn counted(&self) -> [Counted; 3] {
        let latest = took(self.latest);
        [
            (
                self.late,
                format!(
                    "a commit comes {latest} after its checkpoint had completed: word of that was lost or late"
                ),
                format!(
                    "commits come up to {latest} after their checkpoint had completed: word of that was lost or late"
                ),
            ),
            (
                self.by_restart,
                "a commit of a completed checkpoint was still to be made: the restart asks for it"
                    .to_owned(),
                "commits of a completed checkpoint were still to be made: the restart asks for them"
                    .to_owned(),
            ),
            (
                self.twice,
                "a committer hears twice that a checkpoint has completed: nothing changes"
                    .to_owned(),
                "times a committer hears again that a checkpoint has completed: nothing changes"
                    .to_owned(),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINK: SubtaskId = 7;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::from_secs(seconds)
    }

    /// Checkpoint n completes at 10 n seconds; commits are (seconds, attempt, checkpoint).
    fn told(restart: Option<u64>, commits: &[(u64, u32, CheckpointId)]) -> [u64; 3] {
        let mut all = Commits::default();
        for checkpoint in 1..=5 {
            all.completed(at(10 * checkpoint), 0, checkpoint);
        }
        for (seconds, attempt, checkpoint) in commits {
            if let Some(restart) = restart.filter(|restart| restart <= seconds) {
                all.restarts(at(restart), 0);
            }
            let what = (Attempt::new(1, *attempt), *checkpoint);
            all.done(at(*seconds), 0, SINK, what, Span::from_secs(10));
        }
        all.counted().map(|(count, ..)| count.times)
    }

    #[test]
    fn in_time_each_once_is_nothing() {
        assert_eq!(told(None, &[(11, 0, 1), (21, 0, 2), (31, 0, 3)]), [0; 3]);
        // A restart commits what has been committed already.
        assert_eq!(
            told(Some(25), &[(11, 0, 1), (21, 0, 2), (26, 1, 2), (31, 1, 3)]),
            [0; 3]
        );
    }

    #[test]
    fn word_that_is_lost_makes_the_next_one_commit_both() {
        assert_eq!(told(None, &[(11, 0, 1), (31, 0, 3)]), [1, 0, 0]);
        assert_eq!(
            told(None, &[(11, 0, 1), (29, 0, 2)]),
            [0; 3],
            "late, and not too late"
        );
    }

    #[test]
    fn what_a_restart_has_to_make_is_told_apart() {
        let commits = [(11, 0, 1), (26, 1, 2), (31, 1, 3)];
        assert_eq!(told(Some(25), &commits), [0, 1, 0]);
    }

    #[test]
    fn word_that_comes_twice_is_told() {
        assert_eq!(told(None, &[(11, 0, 1), (12, 0, 1)]), [0, 0, 1]);
    }
}
