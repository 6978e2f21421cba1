//! What a TaskManager measures and tells the leader, as Flink's metrics have it.

use serde::Serialize;

use crate::dataflow::event_time::EventTime;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::Span;

#[derive(Clone, Debug, Serialize)]
pub struct MetricReport {
    pub tasks: Vec<TaskMetrics>,
    /// Share of the machine's CPU time used since the last report, in thousandths.
    pub cpu_per_mille: u32,
}

/// One task since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskMetrics {
    pub subtask: SubtaskId,
    /// `numRecordsIn`
    pub records_in: u64,
    pub records_out: u64,
    pub interval: Span,
    /// `busyTimeMsPerSecond` and its sisters, as spans of the interval.
    pub busy: Span,
    pub back_pressured: Span,
    /// CPU used, on one whole core.
    pub cpu: Span,
    /// Oldest emission still unread, or the age of the last batch when it was handled: latency between operators.
    pub input_latency: Span,
    /// `checkpointAlignmentTime`: from the first barrier of a checkpoint to the last, the longest of the interval.
    pub alignment: Span,
    /// `checkpointStartDelayNanos`: from the trigger of a checkpoint to its first barrier here, the longest of the interval.
    pub start_delay: Span,
    /// Elements that wait in input channels.
    pub queued: u32,
    /// Bytes kept in the in-flight log.
    pub log_bytes: u64,
    /// Of a source: records in the topic that it has not taken.
    pub pending_records: u64,
    /// `currentInputWatermark`; none: a source, or no event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_watermark: Option<EventTime>,
    /// `currentOutputWatermark`; none: a sink, or no event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_watermark: Option<EventTime>,
}
