//! What a writer has asked and not been answered.

use std::collections::BTreeMap;

use crate::actor::checkpoint::{Attempt, Committable};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::kafka::protocol::{KafkaCall, KafkaError, KafkaRequest};
use crate::actor::message::{Batches, Body, DatabaseRequest, TaskStep};
use crate::actor::sink_fact::SinkFact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span, Time};

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

/// A batch that is not acknowledged for so long fails the task (`delivery.timeout.ms`, Kafka's default).
const DELIVERY_TIMEOUT: Span = Span::from_secs(120);

/// A producer blocks so long (`max.block.ms`, Kafka's default).
const MAX_BLOCK: Span = Span::from_secs(60);

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
    /// The task's number on its TaskManager.
    task: u32,
    target: ActorId,
    /// `sink.committer.retries`
    committer_retries: u32,
    next: u64,
    open: BTreeMap<u64, Call>,
    /// When it looks next for a call that has waited for too long.
    looks_at: Option<Time>,
}

impl Calls {
    pub fn new(
        sink: SubtaskId,
        attempt: Attempt,
        task: u32,
        target: ActorId,
        committer_retries: u32,
    ) -> Calls {
        Calls {
            sink,
            attempt,
            task,
            target,
            committer_retries,
            next: 0,
            open: BTreeMap::new(),
            looks_at: None,
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
        self.look_at(since + self.patience(purpose), ctx);
    }

    fn look_at(&mut self, at: Time, ctx: &mut Context<'_>) {
        if self.looks_at.is_none_or(|looks_at| at < looks_at) {
            self.looks_at = Some(at);
            let (task, step) = (self.task, TaskStep::WriterPatience);
            ctx.after(at.since(ctx.now()), Body::TaskProgress { task, step });
        }
    }

    /// How long a call may go unanswered. A commit blocks like the others, but is tried again
    /// (`CheckpointCommittableManagerImpl.commit`).
    fn patience(&self, purpose: Purpose) -> Span {
        match purpose {
            Purpose::Write => DELIVERY_TIMEOUT,
            Purpose::Commit(..) => MAX_BLOCK * (u64::from(self.committer_retries) + 1),
            _ => MAX_BLOCK,
        }
    }

    /// Why the task has to fail, if a call has waited for too long.
    pub fn lose_patience(&mut self, ctx: &mut Context<'_>) -> Option<&'static str> {
        let now = ctx.now();
        if self.looks_at.is_some_and(|looks_at| looks_at > now) {
            return None;
        }
        self.looks_at = None;
        let deadlines = self.open.values();
        let deadlines = deadlines.map(|call| (call.since + self.patience(call.purpose), call));
        let (deadline, call) = deadlines.min_by_key(|(deadline, _)| *deadline)?;
        if deadline <= now {
            return Some(match call.purpose {
                Purpose::Write => "a batch was not delivered within delivery.timeout.ms",
                Purpose::Commit(..) => {
                    "a transaction was not committed within sink.committer.retries"
                }
                _ => "no transaction could be opened within max.block.ms",
            });
        }
        self.look_at(deadline, ctx);
        None
    }

    /// Asks for something, and waits for no answer.
    pub fn tell(&mut self, request: KafkaRequest, ctx: &mut Context<'_>) {
        self.next += 1;
        self.send(self.next, &Request::Kafka(request), 0, ctx);
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

    pub fn has_writes(&self) -> bool {
        let mut calls = self.open.values();
        calls.any(|call| call.purpose == Purpose::Write)
    }
}
