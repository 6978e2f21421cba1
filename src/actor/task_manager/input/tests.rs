//! What the input gate promises.

use super::*;
use crate::dataflow::batch::Alignment;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::record::Record;

fn gate(channels: u32) -> InputGate {
    InputGate::new(inputs(channels), 4, true, true)
}

fn inputs(channels: u32) -> Vec<InputChannel> {
    let connected = |channel| {
        let mut input = InputChannel::new(channel, ActorId(0), Attempt::default(), 0);
        input.connection = 1;
        input.upstream.went_to = Some(0);
        input
    };
    (0..channels).map(connected).collect()
}

fn records(offsets: std::ops::Range<u64>) -> Element {
    Element::Records(Batch::new(
        &offsets.map(|o| Record::new(0, o)).collect::<Vec<_>>(),
    ))
}

fn barrier(checkpoint: CheckpointId) -> Element {
    Element::Barrier(checkpoint, Alignment::Aligned)
}

fn drain(gate: &mut InputGate, aborted: CheckpointId) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(input) = gate.next(aborted, Time::ZERO) {
        seen.push(match input {
            Input::Batch { input, batch, .. } => {
                format!("{input}:{}", batch.first().offset())
            }
            Input::Aligned { barrier, .. } => format!("aligned {}", barrier.checkpoint),
            Input::Hopeless(checkpoint) => format!("hopeless {checkpoint}"),
        });
    }
    seen
}

#[test]
fn a_barrier_blocks_its_channel_until_all_have_come() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    gate.push(1, Time::ZERO, records(0..2));
    assert_eq!(drain(&mut gate, 0), ["1:0"]);
    gate.push(1, Time::ZERO, barrier(1));
    gate.push(1, Time::ZERO, records(2..4));
    assert_eq!(drain(&mut gate, 0), ["aligned 1", "0:10", "1:2"]);
}

/// Where a barrier may be counted at once, that comes to the same as its way through the queue.
#[test]
fn a_barrier_that_is_only_counted_blocks_its_channel_too() {
    let aligned = Barrier {
        checkpoint: 1,
        alignment: Alignment::Aligned,
        triggered_at: Time::ZERO,
    };
    let mut gate = InputGate::new(inputs(3), 4, false, true);
    assert!(
        !gate.count_barrier(0, aligned, Time::ZERO),
        "it is the first"
    );
    gate.push(0, Time::ZERO, barrier(1));
    assert!(drain(&mut gate, 0).is_empty());
    gate.push(2, Time::ZERO, records(0..1));
    assert!(!gate.count_barrier(1, aligned, Time::ZERO), "records wait");
    assert_eq!(drain(&mut gate, 0), ["2:0"]);
    assert!(gate.count_barrier(1, aligned, Time::ZERO));
    gate.push(1, Time::ZERO, records(5..6));
    assert!(drain(&mut gate, 0).is_empty(), "its channel is blocked");
    assert!(
        !gate.count_barrier(2, aligned, Time::ZERO),
        "it is the last"
    );
    gate.push(2, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1", "1:5"]);
}

#[test]
fn at_least_once_barriers_are_counted_and_hold_nothing_up() {
    let mut gate = InputGate::new(inputs(2), 4, false, false);
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    gate.push(1, Time::ZERO, records(0..2));
    assert_eq!(drain(&mut gate, 0), ["0:10", "1:0"]);
    gate.push(1, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1"]);
}

/// Barriers of several checkpoints are counted side by side, and the first that is whole subsumes those before it.
#[test]
fn at_least_once_a_newer_barrier_does_not_end_the_count_of_an_older_one() {
    let mut gate = InputGate::new(inputs(2), 4, false, false);
    for checkpoint in [1, 2, 3] {
        gate.push(0, Time::ZERO, barrier(checkpoint));
    }
    assert!(drain(&mut gate, 0).is_empty());
    gate.push(1, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1"]);
    gate.push(1, Time::ZERO, barrier(3));
    gate.push(1, Time::ZERO, barrier(2));
    assert_eq!(drain(&mut gate, 0), ["aligned 3"]);
    // Blocking barriers are those of one checkpoint.
    let mut gate = InputGate::new(inputs(2), 4, false, true);
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(1, Time::ZERO, barrier(2));
    gate.push(1, Time::ZERO, barrier(3));
    assert!(drain(&mut gate, 0).is_empty());
    gate.push(0, Time::ZERO, barrier(2));
    assert_eq!(drain(&mut gate, 0), ["aligned 2"]);
}

#[test]
fn an_abort_lets_blocked_channels_go_on_and_voids_late_barriers() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    assert!(drain(&mut gate, 0).is_empty());
    gate.abort(1);
    gate.push(1, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 1), ["0:10"]);
}

#[test]
fn credits_never_exceed_the_window() {
    let mut gate = gate(1);
    (0..4).for_each(|n| assert_eq!(gate.push(0, Time::ZERO, records(n..n + 1)), 0));
    gate.next(0, Time::ZERO);
    assert_eq!(
        gate.channels[0].fresh_credits(4),
        0,
        "three wait, one is in work"
    );
    gate.channels[0].consume();
    assert_eq!(gate.channels[0].credits_due(4), None);
    gate.next(0, Time::ZERO);
    gate.channels[0].consume();
    assert_eq!(gate.channels[0].credits_due(4), Some(2));
    assert_eq!(gate.channels[0].credits_due(4), None);
}

#[test]
fn a_lost_producer_makes_alignment_hopeless() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, barrier(1));
    assert!(drain(&mut gate, 0).is_empty());
    assert_eq!(gate.lose_producer(ActorId(0), 1), None);
    assert_eq!(gate.lose_producer(ActorId(0), 0), Some(1));
    gate.abort(1);
    gate.push(0, Time::ZERO, barrier(2));
    assert_eq!(drain(&mut gate, 1), ["hopeless 2"]);
    // Its successor is asked, and answers.
    gate.channels[0].asked = Some(ReplayFrom::Checkpoint(0));
    gate.channels[1].asked = Some(ReplayFrom::Checkpoint(0));
    gate.answered(0);
    gate.answered(1);
    gate.push(0, Time::ZERO, barrier(3));
    gate.push(1, Time::ZERO, barrier(3));
    assert_eq!(drain(&mut gate, 2), ["aligned 3"]);
}

#[test]
fn a_producer_that_has_yet_to_answer_is_not_lost_with_its_predecessor() {
    let mut gate = gate(2);
    gate.channels[1].asked = Some(ReplayFrom::Checkpoint(0));
    gate.channels[0].upstream.went_to = Some(1);
    gate.push(0, Time::ZERO, barrier(1));
    assert!(drain(&mut gate, 0).is_empty());
    assert_eq!(gate.lose_producer(ActorId(0), 0), None);
    gate.answered(1);
    gate.push(1, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1"]);
    let mut waits = Vec::new();
    while gate.channels[1].back_off(Span::from_ms(100), Span::from_ms(350)) {
        waits.push(gate.channels[1].upstream.request_backoff.as_ms());
    }
    assert_eq!(waits, [100.0, 200.0, 350.0]);
}

#[test]
fn no_checkpoint_before_a_restored_producer_has_caught_up_with_its_predecessor() {
    let mut gate = gate(1);
    gate.push(0, Time::ZERO, records(0..10));
    gate.channels[0].expect_again_since(0);
    gate.push(0, Time::ZERO, records(0..5));
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(0, Time::ZERO, records(5..12));
    gate.push(0, Time::ZERO, barrier(2));
    assert_eq!(
        drain(&mut gate, 0),
        ["0:0", "hopeless 1", "0:10", "aligned 2"]
    );
}

#[test]
fn what_came_since_the_checkpoint_is_dropped_once_when_it_comes_again() {
    let mut gate = gate(1);
    gate.push(0, Time::ZERO, records(0..5));
    gate.push(0, Time::ZERO, barrier(1));
    gate.push(0, Time::ZERO, records(5..8));
    gate.channels[0].expect_again_since(1);
    assert_eq!(gate.push(0, Time::ZERO, records(5..7)), 2);
    assert_eq!(gate.push(0, Time::ZERO, records(7..10)), 1);
    assert_eq!(gate.push(0, Time::ZERO, records(10..11)), 0);
    // A second restore, from the same checkpoint, sends all of it again.
    gate.channels[0].expect_again_since(1);
    assert_eq!(gate.push(0, Time::ZERO, records(5..12)), 6);
    assert_eq!(
        drain(&mut gate, 0),
        ["0:0", "aligned 1", "0:5", "0:8", "0:10", "0:11"]
    );
}

/// First offset of each batch that a checkpoint's barriers have overtaken, by channel; none: it waits for barriers.
fn collected(gate: &mut InputGate) -> Option<Vec<(ChannelId, Vec<u64>)>> {
    let overtaken = gate.take_collected()?.overtaken.into_iter();
    let first = |batch: &Batch| batch.records()[0].offset();
    Some(
        overtaken
            .map(|(channel, batches)| (channel, batches.iter().map(first).collect()))
            .collect(),
    )
}

#[test]
fn a_barrier_that_overtakes_keeps_what_lies_and_what_comes_before_barriers() {
    let mut gate = gate(3);
    let overtaking = || Element::Barrier(1, Alignment::Unaligned);
    gate.push(0, Time::ZERO, records(0..2));
    gate.push(0, Time::ZERO, overtaking());
    gate.push(0, Time::ZERO, records(2..4));
    gate.push(1, Time::ZERO, records(10..12));
    let urgent = gate.take_urgent(0).and_then(Result::ok);
    let urgent = urgent.expect("the barrier is seen ahead of the records");
    gate.begin_overtaking(urgent, Time::ZERO);
    assert!(gate.take_urgent(0).is_none());
    gate.push(1, Time::ZERO, records(12..14));
    gate.push(1, Time::ZERO, overtaking());
    gate.push(1, Time::ZERO, records(14..16));
    assert_eq!(collected(&mut gate), None);
    gate.push(2, Time::ZERO, overtaking());
    assert_eq!(
        collected(&mut gate),
        Some(vec![(0, vec![0]), (1, vec![10, 12])])
    );
    // Nothing is taken out of the queues, and no barrier is met again.
    let offsets = ["0:0", "0:2", "1:10", "1:12", "1:14"];
    assert_eq!(drain(&mut gate, 0), offsets);
    assert!(collected(&mut gate).is_none());
}

#[test]
fn an_alignment_that_times_out_goes_on_without_its_turn() {
    let mut gate = gate(2);
    let timeoutable = || Element::Barrier(1, Alignment::Timeoutable);
    gate.push(0, Time::ZERO, timeoutable());
    gate.push(0, Time::ZERO, records(2..4));
    gate.push(1, Time::ZERO, records(10..12));
    assert!(gate.take_urgent(0).is_none());
    assert_eq!(drain(&mut gate, 0), ["1:10"]);
    gate.push(1, Time::ZERO, records(12..14));
    gate.time_out();
    let urgent = gate
        .take_urgent(0)
        .and_then(Result::ok)
        .expect("it hurries");
    assert_eq!(urgent.alignment, Alignment::Unaligned);
    gate.begin_overtaking(urgent, Time::ZERO);
    gate.push(1, Time::ZERO, timeoutable());
    // The first channel had been aligned: what lies there is behind its barrier.
    assert_eq!(collected(&mut gate), Some(vec![(1, vec![12])]));
    assert_eq!(drain(&mut gate, 0), ["0:2", "1:12"]);
}

#[test]
fn a_checkpoint_that_is_given_up_keeps_nothing() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, Element::Barrier(1, Alignment::Unaligned));
    let urgent = gate.take_urgent(0).and_then(Result::ok).expect("it came");
    gate.begin_overtaking(urgent, Time::ZERO);
    assert_eq!(gate.lose_producer(ActorId(0), 0), Some(1));
    gate.abort(1);
    gate.push(1, Time::ZERO, Element::Barrier(1, Alignment::Unaligned));
    assert!(collected(&mut gate).is_none());
    assert!(gate.take_urgent(1).is_none());
}

#[test]
fn marks_are_met_in_their_turn() {
    let mark = |time| Element::Mark(Mark::Watermark(EventTime(time)));
    let mut gate = gate(2);
    gate.keep_event_time();
    gate.push(0, Time::ZERO, mark(5));
    gate.push(1, Time::ZERO, records(0..2));
    gate.push(1, Time::ZERO, mark(3));
    gate.push(1, Time::ZERO, barrier(1));
    gate.push(1, Time::ZERO, mark(9));
    assert!(!gate.has_marks());
    let first = gate.next(0, Time::ZERO);
    assert!(matches!(first, Some(Input::Batch { input: 1, .. })));
    // The record before it has yet to be handled.
    assert!(!gate.has_marks());
    assert!(drain(&mut gate, 0).is_empty());
    assert_eq!(gate.take_marks(), [Mark::Watermark(EventTime(3))]);
    // Behind a barrier it waits until the other one has come.
    gate.push(0, Time::ZERO, barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1"]);
    assert_eq!(gate.take_marks(), [Mark::Watermark(EventTime(5))]);
}
