//! Records that were on their way when a checkpoint was taken: unaligned barriers overtake them, and they belong to it.

use crate::actor::checkpoint::ChannelState;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::topology::{ChannelId, JobId, OperatorId};

use super::{Delivery, InFlight};

impl Delivery {
    /// Everything that channels of a job held at a checkpoint.
    fn held(
        &self,
        job: JobId,
        checkpoint: CheckpointId,
    ) -> impl Iterator<Item = (ChannelId, &Batch)> {
        let subtasks = self.blueprint.topology.jobs[job as usize].subtasks.iter();
        let states = subtasks.filter_map(move |subtask| self.channels.get(&(*subtask, checkpoint)));
        states.flat_map(|state| ChannelState::batches(state))
    }

    /// In how many ways a record goes on from a channel to an operator.
    fn ways_to(&self, channel: ChannelId, operator: OperatorId) -> u64 {
        let topology = &self.blueprint.topology;
        let consumer = topology.channels[channel as usize].consumer;
        let from = topology.subtasks[consumer as usize].operator;
        let base = topology.jobs[topology.operators[operator as usize].job as usize].operators[0];
        // Operators stand behind their inputs.
        let mut ways = vec![0; (operator + 1 - base) as usize];
        for at in base..=operator {
            let inputs = topology.operators[at as usize].spec.kind.inputs();
            ways[(at - base) as usize] = match at == from {
                true => 1,
                false => inputs.iter().map(|input| ways[input.operator]).sum(),
            };
        }
        ways[(operator - base) as usize]
    }

    /// What channels held that would still have come to an operator, as often as it would have come.
    pub(super) fn on_the_way(
        &self,
        job: JobId,
        checkpoint: CheckpointId,
        operator: OperatorId,
    ) -> Fingerprint {
        let mut held = Fingerprint::default();
        for (channel, batch) in self.held(job, checkpoint) {
            let ways = self.ways_to(channel, operator);
            if ways == 0 {
                continue;
            }
            let fingerprint = Fingerprint::of(&batch.records());
            for _ in 0..ways {
                held.merge(fingerprint);
            }
        }
        held
    }

    /// By sink operator: the records that had not come to it.
    pub(super) fn in_flight(
        &self,
        job: JobId,
        checkpoint: CheckpointId,
    ) -> std::collections::BTreeMap<OperatorId, InFlight> {
        let ledgers = self.sinks.iter().filter(|ledger| ledger.job == job);
        let sinks = ledgers.map(|ledger| {
            let mut in_flight = InFlight::new();
            for (channel, batch) in self.held(job, checkpoint) {
                if self.ways_to(channel, ledger.operator) == 0 {
                    continue;
                }
                for record in batch.records().iter() {
                    let offsets = in_flight.entry(record.split()).or_default();
                    offsets.insert(record.offset());
                }
            }
            (ledger.operator, in_flight)
        });
        sinks
            .filter(|(_, in_flight)| !in_flight.is_empty())
            .collect()
    }
}
