//! Curator's connection states of a leader whose link to ZooKeeper is silent: SUSPENDED, LOST, and what becomes of its office.

use crate::support;

use firedrill::drill::outcome::Outcome;
use support::{load, run, said};

const CUT: &str = "faults=[{cut: {from: [jm-1], to: [zk-1, zk-2, zk-3]}, at: 60 s, for: 150 s}]";
const TOLERATE: &str =
    "config.high-availability.zookeeper.client.tolerate-suspended-connections=true";

/// The negotiated timeout: twenty ticks of two seconds, since the client asks for a minute.
const TIMEOUT_MS: f64 = 40_000.0;

fn cut(more: &[&str]) -> Outcome {
    let overrides = [&[CUT, "duration=6 min"], more].concat();
    run(&load("zombie-leader", &overrides))
}

fn suspended(outcome: &Outcome) -> f64 {
    said(outcome, "the connection of jm-1 to ZooKeeper is SUSPENDED")[0]
}

fn gives_up(outcome: &Outcome) -> f64 {
    said(outcome, "jm-1 gives up the leadership")[0]
}

fn successor(outcome: &Outcome) -> f64 {
    said(outcome, "jm-2 wins the election")[0]
}

#[track_caller]
fn about(ms: f64, expected: f64) {
    assert!((ms - expected).abs() < 100.0, "{ms} and not {expected}");
}

/// When ZooKeeper last heard of the session that it let go.
fn last_heard(outcome: &Outcome) -> f64 {
    let text = "the session of jm-1 expires: last heard at ";
    let line = outcome
        .timeline
        .iter()
        .find(|line| line.text.contains(text));
    let line = &line.expect("its session expires").text;
    let seconds = line[text.len()..].split(' ').next();
    1_000.0 * seconds.and_then(|s| s.parse::<f64>().ok()).expect("a time")
}

#[test]
fn a_leader_that_is_suspended_gives_up_before_its_successor_can_win() {
    let outcome = cut(&[]);
    // The client hears nothing for two thirds of the timeout; the server waits for all of it, and to the next tick.
    about(suspended(&outcome), last_heard(&outcome) + TIMEOUT_MS / 1.5);
    about(gives_up(&outcome), suspended(&outcome));
    let waits = successor(&outcome) - last_heard(&outcome);
    assert!(
        (TIMEOUT_MS..TIMEOUT_MS + 2_100.0).contains(&waits),
        "{waits}"
    );
}

#[test]
fn a_leader_that_tolerates_it_goes_on_until_the_session_counts_as_lost() {
    let outcome = cut(&[TOLERATE]);
    // Curator's own timer: suspended for a whole session timeout. Two lead until then.
    about(gives_up(&outcome), suspended(&outcome) + TIMEOUT_MS);
    assert!(successor(&outcome) < gives_up(&outcome));
}

#[test]
fn a_third_of_the_timeout_closes_the_window_with_two_leaders() {
    let percent =
        "config.high-availability.zookeeper.client.simulated-session-expiration-percent=33";
    let outcome = cut(&[TOLERATE, percent]);
    about(gives_up(&outcome), suspended(&outcome) + TIMEOUT_MS * 0.33);
    assert!(gives_up(&outcome) < successor(&outcome));
}

#[test]
fn a_short_silence_is_nobodys_concern() {
    let cut = "faults=[{cut: {from: [jm-1], to: [zk-1, zk-2, zk-3]}, at: 60 s, for: 10 s}]";
    let outcome = run(&load("zombie-leader", &[cut]));
    assert!(said(&outcome, "SUSPENDED").is_empty());
    assert!(said(&outcome, "gives up the leadership").is_empty());
}

/// ZooKeeper's only server is gone for longer than sessions last.
#[test]
fn an_outage_that_outlasts_the_sessions_is_over_with_the_reconnections() {
    let outcome = run(&load(
        "lab",
        &[
            "faults=[{kill: zk-1, at: 30 s, restart-after: 18 s}]",
            "config.high-availability.zookeeper.client.session-timeout=10 s",
        ],
    ));
    // The server grants the sessions that it remembers ten seconds more. The clients have new ones by then, and replace their nodes.
    let wins = *said(&outcome, "wins the election")
        .last()
        .expect("somebody leads again");
    assert!((48_000.0..54_000.0).contains(&wins), "{wins}");
    // The old JobMaster has asked for its connection in vain for 15 s, and pauses for another five; only then the Dispatcher starts.
    let reads = *said(&outcome, "has read back 1 job")
        .last()
        .expect("it reads the job");
    assert!((50_000.0..54_000.0).contains(&reads), "{reads}");
    support::assert_sound(&outcome, "outage");
}
