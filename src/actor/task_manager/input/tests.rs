//! What the input gate promises.

use super::*;
use crate::dataflow::record::Record;

fn gate(channels: u32) -> InputGate {
    InputGate::new(inputs(channels), 4, true, true)
}

fn inputs(channels: u32) -> Vec<InputChannel> {
    (0..channels)
        .map(|c| InputChannel::new(c, ActorId(0), Attempt::default(), 0))
        .collect()
}

fn records(offsets: std::ops::Range<u64>) -> Element {
    Element::Records(Batch::new(
        &offsets.map(|o| Record::new(0, o)).collect::<Vec<_>>(),
    ))
}

fn drain(gate: &mut InputGate, aborted: CheckpointId) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(input) = gate.next(aborted, Time::ZERO) {
        seen.push(match input {
            Input::Batch { input, batch, .. } => {
                format!("{input}:{}", batch.first().offset())
            }
            Input::Aligned { checkpoint, .. } => format!("aligned {checkpoint}"),
            Input::Hopeless(checkpoint) => format!("hopeless {checkpoint}"),
        });
    }
    seen
}

#[test]
fn a_barrier_blocks_its_channel_until_all_have_come() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, Element::Barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    gate.push(1, Time::ZERO, records(0..2));
    assert_eq!(drain(&mut gate, 0), ["1:0"]);
    gate.push(1, Time::ZERO, Element::Barrier(1));
    gate.push(1, Time::ZERO, records(2..4));
    assert_eq!(drain(&mut gate, 0), ["aligned 1", "0:10", "1:2"]);
}

#[test]
fn at_least_once_barriers_are_counted_and_hold_nothing_up() {
    let mut gate = InputGate::new(inputs(2), 4, false, false);
    gate.push(0, Time::ZERO, Element::Barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    gate.push(1, Time::ZERO, records(0..2));
    assert_eq!(drain(&mut gate, 0), ["0:10", "1:0"]);
    gate.push(1, Time::ZERO, Element::Barrier(1));
    assert_eq!(drain(&mut gate, 0), ["aligned 1"]);
}

#[test]
fn an_abort_lets_blocked_channels_go_on_and_voids_late_barriers() {
    let mut gate = gate(2);
    gate.push(0, Time::ZERO, Element::Barrier(1));
    gate.push(0, Time::ZERO, records(10..12));
    assert!(drain(&mut gate, 0).is_empty());
    gate.abort(1);
    gate.push(1, Time::ZERO, Element::Barrier(1));
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
    gate.push(0, Time::ZERO, Element::Barrier(1));
    assert!(drain(&mut gate, 0).is_empty());
    assert_eq!(gate.lose_producer(ActorId(0)), Some(1));
    gate.abort(1);
    gate.push(0, Time::ZERO, Element::Barrier(2));
    assert_eq!(drain(&mut gate, 1), ["hopeless 2"]);
}

#[test]
fn no_checkpoint_before_a_restored_producer_has_caught_up_with_its_predecessor() {
    let mut gate = gate(1);
    gate.push(0, Time::ZERO, records(0..10));
    gate.channels[0].expect_again_since(0);
    gate.push(0, Time::ZERO, records(0..5));
    gate.push(0, Time::ZERO, Element::Barrier(1));
    gate.push(0, Time::ZERO, records(5..12));
    gate.push(0, Time::ZERO, Element::Barrier(2));
    assert_eq!(
        drain(&mut gate, 0),
        ["0:0", "hopeless 1", "0:10", "aligned 2"]
    );
}

#[test]
fn what_came_since_the_checkpoint_is_dropped_once_when_it_comes_again() {
    let mut gate = gate(1);
    gate.push(0, Time::ZERO, records(0..5));
    gate.push(0, Time::ZERO, Element::Barrier(1));
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
