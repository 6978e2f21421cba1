use super::*;

fn version(text: &str) -> FlinkVersion {
    FlinkVersion::parse(text).unwrap()
}

/// These keys set, under Flink's default scheduler.
fn finished(release: &str, keys: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::new(version(release));
    for (name, value) in keys {
        let key = find(name).unwrap_or_else(|| panic!("no model uses {name}"));
        (key.set)(&mut settings, value).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let scheduler = settings.scheduler.unwrap_or(SchedulerKind::Default);
    let reactive = settings.reactive.unwrap_or(false);
    settings.finish(scheduler, reactive, FailoverStrategy::Region);
    settings
}

const CHECKPOINTS: (&str, &str) = ("execution.checkpointing.interval", "10 s");

fn get(settings: &Settings, name: &str) -> Option<String> {
    (find(name).unwrap().get)(settings)
}

#[test]
fn names_are_unique_and_flinks_own() {
    let mut seen = std::collections::BTreeSet::new();
    for key in KEYS {
        for name in key.aliases.iter().chain([&key.name]) {
            assert!(seen.insert(*name), "{name} is there twice");
            let own = key.name.starts_with("recovery.in-flight-log")
                // Of the Kafka connector, which is not part of Flink's release.
                || key.name == "partition.discovery.interval.ms";
            assert!(own || known::keys().any(|known| known == *name), "{name}");
        }
    }
}

/// Aliases as Flink 2.3's option classes declare them, and two of 1.x that it dropped.
#[test]
fn every_name_of_earlier_releases_means_the_same() {
    for (old, new) in [
        ("akka.ask.timeout", "pekko.ask.timeout"),
        ("akka.tcp.timeout", "pekko.tcp.timeout"),
        ("akka.retry-gate-closed-for", "pekko.retry-gate-closed-for"),
        (
            "state.checkpoints.num-retained",
            "execution.checkpointing.num-retained",
        ),
        (
            "execution.buffer-timeout",
            "execution.buffer-timeout.interval",
        ),
        (
            "state.backend.local-recovery",
            "execution.state-recovery.from-local",
        ),
        ("restart-strategy", "restart-strategy.type"),
        ("high-availability", "high-availability.type"),
        ("recovery.mode", "high-availability.type"),
        ("task.cancellation-interval", "task.cancellation.interval"),
        (
            "timerservice.exceptional.shutdown.timeout",
            "task.cancellation.timers.timeout",
        ),
        (
            "taskmanager.maxRegistrationDuration",
            "taskmanager.registration.timeout",
        ),
        (
            "taskmanager.net.request-backoff.initial",
            "taskmanager.network.request-backoff.initial",
        ),
        (
            "taskmanager.net.request-backoff.max",
            "taskmanager.network.request-backoff.max",
        ),
        (
            "taskmanager.net.client.connectTimeoutSec",
            "taskmanager.network.netty.client.connectTimeoutSec",
        ),
        (
            "recovery.zookeeper.client.session-timeout",
            "high-availability.zookeeper.client.session-timeout",
        ),
        (
            "recovery.zookeeper.client.connection-timeout",
            "high-availability.zookeeper.client.connection-timeout",
        ),
        (
            "recovery.zookeeper.client.retry-wait",
            "high-availability.zookeeper.client.retry-wait",
        ),
        (
            "recovery.zookeeper.client.max-retry-attempts",
            "high-availability.zookeeper.client.max-retry-attempts",
        ),
        (
            "jobmanager.adaptive-scheduler.resource-wait-timeout",
            "jobmanager.adaptive-scheduler.submission.resource-wait-timeout",
        ),
        (
            "jobmanager.adaptive-scheduler.resource-stabilization-timeout",
            "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout",
        ),
        (
            "jobmanager.adaptive-scheduler.scaling-interval.min",
            "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling",
        ),
    ] {
        assert_eq!(find(old).map(|key| key.name), Some(new));
    }
}

/// What is written is read as the same: of every key that has a value.
#[test]
fn written_values_are_read_back() {
    let odd: &[&[(&str, &str)]] = &[
        &[CHECKPOINTS],
        &[
            ("restart-strategy", "fixed-delay"),
            ("restart-strategy.fixed-delay.attempts", "7"),
            ("restart-strategy.fixed-delay.delay", "PT2.5S"),
            ("heartbeat.rpc-failure-threshold", "-1"),
            ("task.cancellation.timeout", "0"),
            ("taskmanager.load-balance.mode", "tasks"),
        ],
        &[
            ("restart-strategy.type", "FailureRate"),
            (
                "restart-strategy.failure-rate.failure-rate-interval",
                "5 min",
            ),
            ("scheduler-mode", "reactive"),
            ("jobmanager.scheduler", "adaptive"),
            (
                "jobmanager.adaptive-scheduler.submission.resource-wait-timeout",
                "-1",
            ),
            (
                "jobmanager.adaptive-scheduler.rescale-trigger.max-delay",
                "1 min",
            ),
        ],
        &[
            CHECKPOINTS,
            (
                "restart-strategy.exponential-delay.backoff-multiplier",
                "1.25",
            ),
            ("restart-strategy.exponential-delay.jitter-factor", "0"),
            ("taskmanager.memory.segment-size", "64kb"),
        ],
    ];
    for keys in odd {
        let first = finished("2.3", keys);
        let written: Vec<(&str, String)> = KEYS
            .iter()
            .filter_map(|key| Some((key.name, (key.get)(&first)?)))
            .collect();
        let texts: Vec<(&str, &str)> = written
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(finished("2.3", &texts).config, first.config);
    }
}

#[test]
fn restarts_follow_from_checkpoints_and_release() {
    let unset = |release, keys: &[_]| finished(release, keys).config.restart;
    assert_eq!(unset("2.3", &[]), RestartStrategy::NoRestart);
    let exponential = |max, multiplier_per_mille| RestartStrategy::ExponentialDelay {
        initial: Span::from_secs(1),
        max: Span::from_secs(max),
        multiplier_per_mille,
        reset_threshold: Span::from_secs(3_600),
        jitter_per_mille: 100,
        attempts: UNLIMITED,
    };
    assert_eq!(unset("2.3", &[CHECKPOINTS]), exponential(60, 1_500));
    assert_eq!(unset("1.19", &[CHECKPOINTS]), exponential(60, 1_500));
    let fixed = |attempts| RestartStrategy::FixedDelay {
        attempts,
        delay: Span::from_secs(1),
    };
    assert_eq!(unset("1.18", &[CHECKPOINTS]), fixed(UNLIMITED));
    assert_eq!(unset("1.18", &[]), RestartStrategy::NoRestart);
    let chosen = ("restart-strategy", "exponential-delay");
    assert_eq!(
        unset("1.18", &[CHECKPOINTS, chosen]),
        exponential(300, 2_000)
    );
    // Parameters of what nobody chose mean nothing.
    let initial = ("restart-strategy.exponential-delay.initial-backoff", "20 s");
    let delay = ("restart-strategy.fixed-delay.delay", "20 s");
    let attempts = ("restart-strategy.fixed-delay.attempts", "1");
    assert_eq!(
        unset("2.3", &[CHECKPOINTS, initial]),
        exponential(60, 1_500)
    );
    assert_eq!(
        unset("1.18", &[CHECKPOINTS, delay, attempts]),
        fixed(UNLIMITED)
    );
    // Chosen without a number, fixed-delay forgives one failure.
    assert_eq!(
        unset("2.3", &[("restart-strategy.type", "fixed-delay")]),
        fixed(1)
    );
    for off in ["none", "off", "Disable"] {
        let keys = [CHECKPOINTS, ("restart-strategy.type", off)];
        assert_eq!(unset("2.3", &keys), RestartStrategy::NoRestart);
    }
}

#[test]
fn releases_differ_in_their_defaults() {
    let config = |release| finished(release, &[]).config;
    assert_eq!(config("2.3"), Config::default_of_latest());
    assert_eq!(config("1.20").slots.request_max_interval, Span::ZERO);
    assert_eq!(config("1.20").adaptive.max_delay, Some(Span::ZERO));
    assert_eq!(config("1.20").adaptive.cooldown, Span::from_secs(30));
    assert_eq!(config("1.18").adaptive.cooldown, Span::ZERO);
    let threshold = |release| config(release).heartbeat.rpc_failure_threshold;
    assert_eq!((threshold("1.14"), threshold("1.13")), (Some(2), None));
}

impl Config {
    /// As the actors' own tests have it, but for what needs checkpoints.
    fn default_of_latest() -> Config {
        Config {
            restart: RestartStrategy::NoRestart,
            ..Config::default()
        }
    }
}

#[test]
fn one_key_stands_in_for_another() {
    let settings = finished(
        "2.3",
        &[
            ("pekko.ask.timeout", "4 s"),
            ("slot.request.timeout", "90 s"),
        ],
    );
    assert_eq!(settings.config.slots.timeout, Span::from_secs(4));
    assert_eq!(
        settings.config.slots.standalone_start_up,
        Span::from_secs(90)
    );
    let settings = finished(
        "2.3",
        &[
            ("pekko.ask.timeout", "4 s"),
            ("taskmanager.slot.timeout", "7 s"),
            ("resourcemanager.standalone.start-up-time", "20 s"),
        ],
    );
    assert_eq!(settings.config.slots.timeout, Span::from_secs(7));
    assert_eq!(
        settings.config.slots.standalone_start_up,
        Span::from_secs(20)
    );
    let before = finished(
        "1.20",
        &[("resourcemanager.standalone.start-up-time", "-1")],
    );
    assert_eq!(
        before.config.slots.standalone_start_up,
        Span::from_secs(300)
    );
}

#[test]
fn reactive_mode_waits_for_nothing_or_for_ever() {
    let reactive = [
        ("scheduler-mode", "reactive"),
        ("jobmanager.scheduler", "Adaptive"),
    ];
    let adaptive = finished("2.3", &reactive).config.adaptive;
    assert_eq!(
        (adaptive.wait_timeout, adaptive.stabilization),
        (None, Span::ZERO)
    );
    let mut keys = reactive.to_vec();
    keys.push((
        "jobmanager.adaptive-scheduler.resource-wait-timeout",
        "1 min",
    ));
    let adaptive = finished("2.3", &keys).config.adaptive;
    assert_eq!(adaptive.wait_timeout, Some(Span::from_secs(60)));
}

#[test]
fn slots_are_spread_by_the_name_that_the_release_reads() {
    let old = [("cluster.evenly-spread-out-slots", "true")];
    assert_eq!(
        finished("1.20", &old).config.load_balance,
        LoadBalance::Slots
    );
    let now = finished("2.3", &old);
    assert_eq!(now.config.load_balance, LoadBalance::None);
    assert!(
        check(&now, Family::Default)
            .iter()
            .any(|said| !said.fatal && said.keys == ["cluster.evenly-spread-out-slots"])
    );
    assert_eq!(
        get(&now, "taskmanager.load-balance.mode").as_deref(),
        Some("NONE")
    );
}

#[test]
fn keys_are_checked_against_each_other() {
    let refused = |keys: &[(&str, &str)]| {
        let settings = finished("2.3", keys);
        let complaints = check(&settings, Family::Default);
        assert!(
            check(&settings, Family::Story)
                .iter()
                .all(|said| !said.fatal)
        );
        complaints.iter().filter(|said| said.fatal).count()
    };
    assert_eq!(refused(&[]), 0);
    assert_eq!(refused(&[("heartbeat.timeout", "10 s")]), 1);
    assert_eq!(refused(&[("heartbeat.interval", "50000")]), 1);
    assert_eq!(
        refused(&[("cluster.registration.initial-timeout", "31 s")]),
        1
    );
    assert_eq!(
        refused(&[("taskmanager.network.request-backoff.max", "99")]),
        1
    );
    assert_eq!(
        refused(&[
            ("restart-strategy.type", "exponential-delay"),
            (
                "restart-strategy.exponential-delay.initial-backoff",
                "2 min"
            )
        ]),
        1
    );
}

#[test]
fn what_flink_accepts_and_does_not_do_well_is_a_warning() {
    let warned = |keys: &[(&str, &str)]| {
        let complaints = check(&finished("2.3", keys), Family::Default);
        let warned = complaints.iter().filter(|said| !said.fatal);
        warned.map(|said| said.keys[0]).collect::<Vec<_>>()
    };
    assert_eq!(warned(&[("heartbeat.timeout", "20 s")]), [""; 0]);
    assert_eq!(
        warned(&[("heartbeat.timeout", "19 s")]),
        ["heartbeat.timeout"]
    );
    let incremental = ("execution.checkpointing.incremental", "true");
    assert_eq!(
        warned(&[incremental]),
        ["execution.checkpointing.incremental"]
    );
    assert_eq!(
        warned(&[incremental, ("state.backend.type", "rocksdb")]),
        [""; 0]
    );
    let delay = ("restart-strategy.fixed-delay.delay", "5 s");
    assert_eq!(warned(&[delay]), [delay.0]);
    for (kind, warns) in [("fixed-delay", false), ("failure-rate", true)] {
        let found = warned(&[("restart-strategy.type", kind), delay]);
        assert_eq!(found == [delay.0], warns, "{kind}: {found:?}");
    }
}

#[test]
fn what_is_outside_says_why() {
    let why = |name: &str, value: &str| {
        let mut settings = Settings::new(FlinkVersion::LATEST);
        (find(name).unwrap().set)(&mut settings, value).expect_err(value)
    };
    assert!(why("high-availability", "kubernetes").contains("Kubernetes is outside the model"));
    assert!(why("high-availability.type", "NONE").contains("outside the model"));
    assert!(why("jobmanager.scheduler", "AdaptiveBatch").contains("batch jobs"));
    assert!(why("execution.runtime-mode", "batch").contains("batch jobs"));
    assert!(outside("yarn.application.name").is_some_and(|why| why.contains("standalone")));
}
