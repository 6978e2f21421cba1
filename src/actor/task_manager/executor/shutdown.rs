//! The end of a TaskManager's process: asked for from outside, or after a fatal error.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::flink::rpc::{RpcError, line};
use crate::kernel::Span;

use super::{TaskExecutorTimer, TaskManager, Work};

/// `JvmShutdownSafeguard`: how long a shutdown hook may take.
const SIGTERM_LIMIT: Span = Span::from_secs(5);
/// `TaskManagerRunner.FATAL_ERROR_SHUTDOWN_TIMEOUT`
const FATAL_ERROR_LIMIT: Span = Span::from_secs(10);

impl TaskManager {
    /// SIGTERM: everybody is told goodbye, tasks fail, the process ends.
    pub fn shut_down(&mut self, ctx: &mut Context<'_>) {
        const REASON: &str = "The TaskExecutor is shutting down.";
        if self.executor.is_none() {
            self.stop_all(REASON, ctx);
            self.membership.client.close(ctx);
            return ctx.exit(self.blueprint.directory.faults);
        }
        self.stop_executor(REASON, SIGTERM_LIMIT, ctx);
    }

    /// `TaskManagerRunner.onFatalError`
    pub(super) fn fail_fatally(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        ctx.state(Fact::FatalError { reason });
        self.stop_executor(reason, FATAL_ERROR_LIMIT, ctx);
    }

    /// `TaskExecutor.onStop`: connections are closed, and then tasks have to end.
    fn stop_executor(&mut self, reason: &'static str, limit: Span, ctx: &mut Context<'_>) {
        let executor = self.executor();
        if executor.stopping.is_some() {
            return;
        }
        executor.stopping = Some(reason);
        executor.exit_limit.set(limit, ctx);
        self.close_resource_manager(reason, ctx);
        let jobs: Vec<_> = self.executor().jobs.keys().copied().collect();
        for job in jobs {
            self.close_job(job, reason, ctx);
        }
        for number in self.numbers() {
            self.end_task(number, Some(super::TaskFailure::Other(reason)), ctx);
        }
        let executor = self.executor();
        executor.heartbeats.stop(ctx);
        executor.asks.drop_all(ctx);
        self.exit_when_idle(ctx);
    }

    /// The endpoint is not there any more: only tasks end.
    pub(super) fn handle_while_stopping(&mut self, work: Work, ctx: &mut Context<'_>) {
        match work {
            Work::Rpc(from, rpc) => line::answer(from, rpc.ask, Err(RpcError::Unreachable), ctx),
            Work::Timer(TaskExecutorTimer::ExitLimit) => self.exit_now(ctx),
            Work::Timer(_) | Work::Answer(..) | Work::HeartbeatTimeout(_) => {}
        }
    }

    /// A task has ended: was it the last that the process waited for?
    pub(super) fn exit_when_idle(&mut self, ctx: &mut Context<'_>) {
        if self.executor().stopping.is_some() && self.tasks.iter().all(Option::is_none) {
            self.exit_now(ctx);
        }
    }

    fn exit_now(&mut self, ctx: &mut Context<'_>) {
        let executor = self.executor();
        let reason = executor.stopping.expect("only a stopped endpoint exits");
        executor.exit_limit.cancel(ctx);
        executor.desk.client.close(ctx);
        ctx.state(Fact::TaskManagerStopped { reason });
        ctx.exit(self.blueprint.directory.faults);
    }
}
