//! Plots of a sweep: distributions, phases by variant, two settings against each other.

mod cdf;
mod heat;
mod stacked;

use crate::campaign::sweep::{SweepSummary, VariantSummary};
use crate::report::Artifact;

use super::drawn;
use super::font;
use super::frame::MARGIN;
use super::palette::{INK, SOFT_INK};
use super::picture::{Anchor, Picture, WIDTH};

/// Each plot that has something to show, as SVG and as PNG.
pub fn artifacts(summary: &SweepSummary) -> Vec<Artifact> {
    let mut artifacts = Vec::new();
    let mut add = |names: [&'static str; 2], picture: Option<Picture>| {
        if let Some(picture) = picture {
            artifacts.extend(drawn(names, &picture));
        }
    };
    add(
        ["recovery-time.svg", "recovery-time.png"],
        Some(cdf::picture(summary)),
    );
    add(
        ["phases-by-variant.svg", "phases-by-variant.png"],
        Some(stacked::picture(summary)),
    );
    add(["heat-map.svg", "heat-map.png"], heat::picture(summary));
    artifacts
}

/// A picture with its title and, below it, what was run.
fn titled(title: &str, summary: &SweepSummary, more: &str) -> Picture {
    let run = format!(
        "{} · {} variants · seeds {}..{}{}{more}",
        summary.scenario,
        summary.variants.len(),
        summary.seeds.first,
        summary.seeds.first + summary.seeds.count,
        if more.is_empty() { "" } else { " · " },
    );
    let mut picture = Picture::new(format!("{title}: {run}"));
    let room = WIDTH - 2.0 * MARGIN;
    let title = font::fitted(title, 23.0, true, room);
    picture.bold(title, (MARGIN, 38.0), Anchor::Start, 23.0, INK);
    let run = font::fitted(&run, 15.0, false, room);
    picture.text(run, (MARGIN, 63.0), Anchor::Start, 15.0, SOFT_INK);
    picture
}

/// As many variants as fit, in their order: where there are more, the quickest and the slowest by their median, from
/// quick to slow.
fn shown(summary: &SweepSummary, most: usize) -> Vec<&VariantSummary> {
    let median = |variant: &&VariantSummary| {
        let median = variant.quantile("total", 500).and_then(|found| found.value);
        median.unwrap_or(f64::INFINITY)
    };
    let mut all: Vec<&VariantSummary> = summary
        .variants
        .iter()
        .filter(|variant| !variant.totals_ms.is_empty())
        .collect();
    if all.len() > most {
        all.sort_by(|a, b| median(a).total_cmp(&median(b)));
        let slow = all.split_off(all.len() - most / 2);
        all.truncate(most - slow.len());
        all.extend(slow);
    }
    all
}

/// Said where not all are shown.
fn left_out(summary: &SweepSummary, shown: usize) -> String {
    match shown < summary.variants.len() {
        true => format!(
            "the {} quickest and the {} slowest, by median",
            shown - shown / 2,
            shown / 2
        ),
        false => String::new(),
    }
}
