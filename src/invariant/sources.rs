//! Sources read their splits in order, from where they were restored.

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::sink_fact::OffsetReset;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::{LeaderView, Scene};
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "K1",
        "An attempt reads each of its splits in the order of offsets, without a gap, from the offset that it restored.",
    ),
    safety(
        "K4",
        "A split is read only by the source that owns it, in an attempt that was deployed and has not reported its end.",
    ),
    safety(
        "P2",
        "Each split has at most one reader among the attempts of a source in the execution graph.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Sources {
    in_order: Tally,
    owned: Tally,
    alone: Tally,
    /// By split; the latest reader last. Those that were replaced may go on for a while where nobody can tell them.
    readers: Vec<Vec<Reader>>,
    /// By subtask.
    deployed: Vec<Vec<Deployed>>,
}

/// An attempt that the JobMaster has scheduled.
#[derive(Clone, Debug)]
struct Deployed {
    attempt: Attempt,
    /// The checkpoint that it starts from.
    from: CheckpointId,
    /// Its splits in the graph that it belongs to.
    splits: Vec<SplitId>,
}

#[derive(Clone, Copy, Debug)]
struct Reader {
    subtask: SubtaskId,
    attempt: Attempt,
    /// The largest number: it should have restored an offset, but did not.
    next: u64,
    is_owner: bool,
    ended: bool,
}

impl Sources {
    pub fn new(scene: &Scene) -> Sources {
        let [in_order, owned, alone] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let readers = vec![Vec::new(); topology.splits.len()];
        Sources {
            in_order,
            owned,
            alone,
            readers,
            deployed: vec![Vec::new(); topology.subtasks.len()],
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of the most frequent fact"
    )]
    pub fn emitted(
        &mut self,
        header: &Header,
        subtask: SubtaskId,
        attempt: Attempt,
        split: SplitId,
        first: u64,
        records: u32,
        scene: &Scene,
    ) {
        let readers = &mut self.readers[split as usize];
        // Nearly always the latest reader goes on as it should.
        if let Some(reader) = readers.last_mut()
            && (reader.subtask, reader.attempt, reader.next) == (subtask, attempt, first)
            && reader.is_owner
            && !reader.ended
        {
            reader.next = first + u64::from(records);
            self.in_order.held();
            return self.owned.held();
        }
        let reader = self.reader(subtask, attempt, split);
        let (next, may_read) = (reader.next, reader.is_owner && !reader.ended);
        reader.next = first + u64::from(records);
        self.in_order.expect(first == next, header, || match next {
            u64::MAX => format!(
                "{} reads split {split} from {first} without having restored an offset",
                scene.task(subtask)
            ),
            next => format!(
                "{} reads split {split} from {first} instead of {next}",
                scene.task(subtask)
            ),
        });
        self.owned.expect(may_read, header, || {
            format!(
                "{} attempt {} reads split {split}, which it may not",
                scene.task(subtask),
                attempt.number()
            )
        });
    }

    /// What is known of an attempt and a split; one that has restored nothing is heard of when it reads, or jumps, first.
    fn reader(&mut self, subtask: SubtaskId, attempt: Attempt, split: SplitId) -> &mut Reader {
        let readers = &mut self.readers[split as usize];
        let is = |reader: &Reader| reader.attempt == attempt && reader.subtask == subtask;
        let found = readers.iter().rposition(is);
        let found = found.unwrap_or_else(|| {
            // Nothing restored: right only at the very beginning.
            let deployed = self.deployed[subtask as usize]
                .iter()
                .find(|known| known.attempt == attempt);
            let owns = deployed.is_some_and(|known| known.splits.contains(&split));
            let next = if deployed.is_some_and(|known| known.from == 0) {
                0
            } else {
                u64::MAX
            };
            readers.push(Reader {
                subtask,
                attempt,
                next,
                is_owner: owns,
                ended: false,
            });
            readers.len() - 1
        });
        &mut readers[found]
    }

    /// Whether the split belongs to an attempt of another subtask of the same source that the leader counts as alive. Other
    /// jobs may read the topic too.
    fn has_another_reader(&self, split: SplitId, subtask: SubtaskId, scene: &Scene) -> bool {
        let Some((_, leader)) = scene.current_leader() else {
            return false;
        };
        let source =
            |subtask: SubtaskId| scene.blueprint.topology.subtasks[subtask as usize].operator;
        self.readers[split as usize].iter().any(|reader| {
            let known = &leader.tasks[reader.subtask as usize];
            reader.subtask != subtask
                && source(reader.subtask) == source(subtask)
                && reader.is_owner
                && !reader.ended
                && known.attempt == reader.attempt
                && known.is_live()
        })
    }

    /// An attempt has splits from here on, and reads each from an offset.
    fn given(
        &mut self,
        header: &Header,
        subtask: SubtaskId,
        attempt: Attempt,
        splits: &[(SplitId, u64)],
        scene: &Scene,
    ) {
        let mut known = self.deployed[subtask as usize].iter();
        let deployed = known.any(|known| known.attempt == attempt);
        for (split, next) in splits {
            let others = self.has_another_reader(*split, subtask, scene);
            // An attempt that has been replaced is not in the graph, and reads on where nobody can tell it.
            let current = deployed && self.is_current(subtask, attempt, scene);
            let is_owner = deployed && !(current && others);
            if current {
                self.alone.expect(!others, header, || {
                    let task = scene.task(subtask);
                    format!("{task} takes split {split}, which another subtask reads")
                });
            }
            let reader = Reader {
                subtask,
                attempt,
                next: *next,
                is_owner,
                ended: false,
            };
            self.readers[*split as usize].push(reader);
        }
    }

    fn is_current(&self, subtask: SubtaskId, attempt: Attempt, scene: &Scene) -> bool {
        let Some((_, leader)) = scene.current_leader() else {
            return false;
        };
        let known = &leader.tasks[subtask as usize];
        known.attempt == attempt && known.is_live()
    }

    /// The TaskManager says that the attempt is over: it reads no more.
    fn ended(&mut self, subtask: SubtaskId, attempt: Attempt, scene: &Scene) {
        let topology = &scene.blueprint.topology;
        for split in &topology.jobs[topology.job_of(subtask) as usize].splits {
            let readers = self.readers[*split as usize].iter_mut();
            for reader in
                readers.filter(|reader| reader.subtask == subtask && reader.attempt == attempt)
            {
                reader.ended = true;
            }
        }
    }
}

impl Checker for Sources {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                taskmanager,
            } => {
                let topology = &scene.blueprint.topology;
                if !topology.is_source(*subtask) {
                    return;
                }
                match state {
                    ExecutionState::Scheduled => {
                        let job = topology.job_of(*subtask) as usize;
                        // Under Flink a leader schedules before it can be found.
                        let leads = |leader: &&LeaderView| match scene.is_flink() {
                            true => leader.granted,
                            false => leader.token == Some(attempt.token()),
                        };
                        let leader = scene.leader(header.actor).filter(leads);
                        let deployed = leader.map(|leader| {
                            let job = &leader.jobs[job];
                            let vertex = job.layout.get(*subtask);
                            Deployed {
                                attempt: *attempt,
                                from: job.retrieved,
                                splits: vertex
                                    .map_or_else(Vec::new, |vertex| vertex.splits.clone()),
                            }
                        });
                        self.deployed[*subtask as usize].extend(deployed);
                    }
                    // Of a TaskManager that is lost the leader only assumes that it is over.
                    ExecutionState::Canceled if !scene.is_flink() => {
                        let current = scene.current_leader().zip(*taskmanager);
                        if current.is_some_and(|((_, leader), host)| {
                            leader.is_registered(host, &scene.blueprint)
                        }) {
                            self.ended(*subtask, *attempt, scene);
                        }
                    }
                    _ => {}
                }
            }
            Fact::OffsetReset(OffsetReset {
                subtask,
                attempt,
                split,
                from,
                to,
            }) => {
                let reader = self.reader(*subtask, *attempt, *split);
                let next = std::mem::replace(&mut reader.next, *to);
                self.in_order
                    .expect(next == *from && from < to, header, || {
                        format!(
                            "{} leaves split {split} at {from} for {to}, and was at {next}",
                            scene.task(*subtask)
                        )
                    });
            }
            // What is given to a reader that runs it owns like what it restored.
            Fact::Source(SourceFact::SplitsAdded {
                subtask,
                attempt,
                splits,
            }) => self.given(header, *subtask, *attempt, splits, scene),
            Fact::TaskEnded {
                subtask, attempt, ..
            } => self.ended(*subtask, *attempt, scene),
            Fact::TaskRestored {
                subtask,
                attempt,
                offsets,
                ..
            } => self.given(header, *subtask, *attempt, offsets, scene),
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.in_order, &self.owned, &self.alone]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM};

    const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);

    fn emit(
        stage: &mut Stage,
        attempt: Attempt,
        split: SplitId,
        first: u64,
        records: u32,
    ) -> &mut Stage {
        stage.says(
            TM(0),
            Fact::SourceEmitted {
                subtask: 0,
                attempt,
                split,
                first,
                records,
            },
        )
    }

    #[test]
    fn what_retention_has_taken_is_jumped_over_before_the_first_record_too() {
        let jump = |from, to| {
            Fact::OffsetReset(OffsetReset {
                subtask: 0,
                attempt: A(1),
                split: 0,
                from,
                to,
            })
        };
        let mut stage = Stage::running();
        stage.says(TM(0), jump(0, 12)).says(TM(0), jump(12, 20));
        emit(&mut stage, A(1), 0, 20, 5).holds("K1");
        stage.says(TM(0), jump(24, 30)).broken("K1", 1);
    }

    /// The first source restarts from offset 33 of a checkpoint.
    fn restarted() -> Stage {
        let mut stage = Stage::running();
        emit(&mut stage, A(1), 0, 0, 50);
        stage.sees(0, 0, A(1), ExecutionState::Canceled, 0);
        stage.says(
            JM(0),
            Fact::RetrievalStarted {
                job: 0,
                recovery: 2,
                checkpoint: 4,
            },
        );
        stage.sees(0, 0, A(2), ExecutionState::Scheduled, 0);
        restores(&mut stage, 0, A(2));
        stage
    }

    /// A source takes the first split at offset 33 of checkpoint 4.
    fn restores(stage: &mut Stage, subtask: SubtaskId, attempt: Attempt) {
        let fact = Fact::TaskRestored {
            subtask,
            attempt,
            checkpoint: 4,
            applied: Default::default(),
            key_groups: None,
            offsets: vec![(0, 33)],
        };
        stage.says(TM(0), fact);
    }

    #[test]
    fn reading_goes_on_where_it_should() {
        let mut stage = Stage::running();
        emit(emit(&mut stage, A(1), 0, 0, 10), A(1), 0, 10, 5)
            .broken("K1", 0)
            .broken("K4", 0)
            .clean();
        emit(emit(&mut restarted(), A(2), 0, 33, 10), A(2), 0, 43, 5)
            .broken("K1", 0)
            .broken("K4", 0);
    }

    #[test]
    fn gaps_repetitions_and_wrong_starts_are_noticed() {
        emit(&mut Stage::running(), A(1), 0, 1, 10).broken("K1", 1);
        emit(emit(&mut Stage::running(), A(1), 0, 0, 10), A(1), 0, 9, 5).broken("K1", 1);
        emit(&mut restarted(), A(2), 0, 0, 10).broken("K1", 1);
        emit(&mut restarted(), A(2), 0, 50, 10).broken("K1", 1);
    }

    #[test]
    fn strangers_and_the_dead_do_not_read() {
        emit(&mut Stage::running(), A(1), 1, 0, 10).broken("K4", 1);
        emit(&mut Stage::running(), A(9), 0, 0, 10).broken("K4", 1);
        emit(&mut restarted(), A(1), 0, 50, 10)
            .broken("K4", 1)
            .broken("K1", 0);
    }

    #[test]
    fn a_split_with_two_readers_is_noticed() {
        restarted().broken("P2", 0);
        let mut stage = restarted();
        stage.sees(0, 1, A(1), ExecutionState::Canceled, 0);
        // Its TaskManager has not heard of it.
        restores(&mut stage, 1, A(1));
        stage.broken("P2", 0);
        stage.sees(0, 1, A(2), ExecutionState::Scheduled, 0);
        restores(&mut stage, 1, A(2));
        stage.broken("P2", 1);
    }
}
