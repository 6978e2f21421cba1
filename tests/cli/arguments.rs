//! Bad arguments and bad files: status 2, and a message that says what would be right.

use crate::support::Room;

#[test]
fn without_arguments_it_explains_itself() {
    let room = Room::new();
    room.firedrill(&[])
        .ends(2)
        .complains(&["Usage: firedrill", "Examples:", "Exit status:"]);
    room.firedrill(&["--help"])
        .ends(0)
        .prints(&["run", "replay", "list", "schema", "Examples:"]);
    room.firedrill(&["--version"])
        .ends(0)
        .prints(&["firedrill "]);
    for command in ["run", "replay"] {
        room.firedrill(&[command, "--help"])
            .ends(0)
            .prints(&["Examples:"]);
    }
}

#[test]
fn bad_arguments_are_named() {
    let room = Room::new();
    for (words, complaint) in [
        (&["rnu"][..], "unrecognized subcommand"),
        (&["run"], "SCENARIO.yaml"),
        (&["run", "drill.yaml", "--sede", "7"], "--seed"),
        (&["run", "drill.yaml", "--seed", "-1"], "whole number"),
        (&["run", "drill.yaml", "--seed", "1.5"], "whole number"),
        (
            &["run", "drill.yaml", "--seed", "18446744073709551616"],
            "18446744073709551615",
        ),
        (&["run", "drill.yaml", "--set", "seed"], "KEY=VALUE"),
        (&["run", "drill.yaml", "--set", "=7"], "KEY=VALUE"),
        (&["run", "drill.yaml", "--format", "xml"], "json"),
        (
            &["run", "drill.yaml", "--no-files", "--out", "out"],
            "--out",
        ),
        (&["list", "fault"], "faults"),
        (&["replay"], "DIR|CASE|SCENARIO.yaml"),
    ] {
        room.firedrill(words).ends(2).complains(&[complaint]);
    }
    assert_eq!(room.names("."), ["drill.yaml"]);
}

#[test]
fn a_scenario_that_cannot_be_read_is_named() {
    let room = Room::new();
    std::fs::create_dir(room.path("folder")).unwrap();
    room.firedrill(&["run", "nowhere.yaml"])
        .ends(2)
        .complains(&["nowhere.yaml", "firedrill list scenarios"]);
    room.firedrill(&["run", "folder"])
        .ends(2)
        .complains(&["folder is a folder", "firedrill replay folder"]);
    room.firedrill(&["replay", "nowhere"])
        .ends(2)
        .complains(&["nowhere"]);
    for command in ["replay", "explain"] {
        room.firedrill(&[command, "folder"])
            .ends(2)
            .complains(&["is not the folder of a report", "scenario.yaml"]);
    }
    for words in [
        &["run", "fraud-detektion"][..],
        &["new", "--from", "fraud-detektion"],
    ] {
        room.firedrill(words)
            .ends(2)
            .complains(&["did you mean `fraud-detection`?"]);
    }
}

#[test]
fn a_setting_is_named_once_and_as_it_was_given() {
    let room = Room::new();
    let vary = [
        "sweep",
        "drill.yaml",
        "--seeds",
        "2",
        "--vary",
        "recovery.scope=region,regon",
    ];
    let said = room.firedrill(&vary).ends(2);
    let first = said.stderr.lines().next().unwrap();
    assert!(
        first.starts_with("error: recovery.scope=regon: `regon` is not a recovery scope"),
        "{first}"
    );
}

#[test]
fn a_bad_scenario_is_named_with_its_place() {
    let room = Room::with("name: x\nmodle: story\n");
    room.firedrill(&["run", "drill.yaml"])
        .ends(2)
        .complains(&["drill.yaml:", "modle"]);
    let room = Room::with("name: [x\n");
    room.firedrill(&["run", "drill.yaml"])
        .ends(2)
        .complains(&["drill.yaml:"]);
    let room = Room::new();
    room.firedrill(&["run", "drill.yaml", "--set", "no.such.key=1"])
        .ends(2)
        .complains(&["no.such.key"]);
    room.firedrill(&["run", "drill.yaml", "--model", "no-such-model"])
        .ends(2)
        .complains(&["story"]);
    assert_eq!(room.names("."), ["drill.yaml"]);
}

#[test]
fn whatever_is_in_the_file_nothing_panics() {
    let deep = "[".repeat(100_000);
    let aliases = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    for bytes in [
        &b""[..],
        b"\0",
        b"\xff\xfe\0\0",
        b"---\n---\n",
        b"- 1\n",
        b"name: &x [*x]\n",
        b"? {a: b}\n: c\n",
        b"name: x\nname: y\n",
        b"duration: 99999999999999999999 h\n",
        b"seed: -1\n",
        aliases.as_bytes(),
        deep.as_bytes(),
    ] {
        let room = Room::with(bytes);
        let said = room.firedrill(&["run", "drill.yaml"]).ends(2);
        assert!(said.stderr.starts_with("error: "), "{}", said.stderr);
        assert_eq!(room.names("."), ["drill.yaml"]);
    }
}

#[test]
fn lists_have_names_and_what_they_stand_for() {
    let room = Room::new();
    for (what, name) in [
        ("models", "story"),
        ("policies", "per-task"),
        ("faults", "kill"),
        ("invariants", ""),
        ("scenarios", "fraud-detection"),
    ] {
        let text = room.firedrill(&["list", what]).ends(0).prints(&[name]);
        let json = room.firedrill(&["list", what, "--format", "json"]).ends(0);
        let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        let list = list.as_array().unwrap();
        assert_eq!(text.stdout.lines().count(), list.len());
        assert!(!list.is_empty());
        for entry in list {
            assert!(!entry["name"].as_str().unwrap().is_empty());
            assert!(!entry["about"].as_str().unwrap().is_empty(), "{entry}");
        }
    }
}

#[test]
fn the_schema_is_json() {
    let said = Room::new().firedrill(&["schema"]).ends(0);
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(schema["$schema"].is_string());
}

#[test]
fn a_check_takes_the_configuration_of_a_cluster_and_a_profile() {
    let room = Room::new();
    let check = |more: &[&str]| {
        let words = [
            "check",
            "drill.yaml",
            "--seeds",
            "2",
            "--forks",
            "0",
            "--no-files",
        ];
        room.firedrill(&[&words[..], more].concat())
    };
    room.write("config.yaml", "taskmanager.memory.managed.size: 1g\n");
    check(&["--flink-config", "config.yaml", "--profile", "lab"]).ends(0);
    room.write("config.yaml", "heartbeat.timeout: soon\n");
    check(&["--flink-config", "config.yaml"])
        .ends(2)
        .complains(&["config.yaml:1", "soon"]);
    check(&["--profile", "nowhere"])
        .ends(2)
        .complains(&["nowhere"]);
}
