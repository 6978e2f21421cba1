//! Mistakes that such systems have really had, to be switched on by name: a checker that does not see them is no checker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! defects {
    ($($defect:ident, $name:literal, $of:ident, $about:literal;)*) => {
        /// One mistake. Each is read at the one place that it changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename = "a defect")]
        #[schemars(rename = "Defect")]
        pub enum Defect {
            $(
                #[doc = $about]
                #[serde(rename = $name)]
                $defect,
            )*
        }

        impl Defect {
            pub const ALL: &[Defect] = &[$(Defect::$defect),*];

            pub fn name(self) -> &'static str {
                match self { $(Defect::$defect => $name),* }
            }

            /// What it is, and where such a mistake was made.
            pub fn about(self) -> &'static str {
                match self { $(Defect::$defect => $about),* }
            }

            /// The model in which it is looked for.
            pub fn home(self) -> Home {
                match self { $(Defect::$defect => Home::$of),* }
            }
        }
    };
}

/// Where a defect lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    Story,
    Default,
    Adaptive,
}

impl Home {
    /// The model's name.
    pub fn model(self) -> &'static str {
        match self {
            Home::Story => "story",
            Home::Default => "flink-default",
            Home::Adaptive => "flink-adaptive",
        }
    }
}

defects! {
    NoFencing, "no-fencing", Default,
        "TaskManagers obey a leader that was deposed (Kleppmann, How to do distributed locking: fencing tokens)";
    WatchNotRenewed, "watch-not-renewed", Story,
        "a watch that has fired is not registered again (ZooKeeper Programmer's Guide: watches are one time triggers)";
    CompleteBeforeLastAck, "complete-before-last-ack", Story,
        "a checkpoint completes when all tasks but one have acknowledged it (Carbone et al. 2015)";
    BarrierDoesNotBlock, "barrier-does-not-block", Story,
        "a channel goes on after its barrier while others still lack theirs (Flink's CheckpointBarrierTracker, for at-least-once only)";
    OffsetOfLastRecord, "offset-of-last-record", Story,
        "a source's snapshot holds the offset of its last record, not of the next (KafkaConsumer: commit lastOffset + 1)";
    OffsetBeyondEmitted, "offset-beyond-emitted", Story,
        "a source's snapshot holds an offset that it has not emitted yet (SourceFunction: emit and update under the checkpoint lock)";
    CommitAtPreCommit, "commit-at-pre-commit", Story,
        "a sink commits at the barrier, not when the checkpoint has completed (TwoPhaseCommitSinkFunction)";
    CommitLost, "commit-lost-with-notification", Story,
        "what a checkpoint covers is not committed at recovery, where its notification was lost (CheckpointListener: notifications are best effort)";
    LingeringTransactions, "lingering-transactions", Story,
        "a recovered sink leaves transactions of its predecessor open (KafkaSink: lingering transactions)";
    WriteErrorIgnored, "write-error-ignored", Story,
        "a snapshot whose write has failed is acknowledged all the same (FlinkKafkaProducer: flush must report asynchronous errors)";
    TwoReaders, "two-readers", Story,
        "after a restart a partition is given to two readers (KafkaTopicPartitionAssigner: one owner each)";
    KeyGroupOffByOne, "key-group-off-by-one", Adaptive,
        "after rescaling the last key group of each range is not restored (KeyGroupRange: the end is inclusive)";
    RestartBeforeCanceled, "restart-before-canceled", Story,
        "a restart goes on before the tasks that it replaces have ended (RestartPipelinedRegionFailoverStrategy waits for cancellation)";
    BackoffNeverResets, "backoff-never-resets", Default,
        "the back-off never begins anew, however long the job has run (restart-strategy.exponential-delay.reset-backoff-threshold)";
    StaleLocalState, "stale-local-state", Default,
        "a task restores the copy of another checkpoint that it finds on its machine (TaskLocalStateStore)";
    CheckpointIdReused, "checkpoint-id-reused", Story,
        "a new leader counts checkpoints from the last completed one (ZooKeeperCheckpointIDCounter)";
    OldCheckpointDropped, "old-checkpoint-dropped-first", Story,
        "the old checkpoint goes when the new one is triggered, not when it is durable (FLINK-22494)";
    LogTruncatedEarly, "log-truncated-at-trigger", Story,
        "an in-flight log is cut at a checkpoint's barrier, not at its completion (Clonos, Silvestre et al. 2021)";
    DedupForgotten, "dedup-forgotten", Story,
        "survivors do not drop what a restored producer sends again (Clonos, Silvestre et al. 2021)";
    RegionMissesEdge, "region-misses-edge", Default,
        "the region that restarts leaves the sinks out (PipelinedRegionComputeUtil)";
    HeartbeatNotReset, "heartbeat-not-reset", Default,
        "a heartbeat that arrives does not put the timeout off (HeartbeatMonitorImpl)";
    StaleRescale, "stale-rescale", Adaptive,
        "a rescale goes back to the checkpoint before the latest (FLIP-461)";
    PrematureBarrier, "premature-barrier", Story,
        "a task takes a snapshot while its restored producer has not caught up with its predecessor (Chandy and Lamport 1985)";
    AbortWhileStoring, "abort-while-storing", Story,
        "a checkpoint is given up while its pointer is on its way into the store (FLINK-22494)";
    CompleteBeforeStored, "complete-before-stored", Story,
        "a checkpoint counts as complete before the store holds it (CompletedCheckpointStore)";
    AttemptReused, "attempt-reused", Story,
        "a redeployed task keeps its attempt's number (ExecutionAttemptID)";
    DeploysToLost, "deploys-to-lost", Story,
        "a TaskManager that is lost stays in the list of those who get tasks (BlocklistHandler and its like)";
    CreditIgnored, "credit-ignored", Story,
        "a producer sends without credit (FLINK-7282)";
    EphemeralOutlives, "ephemeral-outlives", Story,
        "a session's znodes are not deleted with it (ZOOKEEPER-1208)";
    ExpiresEarly, "expires-early", Story,
        "a session expires a tick before its timeout (ZooKeeper's ExpiryQueue rounds up)";
    LeadsTooEarly, "leads-too-early", Story,
        "whose predecessor in the election goes leads, though others are before it (CURATOR-504)";
    TerminalJobRecovered, "terminal-job-recovered", Default,
        "a job that has failed for good is run again by the next leader (FLINK-11813)";
    NotificationNotRetried, "notification-not-retried", Story,
        "a notification that was not confirmed is forgotten (at-least-once needs a retry)";
    CheckpointsOverlap, "checkpoints-overlap", Default,
        "a checkpoint is triggered while another is under way (CheckpointRequestDecider: max-concurrent-checkpoints)";
    AttemptsIgnored, "attempts-ignored", Default,
        "a job restarts more often than its strategy allows (FixedDelayRestartBackoffTimeStrategy.canRestart)";
    VerdictNever, "verdict-never", Default,
        "a heartbeat's timeout arms itself again, and nobody is ever given up (HeartbeatMonitorImpl.run)";
    SessionRevived, "session-revived", Story,
        "a client that is back goes on with a session that has ended (ZooKeeper's SessionTracker.touchSession)";
    AlignmentOutlivesAbort, "alignment-outlives-abort", Story,
        "a checkpoint that is given up leaves channels blocked behind its barriers (SingleCheckpointBarrierHandler.abortInternal)";
    BackoffNeverGrows, "backoff-never-grows", Default,
        "every back-off is as short as the first (restart-strategy.exponential-delay.backoff-multiplier)";
    TimeoutCountsAsRefusal, "timeout-counts-as-refusal", Default,
        "a heartbeat that is not answered in time counts as refused (HeartbeatManagerImpl: RecipientUnreachableException alone does)";
    DeploymentsNotReconciled, "deployments-not-reconciled", Default,
        "a JobMaster does not compare what a heartbeat says runs on a TaskManager with what it believes (ExecutionDeploymentReconciler, FLINK-17075)";
    WatermarkOfFastest, "watermark-of-fastest", Default,
        "a source's watermark is that of its fastest split, not of its slowest (WatermarkOutputMultiplexer)";
}

/// A set of defects; a run has none unless somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects(u64);

impl Defects {
    pub fn of(defects: impl IntoIterator<Item = Defect>) -> Defects {
        Defects(
            defects
                .into_iter()
                .fold(0, |set, defect| set | 1 << defect as u64),
        )
    }

    #[inline]
    pub fn has(self, defect: Defect) -> bool {
        self.0 & (1 << defect as u64) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL
            .iter()
            .copied()
            .filter(move |defect| self.has(*defect))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Defects::of([Defect::TwoReaders, Defect::NoFencing]);
        assert!(set.has(Defect::TwoReaders) && !set.has(Defect::CommitLost));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Defect::NoFencing, Defect::TwoReaders]
        );
        assert!(Defects::default().is_empty());
    }

    #[test]
    fn names_differ_and_fit_into_the_set() {
        let names: BTreeSet<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
        assert_eq!(names.len(), Defect::ALL.len());
        assert!(Defect::ALL.len() <= 64);
    }
}
