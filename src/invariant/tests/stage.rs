//! A small cluster to state facts about, for the checkers' tests.

use crate::dataflow::samples;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::actor::settings::{
    Cluster, Config, Database, KafkaCluster, Monitor, Profile, Receiver, Storage, TaskManager,
    ZooKeeper,
};
use crate::actor::task_manager::executor::SlotState;
use crate::actor::zookeeper::paths;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::job_graph::{Exchange, Input, Job, OperatorKind, Topic};
use crate::dataflow::record::SplitId;
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{SubtaskId, Topology, TopologyOptions};
use crate::kernel::time::SpanRange;
use crate::kernel::{ActorId, EventId, Header, Span, Streams, Time};
use crate::policy::{Placement, RebalanceWhen, Rebalancing, RecoveryScope, Slots};

use super::{Checks, Verdict};

/// Three servers, two JobManagers, two TaskManagers with four slots; sources 0 and 1, a keyed operator 2 and 3, sink 4.
pub fn blueprint() -> Arc<Blueprint> {
    let range = SpanRange::constant(Span::from_ms(1));
    let taskmanager = |name: &str| TaskManager {
        name: name.into(),
        slots: 4,
        cpu_millicores: 1_000,
        network_bytes_per_s: 0,
        starts: true,
    };
    let cluster = Cluster {
        jobmanagers: vec!["jm-1".into(), "jm-2".into()],
        taskmanagers: vec![taskmanager("tm-1"), taskmanager("tm-2")],
        zookeeper: ZooKeeper {
            servers: 3,
            tick_time: Span::from_secs(2),
        },
        storage: Storage {
            name: "hdfs".into(),
            read_bytes_per_s: 0,
            write_bytes_per_s: 0,
            latency: Span::ZERO,
        },
        kafka: KafkaCluster::default(),
        database: Database {
            name: "db".into(),
            commit_latency: range,
        },
        receiver: Receiver {
            name: "webhook".into(),
            latency: range,
            loss_per_mille: 100,
        },
        hosts: Vec::new(),
        link_latency: range,
    };
    let topic = Topic {
        rate_per_s: 10.0,
        linger: Span::ZERO,
        ..samples::topic("t", 2)
    };
    let input = |operator, exchange| vec![Input { operator, exchange }];
    let sink = OperatorKind::Sink {
        inputs: input(1, Exchange::Rebalance),
        spec: SinkSpec::default(),
    };
    let job = Job {
        name: "job".into(),
        operators: vec![
            samples::operator("source", 2, OperatorKind::Source { topic: 0 }),
            samples::operator(
                "keyed",
                2,
                OperatorKind::Transform {
                    inputs: input(0, Exchange::Hash),
                },
            ),
            samples::operator("sink", 1, sink),
        ],
        pins: BTreeMap::new(),
        event_time: None,
    };
    let topology = Topology::new(&[topic], &[job], TopologyOptions::default(), 1);
    Arc::new(Blueprint {
        directory: Directory::new(&cluster),
        pins: vec![None; topology.subtasks.len()],
        topology,
        cluster,
        config: config(),
        profile: Profile::constant("test", range.into()),
        monitor: Monitor {
            late: Span::from_secs(1),
            interval: Span::from_secs(1),
            rebalance_when: RebalanceWhen {
                latency: Span::from_secs(1),
                back_pressure_per_mille: 500,
                lasting: Span::from_secs(10),
            },
        },
        liveness: crate::policy::Liveness::ZkEphemeral,
        scope: RecoveryScope::Region,
        placement: Placement::LeastLoaded,
        slots: Slots::Bind,
        rebalancing: Rebalancing::Off,
        weight: 1,
        defects: Default::default(),
        streams: Streams::new(1),
    })
}

/// The same cluster under Flink's own control plane.
pub fn flink_blueprint() -> Arc<Blueprint> {
    let mut blueprint = Arc::unwrap_or_clone(blueprint());
    blueprint.liveness = crate::policy::Liveness::RpcHeartbeats;
    Arc::new(blueprint)
}

pub fn job_master() -> Peer {
    Peer {
        address: address(JM(0)),
        endpoint: Endpoint::JobMaster(0),
    }
}

pub fn resource_manager() -> Peer {
    Peer {
        address: address(JM(0)),
        endpoint: Endpoint::ResourceManager,
    }
}

pub fn executor(tm: usize) -> Peer {
    Peer {
        address: address(TM(tm)),
        endpoint: Endpoint::TaskExecutor,
    }
}

/// Of a slot of a TaskManager.
pub fn allocation(tm: usize, slot: SlotIndex) -> AllocationId {
    AllocationId(100 * tm as u64 + u64::from(slot))
}

fn address(actor: ActorId) -> Address {
    Address {
        actor,
        incarnation: 0,
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.checkpointing.interval = Some(Span::from_secs(10));
    config.checkpointing.timeout = Span::from_secs(60);
    config.ha.session_timeout = Span::from_secs(10);
    config.in_flight_log_bytes = 1 << 20;
    config
}

pub const JM: fn(usize) -> ActorId = |index| ActorId(3 + index as u32);
pub const TM: fn(usize) -> ActorId = |index| ActorId(5 + index as u32);
pub const ZK: ActorId = ActorId(0);
pub const DB: ActorId = ActorId(9);
pub const HEARER: ActorId = ActorId(10);
pub const SUBTASKS: u32 = 5;

/// A checkpoint of the job completes.
pub fn completed(checkpoint: CheckpointId, offsets: &[(SplitId, u64)]) -> Fact {
    Fact::CheckpointCompleted {
        job: 0,
        checkpoint,
        offsets: offsets.to_vec(),
        bytes: 0,
        written_bytes: 0,
        persisted_bytes: 0,
        duration: Span::ZERO,
    }
}

/// States facts, one event each, and asks for verdicts.
pub struct Stage {
    pub checks: Checks,
    at: Time,
    event: u64,
    /// Facts are stated in the current event.
    same_event: bool,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::of(&blueprint())
    }

    pub fn of(blueprint: &Arc<Blueprint>) -> Stage {
        Stage {
            checks: Checks::new(blueprint),
            at: Time::ZERO,
            event: 0,
            same_event: false,
        }
    }

    /// The time from here on.
    pub fn at(&mut self, secs: u64) -> &mut Stage {
        self.at_time(Time::ZERO + Span::from_secs(secs))
    }

    pub fn at_time(&mut self, at: Time) -> &mut Stage {
        self.at = at;
        self
    }

    /// The first TaskManager's own table says so.
    pub fn slot_turns(&mut self, slot: SlotIndex, state: SlotState) -> &mut Stage {
        let (allocation, job) = (allocation(0, slot), 0);
        let fact = Fact::TaskSlotChanged {
            slot,
            allocation,
            job,
            state,
        };
        self.says(TM(0), fact)
    }

    pub fn says(&mut self, actor: ActorId, fact: Fact) -> &mut Stage {
        self.event += u64::from(!self.same_event);
        let event = EventId(self.event);
        self.checks.fact(
            &Header {
                time: self.at,
                event,
                cause: event,
                actor,
            },
            &fact,
        );
        self
    }

    /// What is stated by `act` is stated in one event.
    pub fn in_one_event(&mut self, act: impl FnOnce(&mut Stage)) -> &mut Stage {
        self.event += 1;
        self.same_event = true;
        act(self);
        self.same_event = false;
        self
    }

    pub fn verdict(&self, id: &str) -> Verdict {
        let verdicts = self.checks.finish(self.at);
        verdicts
            .into_iter()
            .find(|verdict| verdict.id == id)
            .unwrap_or_else(|| panic!("no promise {id}"))
    }

    /// Asserts that the promise was checked, and how often it was broken.
    pub fn broken(&self, id: &str, times: u64) -> &Stage {
        let verdict = self.verdict(id);
        assert_eq!(
            verdict.violations_total, times,
            "{id}: {:?}",
            verdict.violations
        );
        assert!(verdict.checked > 0, "{id} was never checked");
        self
    }

    /// Asserts that the promise is not broken, whether or not there was anything to check.
    pub fn holds(&self, id: &str) -> &Stage {
        let verdict = self.verdict(id);
        assert_eq!(
            verdict.violations_total, 0,
            "{id}: {:?}",
            verdict.violations
        );
        self
    }

    /// Asserts that no promise at all is broken.
    pub fn clean(&self) -> &Stage {
        for verdict in self.checks.finish(self.at) {
            assert_eq!(
                verdict.violations_total, 0,
                "{}: {:?}",
                verdict.id, verdict.violations
            );
        }
        self
    }

    /// A JobManager is elected and publishes.
    pub fn elect(&mut self, index: usize, token: u64) -> &mut Stage {
        let session = token - 2;
        self.says(
            ZK,
            Fact::SessionOpened {
                zxid: 0,
                session,
                owner: JM(index),
                timeout: Span::from_secs(10),
            },
        );
        let path = format!("/leader/latch/latch-{token:010}");
        self.says(
            ZK,
            Fact::ZnodeCreated {
                zxid: token - 1,
                path,
                owner: Some(session),
            },
        );
        self.says(JM(index), Fact::LeadershipGranted);
        let path = crate::actor::task_manager::LEADER_PATH.to_owned();
        self.says(
            ZK,
            Fact::ZnodeCreated {
                zxid: token,
                path,
                owner: Some(session),
            },
        );
        self.says(JM(index), Fact::LeaderPublished { token })
    }

    /// The session of an elected JobManager ends, and what it owned goes.
    pub fn depose(&mut self, token: u64, zxid: u64) -> &mut Stage {
        let (session, timeout) = (token - 2, Span::from_secs(10));
        let owner = self.owner(token);
        let last_heard = Time(self.at.0 - Span::from_secs(11).0);
        self.says(
            ZK,
            Fact::SessionExpired {
                session,
                owner,
                last_heard,
                timeout,
            },
        );
        self.says(
            ZK,
            Fact::ZnodeDeleted {
                zxid,
                path: format!("/leader/latch/latch-{token:010}"),
            },
        );
        let path = crate::actor::task_manager::LEADER_PATH.to_owned();
        self.says(ZK, Fact::ZnodeDeleted { zxid, path })
    }

    fn owner(&self, token: u64) -> ActorId {
        if token >= 200 { JM(1) } else { JM(0) }
    }

    pub fn register(&mut self, jobmanager: usize, taskmanager: usize) -> &mut Stage {
        self.says(
            JM(jobmanager),
            Fact::TaskManagerRegistered {
                taskmanager: TM(taskmanager),
            },
        )
    }

    /// The JobMaster sees this state of an attempt.
    pub fn sees(
        &mut self,
        jobmanager: usize,
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        tm: usize,
    ) -> &mut Stage {
        let taskmanager = Some(TM(tm));
        self.says(
            JM(jobmanager),
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                taskmanager,
            },
        )
    }

    /// Brings the whole job up under `jm-1`, token 100, four tasks on the first TaskManager.
    pub fn running() -> Stage {
        let mut stage = Stage::new();
        stage.at(1).elect(0, 100).register(0, 0).register(0, 1);
        stage.deploy(0, Attempt::new(100, 1));
        stage
    }

    /// Every task comes up as this attempt, and with them the job.
    pub fn deploy(&mut self, jobmanager: usize, attempt: Attempt) -> &mut Stage {
        use crate::actor::fact::JobStatus;
        for state in [
            ExecutionState::Scheduled,
            ExecutionState::Deploying,
            ExecutionState::Running,
        ] {
            for subtask in 0..SUBTASKS {
                self.sees(
                    jobmanager,
                    subtask,
                    attempt,
                    state,
                    usize::from(subtask == 4),
                );
            }
        }
        self.says(
            JM(jobmanager),
            Fact::RecoveryRunning {
                job: 0,
                recovery: 1,
            },
        );
        let reason = "all tasks run".to_owned();
        self.says(
            JM(jobmanager),
            Fact::JobStatusChanged {
                job: 0,
                status: JobStatus::Running,
                reason,
            },
        )
    }

    /// Brings the whole job up under Flink's control plane: each task in a slot of its own, four on the first TaskManager.
    pub fn flink() -> Stage {
        let mut stage = Stage::of(&flink_blueprint());
        let (session, token) = (98, 100);
        stage.at(1).says(
            ZK,
            Fact::SessionOpened {
                zxid: 0,
                session,
                owner: JM(0),
                timeout: Span::from_secs(10),
            },
        );
        let path = "/leader/latch/latch-0000000100".to_owned();
        let owner = Some(session);
        stage.says(
            ZK,
            Fact::ZnodeCreated {
                zxid: 99,
                path,
                owner,
            },
        );
        let component = Component::JobMaster(0);
        stage
            .says(JM(0), Fact::LeadershipGranted)
            .says(JM(0), Fact::LeaderInformationWritten { component, token })
            .says(JM(0), Fact::LeaderPublished { token });
        for tm in 0..2 {
            stage.monitors(TM(tm), executor(tm), resource_manager());
            stage.monitors(JM(0), job_master(), executor(tm));
            stage.monitors(TM(tm), executor(tm), job_master());
            stage.says(TM(tm), Fact::RegisteredAtJobMaster { job: 0, token });
            stage.register(0, tm);
        }
        for subtask in 0..SUBTASKS {
            let (tm, slot) = (subtask / 4, subtask % 4);
            let (slot, allocation) = (slot, allocation(tm as usize, slot));
            let state = SlotState::Active;
            stage.says(
                TM(tm as usize),
                Fact::TaskSlotChanged {
                    slot,
                    allocation,
                    job: 0,
                    state,
                },
            );
            stage.pool(tm as usize, slot, "accepted");
        }
        for state in [ExecutionState::Scheduled, ExecutionState::Deploying] {
            for subtask in 0..SUBTASKS {
                let attempt = Attempt::new(token, 1);
                stage.sees(0, subtask, attempt, state, (subtask / 4) as usize);
            }
        }
        for subtask in 0..SUBTASKS {
            let tm = (subtask / 4) as usize;
            stage.starts(tm, subtask, 1, subtask % 4);
            stage.sees(
                0,
                subtask,
                Attempt::new(token, 1),
                ExecutionState::Running,
                tm,
            );
        }
        let (job, recovery) = (0, 0);
        stage.says(JM(0), Fact::RecoveryRunning { job, recovery });
        stage
    }

    pub fn monitors(&mut self, actor: ActorId, owner: Peer, peer: Peer) -> &mut Stage {
        let owner = owner.endpoint;
        self.says(actor, Fact::PeerMonitored { owner, peer })
    }

    pub fn hears(&mut self, actor: ActorId, owner: Peer, peer: Peer) -> &mut Stage {
        let owner = owner.endpoint;
        self.says(actor, Fact::PeerHeard { owner, peer })
    }

    /// The pool of the JobMaster.
    pub fn pool(&mut self, tm: usize, slot: SlotIndex, change: &'static str) -> &mut Stage {
        let (allocation, taskmanager) = (allocation(tm, slot), address(TM(tm)));
        self.says(
            JM(0),
            Fact::SlotPoolChanged {
                job: 0,
                allocation,
                taskmanager,
                change,
            },
        )
    }

    /// The first JobManager hears that a task has acknowledged.
    pub fn acknowledges(
        &mut self,
        checkpoint: CheckpointId,
        subtask: SubtaskId,
        attempt: Attempt,
    ) -> &mut Stage {
        self.says(
            JM(0),
            Fact::CheckpointAcknowledged {
                job: 0,
                checkpoint,
                subtask,
                attempt,
            },
        )
    }

    /// The store has a completed checkpoint of the job.
    pub fn stores(&mut self, checkpoint: CheckpointId) -> &mut Stage {
        let path = paths::pointer(0, checkpoint);
        let zxid = 1_000 + 10 * checkpoint;
        let owner = None;
        self.says(ZK, Fact::ZnodeCreated { zxid, path, owner })
    }

    pub fn starts(
        &mut self,
        tm: usize,
        subtask: SubtaskId,
        number: u32,
        slot: SlotIndex,
    ) -> &mut Stage {
        let (allocation, job_master) = (allocation(tm, slot), 100);
        let attempt = Attempt::new(job_master, number);
        self.says(
            TM(tm),
            Fact::TaskStarted {
                subtask,
                attempt,
                job_master,
                allocation,
            },
        )
    }

    pub fn stopping(&mut self, tm: usize, subtask: SubtaskId, number: u32) -> &mut Stage {
        let attempt = Attempt::new(100, number);
        self.says(TM(tm), Fact::TaskStopping { subtask, attempt })
    }
}
