//! A client of the cluster, like `flink stop` and then `flink run -s`: it asks whoever leads, and asks again until it has what
//! it wants. It needs no process of the cluster, and dies with none.

use crate::actor::fact::Fact;
use crate::actor::flink::job_manager::JobView;
use crate::actor::message::{Body, ClientRequest, FaultAction, Whom};
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Kernel, Span};

use super::{Actor, World};

/// Between two looks at how the job is.
const POLL_INTERVAL: Span = Span::from_secs(1);

impl World {
    /// Begins with a savepoint of the job, whoever leads then.
    pub(super) fn savepoint_and_restart(
        &mut self,
        target: ActorId,
        job: JobId,
        kernel: &mut Kernel<World>,
    ) {
        let what = "savepoint-and-restart";
        kernel.state(target, Fact::FaultInjected { what });
        self.serve_client(ClientRequest::StopWithSavepoint { job }, kernel);
    }

    /// One look, and what the client makes of it.
    pub(super) fn serve_client(&mut self, request: ClientRequest, kernel: &mut Kernel<World>) {
        let now = kernel.now();
        let leader = self.find(Whom::Leader);
        let view = |job| {
            let leader = leader?;
            match &self.actors[leader.0 as usize] {
                Actor::FlinkJobManager(jm) => jm.view(job),
                _ => None,
            }
        };
        let again = FaultAction::Client(request);
        match request {
            ClientRequest::StopWithSavepoint { job } => match view(job) {
                // The next command begins with a JVM.
                Some(JobView::Stopped { savepoint }) => {
                    let startup = self.blueprint.profile.process_startup.jobmanager;
                    let at = now + startup.draw(&mut self.startup);
                    let resubmit = ClientRequest::Resubmit { job, savepoint };
                    self.plan(at, FaultAction::Client(resubmit), kernel);
                }
                // There is nothing that could be stopped.
                Some(JobView::Failed) => {}
                view => {
                    if view == Some(JobView::Runs { stoppable: true }) {
                        self.ask_leader(leader, request, kernel);
                    }
                    self.plan(now + POLL_INTERVAL, again, kernel);
                }
            },
            ClientRequest::Resubmit { job, .. } => {
                let view = view(job);
                if matches!(view, Some(JobView::Stopped { .. })) {
                    self.ask_leader(leader, request, kernel);
                }
                if !matches!(view, Some(JobView::Runs { .. })) {
                    self.plan(now + POLL_INTERVAL, again, kernel);
                }
            }
        }
    }

    fn ask_leader(
        &mut self,
        leader: Option<ActorId>,
        request: ClientRequest,
        kernel: &mut Kernel<World>,
    ) {
        if let Some(leader) = leader {
            let body = Body::Client(request);
            self.post(kernel.now(), leader, leader, body, kernel);
        }
    }
}
