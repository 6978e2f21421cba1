//! The report as text: what a tired engineer sees when a run has ended.

mod bar;
pub mod page;
mod records;
mod recovery;
mod verdicts;

use crate::drill::outcome::{FaultSpan, Outcome, Summary};

use self::page::{Page, Tone};
use super::{Artifact, Format, number};

/// `report.txt`.
pub struct ReportText;

impl Format for ReportText {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        vec![Artifact {
            name: "report.txt",
            bytes: text(outcome, 100, false, None).into_bytes(),
        }]
    }
}

/// The whole report in lines of at most `width` characters, coloured or plain; `files` says where the files are.
pub fn text(outcome: &Outcome, width: usize, colour: bool, files: Option<&str>) -> String {
    let summary = &outcome.summary;
    let mut page = Page::new(width, colour);
    head(&mut page, summary);
    if summary.recoveries.is_empty() {
        let struck = if outcome.faults.is_empty() && summary.waiting.is_empty() {
            "No fault."
        } else if outcome.faults.is_empty() {
            "No fault has come."
        } else {
            "No fault led to a recovery."
        };
        page.section(struck);
        let is_told = |fault: &&FaultSpan| {
            let mut spared = summary.spared.iter();
            !spared.any(|spared| (&spared.fault, spared.at_ms) == (&fault.fault, fault.at_ms))
        };
        for fault in outcome.faults.iter().filter(is_told) {
            page.item(&format!(
                "{} at {}",
                fault.fault,
                number::instant(fault.at_ms)
            ));
        }
    } else if !summary.spared.is_empty() || !summary.waiting.is_empty() {
        page.section("Faults that hit no task");
    }
    for spared in &summary.spared {
        let noticed = match (&spared.noticed_by, spared.noticed_ms) {
            (Some(by), Some(at)) => format!("; noticed by {by} at {}", number::instant(at)),
            _ => "; noticed by nobody".to_owned(),
        };
        page.item(&format!(
            "{} at {}: {}{noticed}",
            spared.fault,
            number::instant(spared.at_ms),
            spared.what
        ));
    }
    for waiting in &summary.waiting {
        page.item(&format!(
            "{waiting} has not come: what it waits for did not happen"
        ));
    }
    for index in 0..summary.recoveries.len() {
        recovery::write(&mut page, summary, index);
    }
    notable(&mut page, summary);
    unprovoked(&mut page, summary);
    records::write(&mut page, summary);
    operations(&mut page, summary);
    verdicts::write(&mut page, summary);
    if let Some(files) = files {
        page.blank();
        page.line(&format!("Files: {files}"));
    }
    page.into_text()
}

/// The run in one line.
pub fn short(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let recovered = match &summary.recoveries[..] {
        [] if !summary.not_recovered.is_empty() => "not recovered".into(),
        [] => "no recovery".into(),
        [one] => match one.total_ms {
            Some(ms) => format!("recovered in {}", number::duration(ms)),
            None => "not recovered".into(),
        },
        many => {
            let done = many
                .iter()
                .filter(|recovery| recovery.total_ms.is_some())
                .count();
            format!("{done} of {} recoveries completed", many.len())
        }
    };
    format!(
        "{} · model {} · seed {}: {recovered}, {} lost, {} duplicated, {}, {}",
        summary.scenario,
        summary.model,
        summary.seed,
        number::count(summary.delivery.lost),
        number::count(summary.delivery.duplicated),
        verdicts::invariants_in_short(summary),
        verdicts::expectations_in_short(summary),
    )
}

fn head(page: &mut Page, summary: &Summary) {
    page.title(&format!(
        "{} · model {} · seed {}",
        summary.scenario, summary.model, summary.seed
    ));
    if !summary.about.is_empty() {
        page.line(&summary.about);
    }
    page.faint(&format!("digest {}", summary.digest));
    let weight = match summary.weight {
        1 => String::new(),
        weight => format!(" · one simulated record stands for {weight}"),
    };
    page.line(&format!(
        "{} · {} simulated{weight} · run {}, job {}",
        number::counted(summary.events, "event"),
        number::duration(summary.simulated_ms),
        summary.ended,
        summary.job_status,
    ));
    // Those of recoveries come first, and are told with them.
    let told = summary
        .recoveries
        .iter()
        .filter(|recovery| recovery.why_not.is_some());
    for told in summary.not_recovered.iter().skip(told.count()) {
        page.toned(Tone::Bad, &format!("Not recovered: {told}"));
    }
    if let Some(stall) = &summary.stall {
        page.toned(
            Tone::Bad,
            &format!("The stall guard ended the run: {stall}"),
        );
    }
}

/// What an eye should not miss.
fn notable(page: &mut Page, summary: &Summary) {
    const LISTED_MAX: usize = 10;
    if summary.notable.is_empty() {
        return;
    }
    page.section("What stands out");
    for notable in summary.notable.iter().take(LISTED_MAX) {
        page.item(&format!(
            "{}  {}",
            number::instant(notable.at_ms),
            notable.what
        ));
    }
    if summary.notable.len() > LISTED_MAX {
        page.item(&format!(
            "and {} lines more",
            summary.notable.len() - LISTED_MAX
        ));
    }
}

/// Restarts that no fault explains.
fn unprovoked(page: &mut Page, summary: &Summary) {
    const NAMED_MAX: usize = 4;
    let restarts = &summary.unprovoked;
    if restarts.is_empty() {
        return;
    }
    let named = restarts.iter().take(NAMED_MAX);
    let mut named: Vec<String> = named
        .map(|restart| {
            let at = number::instant(restart.at_ms);
            let failed = if restart.failed {
                ", failed for good"
            } else {
                ""
            };
            format!("{} at {at} ({}{failed})", restart.job, restart.detector)
        })
        .collect();
    if restarts.len() > NAMED_MAX {
        named.push(format!("{} more", restarts.len() - NAMED_MAX));
    }
    page.section("Restarts without a fault");
    page.toned_item(Tone::Bad, &named.join(", "));
}

/// Checkpoints, rebalances, notifications.
fn operations(page: &mut Page, summary: &Summary) {
    page.section("Operation");
    let checkpoints = &summary.checkpoints;
    let latest = checkpoints
        .latest_completed
        .map(|id| format!(", latest {id}"))
        .unwrap_or_default();
    let mut line = format!(
        "Checkpoints: {} triggered, {} completed, {} failed{latest}",
        number::count(checkpoints.triggered),
        number::count(checkpoints.completed),
        number::count(checkpoints.failed),
    );
    if let (Some(p50), Some(max)) = (checkpoints.duration_ms.p50, checkpoints.duration_ms.max) {
        line += &format!(
            "; they took {} (p50), {} (max)",
            number::duration(p50),
            number::duration(max)
        );
    }
    page.item(&line);
    if summary.rebalances.is_empty() {
        page.item("Rebalances: none");
    }
    const LISTED_MAX: usize = 8;
    let rescales = summary.jobs.iter().flat_map(|job| {
        let of_job = job.rescales.iter();
        of_job.map(move |rescale| (&job.name, rescale))
    });
    for (job, rescale) in rescales.take(LISTED_MAX) {
        page.item(&format!(
            "Rescale of {job} at {}: {} → {}, {}",
            number::instant(rescale.at_ms),
            widths(&rescale.from),
            widths(&rescale.to),
            rescale.cause,
        ));
    }
    for rebalance in summary.rebalances.iter().take(LISTED_MAX) {
        page.item(&format!(
            "Rebalance at {}: {} {} → {}, {}",
            number::instant(rebalance.at_ms),
            rebalance.task,
            rebalance.from,
            rebalance.to,
            rebalance.reason,
        ));
    }
    if summary.rebalances.len() > LISTED_MAX {
        page.item(&format!(
            "and {} rebalances more",
            summary.rebalances.len() - LISTED_MAX
        ));
    }
    let sent = &summary.notifications;
    let repeated = match sent.repeated {
        0 => String::new(),
        repeated => format!(", {} heard again", number::count(repeated)),
    };
    page.item(&format!(
        "Notifications: {} sent, {} delivered, {} retried{repeated}",
        number::count(sent.sent),
        number::count(sent.delivered),
        number::count(sent.retried),
    ));
}

/// The parallelism of each operator.
fn widths(parallelism: &[u32]) -> String {
    let widths: Vec<String> = parallelism.iter().map(u32::to_string).collect();
    widths.join(", ")
}

#[cfg(test)]
mod tests;
