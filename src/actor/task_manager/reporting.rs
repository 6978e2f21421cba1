//! What a TaskManager measures of itself and its tasks, every metrics interval.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::Body;
use crate::actor::metric_report::MetricReport;

use super::TaskManager;
use super::source::SourceReader;

impl TaskManager {
    pub(super) fn send_report(&mut self, ctx: &mut Context<'_>) {
        let interval = self.blueprint.monitor.interval;
        self.report.set(interval, ctx);
        let now = ctx.now();
        let mut tasks = Vec::new();
        for number in self.numbers() {
            let task = self.task(number);
            if !task.is_running() {
                continue;
            }
            let mut metrics = task.meter.report(now);
            metrics.subtask = task.subtask;
            metrics.queued = task.input.queued();
            metrics.log_bytes = task.outputs.log_bytes();
            metrics.pending_records = task.source.as_ref().map_or(0, SourceReader::pending);
            (metrics.input_watermark, metrics.output_watermark) = task.watermarks();
            if let Some(oldest) = task.input.oldest() {
                metrics.input_latency = metrics.input_latency.max(now.since(oldest));
            }
            ctx.state(Fact::TaskMeasured { metrics });
            tasks.push(metrics);
        }
        let used: u64 = tasks.iter().map(|task| task.cpu.0).sum();
        let cpu_per_mille = (used as u128 * 1_000_000
            / (interval.0.max(1) as u128 * self.millicores as u128))
            as u32;
        ctx.state(Fact::MachineMeasured { cpu_per_mille });
        // Flink's metrics are scraped; the story's leader is told.
        if let Some(leader) = self.membership.registered_leader() {
            ctx.send(
                leader,
                Body::MetricReport(Box::new(MetricReport {
                    tasks,
                    cpu_per_mille,
                })),
            );
        }
    }
}
