//! What a writer has asked and not been answered.

use std::collections::BTreeMap;

use crate::actor::checkpoint::{Attempt, Committable};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::kafka::protocol::{KafkaCall, KafkaError, KafkaRequest};
use crate::actor::message::{Batches, Body, DatabaseRequest};
use crate::actor::sink_fact::SinkFact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Time};

/// Why something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Write,
    /// An id is opened: to write under the last one, those before only leave no gap.
    Open {
        number: u64,
        up_to: u64,
    },
    /// Whether a subtask has used an id.
    Probe {
        subtask: u32,
        number: u64,
    },
    List,
    /// What a predecessor left open is aborted.
    Abort,
    Commit(Committable, CheckpointId),
}

#[derive(Clone, Debug)]
pub enum Request {
    Kafka(KafkaRequest),
    Write { number: u64, batches: Batches },
}

#[derive(Clone, Debug)]
struct Call {
    purpose: Purpose,
    request: Request,
    bytes: u64,
    since: Time,
}

#[derive(Clone, Debug)]
pub struct Calls {
    sink: SubtaskId,
    attempt: Attempt,
    target: ActorId,
    next: u64,
    open: BTreeMap<u64, Call>,
}

impl Calls {
    pub fn new(sink: SubtaskId, attempt: Attempt, target: ActorId) -> Calls {
        Calls {
            sink,
            attempt,
            target,
            next: 0,
            open: BTreeMap::new(),
        }
    }

    pub fn target(&self) -> ActorId {
        self.target
    }

    pub fn make(&mut self, purpose: Purpose, request: Request, bytes: u64, ctx: &mut Context<'_>) {
        // The database counts its requests itself.
        let call = match &request {
            Request::Write { number, .. } => *number,
            Request::Kafka(_) => {
                self.next += 1;
                self.next
            }
        };
        self.send(call, &request, bytes, ctx);
        let since = ctx.now();
        self.open.insert(
            call,
            Call {
                purpose,
                request,
                bytes,
                since,
            },
        );
    }

    fn send(&self, call: u64, request: &Request, bytes: u64, ctx: &mut Context<'_>) {
        let (sink, attempt) = (self.sink, self.attempt);
        let body = match request.clone() {
            Request::Kafka(request) => Body::Kafka(Box::new(KafkaCall {
                sink,
                attempt,
                call,
                request,
            })),
            Request::Write { number, batches } => Body::Database(DatabaseRequest::Write {
                sink,
                attempt,
                number,
                batches,
            }),
        };
        ctx.send_sized(self.target, bytes, body);
    }

    pub fn answered(&mut self, call: u64) -> Option<Purpose> {
        self.open.remove(&call).map(|call| call.purpose)
    }

    /// Sends again what is not answered.
    pub fn repeat(&mut self, ctx: &mut Context<'_>) {
        for (number, call) in &self.open {
            self.send(*number, &call.request, call.bytes, ctx);
        }
    }

    /// A commit came too late: the job goes on without what it held.
    pub fn note_failed_commit(
        &self,
        committable: Committable,
        checkpoint: CheckpointId,
        error: KafkaError,
        ctx: &mut Context<'_>,
    ) {
        ctx.state(Fact::Sink(SinkFact::CommitFailed {
            sink: self.sink,
            attempt: self.attempt,
            checkpoint,
            producer: committable.producer,
            error: error.name(),
        }));
    }

    /// Since when the producer has waited for this call, if it is one that it waits for.
    pub fn blocks_since(&self, call: u64) -> Option<Time> {
        let call = self.open.get(&call)?;
        let blocks = !matches!(call.purpose, Purpose::Write | Purpose::Commit(..));
        blocks.then_some(call.since)
    }

    pub fn has_writes(&self) -> bool {
        self.oldest_write().is_some()
    }

    /// Since when the oldest batch has been on its way.
    pub fn oldest_write(&self) -> Option<Time> {
        let mut writes = self
            .open
            .values()
            .filter(|call| call.purpose == Purpose::Write);
        writes.next().map(|call| call.since)
    }
}
