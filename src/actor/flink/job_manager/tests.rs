//! The process among others: a small cluster with real TaskExecutors and a ZooKeeper ensemble, faults, and what is stated.

use crate::dataflow::samples;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::fact::{Fact, JobStatus};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::heartbeat::Verdict;
use crate::actor::flink::rpc::{Call, Endpoint, Rpc, RpcAnswer, RpcError};
use crate::actor::message::{
    Body, Envelope, FaultAction, FencingToken, LinkFault, LinkTrouble, Timer, Whom,
};
use crate::actor::settings::{
    Cluster, Config, Database, KafkaCluster, Monitor, Profile, Receiver, Storage, TaskManager,
    ZooKeeper,
};
use crate::actor::world::World;
use crate::dataflow::job_graph::{Exchange, Input, Job, OperatorKind, Topic};
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{Topology, TopologyOptions};
use crate::kernel::time::SpanRange;
use crate::kernel::{ActorId, Header, Observer, Simulation, Span, Streams, Time};
use crate::policy::restart::RestartStrategy;
use crate::policy::{
    Liveness, Placement, RebalanceWhen, Rebalancing, RecoveryScope, Slots as SlotRule,
};
use crate::substrate::network::Way;

const PARALLELISM: u32 = 4;
const SLOTS: u32 = 2;

fn cluster(taskmanagers: u32) -> Cluster {
    let range = SpanRange::constant(Span::from_ms(1));
    let taskmanager = |n| TaskManager {
        name: format!("tm-{n}"),
        slots: SLOTS,
        cpu_millicores: 2_000,
        network_bytes_per_s: 0,
        starts: true,
    };
    Cluster {
        jobmanagers: (1..=3).map(|n| format!("jm-{n}")).collect(),
        taskmanagers: (1..=taskmanagers).map(taskmanager).collect(),
        zookeeper: ZooKeeper {
            servers: 3,
            tick_time: Span::from_secs(2),
        },
        storage: Storage {
            name: "hdfs".into(),
            read_bytes_per_s: 0,
            write_bytes_per_s: 0,
            latency: Span::from_ms(1),
        },
        kafka: KafkaCluster::default(),
        database: Database {
            name: "db".into(),
            commit_latency: range,
        },
        receiver: Receiver {
            name: "webhook".into(),
            latency: range,
            loss_per_mille: 0,
        },
        hosts: Vec::new(),
        link_latency: range,
    }
}

fn topology() -> Topology {
    let topic = Topic {
        rate_per_s: 1.0,
        linger: Span::ZERO,
        ..samples::topic("t", PARALLELISM)
    };
    let operator = |name: &str, kind| samples::operator(name, PARALLELISM, kind);
    let sink = OperatorKind::Sink {
        inputs: vec![Input {
            operator: 0,
            exchange: Exchange::Hash,
        }],
        spec: SinkSpec::default(),
    };
    let job = Job {
        name: "job".into(),
        operators: vec![
            operator("source", OperatorKind::Source { topic: 0 }),
            operator("sink", sink),
        ],
        pins: BTreeMap::new(),
        event_time: None,
    };
    Topology::new(&[topic], &[job], TopologyOptions::default(), 1)
}

fn blueprint(taskmanagers: u32, configure: impl FnOnce(&mut Config)) -> Arc<Blueprint> {
    let cluster = cluster(taskmanagers);
    let topology = topology();
    let mut config = Config::default();
    config.checkpointing.interval = Some(Span::from_secs(10));
    config.ha.session_timeout = Span::from_secs(10);
    configure(&mut config);
    let takes = SpanRange::constant(Span::from_ms(1)).into();
    Arc::new(Blueprint {
        directory: Directory::new(&cluster),
        pins: vec![None; topology.subtasks.len()],
        topology,
        cluster,
        config,
        profile: Profile {
            leader_services_startup: SpanRange::constant(Span::from_ms(300)).into(),
            ..Profile::constant("test", takes)
        },
        monitor: Monitor {
            late: Span::from_secs(1),
            interval: Span::from_secs(1),
            rebalance_when: RebalanceWhen {
                latency: Span::from_secs(1),
                back_pressure_per_mille: 500,
                lasting: Span::from_secs(10),
            },
        },
        liveness: Liveness::RpcHeartbeats,
        scope: RecoveryScope::Region,
        placement: Placement::LeastLoaded,
        slots: SlotRule::Bind,
        rebalancing: Rebalancing::Off,
        weight: 1,
        defects: Default::default(),
        streams: Streams::new(1),
    })
}

#[derive(Default)]
struct Seen {
    facts: Vec<(Time, ActorId, Fact)>,
    answers: Vec<RpcAnswer>,
}

impl Observer<World> for Seen {
    fn message(&mut self, _: &Header, envelope: &Envelope) {
        if let Body::RpcAnswer(answer) = &envelope.body {
            self.answers.push(RpcAnswer::clone(answer));
        }
    }

    fn timer(&mut self, _: &Header, _: Timer) {}

    fn fact(&mut self, header: &Header, fact: &Fact) {
        self.facts.push((header.time, header.actor, fact.clone()));
    }
}

struct Rig {
    simulation: Simulation<World>,
    directory: Directory,
    seen: Seen,
}

impl Rig {
    fn new(taskmanagers: u32, configure: impl FnOnce(&mut Config)) -> Rig {
        let blueprint = blueprint(taskmanagers, configure);
        let directory = blueprint.directory.clone();
        let mut simulation = Simulation::new(World::new(blueprint));
        simulation.setup(|world, kernel| world.start(kernel));
        Rig {
            simulation,
            directory,
            seen: Seen::default(),
        }
    }

    fn jm(&self, n: usize) -> ActorId {
        self.directory.jobmanagers[n - 1]
    }

    fn tm(&self, n: usize) -> ActorId {
        self.directory.taskmanagers[n - 1]
    }

    fn run(&mut self, until_ms: u64) -> &mut Rig {
        let end = Time::ZERO + Span::from_ms(until_ms);
        self.simulation.run_until(end, &mut self.seen).unwrap();
        self
    }

    fn fault(&mut self, action: FaultAction) -> &mut Rig {
        let now = self.simulation.now();
        self.simulation
            .setup(|world, kernel| world.plan(now, action, kernel));
        self
    }

    fn kill(&mut self, target: ActorId) -> &mut Rig {
        let restart_after = None;
        self.fault(FaultAction::Kill {
            target,
            restart_after,
        })
    }

    /// A call, as if the endpoint `from` of a TaskManager had asked it.
    fn call(&mut self, from: ActorId, to: ActorId, rpc: Rpc) {
        let envelope = Envelope {
            from,
            from_incarnation: 0,
            to_incarnation: 0,
            way: Way::Established,
            returns: false,
            body: Body::Rpc(Box::new(rpc)),
        };
        let now = self.simulation.now();
        self.simulation.setup(|_, kernel| {
            kernel.schedule(now, to, envelope);
        });
    }

    /// Times (in ms) and actors of the facts that `pick` picks, and what it picks.
    fn all<T>(&self, pick: impl Fn(&Fact) -> Option<T>) -> Vec<(u64, ActorId, T)> {
        let facts = self.seen.facts.iter();
        facts
            .filter_map(|(at, actor, fact)| Some((at.0 / 1_000_000, *actor, pick(fact)?)))
            .collect()
    }

    fn grants(&self) -> Vec<(u64, ActorId, ())> {
        self.all(|fact| matches!(fact, Fact::LeadershipGranted).then_some(()))
    }

    fn losses(&self) -> Vec<(u64, ActorId, FencingToken)> {
        self.all(|fact| match fact {
            Fact::LeadershipLost { token } => Some(*token),
            _ => None,
        })
    }

    fn published(&self) -> Vec<(u64, ActorId, FencingToken)> {
        self.all(|fact| match fact {
            Fact::LeaderPublished { token } => Some(*token),
            _ => None,
        })
    }

    fn requested(&self) -> Vec<(u64, ActorId, ActorId)> {
        self.all(|fact| match fact {
            Fact::SlotRequested { taskmanager, .. } => Some(taskmanager.actor),
            _ => None,
        })
    }

    fn statuses(&self) -> Vec<(u64, ActorId, JobStatus)> {
        self.all(|fact| match fact {
            Fact::JobStatusChanged { status, .. } => Some(*status),
            _ => None,
        })
    }

    /// Whether the job runs again after that time: the last recovery has come to its end.
    fn runs_after(&self, ms: u64) -> bool {
        let running = self.all(|fact| matches!(fact, Fact::RecoveryRunning { .. }).then_some(()));
        running.last().is_some_and(|(at, _, ())| *at > ms)
    }
}

#[test]
fn a_leader_is_known_only_once_its_services_run() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(5_000);
    let grants = rig.grants();
    assert_eq!(grants.len(), 1);
    let (granted, leader, ()) = grants[0];
    assert_eq!(leader, rig.jm(1));
    let written = rig.all(|fact| match fact {
        Fact::LeaderInformationWritten { component, token } => Some((*component, *token)),
        _ => None,
    });
    let components: BTreeSet<_> = written
        .iter()
        .map(|(_, _, (component, _))| *component)
        .collect();
    let all = [
        Component::Dispatcher,
        Component::ResourceManager,
        Component::RestServer,
        Component::JobMaster(0),
    ];
    assert_eq!(components, BTreeSet::from(all));
    assert_eq!(
        written.len(),
        all.len(),
        "each is written once: {written:?}"
    );
    assert!(
        written
            .iter()
            .all(|(at, actor, _)| *at >= granted + 300 && *actor == leader)
    );
    let job = written
        .iter()
        .find(|w| w.2.0 == Component::JobMaster(0))
        .unwrap();
    assert!(
        written.iter().all(|w| w.0 <= job.0),
        "the JobMaster comes last"
    );
    assert_eq!(rig.published(), [(job.0, leader, job.2.1)]);
    assert!(rig.runs_after(granted));
}

#[test]
fn requirements_are_checked_in_batches() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(5_000);
    let declared = rig.all(|fact| match fact {
        Fact::RequirementsDeclared { slots, .. } => Some(*slots),
        _ => None,
    });
    assert_eq!(declared[0].2, PARALLELISM);
    let requested = rig.requested();
    assert_eq!(requested.len(), PARALLELISM as usize);
    // One check, at most its delay after what called for it; two TaskManagers are filled, the third stays empty.
    let at = requested[0].0;
    assert!(requested.iter().all(|r| r.0 == at), "{requested:?}");
    assert!(
        (1..=52).contains(&(at - declared[0].0)),
        "{declared:?} {requested:?}"
    );
    let used: BTreeSet<_> = requested.iter().map(|r| r.2).collect();
    assert_eq!(used.len(), 2);
}

#[test]
fn the_next_in_line_leads_when_the_leaders_session_is_over() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(30_000);
    let leader = rig.jm(1);
    rig.kill(leader).run(60_000);
    let grants = rig.grants();
    assert_eq!(grants.len(), 2, "nobody but the next one wakes: {grants:?}");
    assert_eq!(grants[1].1, rig.jm(2));
    // A session of 10 s, pinged every third of it, and a tick of 2 s.
    assert!((36_000..=42_100).contains(&grants[1].0), "{grants:?}");
    let published = rig.published();
    assert!(published[1].2 > published[0].2);
    assert!(rig.runs_after(grants[1].0));
}

#[test]
fn a_new_leader_learns_slots_in_use_from_reports() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(30_000);
    let before: BTreeSet<_> = rig.requested().iter().map(|r| r.2).collect();
    rig.kill(rig.jm(1)).run(60_000);
    let granted = rig.grants()[1].0;
    let known = rig.all(|fact| match fact {
        Fact::SlotKnown { taskmanager, .. } => Some(taskmanager.actor),
        _ => None,
    });
    let known: Vec<_> = known.iter().filter(|k| k.0 > granted).collect();
    assert_eq!(known.len(), PARALLELISM as usize);
    assert!(known.iter().all(|k| before.contains(&k.2)));
    assert!(
        rig.requested().iter().all(|r| r.0 < granted),
        "nothing was missing"
    );
    assert!(rig.runs_after(granted));
}

/// Suspended after two thirds of the session's 20 s, heard of again before it is over.
fn blip(configure: impl FnOnce(&mut Config)) -> Rig {
    let mut rig = Rig::new(3, |config| {
        config.ha.session_timeout = Span::from_secs(20);
        configure(config);
    });
    rig.run(30_000);
    let target = rig.jm(1);
    let lasts = Span::from_secs(14);
    let cut = LinkFault {
        what: "cut-off",
        from: vec![Whom::Process(target)],
        to: Vec::new(),
        one_way: false,
        trouble: LinkTrouble::Cut,
        lasts: Some(lasts),
    };
    rig.fault(FaultAction::Links(Box::new(cut))).run(80_000);
    rig
}

#[test]
fn who_was_suspended_leads_again_under_a_new_id() {
    let rig = blip(|_| {});
    let (grants, losses) = (rig.grants(), rig.losses());
    assert_eq!(grants.len(), 2, "{grants:?}");
    assert_eq!(grants[1].1, rig.jm(1));
    assert_eq!(losses.len(), 1);
    assert!((37_000..=43_500).contains(&losses[0].0), "{losses:?}");
    let published = rig.published();
    assert_eq!(published[0].2, losses[0].2);
    assert!(published[1].2 > published[0].2);
    let suspended = rig.statuses().iter().any(|s| s.2 == JobStatus::Suspended);
    assert!(suspended && rig.runs_after(grants[1].0));
}

#[test]
fn whose_session_is_ended_takes_nothing_from_its_successor() {
    let mut rig = Rig::new(3, |_| {});
    let target = rig.jm(1);
    rig.run(30_000)
        .fault(FaultAction::ExpireSession { target })
        .run(80_000);
    let grants = rig.grants();
    assert_eq!((grants.len(), grants[1].1), (2, rig.jm(2)), "{grants:?}");
    let written = rig.all(|fact| match fact {
        Fact::LeaderInformationWritten { component, token } => Some((*component, *token)),
        _ => None,
    });
    let later = written.iter().filter(|w| w.0 >= grants[1].0);
    let mut once: Vec<_> = later.map(|w| w.2).collect();
    let times = once.len();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), times, "what the new leader has written stays");
    assert!(rig.runs_after(grants[1].0));
}

#[test]
fn suspension_can_be_tolerated() {
    let rig = blip(|config| config.ha.tolerate_suspended = true);
    assert_eq!(rig.grants().len(), 1);
    assert!(rig.losses().is_empty());
}

#[test]
fn a_leader_that_slept_learns_late_that_it_leads_no_more() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(30_000);
    let target = rig.jm(1);
    let lasts = Span::from_secs(40);
    let hang = FaultAction::Hang {
        target,
        lasts: Some(lasts),
    };
    rig.fault(hang).run(100_000);
    let (grants, losses) = (rig.grants(), rig.losses());
    assert_eq!(grants.len(), 2);
    assert_eq!((losses.len(), losses[0].1), (1, rig.jm(1)));
    assert!(losses[0].0 >= 70_000 && grants[1].0 < 45_000);
    // It queues up again, behind the others.
    rig.kill(rig.jm(2)).run(130_000);
    assert_eq!(rig.grants()[2].1, rig.jm(3));
    assert!(rig.runs_after(rig.grants()[2].0));
}

#[test]
fn fences_turn_strangers_away_and_who_leads_not_is_not_there() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(30_000);
    let token = rig.published()[0].2;
    let (leader, standby, tm) = (rig.jm(1), rig.jm(2), rig.tm(1));
    let rpc = |to, token, ask| Rpc {
        from: Endpoint::TaskExecutor,
        to,
        token: Some(token),
        ask: Some(ask),
        call: match to {
            Endpoint::ResourceManager => Call::HeartbeatFromTaskExecutor { slots: Vec::new() },
            _ => Call::HeartbeatFromTaskManager {
                deployed: Vec::new(),
            },
        },
    };
    let job_master = Endpoint::JobMaster(0);
    rig.call(
        tm,
        leader,
        rpc(Endpoint::ResourceManager, token + 1, 1 << 60),
    );
    rig.call(tm, leader, rpc(job_master, token - 1, (1 << 60) + 1));
    rig.call(
        tm,
        leader,
        rpc(Endpoint::ResourceManager, token, (1 << 60) + 2),
    );
    rig.call(tm, standby, rpc(job_master, token, (1 << 60) + 3));
    rig.run(30_100);
    let answers = rig.seen.answers.iter();
    let mut ours: Vec<_> = answers
        .filter(|answer| answer.ask >= 1 << 60)
        .map(|answer| {
            (
                answer.ask - (1 << 60),
                answer.result.as_ref().err().copied(),
            )
        })
        .collect();
    ours.sort_by_key(|(ask, _)| *ask);
    let expected = [
        (0, Some(RpcError::Fenced)),
        (1, Some(RpcError::Fenced)),
        (2, None),
        (3, Some(RpcError::Unreachable)),
    ];
    assert_eq!(ours, expected);
}

#[test]
fn the_resource_manager_has_its_own_verdict_and_counts_the_dead_until_then() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(33_000);
    let victim = rig.requested()[0].2;
    rig.kill(victim).run(80_000);
    let lost = rig.all(|fact| match fact {
        Fact::PeerLost {
            owner,
            peer,
            verdict,
        } if peer.address.actor == victim => Some((*owner, *verdict)),
        _ => None,
    });
    let by_rm = lost.iter().find(|l| l.2.0 == Endpoint::ResourceManager);
    let (at, _, (_, verdict)) = *by_rm.expect("the ResourceManager gives it up");
    assert_eq!(verdict, Verdict::Unreachable);
    // The second request that finds nobody.
    assert!((43_000..=53_500).contains(&at), "{lost:?}");
    // Replacements come only now: the dead TaskManager's slots counted as the job's.
    let replaced: Vec<_> = rig
        .requested()
        .into_iter()
        .filter(|r| r.0 > 33_000)
        .collect();
    assert_eq!(replaced.len(), SLOTS as usize);
    assert!(
        replaced.iter().all(|r| r.0 >= at && r.2 != victim),
        "{replaced:?}"
    );
    assert!(rig.runs_after(at));
}

#[test]
fn what_cannot_be_had_is_said_after_the_start_up_period_only() {
    let mut rig = Rig::new(1, |config| {
        config.slots.standalone_start_up = Span::from_secs(20);
        config.restart = RestartStrategy::FixedDelay {
            delay: Span::from_secs(1),
            attempts: 1_000,
        };
    });
    rig.run(60_000);
    let said = rig.all(|fact| match fact {
        Fact::NotEnoughResources { missing, .. } => Some(*missing),
        _ => None,
    });
    assert!(said.len() > 5, "at each check: {said:?}");
    assert!((20_300..=20_500).contains(&said[0].0), "{said:?}");
    assert!(said.iter().all(|s| s.2 == PARALLELISM - SLOTS));
    // What is there has been asked for from the beginning.
    assert_eq!(
        rig.requested()[..SLOTS as usize]
            .iter()
            .filter(|r| r.0 < 2_000)
            .count(),
        2
    );
}

#[test]
fn a_job_that_has_failed_is_never_run_again() {
    let mut rig = Rig::new(3, |config| config.restart = RestartStrategy::NoRestart);
    rig.run(30_000);
    let victim = rig.requested()[0].2;
    rig.kill(victim).run(60_000);
    assert_eq!(rig.statuses().last().unwrap().2, JobStatus::Failed);
    rig.kill(rig.jm(1)).run(100_000);
    assert_eq!(rig.grants().len(), 2);
    let recovered = rig.all(|fact| match fact {
        Fact::JobsRecovered { jobs, .. } => Some(*jobs),
        _ => None,
    });
    assert_eq!(recovered.iter().map(|r| r.2).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(rig.statuses().last().unwrap().2, JobStatus::Failed);
    assert_eq!(
        rig.published().len(),
        1,
        "there is no JobMaster to be found"
    );
}

#[test]
fn without_storage_no_new_leader_survives() {
    let mut rig = Rig::new(3, |_| {});
    rig.run(30_000);
    let (storage, leader) = (rig.directory.storage, rig.jm(1));
    rig.kill(storage).kill(leader).run(90_000);
    let fatal = rig.all(|fact| matches!(fact, Fact::FatalError { .. }).then_some(()));
    let died: Vec<_> = fatal.iter().map(|f| f.1).collect();
    assert_eq!(died, [rig.jm(2), rig.jm(3)]);
}
