//! A cluster's own configuration, releases of Flink, and profiles of environments: what they come to, and what is said.

use firedrill::kernel::{Distribution, Span};
use firedrill::policy::LoadBalance;
use firedrill::policy::failover::FailoverStrategy;
use firedrill::policy::restart::RestartStrategy;
use firedrill::scenario::model::{RecoveryScope, Scenario, Scheduler};
use firedrill::scenario::{self, Beside, Document, Loaded, Override, ScenarioError};

const SCENARIO: &str = "\
name: drill
model: flink-default
cluster:
  taskmanagers:
    - {name: tm-1}
    - {name: tm-2}
topics:
  events: {partitions: 2, rate: 100/s}
jobs:
  - name: job
    operators:
      - {name: source, topic: events, parallelism: 2}
      - {name: sink, input: source, exchange: hash, parallelism: 1, guarantee: at-least-once}
";

const CONFIG_YAML: &str = include_str!("data/flink/config.yaml");
const FLINK_CONF: &str = include_str!("data/flink/flink-conf.yaml");

/// `SCENARIO` with lines on top, overrides, and a cluster's configuration.
fn try_load(top: &str, sets: &[&str], conf: Option<(&str, &str)>) -> Result<Loaded, ScenarioError> {
    let overrides: Vec<Override> = sets
        .iter()
        .map(|set| {
            let (path, value) = set.split_once('=').expect("path=value");
            Override {
                path: path.to_owned(),
                value: value.to_owned(),
            }
        })
        .collect();
    let beside = Beside {
        flink_config: conf.map(|(name, text)| Document {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
        }),
        read: &|path, _| match path {
            "./ours.yaml" => Ok(Document {
                name: "ours.yaml".to_owned(),
                bytes: b"name: ours\nbase: lab\ntask-cancellation: 7 ms\n".to_vec(),
            }),
            "./bad.yaml" => Ok(Document {
                name: "bad.yaml".to_owned(),
                bytes: b"# two mistakes\ntask-cancelation: 7 ms\nscheduling: 7 parsecs\n".to_vec(),
            }),
            _ => Err(format!("cannot read {path}")),
        },
    };
    scenario::load_with(format!("{top}{SCENARIO}"), "x.yaml", &overrides, &beside)
}

fn load(top: &str, sets: &[&str], conf: Option<(&str, &str)>) -> Scenario {
    try_load(top, sets, conf)
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario
}

fn refused(top: &str, sets: &[&str], conf: Option<(&str, &str)>) -> String {
    match try_load(top, sets, conf) {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.to_string(),
    }
}

/// The resolved scenario stands alone and comes to the same.
fn runs_again(scenario: &Scenario) {
    let written = scenario::resolved_yaml(scenario);
    let again = scenario::load(&written, "resolved.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(&again.scenario, scenario, "{written}");
    assert_eq!(scenario::resolved_yaml(&again.scenario), written);
}

#[test]
fn a_config_yaml_of_flink_2() {
    let loaded = try_load("", &[], Some(("conf/config.yaml", CONFIG_YAML)))
        .unwrap_or_else(|error| panic!("{error}"));
    let config = &loaded.scenario.config;
    assert_eq!(config.heartbeat.interval, Span::from_secs(5));
    assert_eq!(config.heartbeat.timeout, Span::from_secs(25));
    assert_eq!(config.ha.session_timeout, Span::from_secs(20));
    assert_eq!(config.checkpointing.interval, Some(Span::from_secs(180)));
    assert_eq!(config.checkpointing.retained, 3);
    assert_eq!(loaded.scenario.cluster.taskmanagers[0].slots, 2);
    assert!(matches!(
        config.restart,
        RestartStrategy::ExponentialDelay { max, .. } if max == Span::from_secs(30)
    ));
    let unused = loaded
        .warnings
        .iter()
        .find(|warning| warning.contains("`rest.address`"))
        .expect("a warning for all of them");
    assert!(
        unused.contains("Flink keys that the model with the default scheduler does not use; they have no effect here:\n  `"),
        "{unused}"
    );
    runs_again(&loaded.scenario);
}

#[test]
fn a_flink_conf_yaml_of_flink_1() {
    let top = "flink-version: 1.17\n";
    let loaded = try_load(top, &[], Some(("flink-conf.yaml", FLINK_CONF)))
        .unwrap_or_else(|error| panic!("{error}"));
    let config = &loaded.scenario.config;
    assert_eq!(config.rpc.ask_timeout, Span::from_secs(15));
    assert_eq!(config.slots.timeout, Span::from_secs(15));
    assert_eq!(config.ha.session_timeout, Span::from_secs(20));
    assert_eq!(
        config.restart,
        RestartStrategy::FailureRate {
            max_failures: 5,
            interval: Span::from_secs(600),
            delay: Span::from_secs(1),
        }
    );
    assert!(config.local_recovery);
    assert_eq!(config.load_balance, LoadBalance::Slots);
    // Without a space after the colon it is no key to Flink either.
    assert_eq!(loaded.scenario.switches.scheduler, Scheduler::Default);
    assert!(
        loaded
            .warnings
            .iter()
            .any(|warning| warning.starts_with("flink-conf.yaml:25:1: Flink ignores this line")),
        "{:#?}",
        loaded.warnings
    );
    runs_again(&loaded.scenario);
}

#[test]
fn a_file_of_flink_1_wants_its_release() {
    let warnings = |top: &str, name| {
        let conf = Some((name, "heartbeat.interval: 5000\n"));
        let loaded = try_load(top, &[], conf).unwrap_or_else(|error| panic!("{error}"));
        loaded.warnings
    };
    let said = warnings("", "conf/flink-conf.yaml");
    let told =
        "what that file leaves open is here as in Flink 2.3: write `flink-version: \"1.20\"`";
    assert!(
        said.iter().any(|warning| warning.contains(told)),
        "{said:?}"
    );
    assert!(warnings("flink-version: 1.18\n", "conf/flink-conf.yaml").is_empty());
    assert!(warnings("", "conf/config.yaml").is_empty());
}

#[test]
fn what_waits_for_a_connection_is_no_key_without_effect() {
    let text = "pekko.tcp.timeout: 5 s\ntaskmanager.network.netty.client.connectTimeoutSec: 9\n";
    let loaded = try_load("", &[], Some(("config.yaml", text))).expect("known keys");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = &loaded.scenario.config;
    assert_eq!(config.rpc.tcp_timeout, Span::from_secs(5));
    assert_eq!(config.network.connect_timeout, Span::from_secs(9));
    runs_again(&loaded.scenario);
}

#[test]
fn keys_of_the_clusters_own_code_are_told_and_left_alone() {
    let loaded = try_load("", &[], Some(("config.yaml", "com.acme.flag: true\n")))
        .unwrap_or_else(|error| panic!("{error}"));
    let told = "config.yaml:1:1: `com.acme.flag` is no Flink key, and has no effect here";
    assert!(
        loaded.warnings[0].starts_with(told),
        "{:?}",
        loaded.warnings
    );
    runs_again(&loaded.scenario);
    let said = refused("config: {com.acme.flag: true}\n", &[], None);
    assert!(said.contains("`com.acme.flag` is no Flink key"), "{said}");
}

#[test]
fn later_wins() {
    let conf = Some((
        "config.yaml",
        "heartbeat: {interval: 1 s, timeout: 9 s}\nakka.ask.timeout: 1 s\n",
    ));
    let top = "config: {heartbeat.interval: 2 s, pekko.ask.timeout: 2 s}\n";
    let config = load(top, &["heartbeat.interval=3 s"], conf).config;
    assert_eq!(config.heartbeat.interval, Span::from_secs(3));
    assert_eq!(config.heartbeat.timeout, Span::from_secs(9));
    assert_eq!(config.rpc.ask_timeout, Span::from_secs(2));
    let config = load("", &["config.akka.ask.timeout=4 s"], conf).config;
    assert_eq!(config.rpc.ask_timeout, Span::from_secs(4));
}

#[test]
fn mistakes_in_the_clusters_file_have_a_place_there() {
    let conf = Some((
        "conf/config.yaml",
        "heartbeat:\n  intervall: 5 s\n  timeout: soon\n",
    ));
    assert_eq!(
        refused("", &[], conf),
        "error: conf/config.yaml:2:3: `heartbeat.intervall` is no Flink key; did you mean `heartbeat.interval`?\n   2 |   intervall: 5 s\n     |   ^^^^^^^^^\n\
         error: conf/config.yaml:3:12: `soon` is not a duration; Flink writes `10 s`, `500ms`, `PT10S` or a number of milliseconds (`heartbeat.timeout`)\n   3 |   timeout: soon\n     |            ^^^^"
    );
    let conf = Some((
        "config.yaml",
        "kubernetes.cluster-id: prod\nhigh-availability.type: kubernetes\n",
    ));
    let said = refused("", &[], conf);
    assert!(
        said.contains(
            "config.yaml:1:1: `kubernetes.cluster-id`: a ResourceManager that starts and stops"
        ),
        "{said}"
    );
    assert!(
        said.contains("config.yaml:2:25: high availability with Kubernetes is outside the model"),
        "{said}"
    );
    let conf = Some(("config.yaml", "heartbeat: [1\n"));
    assert!(refused("", &[], conf).starts_with("error: config.yaml:"));
    let said = refused("config: {heartbeat.timeout: 3 s}\n", &[], None);
    assert!(
        said.contains(
            "x.yaml:1:29: `heartbeat.timeout` (3 s) must be longer than `heartbeat.interval` (10 s)"
        ),
        "{said}"
    );
}

#[test]
fn releases_switch_their_defaults() {
    let checkpoints = "execution.checkpointing.interval=10 s";
    let restart = |version: &str| {
        let scenario = load(&format!("flink-version: {version}\n"), &[checkpoints], None);
        runs_again(&scenario);
        scenario.config.restart
    };
    let RestartStrategy::FixedDelay { attempts, delay } = restart("1.18") else {
        panic!("fixed-delay was the default");
    };
    assert_eq!((attempts, delay), (i32::MAX as u32, Span::from_secs(1)));
    assert!(matches!(
        restart("1.20"),
        RestartStrategy::ExponentialDelay { .. }
    ));
    assert!(matches!(
        restart("2.3"),
        RestartStrategy::ExponentialDelay { .. }
    ));
    let said = refused("flink-version: 1.21\n", &[], None);
    assert_eq!(
        said,
        "error: x.yaml:1:16: `1.21` is no release whose defaults are known; 1.11 to 1.20 and 2.0 to 2.3 are\n   1 | flink-version: 1.21\n     |                ^^^^"
    );
}

#[test]
fn the_scheduler_is_what_was_chosen_last() {
    let chosen = |top: &str, sets: &[&str], conf| load(top, sets, conf).switches.scheduler;
    let adaptive = Some(("config.yaml", "jobmanager.scheduler: Adaptive\n"));
    assert_eq!(chosen("", &[], None), Scheduler::Default);
    assert_eq!(chosen("", &[], adaptive), Scheduler::Adaptive);
    assert_eq!(
        chosen("scheduler: default\n", &[], adaptive),
        Scheduler::Default
    );
    // A model named on the command line says how to run, whatever the files say.
    assert_eq!(
        chosen("", &["model=flink-default"], adaptive),
        Scheduler::Default
    );
    assert_eq!(
        chosen("", &["model=flink-reactive"], adaptive),
        Scheduler::Reactive
    );
    assert_eq!(
        chosen(
            "",
            &["model=flink-reactive", "scheduler-mode=reactive"],
            None
        ),
        Scheduler::Reactive
    );
    assert_eq!(
        chosen(
            "",
            &["model=flink-adaptive", "jobmanager.scheduler=Default"],
            None
        ),
        Scheduler::Default
    );
    let said = refused(
        "scheduler: default\nconfig: {jobmanager.scheduler: adaptive}\n",
        &[],
        None,
    );
    assert!(
        said.contains("x.yaml:2:10: this contradicts `scheduler`"),
        "{said}"
    );
    for model in ["flink-default", "flink-adaptive", "flink-reactive"] {
        runs_again(&load("", &[&format!("model={model}")], adaptive));
    }
}

#[test]
fn the_scope_follows_flinks_key() {
    let full = Some((
        "config.yaml",
        "jobmanager.execution.failover-strategy: full\n",
    ));
    let scenario = load("", &[], full);
    assert_eq!(scenario.config.failover, FailoverStrategy::Full);
    assert_eq!(scenario.switches.scope, RecoveryScope::Full);
    let region = load("recovery: {scope: region}\n", &[], full);
    assert_eq!(region.config.failover, FailoverStrategy::Region);
    let said = refused("recovery: {scope: per-task}\n", &[], None);
    assert!(
        said.contains("x.yaml:1:19: `recovery.scope` does not go with the model `flink-default`"),
        "{said}"
    );
    // A scenario of the story can be run as Flink would.
    let story = "recovery: {scope: per-task}\nplacement: {slots: ignore}\n";
    let loaded = try_load(story, &["model=flink-default"], None).expect("warnings alone");
    assert_eq!(loaded.scenario.switches.scope, RecoveryScope::Region);
    assert_eq!(loaded.warnings.len(), 2, "{:#?}", loaded.warnings);
}

#[test]
fn flink_does_not_place_tasks_by_the_storys_policies() {
    let policy = "placement: {policy: spread}\n";
    let said = refused(policy, &[], None);
    assert!(
        said.contains("`placement.policy` does not go with the model `flink-default`"),
        "{said}"
    );
    let said = refused("", &["placement.policy=spread"], None);
    assert!(said.contains("`placement.policy` does not go"), "{said}");
    let loaded = try_load(policy, &["model=flink-default"], None).expect("a warning alone");
    assert_eq!(loaded.warnings.len(), 1, "{:#?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("`placement.policy` has no effect"));
}

#[test]
fn profiles_by_name_by_file_and_inline() {
    let lab = load("profile: lab\n", &[], None).profile;
    assert_eq!(lab.name, "lab");
    assert_eq!(
        lab.task_cancellation,
        Distribution::Quantiles {
            min: Span::ZERO,
            median: Span::from_ms(8),
            p95: Span::from_ms(93),
            max: Span::from_ms(120),
        }
    );
    let scenario = load("profile: ./ours.yaml\n", &[], None);
    runs_again(&scenario);
    let ours = scenario.profile;
    assert_eq!(
        ours.task_cancellation,
        Distribution::constant(Span::from_ms(7))
    );
    assert_eq!(
        (ours.name.as_str(), ours.scheduling),
        ("ours", lab.scheduling)
    );
    let top = "profile: {base: lab, host-speed: 0.5 .. 1.0, taskmanager-startup: 9 s, restore-read: {min: 1 MB/s, p50: 2 MB/s, p95: 3 MB/s, max: 4 MB/s}}\n";
    let scenario = load(top, &[], None);
    runs_again(&scenario);
    let inline = scenario.profile;
    assert_eq!(
        inline.host_speed_per_mille,
        Distribution::between(500, 1_000)
    );
    assert_eq!(
        inline.process_startup.taskmanager,
        Distribution::constant(Span::from_secs(9))
    );
    assert_eq!(
        inline.process_startup.jobmanager,
        lab.process_startup.jobmanager
    );
    assert_eq!(inline.restore_read_bytes_per_s.median(), 2_000_000);
    assert_eq!(load("", &["profile=./ours.yaml"], None).profile, ours);
}

#[test]
fn mistakes_in_profiles() {
    let said = refused("profile: ./bad.yaml\n", &[], None);
    assert!(said.contains("bad.yaml:2:1: unknown key `task-cancelation` in profile; did you mean `task-cancellation`?\n   2 | task-cancelation: 7 ms"), "{said}");
    assert!(
        said.contains("bad.yaml:3:13: `parsecs` is no unit of a duration"),
        "{said}"
    );
    let said = refused("profile: {base: labs}\n", &[], None);
    assert!(
        said.contains("x.yaml:1:17: unknown profile `labs`; did you mean `lab`?"),
        "{said}"
    );
    let backwards = "profile: {scheduling: {min: 1 ms, p50: 9 ms, p95: 3 ms, max: 10 ms}}\n";
    let said = refused(backwards, &[], None);
    assert!(said.contains("x.yaml:1:23: this runs backwards"), "{said}");
    assert!(
        refused("profile: ./gone.yaml\n", &[], None)
            .contains("x.yaml:1:10: cannot read ./gone.yaml")
    );
}

#[test]
fn a_report_hides_secrets() {
    let config = "s3.secret-key: sesame\ns3.endpoint: http://minio\n";
    let loaded = try_load("", &[], Some(("config.yaml", config))).expect("only warnings");
    let keys = &loaded.scenario.config.keys;
    assert_eq!(keys["s3.secret-key"], "******");
    assert_eq!(keys["s3.endpoint"], "http://minio");
    let top = "config: {s3.secret-key: rhubarb}\n";
    let loaded = try_load(top, &[], Some(("config.yaml", config))).expect("only warnings");
    let said = loaded.warnings.join("\n");
    assert!(said.contains("s3.secret-key"), "{said}");
    assert!(
        !said.contains("sesame") && !said.contains("rhubarb"),
        "{said}"
    );
}

#[test]
fn what_the_scenario_replaces_is_told_and_must_be_right() {
    let top = "config: {heartbeat.timeout: 20 s}\n";
    let with = |config| try_load(top, &[], Some(("config.yaml", config)));
    let loaded = with("heartbeat.timeout: 30 s\n").expect("only a warning");
    let told = "`heartbeat.timeout`: 20 s, not 30 s";
    assert!(
        loaded.warnings.iter().any(|warning| warning.contains(told)),
        "{:?}",
        loaded.warnings
    );
    let refused = with("heartbeat.timeout: banana\n").expect_err("no duration");
    assert!(
        refused.to_string().contains("config.yaml:1:20"),
        "{refused}"
    );
}
