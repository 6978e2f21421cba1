//! `firedrill run`: one scenario, one report.

use super::args::{Format, RunArgs};
use super::console::{self, Stdout};
use super::drive::drive;
use super::engine::{self, Artifact, Drill, Ended, Outcome, Override, Scenario};
use super::folder::{Folder, can_write, write_whole};
use super::progress::Progress;
use super::status::{Failure, Status};
use super::{input, interrupt, models, seeds, trace, verdict};

pub(super) fn run(args: &RunArgs) -> Result<Status, Failure> {
    args.junit.as_deref().map_or(Ok(()), can_write)?;
    match (&args.seeds, args.model.len() > 1) {
        (Some(seeds), false) => return seeds::run(args, seeds),
        (None, true) if args.junit.is_none() => return models::run(args),
        (None, false) => {}
        _ => {
            return Err(Failure::bad(
                "--seeds and --junit go with one model at a time; for several: firedrill sweep --vary model=A,B",
            ));
        }
    }
    let model = args.model.first().map(String::as_str);
    let scenario = input::of_run(args, model)?;
    interrupt::install();
    let folder = match args.no_files {
        true => None,
        false => Some(Folder::prepare(args.out.as_deref(), &scenario.name)?),
    };
    let outcome = simulate(args, &scenario, folder.as_ref())?;
    let status = verdict::status(&scenario, &outcome.summary);
    let artifacts = match folder.is_some() || args.format == Format::Json {
        true => engine::render(&outcome),
        false => Vec::new(),
    };
    // The result is known by now: it is shown even where it cannot be kept.
    let shown = folder.as_ref().map(Folder::shown);
    let kept = folder.map_or(Ok(()), |folder| keep(folder, &artifacts));
    show(args, &outcome, &artifacts, shown.filter(|_| kept.is_ok()))?;
    if let Some(junit) = &args.junit {
        let verdict = engine::judge(&scenario, &outcome.summary);
        write_whole(junit, &engine::junit::run(&outcome.summary, verdict))?;
    }
    kept.map(|()| status)
}

/// What the arguments say about the scenario; later wins.
pub(super) fn overrides(args: &RunArgs, model: Option<&str>) -> Vec<Override> {
    let named = |path: &str, value: String| Override {
        path: path.to_string(),
        value,
    };
    let model = model.map(|model| named("model", model.to_string()));
    let seed = args.seed.map(|seed| named("seed", seed.to_string()));
    let profile = args.profile.as_ref();
    // Quoted, so that whatever the path holds it is one word of YAML.
    let profile = profile.map(|path| named("profile", format!("'{}'", path.replace('\'', "''"))));
    let set = args
        .set
        .iter()
        .map(|(path, value)| named(path, value.clone()));
    model
        .into_iter()
        .chain(seed)
        .chain(profile)
        .chain(set)
        .collect()
}

/// Runs the drill, with its trace into the folder where one is wanted.
pub(super) fn simulate(
    args: &RunArgs,
    scenario: &Scenario,
    folder: Option<&Folder>,
) -> Result<Outcome, Failure> {
    let mut drill = Drill::new(scenario);
    let end = drill.end();
    let progress = Progress::new(&scenario.name, end, args.quiet);
    let Some(folder) = folder else {
        let ended = drive(&mut drill, end, &mut (), &progress, |()| true);
        return Ok(drill.finish(ended));
    };
    drill.remember_causes(Some(CAUSES));
    folder.write(SCENARIO, engine::resolved_yaml(scenario).as_bytes())?;
    let ended = match args.no_trace {
        true => drive(&mut drill, end, &mut (), &progress, |()| true),
        false => traced(&mut drill, folder, &progress)?,
    };
    Ok(drill.finish(ended))
}

fn traced(drill: &mut Drill, folder: &Folder, progress: &Progress) -> Result<Ended, Failure> {
    let mut writer = trace::Writer::new(folder.create(TRACE)?);
    let end = drill.end();
    let ended = drive(drill, end, &mut writer, progress, trace::Writer::is_well);
    writer
        .finish()
        .map_err(|error| folder.failure(TRACE, &error))?;
    Ok(ended)
}

pub(super) fn keep(folder: Folder, artifacts: &[Artifact]) -> Result<(), Failure> {
    for artifact in artifacts {
        folder.write(artifact.name, &artifact.bytes)?;
    }
    folder.publish()
}

/// The result on standard output; what is wrong on standard error where the report does not say it.
fn show(
    args: &RunArgs,
    outcome: &Outcome,
    artifacts: &[Artifact],
    files: Option<String>,
) -> Result<(), Failure> {
    if args.format == Format::Json || args.quiet {
        for complaint in verdict::complaints(&outcome.summary) {
            console::note(&complaint);
        }
    }
    match args.format {
        Format::Json => {
            let summary = artifacts.iter().find(|artifact| artifact.name == SUMMARY);
            console::print(summary.map_or(&[], |summary| &summary.bytes))
        }
        Format::Text if args.quiet => Ok(()),
        Format::Text => {
            let stdout = Stdout::ask();
            let text = engine::text(outcome, stdout.width, stdout.colour, files.as_deref());
            console::print(text.as_bytes())
        }
    }
}

/// Events whose causes a run remembers for its report: enough for what happens one after the other, in 15 MB.
const CAUSES: usize = 1 << 18;

/// Names that a replay looks for.
pub(super) const SCENARIO: &str = "scenario.yaml";
pub(super) const SUMMARY: &str = "summary.json";
pub(super) const TRACE: &str = "trace.jsonl";
