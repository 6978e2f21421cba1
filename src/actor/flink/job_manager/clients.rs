//! What clients ask of a JobManager that leads: a job is stopped with a savepoint, and handed in again with it.

use crate::actor::context::Context;
use crate::actor::message::ClientRequest;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

use super::JobManager;

/// A job, as a client sees it at its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobView {
    /// It has a JobMaster. `stoppable`: a savepoint may be taken now.
    Runs {
        stoppable: bool,
    },
    /// FINISHED, with that savepoint, and its result is stored.
    Stopped {
        savepoint: CheckpointId,
    },
    Failed,
    /// It is on its way from one to another.
    Pending,
}

impl JobManager {
    /// None: nobody leads here, or the services are not there yet.
    pub fn view(&self, job: JobId) -> Option<JobView> {
        let services = self.leadership.as_ref()?.services.as_ref()?;
        Some(match services.jobs.get(&job) {
            Some(job_master) => JobView::Runs {
                stoppable: job_master.can_be_stopped(),
            },
            None => services.dispatcher.view(job),
        })
    }

    pub(super) fn on_client(&mut self, request: ClientRequest, ctx: &mut Context<'_>) {
        let storage = self.blueprint.directory.storage;
        let Some((services, mut office)) = self.at_work() else {
            return;
        };
        match request {
            ClientRequest::StopWithSavepoint { job } => {
                if let Some(job_master) = services.jobs.get_mut(&job) {
                    job_master.stop_with_savepoint(&mut office, ctx);
                }
            }
            ClientRequest::Resubmit { job, savepoint } => {
                services.dispatcher.resubmit(job, savepoint, storage, ctx)
            }
        }
    }
}
