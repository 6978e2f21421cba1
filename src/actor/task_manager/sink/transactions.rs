//! A KafkaSink's transactions: one per checkpoint and subtask, committed behind a completed checkpoint
//! (`ExactlyOnceKafkaWriter`, `KafkaCommitter`, `TransactionAborter`).

use std::collections::BTreeSet;

use crate::actor::checkpoint::Committable;
use crate::actor::context::Context;
use crate::actor::kafka::protocol::{
    KafkaAnswer, KafkaError, KafkaRequest, Producer, TransactionalId,
};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::sink::{KafkaSink, TransactionNaming};
use crate::dataflow::topology::Subtask;

use super::calls::{Calls, Purpose, Request};

#[derive(Clone, Debug)]
pub struct Transactions {
    operator: u32,
    index: u32,
    /// The sink's parallelism.
    width: u32,
    kafka: KafkaSink,
    restored: CheckpointId,
    step: Step,
    /// Calls of the present step that are not answered.
    awaited: u32,
    open: Option<Open>,
    /// The last number that was used (INCREMENTING).
    last: u64,
    /// Closed for writing, and not committed; in the order of their checkpoints.
    pending: Vec<Committable>,
    committing: u32,
    /// A checkpoint that has completed meanwhile: one call to the committer follows the other.
    next: CheckpointId,
    /// The checkpoint up to which it commits.
    up_to: CheckpointId,
    /// Up to which it has just committed.
    committed: Option<CheckpointId>,
    opened: bool,
    recovered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What the restored checkpoint covers is committed.
    Committing,
    /// What predecessors left open is looked for, and aborted.
    Aborting,
    /// The first transaction is opened.
    Opening,
    Working,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    producer: Producer,
    written: bool,
}

impl Transactions {
    pub fn new(
        subtask: &Subtask,
        width: u32,
        restored: CheckpointId,
        kafka: KafkaSink,
    ) -> Transactions {
        Transactions {
            operator: subtask.operator,
            index: subtask.index,
            width,
            kafka,
            restored,
            step: Step::Committing,
            awaited: 0,
            open: None,
            last: restored,
            pending: Vec::new(),
            committing: 0,
            next: 0,
            up_to: 0,
            committed: None,
            opened: false,
            recovered: false,
        }
    }

    /// Commits, or waits for a transaction to write into.
    pub fn is_busy(&self) -> bool {
        self.open.is_none() || self.committing > 0
    }

    pub fn committables(&self) -> &[Committable] {
        &self.pending
    }

    /// Who writes the next records.
    pub fn write(&mut self) -> Producer {
        let open = self.open.as_mut();
        let open = open.expect("a task with records has a transaction open");
        open.written = true;
        open.producer
    }

    /// Closes the open transaction for writing. None: it is empty.
    pub fn pre_commit(&mut self, checkpoint: CheckpointId) -> Option<Producer> {
        let open = self.open.take().filter(|open| open.written)?;
        let producer = open.producer;
        self.pending.push(Committable {
            checkpoint,
            producer,
        });
        Some(producer)
    }

    /// Opens the transaction of a checkpoint. INCREMENTING opens the ids of aborted checkpoints before it, one after the
    /// other (`KafkaWriter.getTransactionalProducer`; `initTransactions` blocks): probing stops at the first id that was
    /// never used, so there must be no gap.
    pub fn open(&mut self, checkpoint: CheckpointId, calls: &mut Calls, ctx: &mut Context<'_>) {
        self.open = None;
        let number = match self.kafka.naming {
            TransactionNaming::Incrementing => checkpoint,
            TransactionNaming::Pooling => {
                let own =
                    |committable: &&Committable| committable.producer.id.subtask == self.index;
                let used: BTreeSet<u64> = self
                    .pending
                    .iter()
                    .filter(own)
                    .map(|committable| committable.producer.id.number)
                    .collect();
                (1..)
                    .find(|number| !used.contains(number))
                    .expect("few numbers are in use")
            }
        };
        let first = match self.kafka.naming {
            TransactionNaming::Incrementing => number.min(self.last + 1),
            TransactionNaming::Pooling => number,
        };
        self.open_one(first, number, calls, ctx);
    }

    fn open_one(&mut self, number: u64, up_to: u64, calls: &mut Calls, ctx: &mut Context<'_>) {
        let purpose = Purpose::Open { number, up_to };
        self.init(purpose, self.index, number, calls, ctx);
    }

    fn init(
        &self,
        purpose: Purpose,
        subtask: u32,
        number: u64,
        calls: &mut Calls,
        ctx: &mut Context<'_>,
    ) {
        let id = TransactionalId {
            operator: self.operator,
            subtask,
            number,
        };
        let timeout = self.kafka.transaction_timeout;
        let request = KafkaRequest::InitProducerId { id, timeout };
        calls.make(purpose, Request::Kafka(request), 0, ctx);
    }

    /// Aborts what is open, if anything was written into it.
    pub fn close(&mut self, calls: &mut Calls, ctx: &mut Context<'_>) {
        if let Some(open) = self.open.take().filter(|open| open.written) {
            let producer = open.producer;
            calls.tell(KafkaRequest::Abort { producer }, ctx);
        }
    }

    pub fn load(&mut self, committables: &[Committable]) {
        self.pending.extend_from_slice(committables);
    }

    pub fn recover(&mut self, calls: &mut Calls, ctx: &mut Context<'_>) {
        self.commit(self.restored, calls, ctx);
        self.go_on(calls, ctx);
    }

    /// Commits everything up to a checkpoint that has completed.
    pub fn commit(&mut self, checkpoint: CheckpointId, calls: &mut Calls, ctx: &mut Context<'_>) {
        if self.committing > 0 {
            self.next = self.next.max(checkpoint);
            return;
        }
        self.up_to = self.up_to.max(checkpoint);
        let due = self
            .pending
            .extract_if(.., |pending| pending.checkpoint <= checkpoint);
        for committable in due {
            let request = KafkaRequest::Commit {
                producer: committable.producer,
                covered_by: checkpoint,
            };
            let purpose = Purpose::Commit(committable, checkpoint);
            calls.make(purpose, Request::Kafka(request), 0, ctx);
            self.committing += 1;
        }
        self.note_committed();
    }

    /// The next steps of a restore, as far as they can be taken.
    fn go_on(&mut self, calls: &mut Calls, ctx: &mut Context<'_>) {
        if self.step == Step::Committing && self.committing == 0 {
            self.step = Step::Aborting;
            match self.kafka.naming {
                TransactionNaming::Incrementing => {
                    self.probe(self.index, self.restored + 1, calls, ctx)
                }
                TransactionNaming::Pooling => {
                    let operator = self.operator;
                    let request = KafkaRequest::ListTransactions { operator };
                    self.awaited += 1;
                    calls.make(Purpose::List, Request::Kafka(request), 0, ctx);
                }
            }
        }
        if self.step == Step::Aborting && self.awaited == 0 {
            self.step = Step::Opening;
            self.open(self.restored + 1, calls, ctx);
        }
    }

    fn probe(&mut self, subtask: u32, number: u64, calls: &mut Calls, ctx: &mut Context<'_>) {
        self.awaited += 1;
        let purpose = Purpose::Probe { subtask, number };
        self.init(purpose, subtask, number, calls, ctx);
    }

    /// Why the task has to fail, if so.
    pub fn on_answer(
        &mut self,
        purpose: Purpose,
        answer: Result<KafkaAnswer, KafkaError>,
        calls: &mut Calls,
        ctx: &mut Context<'_>,
    ) -> Option<&'static str> {
        match (purpose, answer) {
            (Purpose::Commit(committable, covered_by), answer) => {
                self.committing -= 1;
                self.note_committed();
                if let Err(error) = answer {
                    calls.note_failed_commit(committable, covered_by, error, ctx);
                }
                if self.committing == 0 && self.next > self.up_to {
                    self.commit(self.next, calls, ctx);
                }
            }
            (_, Err(error)) => return Some(error.name()),
            (Purpose::Open { number, up_to }, Ok(KafkaAnswer::Producer(_))) if number < up_to => {
                self.open_one(number + 1, up_to, calls, ctx);
            }
            (Purpose::Open { number, .. }, Ok(KafkaAnswer::Producer(producer))) => {
                self.last = number;
                self.open = Some(Open {
                    producer,
                    written: false,
                });
                self.opened = true;
                self.recovered |= self.step == Step::Opening;
                self.step = Step::Working;
            }
            (Purpose::Probe { subtask, number }, Ok(KafkaAnswer::Producer(producer))) => {
                self.awaited -= 1;
                if producer.epoch > 0 {
                    self.probe(subtask, number + 1, calls, ctx);
                } else if number > self.restored + 1 {
                    // This subtask had used some: so may one that a larger parallelism had.
                    self.probe(subtask + self.width, self.restored + 1, calls, ctx);
                }
            }
            (Purpose::List, Ok(KafkaAnswer::Open(ids))) => {
                self.awaited -= 1;
                let is_own = |id: &TransactionalId| id.subtask % self.width == self.index;
                for id in ids.into_iter().filter(is_own) {
                    self.awaited += 1;
                    self.init(Purpose::Abort, id.subtask, id.number, calls, ctx);
                }
            }
            (Purpose::Abort, Ok(_)) => self.awaited -= 1,
            (purpose, answer) => unreachable!("{answer:?} is no answer to {purpose:?}"),
        }
        self.go_on(calls, ctx);
        None
    }

    fn note_committed(&mut self) {
        if self.committing == 0 {
            self.committed = Some(self.up_to);
        }
    }

    /// Everything up to this checkpoint is committed, or has failed: says so once.
    pub fn take_committed(&mut self) -> Option<CheckpointId> {
        self.committed.take()
    }

    /// There is a new producer: says so once.
    pub fn take_opened(&mut self) -> bool {
        std::mem::take(&mut self.opened)
    }

    pub fn take_recovered(&mut self) -> bool {
        std::mem::take(&mut self.recovered)
    }
}
