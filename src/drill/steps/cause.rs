//! What made a leader act, in words.

use crate::actor::fact::Detector;

/// What made the leader act, with the name that other reports have for it.
pub(super) fn cause(detector: Detector, lost: &[String], leader: &str) -> String {
    let lost = lost.join(", ");
    let on = match lost.is_empty() {
        true => String::new(),
        false => format!(" on {lost}"),
    };
    let what = match detector {
        Detector::DataPlane => format!("a task{on} failed, its connection to another was gone"),
        Detector::TaskFailure => format!("a task{on} failed"),
        Detector::UserException => format!("a task{on} threw an exception"),
        Detector::HeartbeatTimeout => format!(
            "heartbeat.timeout passed without a sign of life{}",
            of(&lost)
        ),
        Detector::RpcUnreachable => format!("heartbeat requests found nobody{on}"),
        Detector::ResourceManager => format!("the ResourceManager has given {lost} up"),
        Detector::Goodbye => format!("{lost} said goodbye"),
        Detector::Reregistration => {
            format!("{lost} registered anew: the process before it is gone")
        }
        Detector::DeploymentUnreachable => format!("submitTask found nobody{on}"),
        Detector::DeploymentFailed => format!("submitTask was refused or not answered{on}"),
        Detector::NoResources => {
            "NoResourceAvailableException: the slots did not come in time".to_owned()
        }
        Detector::NewLeader => format!("{leader} leads now"),
        Detector::CheckpointFailures => "more checkpoints failed than are tolerated".to_owned(),
        Detector::Coordinator => "an operator's coordinator failed".to_owned(),
        Detector::Rescaling => "the adaptive scheduler changes the parallelism".to_owned(),
        Detector::StopWithSavepoint => "a client stops the job with a savepoint".to_owned(),
        Detector::Resubmission => "a client has handed the job in again".to_owned(),
        Detector::ZookeeperSession => format!("the session{} has expired", of(&lost)),
        Detector::Rebalancing => "a task is moved because of load".to_owned(),
    };
    format!("{what} ({})", detector.name())
}

fn of(lost: &str) -> String {
    match lost.is_empty() {
        true => String::new(),
        false => format!(" of {lost}"),
    }
}
