//! What a run leaves of the ledger.

use std::collections::BTreeMap;

use crate::dataflow::record::SplitId;
use crate::dataflow::topology::OperatorId;

use super::Delivery;
use super::sink::{Loss, SinkLedger};

/// What a reader got, over the whole run; offsets by split.
#[derive(Clone, Debug, Default)]
pub struct DeliveryOutcome {
    pub visible: BTreeMap<SplitId, u64>,
    pub lost: BTreeMap<SplitId, Vec<u64>>,
    pub duplicated: BTreeMap<SplitId, Vec<u64>>,
    pub sinks: Vec<SinkDelivery>,
}

/// What the readers of one sink operator got.
#[derive(Clone, Debug)]
pub struct SinkDelivery {
    pub operator: OperatorId,
    pub visible: u64,
    pub duplicated: u64,
    pub overwritten: u64,
    pub losses: Vec<Loss>,
    /// Committed, but behind an open transaction.
    pub withheld: u64,
    pub failed_commits: u64,
    /// Of a KafkaSink: records and extra copies that a reader without `read_committed` gets.
    pub uncommitted: Option<(u64, u64)>,
}

impl SinkDelivery {
    fn new(ledger: &SinkLedger) -> SinkDelivery {
        let raw = &ledger.raw;
        let uncommitted = || (raw.total(), raw.duplicates_total());
        SinkDelivery {
            operator: ledger.operator,
            visible: ledger.visible.total(),
            duplicated: 0,
            overwritten: ledger.overwritten,
            losses: ledger.lost(),
            withheld: u64::try_from(ledger.withheld).unwrap_or(0),
            failed_commits: ledger.failed_commits,
            uncommitted: ledger.spec.kafka().map(|_| uncommitted()),
        }
    }
}

impl Delivery {
    pub fn outcome(&self) -> DeliveryOutcome {
        let mut outcome = DeliveryOutcome::default();
        for ledger in &self.sinks {
            let mut of_sink = SinkDelivery::new(ledger);
            for split in self.ways[ledger.operator as usize].keys() {
                let count = ledger.visible.count(*split);
                outcome
                    .visible
                    .entry(*split)
                    .and_modify(|seen| *seen = (*seen).min(count))
                    .or_insert(count);
                let again = ledger.doubled(*split);
                of_sink.duplicated += again.len() as u64;
                if !again.is_empty() {
                    outcome.duplicated.entry(*split).or_default().extend(again);
                }
            }
            for loss in &of_sink.losses {
                for (split, offsets) in &loss.records {
                    outcome.lost.entry(*split).or_default().extend(offsets);
                }
            }
            outcome.sinks.push(of_sink);
        }
        for offsets in outcome
            .lost
            .values_mut()
            .chain(outcome.duplicated.values_mut())
        {
            offsets.sort_unstable();
        }
        outcome
    }
}
