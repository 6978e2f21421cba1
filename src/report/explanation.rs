//! `firedrill explain`: the critical path of each recovery, as text and as JSON.

use serde_json::json;

use crate::drill::explain::{Explanation, Setting, Step};
use crate::drill::outcome::{Outcome, Summary};

use super::number;
use super::text::page::{Page, Tone};

/// Steps shorter than this share of the recovery are told together with their like.
const SMALL: f64 = 0.005;
/// Settings that are listed.
const SETTINGS_MAX: usize = 6;

/// The whole explanation in lines of at most `width` characters.
pub fn explanation_text(outcome: &Outcome, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let Summary {
        scenario,
        model,
        seed,
        ..
    } = &outcome.summary;
    page.title(&format!("{scenario} · model {model} · seed {seed}"));
    if outcome.explanations.is_empty() {
        page.line("No fault led to a recovery: there is nothing to explain.");
    }
    for explanation in &outcome.explanations {
        recovery(&mut page, explanation);
    }
    page.into_text()
}

/// The same for programs; every step by itself.
pub fn explanation_json(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let value = json!({
        "scenario": summary.scenario,
        "model": summary.model,
        "seed": summary.seed,
        "digest": summary.digest,
        "recoveries": outcome.explanations,
    });
    format!("{value:#}\n")
}

/// Steps in order, each with when it began and how long it took.
pub fn steps_text(steps: &[Step], width: usize) -> String {
    let mut page = Page::new(width, false);
    for step in steps {
        let (from, ms) = (number::instant(step.from_ms), number::duration(step.ms));
        let lead = format!("  {from:>12} {ms:>10}  ");
        page.hanging(Tone::Plain, &lead, 26, &step.what);
    }
    page.into_text()
}

fn recovery(page: &mut Page, explanation: &Explanation) {
    page.section(&match explanation.total_ms {
        Some(ms) => format!(
            "{} at {}: {} until caught up",
            explanation.fault,
            number::instant(explanation.at_ms),
            number::duration(ms)
        ),
        None => format!(
            "{} at {}: not recovered",
            explanation.fault,
            number::instant(explanation.at_ms)
        ),
    });
    if let Some(why) = &explanation.why_not {
        page.toned_item(Tone::Bad, &format!("{why}."));
    }
    let mut small: Vec<&Step> = Vec::new();
    for visit in explanation
        .path
        .chunk_by(|a, b| (a.phase, a.restart) == (b.phase, b.restart))
    {
        told_together(page, &mut small);
        let ms: f64 = visit.iter().map(|step| step.ms).sum();
        let of = restart_of(explanation, visit[0].restart);
        let heading = format!("{}, {}{of}", visit[0].phase, number::duration(ms));
        page.toned_item(Tone::Bold, &heading);
        for step in visit {
            if step.share < SMALL {
                small.push(step);
                continue;
            }
            told_together(page, &mut small);
            line(page, step.from_ms, step.ms, step.share, &step.what);
            if let Some(setting) = &step.setting {
                page.hanging(Tone::Faint, &" ".repeat(32), 34, &said(setting));
            }
        }
    }
    told_together(page, &mut small);
    if explanation.settings.is_empty() {
        return;
    }
    page.blank();
    page.item("What decides it:");
    for share in explanation.settings.iter().take(SETTINGS_MAX) {
        let setting = Setting {
            key: share.key.clone(),
            value: share.value.clone(),
            note: share.note.clone(),
        };
        let lead = format!(
            "  {:>9} {:>5}  ",
            number::duration(share.ms),
            percent(share.share)
        );
        page.hanging(Tone::Plain, &lead, 20, &said(&setting));
    }
    page.item(
        "These are shares of the path, not what a change saves: `firedrill tune` and `compare` run changes.",
    );
}

/// Of which restart, where there are several, and whether that came to anything.
fn restart_of(explanation: &Explanation, number: Option<u32>) -> String {
    let attempts = &explanation.attempts;
    let of = number.and_then(|number| attempts.iter().find(|each| each.number == number));
    match of {
        Some(attempt) if attempts.len() > 1 => {
            let wasted = if attempt.outcome == "wasted" {
                ", wasted"
            } else {
                ""
            };
            format!(
                " · restart {} of {}{wasted}",
                attempt.number,
                attempts.len()
            )
        }
        _ => String::new(),
    }
}

fn line(page: &mut Page, from_ms: f64, ms: f64, share: f64, what: &str) {
    let lead = format!(
        "  {:>10} {:>10} {:>5}  ",
        number::instant(from_ms),
        number::duration(ms),
        percent(share)
    );
    page.hanging(Tone::Plain, &lead, 32, what);
}

/// Steps that matter little, in one line.
fn told_together(page: &mut Page, small: &mut Vec<&Step>) {
    let (Some(first), count) = (small.first(), small.len()) else {
        return;
    };
    let sum = |of: fn(&Step) -> f64| small.iter().map(|step| of(step)).sum::<f64>();
    let (ms, share) = (sum(|step| step.ms), sum(|step| step.share));
    let what = match count {
        1 => first.what.clone(),
        _ => format!("{count} short steps: {}, …", first.what),
    };
    line(page, first.from_ms, ms, share, &what);
    small.clear();
}

fn said(setting: &Setting) -> String {
    let note = setting.note.as_ref();
    let note = note.map_or(String::new(), |note| format!(", {note}"));
    format!("{} = {}{note}", setting.key, setting.value)
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 1.0 => "<1 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}
