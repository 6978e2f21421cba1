//! A scenario from what Flink's REST API answers for a running job, and from the cluster's configuration.
//!
//! What no answer says is assumed, and each assumption is written down, above the lines that it made.

mod answer;
mod checkpoints;
mod cluster;
mod config;
mod draft;
mod names;
mod plan;
mod state;
mod taskmanagers;
mod workload;

use answer::{Answer, Texts};
use checkpoints::Checkpoints;

use super::error::{Problem, Source};
use super::{Beside, Document, ScenarioError, load_with};

/// The files, by what they hold.
#[derive(Clone, Debug)]
pub struct Answers {
    /// `/jobs/:id/plan`, or `/jobs/:id`.
    pub plan: Document,
    /// `config.yaml` or `flink-conf.yaml`.
    pub config: Document,
    /// `/jobs/:id/checkpoints`, `/jobs/:id/checkpoints/config`, `/jobs/:id/checkpoints/details/:checkpointid`.
    pub checkpoints: Vec<Document>,
    /// `/taskmanagers`.
    pub taskmanagers: Option<Document>,
}

/// A scenario that loads, and what had to be assumed for it.
#[derive(Clone, Debug)]
pub struct Imported {
    pub yaml: String,
    pub assumed: Vec<String>,
}

/// # Errors
/// Everything that is wrong with a file, with its place; and what the model cannot be told.
pub fn import(answers: &Answers, name: Option<&str>) -> Result<Imported, ScenarioError> {
    let mut texts = Texts::default();
    let mut problems = Vec::new();
    let made = make(answers, name, &mut texts, &mut problems);
    let source = Source {
        name: "",
        text: "",
        arguments: Vec::new(),
        beside: texts.read,
    };
    let Some(made) = made.filter(|_| problems.is_empty()) else {
        return Err(ScenarioError::new(&source, problems));
    };
    // What single files cannot show: keys that contradict each other, more tasks than are possible.
    load_with(
        &made.yaml,
        "the scenario that comes of it",
        &[],
        &Beside::nothing(),
    )?;
    Ok(made)
}

fn make(
    answers: &Answers,
    name: Option<&str>,
    texts: &mut Texts,
    problems: &mut Vec<Problem>,
) -> Option<Imported> {
    // Each file is read though another is wrong: one look shows all.
    let plan = read(&answers.plan, texts, problems, plan::read);
    let scheduler = plan.as_ref().and_then(|plan| plan.scheduler.as_deref());
    let decided = config::read(&answers.config, scheduler, texts, problems);
    let mut checkpoints = Checkpoints::default();
    for document in &answers.checkpoints {
        read(document, texts, problems, |answer| checkpoints.add(answer));
    }
    let taskmanagers = answers
        .taskmanagers
        .as_ref()
        .and_then(|document| read(document, texts, problems, taskmanagers::read));
    let (plan, decided) = (plan?, decided?);

    let (config, checkpointing) = config::section(&decided, &checkpoints, problems);
    let cluster = cluster::section(taskmanagers.as_deref(), &plan, &decided, &checkpoints);
    let profile = cluster::profile(&plan, &checkpoints);
    let work = workload::sections(&plan, &checkpoints, &checkpointing);

    let file = |document: &Document| {
        let base = document.name.rsplit(['/', '\\']).next();
        base.unwrap_or_default().to_owned()
    };
    let files: Vec<String> = [&answers.plan, &answers.config]
        .into_iter()
        .chain(&answers.checkpoints)
        .chain(&answers.taskmanagers)
        .map(file)
        .collect();
    let mut head = draft::Section::default();
    head.note(format!(
        "Made by `firedrill import` of {}",
        files.join(", ")
    ));
    head.note(
        "`firedrill run` it; what it assumes is said above each section, and is yours to correct",
    );
    head.line(format!(
        "name: {}",
        scenario_name(name.unwrap_or(&plan.name))
    ));
    head.line(format!("model: {}", decided.model));
    head.line(format!("duration: {} s", work.duration.0 / 1_000_000_000));
    if work.weight > 1 {
        head.assume(format!(
            "one simulated record for {} real ones, so that a run takes seconds",
            work.weight
        ));
        head.line(format!("weight: {}", work.weight));
    }
    head.assume(
        "the defaults of Flink 2.3; an earlier release is told by `flink-version: \"1.20\"`",
    );
    let sections = [
        head,
        cluster,
        profile,
        config,
        work.topics,
        work.job,
        work.faults,
    ];
    let mut yaml = String::new();
    for section in &sections {
        section.write(&mut yaml);
    }
    Some(Imported {
        yaml,
        assumed: sections
            .iter()
            .flat_map(|section| section.assumed().to_vec())
            .collect(),
    })
}

fn read<T>(
    document: &Document,
    texts: &mut Texts,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(Answer<'_>) -> Result<T, Problem>,
) -> Option<T> {
    let tree = texts.tree(document);
    match tree.and_then(|tree| read(Answer { node: &tree })) {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// Letters, digits and hyphens: reports go to a folder of this name.
fn scenario_name(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let name: String = words.join("-").chars().take(64).collect();
    match name.trim_matches(['.', '-']) {
        "" => "imported".to_owned(),
        name => name.to_owned(),
    }
}
