//! `firedrill replay`: the same, or the first event that differs.

use crate::support::{Room, Said};

fn replay(room: &Room) -> Said {
    room.firedrill(&["replay", "out"])
}

/// A room with a report whose trace was edited, line by line.
fn edited(edit: impl FnOnce(&mut Vec<String>)) -> Room {
    let room = Room::new();
    room.run(&[]);
    let mut lines: Vec<String> = room
        .read("out/trace.jsonl")
        .split_inclusive('\n')
        .map(str::to_string)
        .collect();
    assert!(lines.len() > 100, "a trace of {} lines", lines.len());
    edit(&mut lines);
    room.write("out/trace.jsonl", &lines.concat());
    room
}

#[test]
fn a_report_replays() {
    let room = Room::new();
    room.run(&["--seed", "7"]);
    let summary = room.json("out/summary.json");
    let digest = summary["digest"].as_str().unwrap();
    let before = room.names("out");
    replay(&room)
        .ends(0)
        .prints(&["identical", digest, &summary["events"].to_string()]);
    assert_eq!(room.names("out"), before, "a replay writes nothing");
}

#[test]
fn a_scenario_replays_in_lockstep() {
    let room = Room::new();
    room.firedrill(&["replay", "drill.yaml"])
        .ends(0)
        .prints(&["identical"]);
    assert_eq!(room.names("."), ["drill.yaml"]);
}

#[test]
fn without_a_trace_the_digest_is_compared() {
    let room = Room::new();
    room.run(&["--no-trace"]);
    replay(&room)
        .ends(0)
        .prints(&["identical"])
        .complains(&["trace.jsonl", "--no-trace"]);
    let summary = room.read("out/summary.json");
    let digest = room.json("out/summary.json")["digest"].to_string();
    room.write("out/summary.json", &summary.replace(&digest, "\"0123\""));
    replay(&room).ends(5).prints(&["differs", "0123"]);
}

#[test]
fn the_first_difference_is_shown_from_both_sides() {
    let room = edited(|lines| {
        let mut event: serde_json::Value = serde_json::from_str(&lines[76]).unwrap();
        event["a"] = "somebody".into();
        lines[76] = format!("{event}\n");
        lines[90] = "never reached\n".to_string();
    });
    replay(&room).ends(5).prints(&[
        "differs at line 77 of out/trace.jsonl",
        "stored  event ",
        "now     event ",
        "actor: stored \"somebody\", now ",
        "what led to both",
    ]);
}

#[test]
fn an_edit_that_changes_only_blanks_is_named_one() {
    let room = edited(|lines| lines[50] = lines[50].replacen(',', ", ", 1));
    replay(&room)
        .ends(5)
        .prints(&["line 51", "the file was edited"]);
}

#[test]
fn a_trace_that_ends_early_or_late_differs() {
    let room = edited(|lines| lines.truncate(80));
    replay(&room)
        .ends(5)
        .prints(&["line 81", "stored  ends here"]);
    let room = edited(|lines| lines.push(lines[0].clone()));
    replay(&room).ends(5).prints(&["now     ends here"]);
}

#[test]
fn a_damaged_trace_is_named_with_its_line() {
    let room = edited(|lines| {
        lines.truncate(80);
        lines[79].truncate(10);
    });
    replay(&room)
        .ends(2)
        .complains(&["out/trace.jsonl:80:", "cut off"]);
    for garbage in [
        "rubbish\n",
        "\n",
        "{}\n",
        "{\"t\":-1}\n",
        "[[[[\n",
        "\u{0}\n",
    ] {
        let room = edited(|lines| lines[40] = garbage.to_string());
        replay(&room)
            .ends(2)
            .complains(&["out/trace.jsonl:41:", "not an event"]);
    }
}

#[test]
fn another_seed_differs() {
    let room = Room::new();
    room.run(&["--seed", "7"]);
    let scenario = room.read("out/scenario.yaml");
    assert!(scenario.contains("seed: 7"), "{scenario}");
    room.write("out/scenario.yaml", &scenario.replace("seed: 7", "seed: 8"));
    replay(&room).ends(5).prints(&["differs at line "]);
}

#[test]
fn a_summary_of_another_run_is_noticed() {
    let room = Room::new();
    room.run(&[]);
    let digest = room.json("out/summary.json")["digest"].to_string();
    let summary = room.read("out/summary.json").replace(&digest, "\"0123\"");
    room.write("out/summary.json", &summary);
    replay(&room)
        .ends(5)
        .prints(&["summary.json has", "0123", "the traces are identical"]);
}

#[test]
fn a_damaged_report_is_named() {
    let room = Room::new();
    room.run(&[]);
    room.write("out/summary.json", "{\"digest\": 7}");
    replay(&room)
        .ends(2)
        .complains(&["out/summary.json:1:", "not the summary of a report"]);
    std::fs::remove_file(room.path("out/summary.json")).unwrap();
    replay(&room)
        .ends(2)
        .complains(&["out is not the folder of a report", "summary.json"]);
}

#[test]
fn a_diff_of_two_reports_shows_where_they_part() {
    let room = Room::new();
    room.run(&[]);
    room.firedrill(&["run", "drill.yaml", "--out", "again"])
        .ends(0);
    room.firedrill(&["diff", "out", "again"])
        .ends(0)
        .prints(&["identical: "]);
    // Nothing differs until a task takes longer for a record.
    let set = "jobs.0.operators.1.cpu=21 us";
    room.firedrill(&["run", "drill.yaml", "--set", set, "--out", "other"])
        .ends(0);
    let said = room.firedrill(&["diff", "out", "other"]).ends(5);
    let said = said.prints(&[
        "differs after ",
        " equal events",
        "what led to",
        "A  event ",
        "B  event ",
    ]);
    let after = said
        .stdout
        .split("differs after ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!(after.parse::<u64>().unwrap() > 10, "{after}");
    room.firedrill(&["diff", "out", "nowhere"])
        .ends(2)
        .complains(&["there is no trace at nowhere"]);
}

#[test]
fn a_case_of_a_check_replays_by_its_folder_and_by_its_file() {
    let room = Room::new();
    let check = [
        "check",
        "drill.yaml",
        "--defect",
        "attempt-reused",
        "--seeds",
        "20",
        "--forks",
        "0",
        "--out",
        "cases",
        "--quiet",
    ];
    let said = room.firedrill(&check).ends(3);
    assert_eq!(said.stdout, "");
    let case = room.names("cases").remove(0);
    let said = said.complains(&["is broken in", &case]);
    assert!(!said.stderr.contains("Rare situations"));
    let json = room.json(&format!("cases/{case}/case.json"));
    let digest = json["digest"].as_str().unwrap();
    for subject in [format!("cases/{case}"), format!("cases/{case}/case.json")] {
        room.firedrill(&["replay", &subject])
            .ends(0)
            .prints(&["identical", digest, "lines of trace"])
            .complains(&["breaks as it did"]);
    }
    let command = json["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    room.firedrill(&words).ends(3);
    // The chain of causes is in words.
    let explanation = room.read(&format!("cases/{case}/explanation.txt"));
    let (_, led_to) = explanation.split_once("What led to event").unwrap();
    assert!(
        led_to.contains("messages go: ") && !led_to.contains('{'),
        "{led_to}"
    );
    let file = format!("cases/{case}/case.json");
    room.write(&file, &room.read(&file).replace(digest, "0123"));
    room.firedrill(&["replay", &file])
        .ends(5)
        .prints(&["differs: case.json has digest 0123"]);
    room.write(&file, "{}");
    room.firedrill(&["replay", &file])
        .ends(2)
        .complains(&[&file]);
}
