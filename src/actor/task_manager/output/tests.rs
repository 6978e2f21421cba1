//! What the output of a task promises.

use super::*;
use crate::dataflow::batch::Alignment;
use crate::dataflow::event_time::EventTime;

const CONSUMER: Consumer = Consumer {
    taskmanager: ActorId(1),
    connection: 1,
};
const REPLACED: Consumer = Consumer {
    taskmanager: ActorId(2),
    connection: 2,
};
const KEEP: Retention = Retention::UntilCheckpoint {
    bytes_max: 1_000_000,
};

fn outputs(retention: Retention) -> Outputs {
    let buffers = Buffers::new(300, 100, 1);
    Outputs::new([7].into_iter(), retention, 100, buffers, 8, 0)
}

fn barrier(checkpoint: CheckpointId) -> Barrier {
    Barrier {
        checkpoint,
        alignment: Alignment::Aligned,
        triggered_at: Time::ZERO,
    }
}

fn emit(outputs: &mut Outputs, offsets: std::ops::Range<u64>) {
    for offset in offsets {
        outputs.emit(0, Record::new(0, offset), Time::ZERO);
    }
    outputs.close(Time::ZERO);
    check_backlog(outputs);
}

fn sent(outputs: &mut Outputs) -> Vec<String> {
    let mut sent = Vec::new();
    outputs.send(0, Time::ZERO);
    check_backlog(outputs);
    for next in outputs.take_outgoing() {
        sent.push(match next.element {
            Element::Records(batch) => {
                format!("{}+{}", batch.first().offset(), batch.len())
            }
            Element::Barrier(id, Alignment::Unaligned) => format!("!{id}"),
            Element::Barrier(id, _) => format!("|{id}"),
            Element::Mark(Mark::Watermark(time)) => format!("w{}", time.0),
            Element::Mark(mark) => format!("{mark:?}"),
        });
    }
    sent
}

/// What is kept up to date is what counting would give.
fn check_backlog(outputs: &Outputs) {
    let mut counted = Backlog::new(1, 8, Buffers::new(300, 100, 1));
    outputs
        .channels
        .iter()
        .for_each(|channel| counted.add(channel.waiting()));
    assert_eq!(counted, outputs.backlog);
}

#[test]
fn nothing_is_sent_without_credit() {
    let mut outputs = outputs(Retention::UntilSent);
    emit(&mut outputs, 0..7);
    assert_eq!(
        outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 2),
        Some(0)
    );
    assert_eq!(sent(&mut outputs), ["0+3", "3+3"]);
    outputs.add_credits(0, REPLACED, 5);
    assert!(sent(&mut outputs).is_empty());
    outputs.add_credits(0, CONSUMER, 5);
    assert_eq!(sent(&mut outputs), ["6+1"]);
}

#[test]
fn many_records_fill_buffers_like_one_after_the_other() {
    let mut outputs = outputs(Retention::UntilSent);
    outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 100);
    let records: Vec<Record> = (0..10).map(|offset| Record::new(0, offset)).collect();
    outputs.emit_all(0, &Batch::new(&records[..2]), Time::ZERO);
    outputs.emit_all(0, &Batch::new(&records[2..]), Time::ZERO);
    assert!(outputs.has_outgoing());
    assert_eq!(sent(&mut outputs), ["0+3", "3+3", "6+3"]);
    assert!(outputs.has_unflushed() && !outputs.has_outgoing());
    outputs.close(Time::ZERO);
    assert!(outputs.has_outgoing());
    assert_eq!(sent(&mut outputs), ["9+1"]);
}

#[test]
fn runs_fill_buffers_like_their_records() {
    let run = |first, records| Run::new(Record::new(0, first), records, 5);
    let steps: [&[Run]; 3] = [
        &[run(0, 2), run(10, 5)],
        &[run(0, 2), run(11, 2)],
        &[run(0, 1), run(1, 1), run(6, 4)],
    ];
    for runs in steps {
        let mut whole = outputs(Retention::UntilSent);
        let mut single = outputs(Retention::UntilSent);
        for outputs in [&mut whole, &mut single] {
            outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 100);
        }
        for run in runs {
            whole.emit_run(0, *run, Time::ZERO);
            run.iter()
                .for_each(|record| single.emit(0, record, Time::ZERO));
            assert_eq!(whole.room(0..1), single.room(0..1));
            assert_eq!(whole.has_unflushed(), single.has_unflushed());
        }
        // A single record behind a run.
        for outputs in [&mut whole, &mut single] {
            outputs.emit(0, Record::new(0, 99), Time::ZERO);
            outputs.close(Time::ZERO);
            assert!(!outputs.has_unflushed());
        }
        let records = [&mut whole, &mut single].map(|outputs| {
            let sent = outputs.take_outgoing().into_iter();
            let records = sent.map(|sent| match sent.element {
                Element::Records(batch) => batch.records().into_owned(),
                Element::Barrier(..) | Element::Mark(_) => Vec::new(),
            });
            records.collect::<Vec<_>>()
        });
        assert_eq!(records[0], records[1]);
        assert!(!records[0].is_empty());
    }
}

#[test]
fn marks_go_with_the_buffer_and_take_none() {
    let mark = |time| Mark::Watermark(EventTime(time));
    for retention in [KEEP, Retention::UntilSent] {
        let mut outputs = outputs(retention);
        outputs.keep_event_time();
        outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 2);
        outputs.emit(0, Record::new(0, 0), Time::ZERO);
        outputs.emit_mark(mark(1));
        outputs.emit_mark(mark(2));
        outputs.emit_mark(Mark::Idle);
        // Not before the buffer goes.
        assert!(outputs.has_unflushed() && sent(&mut outputs).is_empty());
        emit(&mut outputs, 1..2);
        assert_eq!(sent(&mut outputs), ["0+2", "w2", "Idle"]);
        // Without records it goes with the flusher, without credit too.
        emit(&mut outputs, 2..4);
        emit(&mut outputs, 4..6);
        outputs.emit_mark(mark(5));
        outputs.close(Time::ZERO);
        assert_eq!(sent(&mut outputs), ["2+2"]);
        // What waits is made good by the next one, and takes no buffer.
        outputs.emit_mark(mark(6));
        outputs.close(Time::ZERO);
        check_backlog(&outputs);
        assert_eq!(outputs.channels[0].unsent(), 1);
        outputs.add_credits(0, CONSUMER, 1);
        assert_eq!(sent(&mut outputs), ["4+2", "w6"]);
    }
}

#[test]
fn marks_are_sent_again_where_records_are() {
    let mut outputs = outputs(KEEP);
    outputs.keep_event_time();
    outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 100);
    emit(&mut outputs, 0..1);
    outputs.emit_barrier(barrier(1), Time::ZERO);
    emit(&mut outputs, 1..2);
    outputs.emit_mark(Mark::Watermark(EventTime(7)));
    outputs.close(Time::ZERO);
    assert_eq!(sent(&mut outputs), ["0+1", "|1", "1+1", "w7"]);
    outputs.disconnect(0);
    outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(1), 100);
    check_backlog(&outputs);
    assert_eq!(outputs.channels[0].unsent(), 1);
    assert_eq!(sent(&mut outputs), ["1+1", "w7"]);
}

#[test]
fn a_restored_consumer_is_sent_everything_behind_its_barrier() {
    let mut outputs = outputs(KEEP);
    outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 100);
    emit(&mut outputs, 0..3);
    outputs.emit_barrier(barrier(1), Time::ZERO);
    emit(&mut outputs, 3..6);
    assert_eq!(sent(&mut outputs), ["0+3", "|1", "3+3"]);
    outputs.forget_until(1);
    outputs.disconnect(0);
    check_backlog(&outputs);
    emit(&mut outputs, 6..9);
    assert_eq!(
        outputs.connect(0, REPLACED, ReplayFrom::Checkpoint(1), 100),
        Some(3)
    );
    assert_eq!(sent(&mut outputs), ["3+3", "6+3"]);
    assert_eq!(
        outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 100),
        None
    );
}

#[test]
fn a_task_waits_for_buffers_unless_its_consumer_is_being_replaced() {
    for (retention, waits) in [(KEEP, false), (Retention::UntilSent, true)] {
        let mut outputs = outputs(retention);
        outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 0);
        outputs.disconnect(0);
        emit(&mut outputs, 0..100);
        assert_eq!(outputs.is_blocked(), waits, "{retention:?}");
    }
    let mut naive = outputs(Retention::Nothing);
    naive.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 0);
    emit(&mut naive, 0..100);
    assert!(naive.is_blocked());
    naive.disconnect(0);
    assert!(!naive.is_blocked());
    emit(&mut naive, 100..103);
    naive.connect(0, REPLACED, ReplayFrom::Now, 10);
    assert!(sent(&mut naive).is_empty());
}

#[test]
fn a_barrier_goes_ahead_of_what_was_not_sent() {
    for retention in [Retention::UntilSent, KEEP] {
        let mut outputs = outputs(retention);
        emit(&mut outputs, 0..9);
        outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 1);
        assert_eq!(sent(&mut outputs), ["0+3"]);
        let unaligned = Barrier {
            alignment: Alignment::Unaligned,
            ..barrier(1)
        };
        let overtaken = outputs.emit_overtaking(unaligned, Time::ZERO);
        check_backlog(&outputs);
        assert_eq!((overtaken[0].0, overtaken[0].1.len()), (7, 2));
        emit(&mut outputs, 9..12);
        outputs.add_credits(0, CONSUMER, 9);
        assert_eq!(sent(&mut outputs), ["!1", "3+3", "6+3", "9+3"]);
    }
}

#[test]
fn a_barrier_that_waits_too_long_goes_ahead() {
    let mut outputs = outputs(Retention::UntilSent);
    let timeoutable = Barrier {
        alignment: Alignment::Timeoutable,
        ..barrier(1)
    };
    outputs.connect(0, CONSUMER, ReplayFrom::Checkpoint(0), 0);
    emit(&mut outputs, 0..6);
    outputs.emit_barrier(timeoutable, Time::ZERO);
    emit(&mut outputs, 6..9);
    assert!(sent(&mut outputs).is_empty() && !outputs.has_sent_barriers(1));
    let overtaken = outputs.time_out(timeoutable);
    check_backlog(&outputs);
    assert_eq!(overtaken[0].1.len(), 2);
    assert!(outputs.has_sent_barriers(1));
    outputs.add_credits(0, CONSUMER, 9);
    assert_eq!(sent(&mut outputs), ["!1", "0+3", "3+3", "6+3"]);
    // In its turn it leaves without a word, and nothing is left to go ahead.
    outputs.emit_barrier(
        Barrier {
            checkpoint: 2,
            ..timeoutable
        },
        Time::ZERO,
    );
    assert_eq!(sent(&mut outputs), ["|2"]);
    assert!(outputs.has_sent_barriers(2) && outputs.time_out(timeoutable).is_empty());
}

#[test]
fn a_buffer_that_cannot_be_sent_goes_on_being_filled() {
    let mut outputs = outputs(Retention::UntilSent);
    let tick = |outputs: &mut Outputs, offset| {
        outputs.emit(0, Record::new(0, offset), Time::ZERO);
        outputs.flush(Time::ZERO);
        check_backlog(outputs);
    };
    tick(&mut outputs, 0);
    tick(&mut outputs, 1);
    outputs.connect(0, CONSUMER, ReplayFrom::Now, 1);
    assert_eq!(sent(&mut outputs), ["0+2"]);
    // Three records fill a buffer.
    for offset in 2..6 {
        tick(&mut outputs, offset);
    }
    outputs.add_credits(0, CONSUMER, 1);
    assert_eq!(sent(&mut outputs), ["2+3"]);
    outputs.add_credits(0, CONSUMER, 2);
    assert_eq!(sent(&mut outputs), ["5+1"]);
    tick(&mut outputs, 6);
    assert_eq!(sent(&mut outputs), ["6+1"]);
    // Nothing is sent before the flusher has come.
    outputs.add_credits(0, CONSUMER, 1);
    outputs.emit(0, Record::new(0, 7), Time::ZERO);
    assert!(sent(&mut outputs).is_empty());
    // A barrier closes whatever is open.
    outputs.emit_barrier(barrier(1), Time::ZERO);
    assert_eq!(sent(&mut outputs), ["7+1", "|1"]);
}
