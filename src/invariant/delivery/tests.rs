//! Each promise of the ledger, kept and broken.

use std::sync::Arc;

use super::*;
use crate::actor::checkpoint::{Attempt, HeldRecords};
use crate::actor::message::Batches;
use crate::actor::sink_fact::{AbortCause, OffsetReset, SinkFact};
use crate::dataflow::batch::Batch;
use crate::dataflow::sink::{KafkaSink, SinkSpec, SinkTarget, TransactionNaming};
use crate::invariant::stage::{blueprint, completed};
use crate::kernel::{ActorId, EventId, Span};

/// The sink of the checkers' small cluster.
const SINK: SubtaskId = 4;

struct Run {
    delivery: Delivery,
    event: u64,
}

impl Run {
    fn new(target: SinkTarget, guarantee: Guarantee) -> Run {
        let mut blueprint = Arc::unwrap_or_clone(blueprint());
        let sink = &mut blueprint.topology.operators[2].spec.kind;
        if let OperatorKind::Sink { spec, .. } = sink {
            *spec = SinkSpec {
                target,
                guarantee,
                linger: Span::ZERO,
            };
        }
        Run {
            delivery: Delivery::new(&Arc::new(blueprint)),
            event: 0,
        }
    }

    fn kafka() -> Run {
        let kafka = KafkaSink {
            topic: "out".into(),
            partitions: 1,
            transaction_timeout: Span::from_secs(60),
            naming: TransactionNaming::Incrementing,
        };
        Run::new(SinkTarget::Kafka(kafka), Guarantee::ExactlyOnce)
    }

    fn fact(&mut self, fact: Fact) -> &mut Run {
        self.event += 1;
        let header = Header {
            time: Time(self.event),
            event: EventId(self.event),
            cause: EventId(self.event),
            actor: ActorId(0),
        };
        self.delivery.fact(&header, &fact);
        self
    }

    fn write(&mut self, offsets: std::ops::Range<u64>) -> &mut Run {
        let (sink, attempt) = (SINK, Attempt::default());
        let batches = records(offsets);
        self.fact(Fact::Sink(SinkFact::Written {
            sink,
            attempt,
            batches,
        }))
    }

    fn complete(&mut self, checkpoint: CheckpointId, offset: u64) -> &mut Run {
        self.fact(completed(checkpoint, &[(0, offset), (1, 0)]))
    }

    fn restore(&mut self, checkpoint: CheckpointId) -> &mut Run {
        self.fact(Fact::RetrievalDone {
            job: 0,
            recovery: 1,
            checkpoint,
            offsets: Vec::new(),
            bytes: 0,
        })
    }

    fn commit(&mut self, covered_by: CheckpointId, offsets: std::ops::Range<u64>) -> &mut Run {
        let batches = records(offsets);
        self.fact(Fact::Sink(SinkFact::TransactionCommitted {
            sink: SINK,
            transaction: covered_by,
            covered_by,
            batches,
        }))
    }

    fn abort(&mut self, cause: AbortCause, offsets: std::ops::Range<u64>) -> &mut Run {
        let batches = records(offsets);
        self.fact(Fact::Sink(SinkFact::TransactionAborted {
            sink: SINK,
            transaction: 9,
            cause,
            batches,
        }))
    }

    fn expire(&mut self, offsets: std::ops::Range<u64>) -> &mut Run {
        self.abort(AbortCause::Timeout, offsets)
    }

    fn done(&mut self, checkpoint: CheckpointId) -> &mut Run {
        let (sink, attempt) = (SINK, Attempt::default());
        self.fact(Fact::Sink(SinkFact::CommitterDone {
            sink,
            attempt,
            checkpoint,
        }))
    }

    /// Records that are lost and doubled, all in the first partition.
    fn counts(&self) -> (u64, u64) {
        let outcome = self.delivery.outcome();
        let count = |offsets: &BTreeMap<SplitId, Vec<u64>>| {
            offsets.values().map(Vec::len).sum::<usize>() as u64
        };
        (count(&outcome.lost), count(&outcome.duplicated))
    }

    /// Promises that are broken.
    fn broken(&self) -> Vec<&'static str> {
        let promises = self.delivery.promises().into_iter();
        // Operators state nothing here.
        let broken =
            promises.filter(|(id, _, _, violations)| *id != "C6" && !violations.is_empty());
        broken.map(|(id, ..)| id).collect()
    }
}

fn records(offsets: std::ops::Range<u64>) -> Batches {
    let records: Vec<_> = offsets.map(|offset| Record::new(0, offset)).collect();
    Batches(Arc::new(vec![Batch::new(&records)]))
}

#[test]
fn at_least_once_may_write_again_what_a_restart_goes_back_to() {
    let mut run = Run::new(SinkTarget::Append, Guarantee::AtLeastOnce);
    run.write(0..10).complete(1, 10).write(10..15).restore(1);
    run.write(10..20).complete(2, 20);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 5)));
}

#[test]
fn at_least_once_may_not_write_again_what_lies_before_the_restart() {
    let mut run = Run::new(SinkTarget::Append, Guarantee::AtLeastOnce);
    run.write(0..10).complete(1, 10).restore(1).write(9..12);
    assert_eq!(run.broken(), ["S6-again"]);
    let (.., violations) = run.delivery.promises()[5];
    assert!(
        violations[0].2.contains("t partition 0 offsets 9-9"),
        "{violations:?}"
    );
    // Once for each restart.
    let mut run = Run::new(SinkTarget::Append, Guarantee::AtLeastOnce);
    run.write(0..10).complete(1, 5).restore(1);
    run.write(5..6).write(5..6);
    assert_eq!(run.broken(), ["S6-again"]);
}

#[test]
fn at_least_once_may_not_complete_without_its_records() {
    let mut run = Run::new(SinkTarget::Append, Guarantee::AtLeastOnce);
    run.write(0..8).complete(1, 10);
    assert_eq!((run.broken(), run.counts()), (vec!["S6-all"], (2, 0)));
}

#[test]
fn nothing_is_promised_and_everything_counted() {
    let mut run = Run::new(SinkTarget::Append, Guarantee::None);
    run.write(0..8).complete(1, 10);
    // They may still be on their way.
    assert_eq!(run.counts(), (0, 0));
    run.restore(1).write(10..12).write(10..12);
    assert_eq!((run.broken(), run.counts()), (vec![], (2, 2)));
    assert!(run.delivery.outcome().sinks[0].losses[0].excused);
    // A zombie brings them after all.
    run.write(8..10);
    assert_eq!(run.counts(), (0, 2));
}

#[test]
fn what_is_written_over_itself_is_not_doubled() {
    let mut run = Run::new(SinkTarget::Upsert, Guarantee::AtLeastOnce);
    run.write(0..10).complete(1, 5).restore(1).write(5..10);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 0)));
    assert_eq!(run.delivery.outcome().sinks[0].overwritten, 5);
}

#[test]
fn transactions_show_what_completed_checkpoints_cover_once() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..10).done(1);
    run.complete(2, 20).commit(2, 10..20).done(2);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 0)));
    run.commit(2, 19..20);
    assert_eq!((run.broken(), run.counts()), (vec!["S1-once"], (0, 1)));
}

#[test]
fn transactions_of_no_completed_checkpoint_are_noticed() {
    let mut run = Run::kafka();
    run.commit(1, 0..10);
    assert_eq!(run.broken(), ["S2"]);
    let mut run = Run::kafka();
    run.complete(1, 9).commit(1, 0..10);
    assert_eq!(run.broken(), ["S2"]);
}

#[test]
fn what_expired_is_lost_and_excused_from_when_its_checkpoint_was_complete() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..10).done(1);
    run.expire(10..15).complete(2, 15).done(2);
    assert_eq!((run.broken(), run.counts()), (vec![], (5, 0)));
    let outcome = run.delivery.outcome();
    let [loss] = outcome.sinks[0].losses.as_slice() else {
        panic!("{outcome:?}");
    };
    // It expires with the fourth fact, and could be read again until the fifth.
    assert!(loss.excused);
    assert_eq!((loss.at, loss.event), (Time(5), 5));
}

#[test]
fn what_expired_is_excused_although_an_earlier_checkpoint_lacks_something_too() {
    let mut run = Run::kafka();
    run.complete(1, 10).complete(2, 20);
    run.expire(5..10).expire(10..20).commit(1, 0..5).done(1);
    run.done(2);
    assert_eq!((run.broken(), run.counts()), (vec![], (15, 0)));
}

#[test]
fn what_a_zombie_takes_from_its_successor_is_excused_and_not_the_reverse() {
    let aborted = |cause| {
        let mut run = Run::kafka();
        run.abort(cause, 0..10).complete(1, 10).done(1);
        (run.broken(), run.counts())
    };
    assert_eq!(aborted(AbortCause::Overridden), (vec![], (10, 0)));
    let missing = (vec!["S1-all"], (10, 0));
    assert_eq!(aborted(AbortCause::NewProducer), missing);
}

#[test]
fn what_is_missing_without_a_reason_is_noticed() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..8).expire(8..9).done(1);
    assert_eq!((run.broken(), run.counts()), (vec!["S1-all"], (2, 0)));
}

#[test]
fn a_restart_behind_what_was_committed_doubles_it() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..10).done(1);
    run.complete(2, 20).commit(2, 10..20).done(2);
    run.restore(1).complete(3, 25).commit(3, 10..25).done(3);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 10)));
}

#[test]
fn what_is_committed_late_behind_an_older_checkpoint_is_doubled() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..10).done(1).complete(2, 20);
    run.restore(1).commit(2, 10..20).complete(3, 25);
    run.commit(3, 10..25).done(3);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 10)));
    // Once more for each restart, and no more.
    run.commit(3, 19..20);
    assert_eq!(run.broken(), ["S1-once"]);
}

/// An attempt of the source goes on elsewhere.
fn skip(run: &mut Run, number: u32, offsets: std::ops::Range<u64>) -> &mut Run {
    run.fact(Fact::OffsetReset(OffsetReset {
        subtask: 0,
        attempt: Attempt::new(1, number),
        split: 0,
        from: offsets.start,
        to: offsets.end,
    }))
}

#[test]
fn what_retention_took_is_lost_and_excused_and_nothing_else() {
    let mut run = Run::kafka();
    run.complete(1, 10).commit(1, 0..10).done(1).restore(1);
    skip(&mut run, 1, 10..20);
    run.complete(2, 25).commit(2, 20..25).done(2);
    assert_eq!((run.broken(), run.counts()), (vec![], (10, 0)));
    let mut run = Run::kafka();
    skip(&mut run, 1, 10..20);
    run.complete(1, 25).commit(1, 0..9).done(1);
    assert_eq!((run.broken(), run.counts()), (vec!["S1-all"], (16, 0)));
}

#[test]
fn a_gap_that_is_read_again_counts_as_it_is_then() {
    let mut run = Run::kafka();
    skip(&mut run, 1, 0..5);
    skip(&mut run, 1, 7..9);
    // From before both, or from between them.
    skip(run.restore(0), 2, 0..6);
    let gaps = |run: &Run| {
        let skipped = run.delivery.skipped.values().flatten();
        skipped.map(|skipped| skipped.to).collect::<Vec<_>>()
    };
    assert_eq!(gaps(&run), [6]);
    skip(run.restore(0), 3, 6..9);
    assert_eq!(gaps(&run), [6, 9]);
}

#[test]
fn a_gap_of_a_zombie_changes_nothing_where_its_successor_has_begun_anew() {
    let mut run = Run::kafka();
    skip(skip(&mut run, 2, 0..9), 1, 0..4);
    let gaps = run.delivery.skipped.values().flatten();
    assert_eq!(gaps.map(|skipped| skipped.to).collect::<Vec<_>>(), [9]);
}

#[test]
fn what_a_source_passes_over_that_has_been_replaced_excuses_nothing() {
    let lost = |number| {
        let mut run = Run::kafka();
        run.fact(Fact::TaskRestored {
            subtask: 0,
            attempt: Attempt::new(1, 2),
            checkpoint: 0,
            applied: Fingerprint::default(),
            key_groups: None,
            offsets: vec![(0, 10)],
        });
        skip(&mut run, number, 10..20);
        run.complete(1, 25)
            .commit(1, 0..10)
            .commit(1, 20..25)
            .done(1);
        run.broken()
    };
    assert_eq!(lost(1), ["S1-all"]);
    assert!(lost(2).is_empty());
}

/// Checkpoint 1 covers four records; two of them are still in a channel to the sink.
fn overtaken(run: &mut Run) -> &mut Run {
    let topology = &run.delivery.blueprint.topology;
    let mut channels = topology.channels.iter();
    let channel = channels.position(|channel| channel.consumer == SINK);
    let channel = channel.expect("the sink reads a channel") as u32;
    let held = records(2..4).0.iter().cloned().collect();
    run.fact(Fact::ChannelsOvertaken {
        subtask: SINK,
        attempt: Attempt::default(),
        checkpoint: 1,
        bytes: 1,
        channels: HeldRecords(Arc::new(ChannelState {
            inputs: vec![(channel, held)],
            outputs: Vec::new(),
        })),
    });
    run.complete(1, 4)
}

#[test]
fn what_a_barrier_overtook_comes_with_a_later_checkpoint_and_has_to_come() {
    let mut run = Run::kafka();
    overtaken(&mut run).commit(1, 0..2).done(1);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 0)));
    let mut late = Run::kafka();
    overtaken(&mut late).commit(1, 0..2).done(1);
    late.complete(2, 6).commit(2, 2..6).done(2);
    assert_eq!((late.broken(), late.counts()), (vec![], (0, 0)));
    run.complete(2, 6).commit(2, 4..6).done(2);
    assert_eq!((run.broken(), run.counts()), (vec!["S1-all"], (2, 0)));
}

#[test]
fn what_a_barrier_overtook_is_not_due_behind_an_older_checkpoint() {
    let mut run = Run::kafka();
    overtaken(&mut run).commit(1, 0..2).done(1);
    run.restore(0).complete(2, 1).commit(2, 0..1).done(2);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 1)));
    let mut lost = Run::kafka();
    overtaken(&mut lost).commit(1, 0..2).done(1);
    lost.restore(0).complete(2, 1).commit(2, 0..1).done(2);
    run.complete(3, 4).commit(3, 1..4).done(3);
    assert_eq!(run.broken(), [""; 0]);
    lost.complete(3, 4).commit(3, 1..2).done(3);
    assert_eq!((lost.broken(), lost.counts()), (vec!["S1-all"], (2, 2)));
}

#[test]
fn at_least_once_allows_what_a_restored_channel_brings_again() {
    let mut run = Run::new(SinkTarget::Append, Guarantee::AtLeastOnce);
    run.write(0..2);
    overtaken(&mut run).write(2..5).restore(1).write(2..5);
    assert_eq!((run.broken(), run.counts()), (vec![], (0, 3)));
    assert_eq!(run.write(1..2).broken(), ["S6-again"]);
}
