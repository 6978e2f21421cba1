//! Tasks are made one after the other on the TaskExecutor's main thread, in the order in which they were submitted; what
//! runs for the first time in a process loads its classes first.

use std::collections::{BTreeSet, VecDeque};

use crate::dataflow::topology::{JobId, OperatorId};
use crate::kernel::Span;

/// Tasks that were submitted and are not made yet (`TaskExecutor.submitTask`).
#[derive(Clone, Debug, Default)]
pub struct Deployments {
    /// The first one is at work. A task's number and what it takes of CPU.
    queue: VecDeque<(u32, Span)>,
    /// Jobs and operators whose tasks have run in this process: their classes are loaded.
    jobs: BTreeSet<JobId>,
    operators: BTreeSet<OperatorId>,
}

impl Deployments {
    /// Whether no task of the job has been deployed in this process before. Asked once for each.
    pub fn is_first_of_job(&mut self, job: JobId) -> bool {
        self.jobs.insert(job)
    }

    /// Whether no task of the operator has been initialised in this process before. Asked once for each.
    pub fn is_first_of_operator(&mut self, operator: OperatorId) -> bool {
        self.operators.insert(operator)
    }

    /// A task was submitted; what it takes, if it is its turn at once.
    pub fn push(&mut self, number: u32, work: Span) -> Option<Span> {
        self.queue.push_back((number, work));
        (self.queue.len() == 1).then_some(work)
    }

    /// A task is made, or will not be any more: whose turn it is now, if that has changed.
    pub fn done(&mut self, number: u32) -> Option<(u32, Span)> {
        let at = self
            .queue
            .iter()
            .position(|(queued, _)| *queued == number)?;
        self.queue.remove(at);
        if at > 0 {
            return None;
        }
        self.queue.front().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_is_made_at_a_time_and_in_order() {
        let mut deployments = Deployments::default();
        assert_eq!(deployments.push(4, Span(40)), Some(Span(40)));
        assert_eq!(deployments.push(5, Span(50)), None);
        assert_eq!(deployments.push(6, Span(60)), None);
        // One that waits is cancelled: nobody else's turn comes by that.
        assert_eq!(deployments.done(5), None);
        assert_eq!(deployments.done(4), Some((6, Span(60))));
        assert_eq!(deployments.done(6), None);
        assert_eq!(deployments.done(6), None);
        assert_eq!(deployments.push(7, Span(70)), Some(Span(70)));
    }
}
