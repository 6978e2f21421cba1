//! Every kind of mistake in a scenario, with the whole message that it earns.

use firedrill::scenario::{self, Override};

const GOOD: &str = "\
name: small
duration: 2 min
cluster:
  taskmanagers:
    - {name: tm-1, slots: 4, cpu: 2.0}
    - {name: tm-2}
    - {name: tm-3, starts: false}
config:
  execution.checkpointing.interval: 10 s
topics:
  orders: {partitions: 2, rate: 100/s, arrivals: constant}
jobs:
  - name: job
    operators:
      - {name: Source, topic: orders, parallelism: 2}
      - {name: Count, input: Source, exchange: hash, parallelism: 2, state: 1 MB}
      - {name: Sink, input: Count, exchange: forward}
    placement:
      tm-1: [Source 0, Count 1]
faults:
  - {kill: tm-1, at: 60 s}
expect:
  - total < 60 s
";

/// The message for the good scenario after some replacements.
fn edited(edits: &[(&str, &str)]) -> String {
    let mut text = GOOD.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    message(text.as_bytes(), &[])
}

/// The message for the good scenario with one override, `path=value`.
fn set(change: &str) -> String {
    let (path, value) = change.split_once('=').expect("an equals sign");
    let change = Override {
        path: path.to_owned(),
        value: value.to_owned(),
    };
    message(GOOD.as_bytes(), &[change])
}

fn message(bytes: &[u8], overrides: &[Override]) -> String {
    match scenario::load(bytes, "x.yaml", overrides) {
        Ok(loaded) => panic!("this should not load: {:?}", loaded.scenario.name),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_good_scenario_is_good() {
    let loaded = scenario::load(GOOD, "x.yaml", &[]).expect("a good scenario");
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

// The shape of the file.

#[test]
fn unknown_keys_name_the_nearest() {
    let expected = r#"error: x.yaml:15:39: unknown key `parallelizm` in an operator; did you mean `parallelism`?
  15 |       - {name: Source, topic: orders, parallelizm: 2}
     |                                       ^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[("parallelism: 2}\n", "parallelizm: 2}\n")]),
        expected
    );
}

#[test]
fn unknown_keys_are_all_reported() {
    let expected = r#"error: x.yaml:2:1: unknown key `duratoin` in the scenario; did you mean `duration`?
   2 | duratoin: 2 min
     | ^^^^^^^^
error: x.yaml:11:12: unknown key `partitons` in a topic; did you mean `partitions`?
  11 |   orders: {partitons: 2, rate: 100/s, arrivals: constant}
     |            ^^^^^^^^^"#;
    assert_eq!(
        edited(&[("duration", "duratoin"), ("partitions", "partitons")]),
        expected
    );
}

#[test]
fn unknown_keys_far_from_all_list_what_is_known() {
    let expected = r#"error: x.yaml:11:40: unknown key `colour` in a topic; known are `partitions`, `rate`, `arrivals`, `record-size`, `keys`, `linger`, `retention`, `offset-reset`, `disorder`
  11 |   orders: {partitions: 2, rate: 100/s, colour: red}
     |                                        ^^^^^^"#;
    assert_eq!(edited(&[("arrivals: constant", "colour: red")]), expected);
}

#[test]
fn missing_keys() {
    let expected = r#"error: x.yaml:1:1: `name` is missing in the scenario
   1 | duration: 2 min
     | ^"#;
    assert_eq!(edited(&[("name: small\n", "")]), expected);
}

#[test]
fn missing_keys_inside() {
    let expected = r#"error: x.yaml:11:11: `rate` is missing in a topic
  11 |   orders: {partitions: 2, arrivals: constant}
     |           ^"#;
    assert_eq!(edited(&[(", rate: 100/s", "")]), expected);
}

#[test]
fn wrong_types_number() {
    let expected = r#"error: x.yaml:15:52: `two` is not a whole number from 0 to 4294967295
  15 |       - {name: Source, topic: orders, parallelism: two}
     |                                                    ^^^"#;
    assert_eq!(
        edited(&[("parallelism: 2}\n", "parallelism: two}\n")]),
        expected
    );
}

#[test]
fn wrong_types_list() {
    let expected = r#"error: x.yaml:21:3: a map where a list is expected
  21 |   kill: tm-1
     |   ^"#;
    assert_eq!(
        edited(&[("  - {kill: tm-1, at: 60 s}", "  kill: tm-1")]),
        expected
    );
}

#[test]
fn wrong_types_map() {
    let expected = r#"error: x.yaml:8:9: `fast` where a section (a map of keys and values) is expected
   8 | config: fast
     |         ^^^^"#;
    assert_eq!(
        edited(&[(
            "config:\n  execution.checkpointing.interval: 10 s",
            "config: fast"
        )]),
        expected
    );
}

#[test]
fn keys_without_a_value() {
    let expected = r#"error: x.yaml:15:39: `parallelism` has no value; give it one, or leave the key out
  15 |       - {name: Source, topic: orders, parallelism: }
     |                                       ^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[("parallelism: 2}\n", "parallelism: }\n")]),
        expected
    );
}

#[test]
fn words_that_are_none_of_the_choices() {
    let expected = r#"error: x.yaml:11:50: `possion` is not a kind of arrivals; did you mean `poisson`?
  11 |   orders: {partitions: 2, rate: 100/s, arrivals: possion}
     |                                                  ^^^^^^^"#;
    assert_eq!(
        edited(&[("arrivals: constant", "arrivals: possion")]),
        expected
    );
}

#[test]
fn duplicate_keys() {
    let expected = r#"error: x.yaml:3:1: duplicate mapping key `duration` is not allowed here
   3 | duration: 3 min
     | ^^^^^^^^"#;
    assert_eq!(
        edited(&[("duration: 2 min", "duration: 2 min\nduration: 3 min")]),
        expected
    );
}

#[test]
fn broken_yaml() {
    let expected = r#"error: x.yaml:21:3: "-" is only valid inside a block
  21 |   - {kill: tm-1, at: 60 s}
     |   ^"#;
    assert_eq!(edited(&[("faults:", "faults: [")]), expected);
}

// Quantities.

#[test]
fn unknown_units() {
    let expected = r#"error: x.yaml:2:11: `minutes` is no unit of a duration; known are `ns`, `us`, `ms`, `s`, `min`, `h`, as in `60 s`
   2 | duration: 2 minutes
     |           ^^^^^^^^^"#;
    assert_eq!(edited(&[("2 min", "2 minutes")]), expected);
}

#[test]
fn no_unit() {
    let expected = r#"error: x.yaml:2:11: `120` has no unit; this needs a duration like `60 s`
   2 | duration: 120
     |           ^^^"#;
    assert_eq!(edited(&[("2 min", "120")]), expected);
}

#[test]
fn no_number() {
    let expected = r#"error: x.yaml:2:11: `long` is not a duration; write it like `60 s`
   2 | duration: long
     |           ^^^^"#;
    assert_eq!(edited(&[("2 min", "long")]), expected);
}

#[test]
fn zero_where_it_makes_no_sense() {
    let expected = r#"error: x.yaml:2:11: `0 s` is zero; this must be more, like `10 s`
   2 | duration: 0 s
     |           ^^^"#;
    assert_eq!(edited(&[("2 min", "0 s")]), expected);
}

#[test]
fn negative_durations() {
    let expected = r#"error: x.yaml:2:11: `-2 min` is negative; this needs a duration like `60 s`
   2 | duration: -2 min
     |           ^^^^^^"#;
    assert_eq!(edited(&[("2 min", "-2 min")]), expected);
}

#[test]
fn negative_rates() {
    let expected = r#"error: x.yaml:11:33: `-100/s` is negative; a rate is zero or more, like `500/s`
  11 |   orders: {partitions: 2, rate: -100/s, arrivals: constant}
     |                                 ^^^^^^"#;
    assert_eq!(edited(&[("100/s", "-100/s")]), expected);
}

#[test]
fn rates_without_a_time() {
    let expected = r#"error: x.yaml:11:33: `100` is not a rate; write it like `500/s`
  11 |   orders: {partitions: 2, rate: 100, arrivals: constant}
     |                                 ^^^"#;
    assert_eq!(edited(&[("100/s", "100")]), expected);
}

#[test]
fn infinite_rates() {
    let expected = r#"error: x.yaml:11:33: `inf/s` is not a rate; write it like `500/s`
  11 |   orders: {partitions: 2, rate: inf/s, arrivals: constant}
     |                                 ^^^^^"#;
    assert_eq!(edited(&[("100/s", "inf/s")]), expected);
}

#[test]
fn too_large() {
    let expected = r#"error: x.yaml:2:11: `99999999999999999999 h` is too large
   2 | duration: 99999999999999999999 h
     |           ^^^^^^^^^^^^^^^^^^^^^^"#;
    assert_eq!(edited(&[("2 min", "99999999999999999999 h")]), expected);
}

#[test]
fn too_long() {
    let expected = r#"error: x.yaml:2:11: a run lasts 30 days (`720 h`) at the most
   2 | duration: 721 h
     |           ^^^^^"#;
    assert_eq!(edited(&[("2 min", "721 h")]), expected);
}

#[test]
fn too_many_records() {
    let expected = r#"error: x.yaml:11:33: 108000000000 records per partition are more than the 2^34 that a run can hold; shorten `duration`, or let `weight` records be one
  11 |   orders: {partitions: 2, rate: 900000000/s, arrivals: constant}
     |                                 ^^^^^^^^^^^"#;
    assert_eq!(edited(&[("100/s", "900000000/s")]), expected);
}

#[test]
fn too_many_partitions() {
    let expected = r#"error: x.yaml:11:24: `20000` is no number of partitions; it can be 1 to 16000
  11 |   orders: {partitions: 20000, rate: 100/s, arrivals: constant}
     |                        ^^^^^"#;
    assert_eq!(edited(&[("partitions: 2", "partitions: 20000")]), expected);
}

#[test]
fn too_much_parallelism() {
    let expected = r#"error: x.yaml:15:52: `5000` is no parallelism here; it can be 1 to 4096
  15 |       - {name: Source, topic: orders, parallelism: 5000}
     |                                                    ^^^^"#;
    assert_eq!(
        edited(&[(
            "topic: orders, parallelism: 2",
            "topic: orders, parallelism: 5000"
        )]),
        expected
    );
}

#[test]
fn ranges_that_end_before_they_start() {
    let expected = r#"error: x.yaml:4:30: `2 ms .. 1 ms` ends before it starts; write the shorter duration first
   4 |   links: {default: {latency: 2 ms .. 1 ms}}
     |                              ^^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[(
            "cluster:\n",
            "cluster:\n  links: {default: {latency: 2 ms .. 1 ms}}\n"
        )]),
        expected
    );
}

// The cluster.

#[test]
fn no_taskmanagers() {
    let expected = r#"error: x.yaml:4:17: a cluster needs at least one TaskManager that starts
   4 |   taskmanagers: []
     |                 ^
error: x.yaml:16:7: unknown TaskManager `tm-1`
  16 |       tm-1: [Source 0, Count 1]
     |       ^^^^
error: x.yaml:18:12: unknown process `tm-1`; did you mean `jm-1`?
  18 |   - {kill: tm-1, at: 60 s}
     |            ^^^^"#;
    assert_eq!(
        edited(&[
            (
                "    - {name: tm-1, slots: 4, cpu: 2.0}\n    - {name: tm-2}\n    - {name: tm-3, starts: false}\n",
                ""
            ),
            ("taskmanagers:", "taskmanagers: []")
        ]),
        expected
    );
}

#[test]
fn duplicate_names() {
    let expected = r#"error: x.yaml:6:14: a TaskManager is named `tm-1` already; names must differ
   6 |     - {name: tm-1}
     |              ^^^^"#;
    assert_eq!(edited(&[("name: tm-2", "name: tm-1")]), expected);
}

#[test]
fn names_of_zookeeper_servers() {
    let expected = r#"error: x.yaml:6:14: `zk-1` is the name of a ZooKeeper server; call a TaskManager something else
   6 |     - {name: zk-1}
     |              ^^^^"#;
    assert_eq!(edited(&[("name: tm-2", "name: zk-1")]), expected);
}

#[test]
fn more_tasks_than_slots_that_bind() {
    let expected = r#"error: x.yaml:6:5: 5 tasks for 2 slots, and slots bind; add slots or TaskManagers, or set `placement.slots: ignore`
   6 |     - {name: tm-1, slots: 1, cpu: 2.0}
     |     ^
error: x.yaml:6:14: 2 tasks are pinned to `tm-1`, which has 1 slot, and slots bind
   6 |     - {name: tm-1, slots: 1, cpu: 2.0}
     |              ^^^^"#;
    assert_eq!(
        edited(&[
            ("duration", "placement: {slots: bind}\nduration"),
            ("slots: 4", "slots: 1"),
            ("{name: tm-2}", "{name: tm-2, slots: 1}")
        ]),
        expected
    );
}

#[test]
fn unknown_profiles() {
    let expected = r#"error: x.yaml:2:10: unknown profile `fast`; known are `default`, `lab`; a file is named by its path, like `./fast.yaml`
   2 | profile: fast
     |          ^^^^"#;
    assert_eq!(edited(&[("duration", "profile: fast\nduration")]), expected);
}

#[test]
fn unknown_keys_of_a_profile() {
    let expected = r#"error: x.yaml:2:11: unknown key `planing`; did you mean `planning`?
   2 | profile: {planing: 3 s}
     |           ^^^^^^^"#;
    assert_eq!(
        edited(&[("duration", "profile: {planing: 3 s}\nduration")]),
        expected
    );
}

// Flink keys.

#[test]
fn unknown_flink_keys() {
    let expected = r#"error: x.yaml:9:3: `execution.checkpointing.intervall` is no Flink key; did you mean `execution.checkpointing.interval`?
   9 |   execution.checkpointing.intervall: 10 s
     |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[("checkpointing.interval", "checkpointing.intervall")]),
        expected
    );
}

#[test]
fn bad_values_of_flink_keys() {
    let expected = r#"error: x.yaml:9:37: `parsecs` is no unit of a Flink duration; known are `ms`, `s`, `min`, `h`, `d`, as in `10 s` (`execution.checkpointing.interval`)
   9 |   execution.checkpointing.interval: 10 parsecs
     |                                     ^^^^^^^^^^"#;
    assert_eq!(
        edited(&[("interval: 10 s", "interval: 10 parsecs")]),
        expected
    );
}

#[test]
fn flink_keys_twice_under_two_names() {
    let expected = r#"error: x.yaml:10:3: `pekko.ask.timeout` is set already, as `akka.ask.timeout`
  10 |   pekko.ask.timeout: 6 s
     |   ^^^^^^^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[(
            "config:",
            "config:\n  akka.ask.timeout: 5 s\n  pekko.ask.timeout: 6 s"
        )]),
        expected
    );
}

// The job graph.

#[test]
fn cycles_name_the_operators() {
    let expected = r#"error: x.yaml:17:29: the operators form a cycle: `Sink` -> `Count` -> `Sink`; a job flows from sources to sinks
  17 |       - {name: Sink, input: Count, exchange: forward}
     |                             ^^^^^"#;
    assert_eq!(
        edited(&[(
            "input: Source, exchange: hash",
            "inputs: [Source, Sink], exchange: hash"
        )]),
        expected
    );
}

#[test]
fn no_source() {
    let expected = r#"error: x.yaml:13:11: the job `job` has no source; a source names its `topic`
  13 |   - name: job
     |           ^^^
error: x.yaml:16:30: the operators form a cycle: `Count` -> `Source` -> `Count`; a job flows from sources to sinks
  16 |       - {name: Count, input: Source, exchange: hash, parallelism: 2, state: 1 MB}
     |                              ^^^^^^"#;
    assert_eq!(
        edited(&[(
            "topic: orders, parallelism: 2",
            "input: Count, parallelism: 2"
        )]),
        expected
    );
}

#[test]
fn no_sink() {
    let expected = r#"error: x.yaml:15:16: nobody reads the source `Source`; the job has no sink behind it
  15 |       - {name: Source, topic: orders, parallelism: 2}
     |                ^^^^^^"#;
    assert_eq!(
        edited(&[
            (
                "      - {name: Count, input: Source, exchange: hash, parallelism: 2, state: 1 MB}\n      - {name: Sink, input: Count, exchange: forward}\n",
                ""
            ),
            (", Count 1", "")
        ]),
        expected
    );
}

#[test]
fn no_input() {
    let expected = r#"error: x.yaml:17:16: `Sink` reads nothing; give it an `input`, or a `topic` to make it a source
  17 |       - {name: Sink}
     |                ^^^^"#;
    assert_eq!(
        edited(&[(", input: Count, exchange: forward", "")]),
        expected
    );
}

#[test]
fn unknown_inputs() {
    let expected = r#"error: x.yaml:17:29: unknown operator `Cuont` as input; did you mean `Count`?
  17 |       - {name: Sink, input: Cuont, exchange: forward}
     |                             ^^^^^"#;
    assert_eq!(edited(&[("input: Count", "input: Cuont")]), expected);
}

#[test]
fn unknown_topics() {
    let expected = r#"error: x.yaml:15:31: unknown topic `order`; did you mean `orders`?
  15 |       - {name: Source, topic: order, parallelism: 2}
     |                               ^^^^^"#;
    assert_eq!(edited(&[("topic: orders", "topic: order")]), expected);
}

#[test]
fn exchanges_into_sources() {
    let expected = r#"error: x.yaml:15:49: a source reads a topic; there is no exchange into it
  15 |       - {name: Source, topic: orders, exchange: hash, parallelism: 2}
     |                                                 ^^^^"#;
    assert_eq!(
        edited(&[("topic: orders,", "topic: orders, exchange: hash,")]),
        expected
    );
}

#[test]
fn state_without_keys() {
    let expected = r#"error: x.yaml:16:82: an operator with state needs its records by key: `exchange: hash` on every input
  16 |       - {name: Count, input: Source, exchange: rebalance, parallelism: 2, state: 1 MB}
     |                                                                                  ^^^^"#;
    assert_eq!(
        edited(&[("exchange: hash", "exchange: rebalance")]),
        expected
    );
}

#[test]
fn keys_without_hash() {
    let expected = r#"error: x.yaml:17:60: a key has a meaning only with `exchange: hash`
  17 |       - {name: Sink, input: Count, exchange: forward, key: card}
     |                                                            ^^^^"#;
    assert_eq!(
        edited(&[("exchange: forward", "exchange: forward, key: card")]),
        expected
    );
}

#[test]
fn guarantees_of_other_operators() {
    let expected = r#"error: x.yaml:16:81: only a sink, an operator whose output nobody reads, has a guarantee
  16 |       - {name: Count, input: Source, exchange: hash, parallelism: 2, guarantee: exactly-once}
     |                                                                                 ^^^^^^^^^^^^"#;
    assert_eq!(
        edited(&[("state: 1 MB", "guarantee: exactly-once")]),
        expected
    );
}

// Pins.

#[test]
fn pins_to_unknown_taskmanagers() {
    let expected = r#"error: x.yaml:19:7: unknown TaskManager `tm-9`; known are `tm-1`, `tm-2`, `tm-3`
  19 |       tm-9: [Source 0, Count 1]
     |       ^^^^"#;
    assert_eq!(edited(&[("tm-1: [", "tm-9: [")]), expected);
}

#[test]
fn pins_to_spares() {
    let expected = r#"error: x.yaml:19:7: `tm-3` does not start with the run (`starts: false`), so nothing can be pinned to it
  19 |       tm-3: [Source 0, Count 1]
     |       ^^^^"#;
    assert_eq!(edited(&[("tm-1: [", "tm-3: [")]), expected);
}

#[test]
fn pins_out_of_range() {
    let expected = r#"error: x.yaml:19:24: `2` is no subtask of `Count`; they are 0 to 1
  19 |       tm-1: [Source 0, Count 2]
     |                        ^^^^^^^"#;
    assert_eq!(edited(&[("Count 1", "Count 2")]), expected);
}

#[test]
fn pins_of_unknown_operators() {
    let expected = r#"error: x.yaml:19:24: unknown operator `Cuont`; did you mean `Count`?
  19 |       tm-1: [Source 0, Cuont 1]
     |                        ^^^^^^^"#;
    assert_eq!(edited(&[("Count 1", "Cuont 1")]), expected);
}

#[test]
fn doubled_pins() {
    let expected = r#"error: x.yaml:19:24: `Source 0` is pinned already, to `tm-1`
  19 |       tm-1: [Source 0, Source 0]
     |                        ^^^^^^^^"#;
    assert_eq!(edited(&[("Count 1", "Source 0")]), expected);
}

// Faults.

#[test]
fn unknown_targets() {
    let expected = r#"error: x.yaml:21:12: unknown process `tm-4`; known are `tm-1`, `tm-2`, `tm-3`, `jm-1`, `jm-2`, `jm-3`, `zk-1`, `zk-2`, `zk-3`, `broker-1`, `kafka`, `database`
  21 |   - {kill: tm-4, at: 60 s}
     |            ^^^^"#;
    assert_eq!(edited(&[("kill: tm-1", "kill: tm-4")]), expected);
}

#[test]
fn before_time_zero() {
    let expected = r#"error: x.yaml:21:22: `-1 s` is before the start of the run; a fault comes at `0 s` or later
  21 |   - {kill: tm-1, at: -1 s}
     |                      ^^^^"#;
    assert_eq!(edited(&[("at: 60 s", "at: -1 s")]), expected);
}

#[test]
fn after_the_end() {
    let expected = r#"error: x.yaml:21:22: `120 s` is after the end of the run, which lasts 120 s
  21 |   - {kill: tm-1, at: 120 s}
     |                      ^^^^^"#;
    assert_eq!(edited(&[("at: 60 s", "at: 120 s")]), expected);
}

#[test]
fn draws_that_end_before_they_start() {
    let expected = r#"error: x.yaml:21:22: `70 s .. 60 s` ends before it starts; write the earlier time first
  21 |   - {kill: tm-1, at: 70 s .. 60 s}
     |                      ^^^^^^^^^^^^"#;
    assert_eq!(edited(&[("at: 60 s", "at: 70 s .. 60 s")]), expected);
}

#[test]
fn two_faults_in_one() {
    let expected = r#"error: x.yaml:21:24: a fault is one thing: this is `kill` and `hang`; write two faults
  21 |   - {kill: tm-1, hang: tm-2, at: 60 s}
     |                        ^^^^"#;
    assert_eq!(
        edited(&[("kill: tm-1,", "kill: tm-1, hang: tm-2,")]),
        expected
    );
}

#[test]
fn no_fault_at_all() {
    let expected = r#"error: x.yaml:21:5: a fault names what happens to whom, like `kill: tm-3`; what can happen is `kill`, `stop`, `start`, `restart`, `replace`, `hang`, `resume`, `power-off`, `cut-off`, `cut`, `slow-link`, `lossy-link`, `reset-connections`, `slow`, `take-cpu`, `expire-session`, `slow-storage`, `fail-storage`, `lose-storage`, `lose-notifications`, `delay-notifications`, `double-notifications`, `throw`, `stuck-cancel`, `rolling-restart`, `savepoint-and-restart`, `drop-checkpoint`, `add-partitions`, `silence`
  21 |   - {at: 60 s}
     |     ^"#;
    assert_eq!(edited(&[("kill: tm-1, ", "")]), expected);
}

#[test]
fn cuts_without_an_end() {
    let expected = r#"error: x.yaml:21:15: `cut-off` needs to say for how long, like `for: 20 s`
  21 |   - {cut-off: tm-1, at: 60 s}
     |               ^^^^"#;
    assert_eq!(edited(&[("kill: tm-1", "cut-off: tm-1")]), expected);
}

#[test]
fn keys_that_do_not_go_together() {
    let expected = r#"error: x.yaml:21:26: `factor` does not go with `kill`; it goes with `slow`, `slow-storage`
  21 |   - {kill: tm-1, factor: 4, at: 60 s}
     |                          ^"#;
    assert_eq!(
        edited(&[("kill: tm-1,", "kill: tm-1, factor: 4,")]),
        expected
    );
}

#[test]
fn starting_what_runs() {
    let expected = r#"error: x.yaml:21:15: `tm-1` is running by then: no fault kills it before; kill it first, or make it a spare with `starts: false`
  21 |   - {restart: tm-1, at: 60 s}
     |               ^^^^"#;
    assert_eq!(edited(&[("kill: tm-1", "restart: tm-1")]), expected);
}

#[test]
fn sessions_of_zookeeper() {
    let expected = r#"error: x.yaml:21:22: a ZooKeeper server has no session of its own
  21 |   - {expire-session: zk-1, at: 60 s}
     |                      ^^^^"#;
    assert_eq!(edited(&[("kill: tm-1", "expire-session: zk-1")]), expected);
}

// Expectations.

#[test]
fn unknown_quantities() {
    let expected = r#"error: x.yaml:23:5: unknown quantity `totl`; did you mean `total`?
  23 |   - totl < 60 s
     |     ^^^^^^^^^^^"#;
    assert_eq!(edited(&[("total <", "totl <")]), expected);
}

#[test]
fn no_comparison() {
    let expected = r#"error: x.yaml:23:5: `total is 60 s` compares nothing; write `<`, `<=`, `==`, `!=`, `>=` or `>` after `total`
  23 |   - total is 60 s
     |     ^^^^^^^^^^^^^"#;
    assert_eq!(edited(&[("total < 60 s", "total is 60 s")]), expected);
}

#[test]
fn durations_without_a_unit() {
    let expected = r#"error: x.yaml:23:5: `60` has no unit; this needs a duration like `60 s` (`total` is a duration)
  23 |   - total < 60
     |     ^^^^^^^^^^"#;
    assert_eq!(edited(&[("total < 60 s", "total < 60")]), expected);
}

#[test]
fn counts_with_a_unit() {
    let expected = r#"error: x.yaml:23:5: `0 s` is not a whole number (`lost` is a count)
  23 |   - lost == 0 s
     |     ^^^^^^^^^^^"#;
    assert_eq!(edited(&[("total < 60 s", "lost == 0 s")]), expected);
}

// Overrides.

#[test]
fn overrides_of_unknown_items() {
    let expected = r#"error: cluster.taskmanagers.tm-33.cpu=4: there is no `tm-33` in `cluster.taskmanagers`; did you mean `tm-3`?"#;
    assert_eq!(set("cluster.taskmanagers.tm-33.cpu=4"), expected);
}

#[test]
fn overrides_of_unknown_keys() {
    let expected = r#"error: cluster.taskmangers.tm-3.cpu=4: unknown key `taskmangers` in the cluster; did you mean `taskmanagers`?"#;
    assert_eq!(set("cluster.taskmangers.tm-3.cpu=4"), expected);
}

#[test]
fn overrides_of_unknown_flink_keys() {
    let expected = r#"error: execution.checkpointing.intervall=5 s: unknown key `execution.checkpointing.intervall`; did you mean `execution.checkpointing.interval`?"#;
    assert_eq!(set("execution.checkpointing.intervall=5 s"), expected);
}

#[test]
fn overrides_beyond_the_end_of_a_list() {
    let expected =
        r#"error: faults.1.at=5 s: there is no item `1` in `faults`, which has 1, numbered from 0"#;
    assert_eq!(set("faults.1.at=5 s"), expected);
}

#[test]
fn overrides_below_a_value() {
    let expected = r#"error: duration.long=5 s: there is no `long` in `duration`, which is a single value, `2 min`"#;
    assert_eq!(set("duration.long=5 s"), expected);
}

#[test]
fn overrides_with_bad_values() {
    let expected = r#"error: duration=5: `5` has no unit; this needs a duration like `60 s`"#;
    assert_eq!(set("duration=5"), expected);
}

#[test]
fn overrides_that_are_no_yaml() {
    let expected = r#"error: seed=[: the value is no YAML: unclosed bracket '['"#;
    assert_eq!(set("seed=["), expected);
}

#[test]
fn overrides_with_an_unknown_model() {
    let expected = r#"error: model=flink: `flink` is not a model; it is one of `story`, `flink-default`, `flink-adaptive`, `flink-reactive`"#;
    assert_eq!(set("model=flink"), expected);
}

#[test]
fn overrides_without_a_path() {
    let expected = r#"error: ..=1: this is no path; write names between dots, like `cluster.taskmanagers.tm-3.cpu`"#;
    assert_eq!(set("..=1"), expected);
}

// Files that are no scenario at all.

#[test]
fn empty_files() {
    let expected = "error: x.yaml: the file is empty; a scenario needs at least `name`, `cluster`, `topics` and `jobs`";
    for text in ["", " \n\t\n", "# only a comment\n", "---\n"] {
        assert_eq!(message(text.as_bytes(), &[]), expected, "{text:?}");
    }
}

#[test]
fn not_utf8() {
    let expected = "error: x.yaml:2:8: byte 15 (0xff) is not UTF-8; save the file as UTF-8 text\n   2 | about:\n     |        ^";
    assert_eq!(message(b"name: a\nabout: \xff\n", &[]), expected);
}

#[test]
fn files_beyond_a_mebibyte() {
    let expected = "error: x.yaml: the file has 1048577 bytes; a scenario has 1 MiB at the most";
    assert_eq!(message(&vec![b'#'; (1 << 20) + 1], &[]), expected);
}

#[test]
fn nested_too_deep() {
    let text = format!("a: {}{}", "[".repeat(70), "]".repeat(70));
    assert!(
        message(text.as_bytes(), &[])
            .starts_with("error: x.yaml:1:68: nested more than 64 levels deep\n")
    );
    let text: String = (0..70)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(message(text.as_bytes(), &[]).contains(": nested more than 64 levels deep\n"));
}

#[test]
fn alias_bombs() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in ('b'..='i').zip('a'..='h') {
        let list = vec![format!("*{last}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{list}]\n"));
    }
    assert!(
        message(text.as_bytes(), &[])
            .contains(": the file is too large once its aliases are written out\n")
    );
}

#[test]
fn only_lists_and_words() {
    assert!(
        message(b"- a\n- b\n", &[])
            .starts_with("error: x.yaml:1:1: a list where the scenario (a map of keys like `")
    );
    assert!(
        message(b"hello\n", &[])
            .starts_with("error: x.yaml:1:1: `hello` where the scenario (a map of keys like `")
    );
}

// What is no mistake.

#[test]
fn flink_keys_without_effect_are_warnings() {
    let warnings = |keys: &str, set: &[Override]| {
        let text = GOOD.replace("config:", &format!("config:\n{keys}"));
        let loaded = scenario::load(text, "x.yaml", set).expect("only warnings");
        loaded.warnings
    };
    let expected = "x.yaml:10:5: `rest.port` is a Flink key that the model `story` does not use; it has no effect here\n  10 |     port: 8082\n     |     ^^^^";
    assert_eq!(warnings("  rest:\n    port: 8082", &[]), [expected]);
    // Flink's models, with which the story may be compared, use this one.
    assert_eq!(warnings("  heartbeat.timeout: 55 s", &[]), [""; 0]);
    let set = Override {
        path: "heartbeat.timeout".to_owned(),
        value: "55 s".to_owned(),
    };
    let expected = "heartbeat.timeout=55 s: `heartbeat.timeout` is a Flink key that the model `story` does not use; it has no effect here";
    assert_eq!(warnings("", &[set]), [expected]);
}

#[test]
fn overrides_reach_everything() {
    let change = |path: &str, value: &str| Override {
        path: path.to_owned(),
        value: value.to_owned(),
    };
    let changes = [
        change("seed", "7"),
        change("model", "story"),
        change("cluster.taskmanagers.tm-2.cpu", "4"),
        change("jobs.job.operators.Count.cpu", "50 us"),
        change("execution.checkpointing.interval", "PT5S"),
        change("akka.ask.timeout", "3000"),
        change("recovery.scope", "region"),
        change("faults.0.at", "10 s .. 20 s"),
        change("profile.planning", "1 ms"),
        change("expect", ""),
    ];
    let scenario = scenario::load(GOOD, "x.yaml", &changes)
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario;
    assert_eq!(scenario.seed, 7);
    assert_eq!(scenario.cluster.taskmanagers[1].cpu_millicores, 4_000);
    assert_eq!(scenario.jobs[0].operators[1].cpu_per_record.0, 50_000);
    assert_eq!(
        scenario.config.checkpointing.interval.map(|span| span.0),
        Some(5_000_000_000)
    );
    assert_eq!(scenario.config.rpc.ask_timeout.0, 3_000_000_000);
    assert_eq!(scenario.switches.scope.name(), "region");
    assert_eq!(scenario.profile.planning.max().0, 1_000_000);
    assert!(scenario.expect.is_empty());
}
