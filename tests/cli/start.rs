//! What helps to begin: a scenario, a scenario from a running job, completions, man pages.

use crate::support::Room;

#[test]
fn a_new_scenario_runs_and_none_is_overwritten() {
    let room = Room::new();
    let said = room.firedrill(&["new", "mine.yaml"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(
        room.firedrill(&["run", "mine.yaml", "--no-files", "--quiet"])
            .status,
        0
    );
    let again = room.firedrill(&["new", "mine.yaml"]);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("left alone"), "{}", again.stderr);
    let printed = room.firedrill(&["new"]);
    assert!(printed.status == 0 && printed.stdout.contains("taskmanagers:"));
}

#[test]
fn what_is_built_in_goes_by_its_name_where_no_file_has_it() {
    let room = Room::new();
    let summary = |scenario: &str| {
        room.firedrill(&["run", scenario, "--no-files", "--format", "json", "--quiet"])
    };
    let named = summary("idle-partition");
    assert_eq!(named.status, 0, "{}", named.stderr);
    assert_eq!(
        room.firedrill(&["new", "--from", "idle-partition", "mine.yaml"])
            .status,
        0
    );
    let written = summary("mine.yaml");
    assert_eq!(written.stdout, named.stdout);
    // A file with that name comes first.
    std::fs::copy(room.path("drill.yaml"), room.path("idle-partition")).expect("a copy");
    let own = summary("idle-partition");
    assert!(own.status == 0 && own.stdout != named.stdout);
    // Whoever follows a path of the repository elsewhere is told.
    let path = room.firedrill(&["run", "scenarios/hang.yaml"]);
    assert_eq!(path.status, 2);
    assert!(
        path.stderr
            .contains("hang by itself names the one that is built in"),
        "{}",
        path.stderr
    );
    assert_eq!(room.firedrill(&["new", "--from", "nothing"]).status, 2);
}

#[test]
fn a_running_job_becomes_a_scenario_that_runs() {
    let room = Room::new();
    let rest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rest/chained");
    let path = |name: &str| format!("{rest}/{name}");
    let said = room.firedrill(&[
        "import",
        "--plan",
        &path("plan.json"),
        "--config",
        &path("config.yaml"),
        "--checkpoints",
        &path("checkpoints.json"),
        "--taskmanagers",
        &path("taskmanagers.json"),
        "--out",
        "ours.yaml",
    ]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(said.stdout.is_empty());
    assert!(said.stderr.contains("note: assumed: "), "{}", said.stderr);
    let run = room.firedrill(&["run", "ours.yaml", "--no-files", "--quiet"]);
    assert_eq!(run.status, 0, "{}", run.stderr);

    let wrong = room.firedrill(&[
        "import",
        "--plan",
        "drill.yaml",
        "--config",
        &path("config.yaml"),
    ]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.stderr.contains("drill.yaml:1:1: `plan` is missing"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn shells_and_man_know_every_command() {
    let room = Room::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = room.firedrill(&["completions", shell]);
        assert_eq!(said.status, 0, "{shell}: {}", said.stderr);
        for command in ["sweep", "import", "explain"] {
            assert!(said.stdout.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(room.firedrill(&["completions", "tcsh"]).status, 2);
    assert!(room.firedrill(&["man"]).stdout.contains(".SH NAME"));
    assert_eq!(room.firedrill(&["man", "--out", "man1"]).status, 0);
    assert!(room.path("man1/firedrill.1").is_file() && room.path("man1/firedrill-run.1").is_file());
}
