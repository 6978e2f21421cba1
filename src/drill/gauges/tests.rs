use super::*;
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Detector, ExecutionState, JobStatus};
use crate::actor::flink::rpc::call::AllocationId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{EventId, Span};
use crate::policy::RecoveryScope;
use crate::scenario::{self, Override};

/// Gauges of a job with two tasks, to whom facts are told by hand.
struct Told {
    gauges: Gauges,
}

const TWO_TASKS: &str = "\
name: two
seed: 1
duration: 60 s
cluster:
  jobmanagers: [jm-1, jm-2]
  taskmanagers: [{name: tm-1, slots: 2}, {name: tm-2, slots: 3}]
topics:
  t: {partitions: 1, rate: 10/s}
jobs:
  - name: j
    operators:
      - {name: source, topic: t, parallelism: 1}
      - {name: sink, input: source, parallelism: 1}
";

impl Told {
    fn new(model: &str) -> Told {
        let model = Override {
            path: "model".to_owned(),
            value: model.to_owned(),
        };
        let loaded = scenario::load(TWO_TASKS, "x.yaml", &[model]);
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        let blueprint = Arc::new(super::super::build::blueprint(&loaded.scenario));
        Told {
            gauges: Gauges::new(&blueprint),
        }
    }

    fn jobmanager(&self, index: usize) -> ActorId {
        self.gauges.blueprint.directory.jobmanagers[index]
    }

    fn taskmanager(&self, index: usize, incarnation: u32) -> Address {
        Address {
            actor: self.gauges.blueprint.directory.taskmanagers[index],
            incarnation,
        }
    }

    fn tell(&mut self, at_ms: u64, actor: ActorId, fact: Fact) {
        let header = Header {
            time: Time::ZERO + Span::from_ms(at_ms),
            event: EventId::START,
            cause: EventId::START,
            actor,
        };
        self.gauges.fact(&header, &fact);
    }

    fn registers(&mut self, at_ms: u64, at: usize, taskmanager: Address) {
        let fact = Fact::TaskExecutorRegistered {
            taskmanager,
            instance: 1,
        };
        self.tell(at_ms, self.jobmanager(at), fact);
    }

    fn begins(&mut self, at_ms: u64, at: usize) {
        let fact = Fact::RecoveryStarted {
            job: 0,
            recovery: 0,
            detector: Detector::NewLeader,
            scope: RecoveryScope::Full,
            lost: Vec::new(),
            tasks: vec![0, 1],
        };
        self.tell(at_ms, self.jobmanager(at), fact);
    }

    fn is(&mut self, at_ms: u64, status: JobStatus) {
        let fact = Fact::JobStatusChanged {
            job: 0,
            status,
            reason: String::new(),
        };
        self.tell(at_ms, self.jobmanager(0), fact);
    }

    fn task(&mut self, at_ms: u64, subtask: SubtaskId, number: u32, state: ExecutionState) {
        let fact = Fact::ExecutionChanged {
            subtask,
            attempt: Attempt::new(1, number),
            state,
            taskmanager: Some(self.taskmanager(0, 0).actor),
        };
        self.tell(at_ms, self.jobmanager(0), fact);
    }

    /// What scrapes up to a second read: when and what.
    fn read(&self, subject: &str, metric: &str, until_s: u64) -> Vec<(f64, f64)> {
        let until = Time::ZERO + Span::from_secs(until_s);
        let points = self.gauges.metrics(until).into_iter();
        points
            .filter(|point| &*point.subject == subject && point.metric == metric)
            .map(|point| (point.at_ms / 1e3, point.value))
            .collect()
    }
}

#[test]
fn the_resource_manager_that_leads_counts_who_is_registered_with_it() {
    let mut told = Told::new("flink-default");
    let [first, second] = [0, 1].map(|index| told.taskmanager(index, 0));
    told.tell(500, told.jobmanager(0), Fact::LeadershipGranted);
    told.registers(1_500, 0, first);
    told.registers(1_600, 0, second);
    // What JobMasters say is no matter here.
    let at_job_master = Fact::TaskManagerRegistered {
        taskmanager: first.actor,
    };
    told.tell(1_700, told.jobmanager(0), at_job_master);
    let used = Fact::TaskSlotChanged {
        slot: 1,
        allocation: AllocationId(7),
        job: 0,
        state: SlotState::Allocated,
    };
    told.tell(2_500, first.actor, used);
    told.tell(4_500, told.jobmanager(1), Fact::LeadershipGranted);
    told.registers(5_500, 1, second);
    // The old leader does not know yet.
    let lost = Fact::TaskExecutorUnregistered {
        taskmanager: second,
        instance: 1,
        reason: "",
    };
    told.tell(5_600, told.jobmanager(0), lost);

    let registered = "numRegisteredTaskManagers";
    let expected = [(1.0, 0.0), (2.0, 2.0), (3.0, 2.0), (4.0, 2.0)];
    assert_eq!(told.read("jm-1", registered, 6), expected);
    assert_eq!(told.read("jm-2", registered, 6), [(5.0, 0.0), (6.0, 1.0)]);
    let available = [(1.0, 0.0), (2.0, 5.0), (3.0, 4.0), (4.0, 4.0)];
    assert_eq!(told.read("jm-1", "taskSlotsAvailable", 6), available);
    assert_eq!(told.read("jm-2", "taskSlotsTotal", 6)[1], (6.0, 3.0));

    // A process that was started again has slots that nobody has.
    told.registers(6_500, 1, told.taskmanager(0, 1));
    assert_eq!(told.read("jm-2", "taskSlotsAvailable", 7)[2], (7.0, 5.0));
    told.tell(
        7_500,
        told.jobmanager(1),
        Fact::FaultInjected { what: "kill" },
    );
    assert_eq!(told.read("jm-2", registered, 60).len(), 3);
}

#[test]
fn the_textbooks_leader_counts_its_members() {
    let mut told = Told::new("story");
    let taskmanager = told.taskmanager(0, 0).actor;
    told.tell(500, told.jobmanager(0), Fact::LeadershipGranted);
    told.tell(
        1_500,
        told.jobmanager(0),
        Fact::TaskManagerRegistered { taskmanager },
    );
    let counted = told.read("jm-1", "numRegisteredTaskManagers", 2);
    assert_eq!(counted, [(1.0, 0.0), (2.0, 1.0)]);
    assert!(told.read("jm-1", "taskSlotsTotal", 2).is_empty());
}

#[test]
fn a_job_master_s_gauges_are_read_at_every_interval_and_begin_anew_with_the_next() {
    let mut told = Told::new("flink-default");
    told.tell(0, told.jobmanager(0), Fact::LeadershipGranted);
    told.begins(500, 0);
    let triggered = Fact::CheckpointTriggered {
        job: 0,
        checkpoint: 3,
    };
    told.tell(1_200, told.jobmanager(0), triggered);
    let completed = Fact::CheckpointCompleted {
        job: 0,
        checkpoint: 3,
        offsets: Vec::new(),
        bytes: 10,
        written_bytes: 9,
        persisted_bytes: 0,
        duration: Span::from_ms(900),
    };
    told.tell(2_100, told.jobmanager(0), completed);
    let values = |metric| -> Vec<f64> {
        let read = told.read("j", metric, 4);
        read.into_iter().map(|(_, value)| value).collect()
    };
    assert_eq!(values("totalNumberOfCheckpoints"), [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(
        values("numberOfInProgressCheckpoints"),
        [0.0, 1.0, 0.0, 0.0]
    );
    assert_eq!(values("numberOfCompletedCheckpoints"), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(values("lastCompletedCheckpointId"), [-1.0, -1.0, 3.0, 3.0]);
    let at = [-1.0, -1.0, 2_100.0, 2_100.0];
    assert_eq!(values("lastCheckpointCompletedTimestamp"), at);
    assert_eq!(values("lastCheckpointDuration"), [-1.0, -1.0, 900.0, 900.0]);

    told.tell(4_500, told.jobmanager(1), Fact::LeadershipGranted);
    told.begins(5_500, 1);
    let completed = told.read("j", "numberOfCompletedCheckpoints", 6);
    // Nobody is asked at 5 s.
    assert_eq!(completed[3..], [(4.0, 1.0), (6.0, 0.0)]);
    assert_eq!(
        told.read("jm-2", "numRunningJobs", 6),
        [(5.0, 0.0), (6.0, 1.0)]
    );
}

#[test]
fn an_outage_shows_in_the_time_for_which_all_tasks_have_run_and_not_in_downtime() {
    let mut told = Told::new("flink-default");
    told.tell(0, told.jobmanager(0), Fact::LeadershipGranted);
    // Handed in: nobody had it before.
    told.is(500, JobStatus::Running);
    for (at_ms, state) in [
        (900, ExecutionState::Deploying),
        (1_100, ExecutionState::Running),
    ] {
        told.task(at_ms, 0, 1, state);
        told.task(at_ms, 1, 1, state);
    }
    told.task(2_500, 1, 1, ExecutionState::Failed);
    told.is(2_500, JobStatus::Restarting);
    told.is(3_500, JobStatus::Running);
    told.task(3_500, 1, 2, ExecutionState::Deploying);
    told.task(4_600, 1, 2, ExecutionState::Running);
    let values = |metric| -> Vec<f64> {
        let read = told.read("j", metric, 5);
        read.into_iter().map(|(_, value)| value).collect()
    };
    let all = values("allSubTasksRunningOrFinishedTime");
    assert_eq!(all, [0.0, 900.0, 0.0, 0.0, 400.0]);
    assert_eq!(values("deployingTime"), [100.0, 0.0, 0.0, 500.0, 0.0]);
    assert_eq!(values("restartingTime"), [0.0, 0.0, 500.0, 0.0, 0.0]);
    assert_eq!(values("uptime"), [500.0, 1_500.0, 0.0, 500.0, 1_500.0]);
    assert_eq!(values("downtime"), [0.0; 5]);

    // It fails for good: by then it counts, and in the end nobody has the job.
    told.is(5_500, JobStatus::Failing);
    told.is(6_500, JobStatus::Failed);
    told.task(6_600, 0, 1, ExecutionState::Canceled);
    assert_eq!(told.read("j", "downtime", 60)[5..], [(6.0, 500.0)]);
    assert_eq!(told.read("jm-1", "numRunningJobs", 7)[7], (7.0, 0.0));
}
