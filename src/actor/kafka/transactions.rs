//! The transaction coordinator: producer ids and epochs, fencing, commits, and transactions whose time is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::sink_fact::AbortCause;
use crate::dataflow::topology::{OperatorId, SubtaskId};
use crate::kernel::{Span, Time};

use super::partition::TransactionNumber;
use super::protocol::{KafkaError, Producer, TransactionalId};
use super::sequences::Sequences;

#[derive(Clone, Debug, Default)]
pub struct Coordinator {
    ids: BTreeMap<TransactionalId, Known>,
    /// `producer.id`s and transactions so far.
    producers: u64,
    transactions: TransactionNumber,
}

/// What is known of a transactional id.
#[derive(Clone, Debug)]
struct Known {
    producer: u64,
    epoch: u32,
    /// Who asked for that epoch.
    writer: Writer,
    timeout: Span,
    /// Requests that were appended.
    appended: Sequences,
    state: State,
}

/// Kafka does not know attempts: this is for whoever watches.
type Writer = (SubtaskId, Attempt);

#[derive(Clone, Debug)]
enum State {
    Empty,
    Ongoing(Transaction),
    CompleteCommit,
    CompleteAbort,
}

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub number: TransactionNumber,
    /// Who writes into it.
    pub sink: SubtaskId,
    pub begun: Time,
    pub partitions: BTreeSet<u32>,
}

/// A request to append, as the coordinator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Append {
    /// Into this transaction; true: it begins with it.
    Into(TransactionNumber, bool),
    /// It has been appended before.
    Again,
}

impl Coordinator {
    /// A new epoch for an id. What its last producer left open is handed out, to be aborted for that cause.
    ///
    /// # Errors
    /// When the timeout is longer than `max`.
    pub fn init(
        &mut self,
        id: TransactionalId,
        writer: Writer,
        timeout: Span,
        max: Span,
    ) -> Result<(Producer, Option<(Transaction, AbortCause)>), KafkaError> {
        if timeout > max {
            return Err(KafkaError::InvalidTransactionTimeout);
        }
        let Some(known) = self.ids.get_mut(&id) else {
            self.producers += 1;
            let number = self.producers;
            let known = Known {
                producer: number,
                epoch: 0,
                writer,
                timeout,
                appended: Sequences::default(),
                state: State::Empty,
            };
            self.ids.insert(id, known);
            let producer = Producer {
                id,
                number,
                epoch: 0,
            };
            return Ok((producer, None));
        };
        known.epoch += 1;
        known.timeout = timeout;
        let cause = match std::mem::replace(&mut known.writer, writer) {
            (sink, attempt) if sink == writer.0 && attempt > writer.1 => AbortCause::Overridden,
            _ => AbortCause::NewProducer,
        };
        known.appended = Sequences::default();
        let before = std::mem::replace(&mut known.state, State::Empty);
        let producer = Producer {
            id,
            number: known.producer,
            epoch: known.epoch,
        };
        Ok((producer, ongoing(before).map(|left| (left, cause))))
    }

    fn known(&mut self, producer: Producer) -> Result<&mut Known, KafkaError> {
        let known = self.ids.get_mut(&producer.id);
        let known = known.ok_or(KafkaError::InvalidProducerIdMapping)?;
        if known.producer != producer.number {
            return Err(KafkaError::InvalidProducerIdMapping);
        }
        if known.epoch != producer.epoch {
            return Err(KafkaError::ProducerFenced);
        }
        Ok(known)
    }

    /// A producer appends to a partition, which opens its transaction if none is open.
    ///
    /// # Errors
    /// When a newer epoch is known.
    pub fn append(
        &mut self,
        producer: Producer,
        sequence: u64,
        partition: u32,
        sink: SubtaskId,
        now: Time,
    ) -> Result<Append, KafkaError> {
        let next = self.transactions + 1;
        let known = self.known(producer)?;
        if !known.appended.insert(sequence) {
            return Ok(Append::Again);
        }
        if let State::Ongoing(transaction) = &mut known.state {
            transaction.partitions.insert(partition);
            return Ok(Append::Into(transaction.number, false));
        }
        known.state = State::Ongoing(Transaction {
            number: next,
            sink,
            begun: now,
            partitions: BTreeSet::from([partition]),
        });
        self.transactions = next;
        Ok(Append::Into(next, true))
    }

    /// Commits. None: it was committed before, and stays so.
    ///
    /// # Errors
    /// When somebody else has the id now, or the transaction was aborted.
    pub fn commit(&mut self, producer: Producer) -> Result<Option<Transaction>, KafkaError> {
        let known = self.known(producer)?;
        match std::mem::replace(&mut known.state, State::CompleteCommit) {
            State::Ongoing(transaction) => Ok(Some(transaction)),
            State::CompleteCommit => Ok(None),
            other => {
                known.state = other;
                Err(KafkaError::InvalidTxnState)
            }
        }
    }

    /// Aborts. None: nothing is open. Nothing that the producer has sent may begin another one (KIP-890).
    ///
    /// # Errors
    /// When somebody else has the id now.
    pub fn abort(&mut self, producer: Producer) -> Result<Option<Transaction>, KafkaError> {
        let known = self.known(producer)?;
        known.epoch += 1;
        match std::mem::replace(&mut known.state, State::CompleteAbort) {
            State::Ongoing(transaction) => Ok(Some(transaction)),
            _ => Ok(None),
        }
    }

    /// Transactions of an operator that are open.
    pub fn open(&self, operator: OperatorId) -> Vec<TransactionalId> {
        let open = self.ids.iter().filter(|(id, known)| {
            id.operator == operator && matches!(known.state, State::Ongoing(_))
        });
        open.map(|(id, _)| *id).collect()
    }

    /// Ends transactions that have been open for longer than they may, where somebody looks after their ids. Whoever wrote
    /// them is fenced.
    pub fn expire(
        &mut self,
        now: Time,
        is_looked_after: impl Fn(&TransactionalId) -> bool,
    ) -> Vec<Transaction> {
        let mut expired = Vec::new();
        for (id, known) in &mut self.ids {
            if let State::Ongoing(transaction) = &known.state
                && now.since(transaction.begun) > known.timeout
                && is_looked_after(id)
            {
                known.epoch += 1;
                let state = std::mem::replace(&mut known.state, State::CompleteAbort);
                expired.extend(ongoing(state));
            }
        }
        expired
    }
}

fn ongoing(state: State) -> Option<Transaction> {
    match state {
        State::Ongoing(transaction) => Some(transaction),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransactionalId = TransactionalId {
        operator: 0,
        subtask: 1,
        number: 7,
    };
    const MINUTE: Span = Span::from_secs(60);

    fn init(
        coordinator: &mut Coordinator,
        attempt: u32,
    ) -> (Producer, Option<(Transaction, AbortCause)>) {
        let writer = (4, Attempt::new(1, attempt));
        coordinator
            .init(ID, writer, MINUTE, MINUTE)
            .expect("the timeout is allowed")
    }

    fn append(
        coordinator: &mut Coordinator,
        producer: Producer,
        sequence: u64,
    ) -> Result<Append, KafkaError> {
        coordinator.append(producer, sequence, 0, 4, Time::ZERO)
    }

    #[test]
    fn a_commit_may_be_repeated() {
        let mut coordinator = Coordinator::default();
        let (producer, _) = init(&mut coordinator, 1);
        assert_eq!(
            coordinator.commit(producer),
            Err(KafkaError::InvalidTxnState)
        );
        assert_eq!(
            append(&mut coordinator, producer, 1),
            Ok(Append::Into(1, true))
        );
        assert_eq!(
            append(&mut coordinator, producer, 2),
            Ok(Append::Into(1, false))
        );
        assert_eq!(append(&mut coordinator, producer, 2), Ok(Append::Again));
        assert_eq!(coordinator.open(0), [ID]);
        assert!(matches!(coordinator.commit(producer), Ok(Some(_))));
        assert_eq!(coordinator.commit(producer), Ok(None));
        assert!(coordinator.open(0).is_empty());
    }

    #[test]
    fn a_new_epoch_fences_the_old_one_and_aborts_what_it_left() {
        let mut coordinator = Coordinator::default();
        let (zombie, left) = init(&mut coordinator, 1);
        assert_eq!((zombie.epoch, left), (0, None));
        append(&mut coordinator, zombie, 1).expect("it is not fenced yet");
        let (successor, left) = init(&mut coordinator, 2);
        let left = left.map(|(left, cause)| (left.number, cause));
        let aborted = Some((1, AbortCause::NewProducer));
        assert_eq!((successor.epoch, left), (1, aborted));
        assert_eq!(
            append(&mut coordinator, zombie, 2),
            Err(KafkaError::ProducerFenced)
        );
        assert_eq!(coordinator.commit(zombie), Err(KafkaError::ProducerFenced));
        assert_eq!(
            append(&mut coordinator, successor, 1),
            Ok(Append::Into(2, true))
        );
    }

    #[test]
    fn a_zombie_that_starts_late_fences_its_successor() {
        let mut coordinator = Coordinator::default();
        let (successor, _) = init(&mut coordinator, 2);
        append(&mut coordinator, successor, 1).expect("it is the first");
        let (_, left) = init(&mut coordinator, 1);
        let cause = left.map(|(_, cause)| cause);
        assert_eq!(cause, Some(AbortCause::Overridden));
        assert_eq!(
            coordinator.commit(successor),
            Err(KafkaError::ProducerFenced)
        );
    }

    #[test]
    fn what_has_expired_cannot_be_committed() {
        let mut coordinator = Coordinator::default();
        let (producer, _) = init(&mut coordinator, 1);
        append(&mut coordinator, producer, 1).expect("nobody fences it");
        assert!(coordinator.expire(Time::ZERO + MINUTE, |_| true).is_empty());
        let late = Time::ZERO + MINUTE + Span(1);
        assert!(coordinator.expire(late, |_| false).is_empty());
        let expired = coordinator.expire(late, |_| true);
        assert_eq!(expired.len(), 1);
        assert_eq!(
            coordinator.commit(producer),
            Err(KafkaError::ProducerFenced)
        );
    }

    #[test]
    fn a_producer_that_is_closed_leaves_nothing_open() {
        let mut coordinator = Coordinator::default();
        let (producer, _) = init(&mut coordinator, 1);
        append(&mut coordinator, producer, 1).expect("nobody fences it");
        let aborted = coordinator.abort(producer).expect("it is the latest");
        assert_eq!(aborted.map(|transaction| transaction.number), Some(1));
        assert!(coordinator.open(0).is_empty());
        let late = append(&mut coordinator, producer, 2);
        assert_eq!(late, Err(KafkaError::ProducerFenced));
        assert_eq!(coordinator.abort(producer), Err(KafkaError::ProducerFenced));
    }

    #[test]
    fn a_timeout_beyond_the_brokers_is_refused() {
        let mut coordinator = Coordinator::default();
        let writer = (4, Attempt::default());
        let refused = coordinator.init(ID, writer, MINUTE + Span(1), MINUTE);
        assert_eq!(refused, Err(KafkaError::InvalidTransactionTimeout));
    }
}
