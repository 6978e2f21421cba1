//! From rows of a table to simulations: the settings and the fault of each row, and which rows follow each other on one job.

use std::collections::BTreeMap;

use crate::kernel::Span;
use crate::scenario::model::{Scenario, TaskManager};
use crate::scenario::{Beside, Override, ScenarioError, load_with};

use super::columns::Columns;
use super::results::Measured;
use super::results::Quantity;
use super::table::{Row, Table, TableError};

/// Earlier faults that the table does not have are made up for, up to so many before one that it has.
const GAP_MAX: usize = 8;

/// Columns that planning reads as numbers.
const NUMBERS: &[&str] = &[
    "n_tm",
    "slots_per_tm",
    "fault_no_in_job",
    "phase_since_ckpt_trigger_ms",
];

/// Whom a fault befalls, as tables say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The TaskManager on which most tasks run.
    TaskManager,
    /// The JobManager that leads.
    Leader,
    TaskManagerAndLeader,
    ZooKeeper,
    /// A task of the operator that throws.
    Task,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    Kill,
    /// SIGTERM
    Terminate,
    /// SIGSTOP
    Stop,
    Throw,
    /// From the leading JobManager, or all; in one direction or both.
    Cut {
        all: bool,
        one_way: Option<Way>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToJobManager,
    ToTaskManager,
}

/// One fault of a sequence, with what its row measured.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index of the row in the table; none: a fault of which the table only shows that it came before.
    pub row: Option<usize>,
    pub victim: Victim,
    pub blow: Blow,
    /// After the trigger of a checkpoint; none: at any moment of its interval.
    pub phase: Option<Span>,
    /// After the fault: the victim is started, or goes on.
    pub heals_after: Option<Span>,
    /// How many tasks of each operator the TaskManager had that was hit.
    pub tasks: Option<Vec<u32>>,
    /// Which subtask throws.
    pub throwing: u32,
    pub measured: Measured,
    /// How much later than it happens a quantity is seen, in milliseconds.
    pub lags: BTreeMap<Quantity, f64>,
}

/// Faults that follow each other on one job, under one configuration.
#[derive(Clone, Debug)]
pub struct Episode {
    pub scenario: Scenario,
    pub steps: Vec<Step>,
    /// Place of the operator that throws.
    pub throws: usize,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub episodes: Vec<Episode>,
}

/// The row before: a fault that follows it on the same job comes later under the same settings.
struct Before {
    session: String,
    settings: Vec<(String, String)>,
    number: f64,
}

/// Why a table cannot be validated.
#[derive(Debug)]
pub enum PlanError {
    Table(TableError),
    /// A setting of the row in this line makes no scenario.
    Scenario(u64, ScenarioError),
}

/// The bytes of a base scenario and what messages call it.
pub struct Base<'a> {
    pub bytes: &'a [u8],
    pub name: &'a str,
}

/// Lays out the whole table before anything runs.
///
/// # Errors
/// A fault that is not known, a setting that makes no scenario, no row that counts.
pub fn plan(
    table: &Table,
    file: &str,
    columns: &Columns,
    profile: Option<&str>,
    beside: &Beside<'_>,
    base: impl Fn(&Row) -> Base<'static>,
) -> Result<Plan, PlanError> {
    let numbers = columns.numbers().into_iter().chain(NUMBERS.iter().copied());
    table.numbers(file, numbers).map_err(PlanError::Table)?;
    let mut episodes: Vec<Episode> = Vec::new();
    let mut last: Option<Before> = None;
    for (index, row) in table.rows.iter().enumerate() {
        if !columns.counts(row) {
            continue;
        }
        let settings = columns.settings(row);
        let session = session(row);
        let before = last
            .as_ref()
            .filter(|before| before.session == session && before.settings == settings);
        // Without a number, rows of one session are taken to follow each other.
        let number = row
            .number("fault_no_in_job")
            .unwrap_or_else(|| before.map_or(1.0, |before| before.number + 1.0));
        let follows = before.is_some_and(|before| number > before.number);
        let earlier = before.filter(|_| follows).map_or(0.0, |b| b.number);
        let gap = ((number - earlier - 1.0).max(0.0) as usize).min(GAP_MAX);
        let scenario = match follows {
            true => None,
            false => Some(scenario(row, &settings, profile, beside, &base(row))?),
        };
        let interval = match (&scenario, episodes.last()) {
            (Some(scenario), _) => scenario.config.checkpointing.interval,
            (None, Some(episode)) => episode.scenario.config.checkpointing.interval,
            (None, None) => None,
        };
        let mut step = step(index, row, columns, interval).map_err(|message| {
            PlanError::Table(TableError {
                field: table
                    .columns
                    .iter()
                    .position(|name| name == "fault")
                    .map(|place| place + 1),
                file: file.to_owned(),
                line: row.line,
                message,
            })
        })?;
        if let Some(scenario) = scenario {
            let throws = throws(&scenario, columns);
            episodes.push(Episode {
                scenario,
                steps: Vec::new(),
                throws,
            });
        }
        let episode = episodes
            .last_mut()
            .expect("what follows has something to follow");
        step.tasks = tasks(row, &episode.scenario);
        // What happened in between is not known; the back-off remembers that something did.
        let unseen = Step {
            row: None,
            phase: None,
            measured: Measured::default(),
            ..step.clone()
        };
        episode.steps.extend(vec![unseen; gap]);
        episode.steps.push(step);
        last = Some(Before {
            session,
            settings,
            number,
        });
    }
    if episodes.is_empty() {
        return Err(PlanError::Table(TableError {
            file: file.to_owned(),
            line: 1,
            field: None,
            message: "no row of the table counts: `only` leaves them all out".to_owned(),
        }));
    }
    Ok(Plan { episodes })
}

/// Rows of one session were measured on one cluster: what stands in `session`, or before the first `-` of `run_id`.
fn session(row: &Row) -> String {
    let of_id = || Some(row.text("run_id")?.split_once('-')?.0);
    match row.text("session").or_else(of_id) {
        Some(session) => session.to_owned(),
        // Nothing ties the row to another.
        None => format!("line {}", row.line),
    }
}

fn scenario(
    row: &Row,
    settings: &[(String, String)],
    profile: Option<&str>,
    beside: &Beside<'_>,
    base: &Base<'_>,
) -> Result<Scenario, PlanError> {
    let set = |(path, value): &(String, String)| Override {
        path: path.clone(),
        value: value.clone(),
    };
    let mut overrides: Vec<Override> = settings.iter().map(set).collect();
    if let Some(profile) = profile {
        // Quoted, so that whatever the path holds it is one word of YAML.
        let word = format!("'{}'", profile.replace('\'', "''"));
        overrides.push(set(&("profile".to_owned(), word)));
    }
    let loaded = load_with(base.bytes, base.name, &overrides, beside)
        .map_err(|error| PlanError::Scenario(row.line, error))?;
    let mut scenario = loaded.scenario;
    scenario.faults.clear();
    scenario.expect.clear();
    resize(&mut scenario, row);
    Ok(scenario)
}

/// As many TaskManagers with as many slots as the row had; new ones are like the last.
fn resize(scenario: &mut Scenario, row: &Row) {
    let taskmanagers = &mut scenario.cluster.taskmanagers;
    if let Some(slots) = row.number("slots_per_tm") {
        for taskmanager in taskmanagers.iter_mut() {
            taskmanager.slots = slots as u32;
        }
    }
    let Some(wanted) = row.number("n_tm") else {
        return;
    };
    let wanted = (wanted as usize).max(1);
    let removed: Vec<TaskManager> = taskmanagers
        .drain(wanted.min(taskmanagers.len())..)
        .collect();
    for host in &mut scenario.cluster.hosts {
        host.processes
            .retain(|name| !removed.iter().any(|gone| gone.name == *name));
    }
    while taskmanagers.len() < wanted {
        let last = taskmanagers
            .last()
            .expect("a scenario has a TaskManager")
            .clone();
        let name = format!("{}-{}", last.name, taskmanagers.len());
        for host in &mut scenario.cluster.hosts {
            if host.processes.contains(&last.name) {
                host.processes.push(name.clone());
            }
        }
        taskmanagers.push(TaskManager { name, ..last });
    }
}

fn step(
    index: usize,
    row: &Row,
    columns: &Columns,
    interval: Option<Span>,
) -> Result<Step, String> {
    let fault = row.text("fault").or(columns.fault.as_deref());
    let Some(fault) = fault else {
        return Err("no column `fault` says what happened, and nothing else does".to_owned());
    };
    let (kind, detail) = fault.split_once(':').unwrap_or((fault, ""));
    let (victim, blow) = match kind {
        "tm-kill" => (Victim::TaskManager, Blow::Kill),
        "tm-sigterm" => (Victim::TaskManager, Blow::Terminate),
        "tm-stop" => (Victim::TaskManager, Blow::Stop),
        "jm-kill" => (Victim::Leader, Blow::Kill),
        "jm-sigterm" => (Victim::Leader, Blow::Terminate),
        "jm-stop" => (Victim::Leader, Blow::Stop),
        "tm+jm-kill" => (Victim::TaskManagerAndLeader, Blow::Kill),
        "user-exc" => (Victim::Task, Blow::Throw),
        "zk-stop" => (Victim::ZooKeeper, Blow::Kill),
        "zk-pause" => (Victim::ZooKeeper, Blow::Stop),
        "part" => (Victim::TaskManager, cut(detail)),
        _ => {
            return Err(format!(
                "unknown fault `{fault}`; known are tm-kill, tm-sigterm, tm-stop, jm-kill, jm-sigterm, jm-stop, \
                 tm+jm-kill, user-exc, zk-stop:SECONDS, zk-pause:SECONDS and part:..."
            ));
        }
    };
    let seconds = |text: &str| text.parse::<f64>().ok().map(|s| Span((s * 1e9) as u64));
    let heals_after = match victim {
        Victim::ZooKeeper => Some(seconds(detail).ok_or_else(|| {
            format!("`{fault}` does not say for how many seconds, like `{kind}:3`")
        })?),
        _ => row.text("note").and_then(action_at),
    };
    let phase = row
        .number("phase_since_ckpt_trigger_ms")
        .map(|ms| Span((ms * 1e6) as u64));
    let before = columns.before_checkpoint_ms.zip(interval);
    let before = before.map(|(ms, interval)| Span(interval.0.saturating_sub(ms * 1_000_000)));
    let throwing = match victim {
        Victim::Task => row.number("victim").unwrap_or(0.0) as u32,
        _ => 0,
    };
    Ok(Step {
        row: Some(index),
        tasks: None,
        throwing,
        victim,
        blow,
        phase: phase.or(before),
        heals_after,
        measured: columns.measured(row),
        lags: columns.lags(),
    })
}

/// `one-way TM->leader JM`, `two-way TM<->all JMs`: an arrow with one head cuts one direction.
fn cut(detail: &str) -> Blow {
    let arrow = detail.split_once("->").map(|(from, _)| from);
    let one_way = arrow.filter(|from| !from.ends_with('<')).map(|from| {
        if from.contains("JM") {
            Way::ToTaskManager
        } else {
            Way::ToJobManager
        }
    });
    let all = detail.contains("all") || detail.contains("JMs");
    Blow::Cut { all, one_way }
}

/// `actions at [15044] ms`: when the driver of a measurement did something about the fault.
pub fn action_at(note: &str) -> Option<Span> {
    let (_, rest) = note.split_once("actions at [")?;
    let (list, _) = rest.split_once(']')?;
    let first = list.split(',').next()?;
    let ms: u64 = first.trim().parse().ok()?;
    Some(Span::from_ms(ms))
}

/// `victim_tasks`, by operator the subtasks that the victim had, as counts by operator of the scenario; none where the row
/// has nothing of the kind.
fn tasks(row: &Row, scenario: &Scenario) -> Option<Vec<u32>> {
    let text = row.text("victim_tasks")?;
    let had: BTreeMap<String, Vec<u32>> = serde_json::from_str(text).ok()?;
    let operators = scenario.jobs.iter().flat_map(|job| &job.operators);
    let count = |name: &str| had.get(name).map_or(0, |subtasks| subtasks.len() as u32);
    let counts: Vec<u32> = operators.map(|operator| count(&operator.name)).collect();
    counts.iter().any(|count| *count > 0).then_some(counts)
}

/// The operator named for it, else the last one before the sinks.
fn throws(scenario: &Scenario, columns: &Columns) -> usize {
    let operators = &scenario.jobs[0].operators;
    let named = columns
        .throws
        .as_ref()
        .and_then(|name| operators.iter().position(|operator| operator.name == *name));
    named.unwrap_or(operators.len().saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_when_something_was_done() {
        assert_eq!(
            action_at(" actions at [15044] ms"),
            Some(Span::from_ms(15_044))
        );
        assert_eq!(action_at("healed after observe"), None);
    }

    #[test]
    fn rows_say_which_session_they_are_of() {
        let csv = "session,run_id\ns_a,x-1\n,s_b-kill-2\n,3\n";
        let table = Table::read(csv.as_bytes(), "t.csv").expect("it is a table");
        let sessions: Vec<String> = table.rows.iter().map(session).collect();
        assert_eq!(sessions, ["s_a", "s_b", "line 4"]);
    }

    #[test]
    fn a_cut_says_from_whom_to_whom() {
        let cut = |text| match cut(text) {
            Blow::Cut { all, one_way } => (all, one_way),
            other => panic!("{other:?}"),
        };
        assert_eq!(cut("one-way TM->JM"), (false, Some(Way::ToJobManager)));
        assert_eq!(
            cut("one-way TM->leader JM"),
            (false, Some(Way::ToJobManager))
        );
        assert_eq!(
            cut("one-way leader JM -> TM"),
            (false, Some(Way::ToTaskManager))
        );
        assert_eq!(cut("two-way TM<->leader JM"), (false, None));
        assert_eq!(cut("two-way TM<->all JMs"), (true, None));
    }
}
