//! A profile out of measured recoveries: what the environment contributed, as far as the times between a recovery's marks
//! show it. The columns are those of a validated table.

mod making;
mod shape;

use serde::Deserialize;

use crate::kernel::Span;
use crate::scenario::model::Profile;

use super::validate::table::{Row, Table, TableError};
use making::Making;

/// Columns that hold numbers.
const NUMBERS: &[&str] = &[
    "detect_ms",
    "leader_granted_ms",
    "job_recovered_ms",
    "old_tasks_cancelled_ms",
    "cpu_steal",
    "free_slots",
    "fault_no_in_job",
    "state_bytes",
];

/// What no table of recoveries shows, and why.
const NEVER: &[(&str, &str)] = &[
    (
        "jobmanager-startup",
        "no recovery waits for a JobManager's start",
    ),
    (
        "zookeeper-startup",
        "no recovery shows ZooKeeper's start by itself",
    ),
    (
        "connection-notice",
        "a detection shows it only together with process-teardown, which has it",
    ),
    ("rpc-handling", "no column shows a single message"),
    ("heartbeat-handling", "no column shows a single heartbeat"),
    ("job-submission", "it is before the fault"),
    (
        "first-task-deployment-cpu",
        "it takes a deployment before the first fault",
    ),
    (
        "first-task-initialization-cpu",
        "it takes a deployment before the first fault",
    ),
    ("slot-offer", "no column shows it by itself"),
    (
        "first-leader-services-startup",
        "no column tells whether a process has led before",
    ),
    (
        "first-jobmaster-startup",
        "no column tells whether a process has led before",
    ),
    (
        "first-jobmaster-deployment",
        "no column tells whether a process has led before",
    ),
    ("restart-handling", "the jitter of the back-off hides it"),
    (
        "checkpoint-trigger",
        "no column shows the trigger by which a phase was counted",
    ),
    (
        "task-deployment",
        "what it takes is counted as task-deployment-cpu",
    ),
    (
        "task-initialization",
        "what it takes is counted as task-initialization-cpu",
    ),
    (
        "restore-read",
        "no column shows how much a task read in which time",
    ),
    (
        "checkpoint-write",
        "no column shows a checkpoint's duration",
    ),
    ("checkpoint-cpu", "no column shows it"),
    ("checkpoint-serialize", "no column shows it"),
    ("checkpoint-sync", "no column shows it"),
    ("checkpoint-finalization", "no column shows it"),
    ("planning", "the story's alone"),
];

/// One value of the profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As profiles name it.
    pub key: &'static str,
    /// Rows that show it.
    pub rows: usize,
    /// Milliseconds, or a share for `host-speed`.
    pub median: f64,
    pub how: String,
}

#[derive(Clone, Debug)]
pub struct Calibration {
    /// The base with what was found in its place.
    pub profile: Profile,
    pub found: Vec<Found>,
    /// What stays the base's, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// One deployment, as the column `cycles` has it.
#[derive(Deserialize)]
struct Cycle {
    scheduled: f64,
    n_tasks: u32,
    first_deploying: Option<f64>,
    all_initializing: Option<f64>,
    all_running: Option<f64>,
}

/// A row, read.
struct Seen<'a> {
    row: &'a Row,
    kind: &'a str,
    /// The deployment that held.
    held: Option<Cycle>,
    /// When the driver started what had been killed.
    acted: Option<f64>,
}

/// Makes a profile of a table. `cores` is how many cores all tasks of the job share; without it what takes CPU is not found.
///
/// # Errors
/// Fields that are no numbers, cycles that are no JSON, a table that shows nothing at all.
pub fn calibrate(
    table: &Table,
    file: &str,
    base: Profile,
    cores: Option<f64>,
) -> Result<Calibration, TableError> {
    table.numbers(file, NUMBERS.iter().copied())?;
    let seen: Vec<Seen<'_>> = table
        .rows
        .iter()
        .map(|row| see(table, file, row))
        .collect::<Result<_, _>>()?;
    let mut calibration = Making::from(base).all(&seen, cores);
    if calibration.found.is_empty() {
        return Err(TableError {
            file: file.to_owned(),
            line: 1,
            field: None,
            message: "the table shows nothing that a profile has; it takes columns like `fault`, `detect_ms`, `cycles`, \
                      `leader_granted_ms` and `job_recovered_ms`"
                .to_owned(),
        });
    }
    let never = NEVER.iter().map(|(key, why)| (*key, (*why).to_owned()));
    calibration.missing.extend(never);
    Ok(calibration)
}

fn see<'a>(table: &Table, file: &str, row: &'a Row) -> Result<Seen<'a>, TableError> {
    let cycles: Vec<Cycle> = match row.text("cycles") {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            let what = format!("is no list of deployments in JSON: {error}");
            table.bad(file, row, "cycles", &what)
        })?,
    };
    let fault = row.text("fault").unwrap_or_default();
    let acted = row
        .text("note")
        .and_then(super::validate::plan::action_at)
        .map(Span::as_ms);
    Ok(Seen {
        row,
        kind: fault.split(':').next().unwrap_or(fault),
        held: cycles.into_iter().next_back(),
        acted,
    })
}

impl Seen<'_> {
    fn ms(&self, column: &str) -> Option<f64> {
        self.row.number(column)
    }

    /// From one column to another.
    fn between(&self, from: &str, to: &str) -> Option<f64> {
        Some(self.ms(to)? - self.ms(from)?)
    }

    fn is(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind)
    }

    /// From the first task scheduled to the first one deployed.
    fn waited(&self) -> Option<f64> {
        let held = self.held.as_ref()?;
        Some(held.first_deploying? - held.scheduled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Distribution;

    const HEADER: &str = "fault,note,free_slots,fault_no_in_job,detect_ms,detect_kind,old_tasks_cancelled_ms,leader_granted_ms,job_recovered_ms,rm_lost_tm_ms,cycles";

    fn cycles(scheduled: u32, deploying: u32, initializing: u32, running: u32) -> String {
        format!(
            "\"[{{\"\"scheduled\"\": {scheduled}, \"\"n_tasks\"\": 10, \"\"first_deploying\"\": {deploying}, \
             \"\"all_initializing\"\": {initializing}, \"\"all_running\"\": {running}}}]\""
        )
    }

    fn of(rows: &str, cores: Option<f64>) -> Result<Calibration, TableError> {
        let text = format!("{HEADER}\n{rows}");
        let table = Table::read(text.as_bytes(), "t.csv").expect("it is a table");
        let base = Profile::constant("base", Distribution::constant(Span::from_ms(10)));
        calibrate(&table, "t.csv", base, cores)
    }

    #[test]
    fn phases_become_distributions_and_the_rest_is_the_base() {
        let rows = format!(
            "user-exc,,2,2,50,user-exception,90,,,,{}\nuser-exc,,2,3,70,user-exception,130,,,,{}\njm-kill,,2,2,9000,new-leader,,9000,9060,,\n",
            cycles(1_000, 1_020, 1_520, 1_620),
            cycles(2_000, 2_040, 2_540, 2_640),
        );
        let calibration = of(&rows, Some(2.0)).expect("it is calibrated");
        let profile = &calibration.profile;
        assert_eq!(profile.task_failure.median(), Span::from_ms(60));
        assert_eq!(profile.task_failure.max(), Span::from_ms(70));
        assert_eq!(profile.scheduling.median(), Span::from_ms(30));
        // 500 ms on two cores for ten tasks, then 100 ms.
        assert_eq!(profile.task_deployment_cpu.median(), Span::from_ms(100));
        assert_eq!(profile.task_initialization_cpu.median(), Span::from_ms(20));
        // Three equal steps share 60 ms.
        assert_eq!(profile.jobmaster_startup.median(), Span::from_ms(20));
        assert_eq!(profile.task_cancellation.median(), Span::from_ms(50));
        assert_eq!(profile.rpc_handling.median(), Span::from_ms(10));
        let rows_of = |key: &str| {
            calibration
                .found
                .iter()
                .find(|found| found.key == key)
                .map(|found| found.rows)
        };
        assert_eq!(rows_of("task-failure"), Some(2));
        assert_eq!(rows_of("job-recovery"), Some(1));
        let missing = |key: &str| {
            calibration
                .missing
                .iter()
                .any(|(missing, _)| *missing == key)
        };
        assert!(missing("slot-allocation") && missing("host-speed") && missing("checkpoint-write"));
    }

    #[test]
    fn a_wait_for_the_verdict_on_a_dead_taskmanager_is_no_wait_for_a_slot() {
        let row = |lost| {
            format!(
                "tm-kill,,2,2,100,netty-connection-closed,,,,{lost},{}\n",
                cycles(2_000, 2_310, 2_800, 2_900)
            )
        };
        let known = of(&row(1_500), None).expect("it is calibrated");
        assert_eq!(known.profile.slot_allocation.median(), Span::from_ms(300));
        let unknown = of(&row(2_100), None).expect("it is calibrated");
        assert!(
            unknown
                .missing
                .iter()
                .any(|(key, _)| *key == "slot-allocation")
        );
    }

    #[test]
    fn a_replacement_shows_how_long_a_start_takes() {
        let row = format!(
            "tm-kill, actions at [15000] ms,0,1,100,netty-connection-closed,,,,1500,{}\n",
            cycles(2_000, 18_020, 19_000, 19_500)
        );
        let calibration = of(&row, None).expect("it is calibrated");
        assert_eq!(
            calibration.profile.process_startup.taskmanager.median(),
            Span::from_ms(3_000)
        );
    }

    #[test]
    fn a_bad_field_is_named_with_its_place() {
        let error = of("user-exc,,2,2,soon,,,,,,\n", None).expect_err("it is no number");
        assert_eq!(
            error.to_string(),
            "t.csv:2:5: `soon` in `detect_ms` is no number; leave it empty where nothing was measured"
        );
        let error = of("user-exc,,2,2,5,,,,,,\"[{]\"\n", None).expect_err("it is no JSON");
        assert!(error.to_string().starts_with("t.csv:2:11: "), "{error}");
        let error = of("unknown,,,,,,,,,,\n", None).expect_err("it shows nothing");
        assert!(error.to_string().contains("shows nothing"), "{error}");
    }
}
