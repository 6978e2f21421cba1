//! What a configuration promises to survive: a plan that asks for more shows nothing.

use crate::fault::{Fault, FaultKind, Target};
use crate::scenario::model::Scenario;

use super::sized::slots_needed;

/// Whether the faults leave ZooKeeper a quorum for good, somebody who can lead, and room for every task.
pub fn survives(faults: &[Fault], scenario: &Scenario) -> bool {
    let cluster = &scenario.cluster;
    let servers = cluster.zookeeper.servers as usize;
    let gone = |is: &dyn Fn(Target) -> bool| -> Vec<Target> {
        let mut gone: Vec<Target> = Vec::new();
        for fault in faults
            .iter()
            .filter(|fault| is_for_good(fault) && is(fault.target))
        {
            // Whoever is only found when it comes may be another one each time.
            let found = matches!(fault.target, Target::Leader | Target::TaskManagerOf(_));
            if found || !gone.contains(&fault.target) {
                gone.push(fault.target);
            }
        }
        gone
    };
    let servers_gone = gone(&|target| matches!(target, Target::ZooKeeper(_))).len();
    let leaders_gone =
        gone(&|target| matches!(target, Target::JobManager(_) | Target::Leader)).len();
    let taskmanagers_gone =
        gone(&|target| matches!(target, Target::TaskManager(_) | Target::TaskManagerOf(_)));
    let mut slots: Vec<u32> = cluster
        .taskmanagers
        .iter()
        .filter(|taskmanager| taskmanager.starts)
        .map(|taskmanager| taskmanager.slots)
        .collect();
    // The largest go: whoever is named, it is not more than that.
    slots.sort_unstable();
    slots.truncate(slots.len().saturating_sub(taskmanagers_gone.len()));
    let room = !slots.is_empty() && slots.iter().sum::<u32>() >= slots_needed(scenario);
    servers_gone <= (servers - 1) / 2 && leaders_gone < cluster.jobmanagers.len() && room
}

/// Whether a process goes that nobody brings back.
pub fn is_for_good(fault: &Fault) -> bool {
    match fault.kind {
        FaultKind::Kill | FaultKind::Stop | FaultKind::PowerOff | FaultKind::Hang => {
            fault.lasts.is_none()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::When;
    use crate::kernel::{Span, Time};
    use crate::scenario::load;

    fn kill(target: Target, lasts: Option<Span>) -> Fault {
        Fault {
            kind: FaultKind::Kill,
            target,
            at: When::At(Time(1)),
            lasts,
        }
    }

    #[test]
    fn what_no_cluster_survives_is_refused() {
        let text = include_str!("../../../scenarios/fraud-detection.yaml");
        let scenario = load(text, "story.yaml", &[]).unwrap().scenario;
        let survives = |targets: &[Target]| {
            let faults: Vec<Fault> = targets.iter().map(|target| kill(*target, None)).collect();
            survives(&faults, &scenario)
        };
        assert!(survives(&[
            Target::ZooKeeper(0),
            Target::JobManager(0),
            Target::Leader
        ]));
        assert!(!survives(&[Target::ZooKeeper(0), Target::ZooKeeper(1)]));
        assert!(survives(&[Target::ZooKeeper(1), Target::ZooKeeper(1)]));
        assert!(!survives(&[Target::Leader, Target::Leader, Target::Leader]));
        assert!(survives(&[0, 1, 2, 3].map(Target::TaskManager)));
        assert!(!survives(&[0, 1, 2, 3, 4].map(Target::TaskManager)));
        let comes_back = [0, 1].map(|n| kill(Target::ZooKeeper(n), Some(Span::from_secs(1))));
        assert!(super::survives(&comes_back, &scenario));
    }
}
