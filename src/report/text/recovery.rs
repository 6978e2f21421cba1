//! One recovery: what happened, step by step, where the time went, who went where.

use comfy_table::{ContentArrangement, Table, presets};

use crate::drill::outcome::{Recovery, Step, Summary};
use crate::report::number;

use super::bar;
use super::page::{Page, Tone};

/// The story's steps of a recovery by number.
const STEPS: [&str; 7] = [
    "Failure detection",
    "Task reassignment",
    "Checkpoint retrieval",
    "Redistribution",
    "Resumption",
    "Monitoring",
    "Reporting",
];

/// Longer placements are in the files.
const PLACED_MAX: usize = 24;

pub fn write(page: &mut Page, summary: &Summary, index: usize) {
    let recovery = &summary.recoveries[index];
    let number = match summary.recoveries.len() {
        1 => "Recovery".into(),
        many => format!("Recovery {} of {many}", index + 1),
    };
    page.section(&format!(
        "{number}: {} at {}",
        recovery.fault,
        number::instant(recovery.at_ms)
    ));
    match recovery.total_ms {
        Some(ms) => {
            let at = number::instant(recovery.at_ms + ms);
            page.item(&format!(
                "Caught up at {at}, {} after the fault.",
                number::duration(ms)
            ));
        }
        None => {
            let why = recovery.why_not.as_deref();
            page.toned_item(
                Tone::Bad,
                &format!("Not recovered: {}.", why.unwrap_or("the run ended")),
            );
        }
    }
    facts(page, recovery, summary.jobs.len() > 1);
    match recovery.told_as {
        "seven-steps" => seven_steps(page, &recovery.steps),
        _ => restarts(page, &recovery.steps),
    }
    page.blank();
    page.item("Where the time went");
    bar::write(page, &recovery.phases_ms);
    placement(page, recovery);
}

fn facts(page: &mut Page, recovery: &Recovery, name_the_job: bool) {
    let mut facts = Vec::new();
    if name_the_job {
        facts.push(format!("job {}", recovery.job));
    }
    facts.push(match (&recovery.detector, recovery.detected_ms) {
        (Some(by), Some(at)) => format!("noticed by {by} at {}", number::instant(at)),
        (Some(by), None) => format!("noticed by {by}"),
        (None, _) => "noticed by nothing".into(),
    });
    facts.push(match recovery.restored_checkpoint {
        Some(id) => format!("restored checkpoint {id}"),
        None => "restored no checkpoint".into(),
    });
    let scope = recovery
        .scope
        .as_deref()
        .map(|scope| format!(" ({scope})"))
        .unwrap_or_default();
    let times = number::restarts(recovery);
    facts.push(format!(
        "{} restarted{times}{scope}",
        number::counted(recovery.restarted_tasks, "task")
    ));
    facts.push(format!(
        "{} replayed",
        number::counted(recovery.replayed_records, "record")
    ));
    facts.push(format!(
        "{} read again",
        number::count(recovery.reprocessed_records)
    ));
    facts.push(format!(
        "{} dropped as known",
        number::count(recovery.deduplicated_records)
    ));
    page.item(&facts.join(" · "));
}

/// Steps as they came; what took no time is an instant.
fn restarts(page: &mut Page, steps: &[Step]) {
    page.blank();
    for step in steps {
        let took = match step.to_ms > step.from_ms {
            true => number::duration(step.to_ms - step.from_ms),
            false => String::new(),
        };
        let lead = format!(
            "  {:<18} {:>10} {took:>9}  ",
            step.name,
            number::instant(step.from_ms)
        );
        page.hanging(Tone::Plain, &lead, lead.chars().count(), &step.what);
    }
}

fn seven_steps(page: &mut Page, steps: &[Step]) {
    page.blank();
    for (i, title) in STEPS.iter().enumerate() {
        let number = i + 1;
        let mut any = false;
        // A step may be taken more than once where recoveries overlap.
        for step in steps
            .iter()
            .filter(|step| usize::from(step.number) == number)
        {
            let took = number::duration(step.to_ms - step.from_ms);
            let lead = format!(
                "  {number} {title:<20} {:>10} {took:>9}  ",
                number::instant(step.from_ms)
            );
            page.hanging(Tone::Plain, &lead, lead.chars().count(), &step.what);
            any = true;
        }
        if !any {
            let none = number::NONE;
            let lead = format!("  {number} {title:<20} {none:>10} {none:>9}  ");
            page.hanging(Tone::Faint, &lead, 4, "not reached");
        }
    }
}

fn placement(page: &mut Page, recovery: &Recovery) {
    if recovery.placement.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(page.width() - 1).unwrap_or(u16::MAX));
    table.set_header(["Task", "Partition", "From", "To"]);
    for entry in recovery.placement.iter().take(PLACED_MAX) {
        let partitions: Vec<_> = entry.partitions.iter().map(u32::to_string).collect();
        let from = entry.from.as_deref().unwrap_or(number::NONE);
        table.add_row([
            &entry.task,
            &partitions.join(", "),
            from,
            &format!("→ {}", entry.to),
        ]);
    }
    page.verbatim(&indented(&table.to_string()));
    if recovery.placement.len() > PLACED_MAX {
        page.item(&format!(
            "and {} tasks more",
            recovery.placement.len() - PLACED_MAX
        ));
    }
}

/// The table brings one space of its own.
fn indented(table: &str) -> String {
    table.lines().map(|line| format!(" {line}\n")).collect()
}
