//! How a message is written: by name where people read it (the trace), packed where machines do (the digest).
//! The messages of the data plane are nine in ten of all; each field written by itself would cost more than
//! the event does otherwise.

use serde::ser::{SerializeStruct, SerializeTuple};
use serde::{Serialize, Serializer};

use crate::dataflow::batch::{Alignment, Element};

use super::message::{Body, Envelope};

/// Which of the packed forms follows.
#[derive(Clone, Copy)]
enum Form {
    /// The body as serde writes it.
    Plain = 0,
    Records,
    Barrier,
    Credit,
    WorkDone,
    Fetch,
    Fetched,
    TimeoutableBarrier,
    UnalignedBarrier,
    StoppingBarrier,
    Mark,
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            // First incarnations, which most are, go without saying.
            let incarnations = [
                ("from_incarnation", self.from_incarnation),
                ("to_incarnation", self.to_incarnation),
            ];
            let told = incarnations.iter().filter(|(_, number)| *number > 0);
            let mut fields = serializer.serialize_struct("Envelope", 2 + told.clone().count())?;
            fields.serialize_field("from", &self.from)?;
            for (name, number) in told {
                fields.serialize_field(name, number)?;
            }
            fields.serialize_field("body", &self.body)?;
            return fields.end();
        }
        let head = |form: Form| {
            words(
                self.from.0,
                self.from_incarnation,
                self.to_incarnation,
                form as u32,
            )
        };
        // No `..` in these patterns: a field that is added must not be forgotten here.
        match &self.body {
            Body::Data {
                channel,
                connection,
                emitted,
                element,
            } => {
                let way = u128::from(emitted.0) << 64 | words(*channel, *connection, 0, 0);
                match element {
                    Element::Records(batch) => parts(serializer, head(Form::Records), way, batch),
                    Element::Barrier(checkpoint, alignment) => {
                        let form = match alignment {
                            Alignment::Aligned => Form::Barrier,
                            Alignment::Timeoutable => Form::TimeoutableBarrier,
                            Alignment::Unaligned => Form::UnalignedBarrier,
                            Alignment::Stopping => Form::StoppingBarrier,
                        };
                        parts(serializer, head(form), way, checkpoint)
                    }
                    Element::Mark(mark) => parts(serializer, head(Form::Mark), way, mark),
                }
            }
            Body::Credit {
                channel,
                connection,
                credits,
            } => parts(
                serializer,
                head(Form::Credit),
                words(*channel, *connection, *credits, 0),
                &(),
            ),
            Body::WorkDone { task } => {
                parts(serializer, head(Form::WorkDone), words(*task, 0, 0, 0), &())
            }
            Body::Fetch {
                split,
                offset,
                records_min,
                records_max,
                task,
                tick,
            } => {
                let records = u32::from(*records_min) << 16 | u32::from(*records_max);
                let places = u128::from(*offset) << 64 | u128::from(tick.0);
                parts(
                    serializer,
                    head(Form::Fetch),
                    words(*split, records, *task, 0),
                    &places,
                )
            }
            Body::Fetched {
                split,
                first,
                records,
                log_end,
                task,
            } => {
                let offsets = u128::from(*first) << 64 | u128::from(*log_end);
                parts(
                    serializer,
                    head(Form::Fetched),
                    words(*split, *records, *task, 0),
                    &offsets,
                )
            }
            body => parts(serializer, head(Form::Plain), 0, body),
        }
    }
}

fn words(a: u32, b: u32, c: u32, d: u32) -> u128 {
    u128::from(a) | u128::from(b) << 32 | u128::from(c) << 64 | u128::from(d) << 96
}

#[inline]
fn parts<S: Serializer, T: Serialize>(
    serializer: S,
    head: u128,
    fixed: u128,
    rest: &T,
) -> Result<S::Ok, S::Error> {
    let mut parts = serializer.serialize_tuple(3)?;
    parts.serialize_element(&head)?;
    parts.serialize_element(&fixed)?;
    parts.serialize_element(rest)?;
    parts.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::dataflow::batch::Batch;
    use crate::dataflow::event_time::{EventTime, Mark};
    use crate::dataflow::record::Record;
    use crate::kernel::{ActorId, Time};

    fn digest(body: Body) -> u128 {
        let mut digest = crate::kernel::digest::Digest::new();
        digest.value(&Envelope {
            from: ActorId(1),
            from_incarnation: 2,
            to_incarnation: 3,
            way: crate::substrate::network::Way::Established,
            returns: false,
            body,
        });
        digest.finish()
    }

    #[test]
    fn every_field_counts() {
        let data = |channel, connection, at, element| Body::Data {
            channel,
            connection,
            emitted: Time(at),
            element,
        };
        let records = |offset| Element::Records(Batch::new(&[Record::new(0, offset)]));
        let fetch = |split, offset, (records_min, records_max), task, tick| Body::Fetch {
            split,
            offset,
            records_min,
            records_max,
            task,
            tick: Time(tick),
        };
        let fetched = |split, first, records, log_end, task| Body::Fetched {
            split,
            first,
            records,
            log_end,
            task,
        };
        let credit = |channel, connection, credits| Body::Credit {
            channel,
            connection,
            credits,
        };
        let bodies = vec![
            data(1, 1, 1, records(1)),
            data(2, 1, 1, records(1)),
            data(1, 2, 1, records(1)),
            data(1, 1, 2, records(1)),
            data(1, 1, 1, records(2)),
            data(1, 1, 1, Element::Barrier(1, Alignment::Aligned)),
            data(1, 1, 1, Element::Barrier(2, Alignment::Aligned)),
            data(1, 1, 1, Element::Barrier(1, Alignment::Timeoutable)),
            data(1, 1, 1, Element::Barrier(1, Alignment::Unaligned)),
            data(1, 1, 1, Element::Mark(Mark::Watermark(EventTime(1)))),
            data(1, 1, 1, Element::Mark(Mark::Watermark(EventTime(2)))),
            data(1, 1, 1, Element::Mark(Mark::Idle)),
            data(1, 1, 1, Element::Mark(Mark::Active)),
            credit(1, 1, 1),
            credit(2, 1, 1),
            credit(1, 2, 1),
            credit(1, 1, 2),
            Body::WorkDone { task: 1 },
            Body::WorkDone { task: 2 },
            fetch(1, 1, (1, 1), 1, 1),
            fetch(2, 1, (1, 1), 1, 1),
            fetch(1, 2, (1, 1), 1, 1),
            fetch(1, 1, (2, 1), 1, 1),
            fetch(1, 1, (1, 2), 1, 1),
            fetch(1, 1, (1, 1), 2, 1),
            fetch(1, 1, (1, 1), 1, 2),
            fetched(1, 1, 1, 1, 1),
            fetched(2, 1, 1, 1, 1),
            fetched(1, 2, 1, 1, 1),
            fetched(1, 1, 2, 1, 1),
            fetched(1, 1, 1, 2, 1),
            fetched(1, 1, 1, 1, 2),
            Body::Start,
            Body::CancelTask {
                token: 1,
                subtask: 1,
                attempt: Attempt::new(1, 1),
            },
        ];
        let count = bodies.len();
        let distinct: std::collections::BTreeSet<u128> = bodies.into_iter().map(digest).collect();
        assert_eq!(distinct.len(), count);
    }
}
