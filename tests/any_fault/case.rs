//! A small scenario with a plan of faults, drawn at random and written as a file.

use std::fmt::Write as _;

use proptest::prelude::*;

/// One fault of a plan.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: Kind,
    /// Index into the processes of its kind.
    pub target: usize,
    pub at_ms: u64,
    pub lasts_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    KillTaskManager,
    RestartTaskManager,
    HangTaskManager,
    CutOffTaskManager,
    SlowTaskManager,
    KillJobManager,
    RestartJobManager,
    HangJobManager,
    CutOffJobManager,
    KillZooKeeper,
    HangZooKeeper,
}

/// Every guarantee of every sink, in the file's words, and whether records may be lost, and doubled.
pub const SINKS: [(&str, bool, bool); 10] = [
    ("guarantee: exactly-once", false, false),
    ("sink: database, guarantee: at-least-once", false, true),
    ("sink: database, guarantee: none", true, true),
    ("sink: upsert", false, false),
    ("sink: append", false, true),
    (
        "sink: {kind: kafka, partitions: 2, transaction-timeout: 10 min}, guarantee: exactly-once",
        false,
        false,
    ),
    (
        "sink: {kind: kafka, transaction-timeout: 10 min, transaction-naming: pooling}, guarantee: exactly-once",
        false,
        false,
    ),
    ("sink: kafka, guarantee: at-least-once", false, true),
    ("sink: kafka", true, true),
    // What expires is lost, and accounted for.
    (
        "sink: {kind: kafka, partitions: 1, transaction-timeout: 15 s}, guarantee: exactly-once",
        true,
        false,
    ),
];

#[derive(Clone, Debug)]
pub struct Operator {
    pub exchange: &'static str,
    pub parallelism: u32,
    pub state_mb: u32,
    pub cpu_us: u32,
}

/// What a scenario is made of. Its text is what a failure shows.
#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    pub model: &'static str,
    pub taskmanagers: usize,
    pub jobmanagers: usize,
    pub zookeepers: usize,
    pub partitions: u32,
    pub rate: u32,
    pub poisson: bool,
    pub source_parallelism: u32,
    pub operators: Vec<Operator>,
    pub sink_parallelism: u32,
    pub sink_exchange: &'static str,
    /// Index into [`SINKS`].
    pub sink: usize,
    /// When Kafka hangs, and for how long.
    pub kafka_hangs: Option<(u64, u64)>,
    pub interval_ms: u64,
    pub checkpoint_timeout_s: u64,
    pub session_timeout_ms: u64,
    pub tick_ms: u64,
    pub scope: &'static str,
    pub placement: &'static str,
    pub rebalancing: &'static str,
    pub faults: Vec<Fault>,
    /// Whether the run goes on for so long after the last fault that all must be well again.
    pub settles: bool,
    pub duration_s: u64,
}

/// How long after the end of the last fault everything must be well again. Flink misses whoever is gone only after
/// `heartbeat.timeout`, and backs off again after each deployment onto the dead.
pub fn settling_ms(model: &str) -> u64 {
    match model {
        "story" => 70_000,
        _ => 240_000,
    }
}

impl Case {
    pub fn duration_ms(&self) -> u64 {
        let drawn = self.duration_s * 1_000;
        if self.settles {
            drawn.max(self.faults_end_ms() + settling_ms(self.model))
        } else {
            drawn
        }
    }

    /// When the last fault is over.
    pub fn faults_end_ms(&self) -> u64 {
        self.faults
            .iter()
            .map(|fault| fault.at_ms + fault.lasts_ms())
            .chain(self.kafka_hangs.map(|(at, lasts)| at + lasts))
            .max()
            .unwrap_or(0)
    }

    /// Whether faults leave a TaskManager and a JobManager, or bring one back.
    pub fn someone_survives(&self) -> bool {
        let gone = |kill: Kind, restart: Kind, target: usize| {
            let last = self
                .faults
                .iter()
                .filter(|f| (f.kind == kill || f.kind == restart) && f.target == target);
            // A restart that is planned finds the process dead, whoever killed it.
            let comes_back = last
                .clone()
                .filter(|f| f.kind == restart)
                .map(|f| f.at_ms + f.lasts_ms)
                .max();
            let dies = last.filter(|f| f.kind == kill).map(|f| f.at_ms).max();
            matches!((dies, comes_back), (Some(dies), back) if back.is_none_or(|back| back <= dies + 5_000))
        };
        let taskmanager = (0..self.taskmanagers)
            .any(|tm| !gone(Kind::KillTaskManager, Kind::RestartTaskManager, tm));
        let jobmanager = (0..self.jobmanagers)
            .any(|jm| !gone(Kind::KillJobManager, Kind::RestartJobManager, jm));
        taskmanager && jobmanager
    }

    pub fn to_yaml(&self) -> String {
        let mut text = format!(
            "name: any-fault\nmodel: {}\nseed: {}\nduration: {} ms\n",
            self.model,
            self.seed,
            self.duration_ms()
        );
        // Flink has strategies of its own.
        if self.model == "story" {
            let _ = writeln!(
                text,
                "recovery: {{scope: {}}}\nplacement: {{policy: {}}}\nrebalancing: {}",
                self.scope, self.placement, self.rebalancing
            );
        }
        let jobmanagers: Vec<String> = (1..=self.jobmanagers)
            .map(|jm| format!("jm-{jm}"))
            .collect();
        let _ = write!(
            text,
            "cluster:\n  jobmanagers: [{}]\n  taskmanagers:\n",
            jobmanagers.join(", ")
        );
        for tm in 1..=self.taskmanagers {
            let _ = writeln!(text, "    - {{name: tm-{tm}, slots: 8, cpu: 2.0}}");
        }
        let _ = write!(
            text,
            "  zookeeper: {{servers: {}, tick-time: {} ms}}\nconfig:\n  execution.checkpointing.interval: {} ms\n",
            self.zookeepers, self.tick_ms, self.interval_ms
        );
        let _ = write!(
            text,
            "  execution.checkpointing.timeout: {} s\n  high-availability.zookeeper.client.session-timeout: {} ms\n",
            self.checkpoint_timeout_s, self.session_timeout_ms
        );
        // Whatever else is drawn: barriers that wait for their turn, that overtake at once, and that lose their patience.
        if let Some(patience_ms) = [None, Some(0), Some(50), Some(500)][(self.seed % 4) as usize] {
            let _ = write!(
                text,
                "  execution.checkpointing.unaligned.enabled: true\n  execution.checkpointing.aligned-checkpoint-timeout: {patience_ms} ms\n",
            );
        }
        let arrivals = if self.poisson { "poisson" } else { "constant" };
        let _ = write!(
            text,
            "topics:\n  in: {{partitions: {}, rate: {}/s, arrivals: {arrivals}}}\njobs:\n  - name: job\n    operators:\n",
            self.partitions, self.rate
        );
        let _ = writeln!(
            text,
            "      - {{name: source, topic: in, parallelism: {}}}",
            self.source_parallelism
        );
        let mut input = "source".to_owned();
        for (index, operator) in self.operators.iter().enumerate() {
            let Operator {
                exchange,
                parallelism,
                state_mb,
                cpu_us,
            } = operator;
            let state = match *exchange {
                "hash" => format!(", state: {state_mb} MB"),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "      - {{name: op {index}, input: {input}, exchange: {exchange}, parallelism: {parallelism}, cpu: {cpu_us} us{state}}}",
            );
            input = format!("op {index}");
        }
        let _ = writeln!(
            text,
            "      - {{name: sink, input: {input}, exchange: {}, parallelism: {}, {}}}",
            self.sink_exchange, self.sink_parallelism, SINKS[self.sink].0
        );
        text.push_str(if self.faults.is_empty() && self.kafka_hangs.is_none() {
            "faults: []\n"
        } else {
            "faults:\n"
        });
        for fault in &self.faults {
            let _ = writeln!(text, "  - {{{}}}", fault.to_yaml());
        }
        if let Some((at, lasts)) = self.kafka_hangs {
            let _ = writeln!(text, "  - {{hang: kafka, at: {at} ms, for: {lasts} ms}}");
        }
        text
    }

    /// Names only what exists, and leaves ZooKeeper its quorum.
    fn sound(mut self) -> Case {
        let (taskmanagers, jobmanagers) = (self.taskmanagers, self.jobmanagers);
        for fault in &mut self.faults {
            fault.target %= match fault.kind.process() {
                "tm" => taskmanagers,
                "jm" => jobmanagers,
                _ => self.zookeepers,
            };
        }
        let mut servers_missing = 0;
        let quorum_allows = (self.zookeepers - 1) / 2;
        self.faults.retain(|fault| {
            let is_server = fault.kind.process() == "zk";
            servers_missing += usize::from(is_server);
            !is_server || servers_missing <= quorum_allows
        });
        self.source_parallelism = self.source_parallelism.min(self.partitions);
        self
    }
}

impl Fault {
    pub fn lasts_ms(&self) -> u64 {
        match self.kind {
            Kind::KillTaskManager | Kind::KillJobManager | Kind::KillZooKeeper => 0,
            // It starts up in 3 s to 4 s.
            Kind::RestartTaskManager | Kind::RestartJobManager => self.lasts_ms + 4_000,
            _ => self.lasts_ms,
        }
    }

    fn to_yaml(&self) -> String {
        let name = format!("{}-{}", self.kind.process(), self.target + 1);
        let Fault {
            at_ms, lasts_ms, ..
        } = self;
        match self.kind {
            Kind::KillTaskManager | Kind::KillJobManager | Kind::KillZooKeeper => {
                format!("kill: {name}, at: {at_ms} ms")
            }
            Kind::RestartTaskManager | Kind::RestartJobManager => {
                format!("kill: {name}, at: {at_ms} ms, restart-after: {lasts_ms} ms")
            }
            Kind::HangTaskManager | Kind::HangJobManager | Kind::HangZooKeeper => {
                format!("hang: {name}, at: {at_ms} ms, for: {lasts_ms} ms")
            }
            Kind::CutOffTaskManager | Kind::CutOffJobManager => {
                format!("cut-off: {name}, at: {at_ms} ms, for: {lasts_ms} ms")
            }
            Kind::SlowTaskManager => {
                format!("slow: {name}, at: {at_ms} ms, factor: 8, for: {lasts_ms} ms")
            }
        }
    }
}

impl Kind {
    fn process(self) -> &'static str {
        match self {
            Kind::KillJobManager
            | Kind::RestartJobManager
            | Kind::HangJobManager
            | Kind::CutOffJobManager => "jm",
            Kind::KillZooKeeper | Kind::HangZooKeeper => "zk",
            _ => "tm",
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let kind = prop::sample::select(vec![
        Kind::KillTaskManager,
        Kind::RestartTaskManager,
        Kind::RestartTaskManager,
        Kind::HangTaskManager,
        Kind::CutOffTaskManager,
        Kind::SlowTaskManager,
        Kind::KillJobManager,
        Kind::RestartJobManager,
        Kind::HangJobManager,
        Kind::CutOffJobManager,
        Kind::KillZooKeeper,
        Kind::HangZooKeeper,
    ]);
    // Faults are drawn close together as often as far apart: overlaps are where protocols break.
    let at = prop_oneof![1_000_u64..40_000, 20_000_u64..24_000];
    let lasts = prop_oneof![100_u64..4_000, 4_000_u64..25_000];
    (kind, 0_usize..5, at, lasts).prop_map(|(kind, target, at_ms, lasts_ms)| Fault {
        kind,
        target,
        at_ms,
        lasts_ms,
    })
}

fn exchange() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["forward", "rebalance", "hash"])
}

fn operator() -> impl Strategy<Value = Operator> {
    (
        exchange(),
        1_u32..=4,
        prop_oneof![Just(0_u32), 1_u32..64],
        5_u32..60,
    )
        .prop_map(|(exchange, parallelism, state_mb, cpu_us)| Operator {
            exchange,
            parallelism,
            state_mb,
            cpu_us,
        })
}

pub fn case() -> impl Strategy<Value = Case> {
    let cluster = (
        1_usize..=5,
        1_usize..=3,
        prop::sample::select(vec![1_usize, 3]),
    );
    let topic = (1_u32..=4, 20_u32..=200, any::<bool>(), 1_u32..=4);
    let operators = (
        prop::collection::vec(operator(), 1..=3),
        1_u32..=4,
        exchange(),
    );
    let times = (
        1_000_u64..=5_000,
        prop::sample::select(vec![10_u64, 30, 600]),
        4_000_u64..=10_000,
        prop::sample::select(vec![500_u64, 1_000, 2_000]),
        40_u64..=90,
    );
    let policies = (
        prop::sample::select(vec!["per-task", "per-task", "region", "full"]),
        prop::sample::select(vec!["least-loaded", "round-robin"]),
        prop::sample::select(vec!["off", "on-pressure"]),
    );
    let plan = (prop::collection::vec(fault(), 0..=4), any::<bool>());
    let model = prop::sample::select(vec!["story", "flink-default"]);
    let sink = (
        0..SINKS.len(),
        prop::option::weighted(0.2, (1_000_u64..40_000, 100_u64..25_000)),
    );
    (
        (0_u64..1_000_000, model),
        cluster,
        topic,
        operators,
        times,
        policies,
        plan,
        sink,
    )
        .prop_map(
            |((seed, model), cluster, topic, operators, times, policies, plan, sink)| {
                let case = Case {
                    seed,
                    model,
                    taskmanagers: cluster.0,
                    jobmanagers: cluster.1,
                    zookeepers: cluster.2,
                    partitions: topic.0,
                    rate: topic.1,
                    poisson: topic.2,
                    source_parallelism: topic.3,
                    operators: operators.0,
                    sink_parallelism: operators.1,
                    sink_exchange: operators.2,
                    sink: sink.0,
                    kafka_hangs: sink.1,
                    interval_ms: times.0,
                    checkpoint_timeout_s: times.1,
                    session_timeout_ms: times.2,
                    tick_ms: times.3,
                    duration_s: times.4,
                    scope: policies.0,
                    placement: policies.1,
                    rebalancing: policies.2,
                    faults: plan.0,
                    settles: plan.1,
                };
                case.sound()
            },
        )
}
