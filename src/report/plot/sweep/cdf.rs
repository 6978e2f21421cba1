//! Which share of the runs had recovered after how long.

use crate::campaign::sweep::{SweepSummary, VariantSummary};
use crate::report::number;
use crate::report::plot::axis::{Scale, round_up};
use crate::report::plot::font;
use crate::report::plot::frame::{LABEL, MARGIN, nothing, time_axis};
use crate::report::plot::palette::{GRID, INK, SOFT_INK, operator};
use crate::report::plot::picture::{Anchor, HEIGHT, Picture, WIDTH};
use crate::report::sweep::shown_name;

use super::{left_out, shown, titled};

const LEFT: f64 = MARGIN + 60.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = HEIGHT - 60.0;
/// Curves that an eye can keep apart.
const CURVES: usize = 8;
const LEGEND: f64 = 380.0;
/// From one variant of the legend to the next, and from a line of its name to the next.
const SPACING_MAX: f64 = 92.0;
const LINE: f64 = 17.0;

pub fn picture(summary: &SweepSummary) -> Picture {
    let variants = shown(summary, CURVES);
    let mut picture = titled(
        "How long recovery takes",
        summary,
        &left_out(summary, variants.len()),
    );
    let ends = variants.iter().flat_map(|variant| &variant.totals_ms);
    let ended: Vec<f64> = ends.copied().filter(|ms| ms.is_finite()).collect();
    if ended.is_empty() {
        nothing(&mut picture, "No run has a recovery that ended.");
        return picture;
    }
    let longest = ended.iter().copied().fold(0.0, f64::max);
    let shortest = ended.iter().copied().fold(f64::INFINITY, f64::min);
    // From zero, unless all of it would be squeezed into the right end.
    let from = if shortest > 0.6 * longest {
        shortest - (longest - shortest).max(1.0) * 0.15
    } else {
        0.0
    };
    let to = if from > 0.0 {
        longest + (longest - from).max(1.0) * 0.05
    } else {
        round_up(longest.max(1.0))
    };
    let right = WIDTH - MARGIN - LEGEND;
    let x = Scale::linear(from.max(0.0), to, (LEFT, right));
    let y = Scale::linear(0.0, 1.0, (BOTTOM, TOP));
    time_axis(
        &mut picture,
        &x,
        &[(TOP, BOTTOM)],
        BOTTOM,
        "total, from the fault until caught up",
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 0.9, 1.0] {
        let at = y.at(tick);
        picture.rect((LEFT, at - 0.5), (right, at + 0.5), GRID);
        let share = format!("{:.0}%", tick * 100.0);
        picture.text(share, (LEFT - 8.0, at + 5.0), Anchor::End, LABEL, INK);
    }
    picture.text(
        "of runs",
        (LEFT - 8.0, TOP - 12.0),
        Anchor::End,
        LABEL,
        SOFT_INK,
    );
    for (place, variant) in variants.iter().enumerate() {
        curve(&mut picture, variant, place, &x, &y);
        legend(
            &mut picture,
            summary,
            variant,
            (place, variants.len()),
            right + 22.0,
        );
    }
    picture
}

fn curve(picture: &mut Picture, variant: &VariantSummary, place: usize, x: &Scale, y: &Scale) {
    let colour = operator(place);
    let n = variant.totals_ms.len() as f64;
    let mut points = vec![(x.at(x.from()), y.at(0.0))];
    for (rank, ms) in variant
        .totals_ms
        .iter()
        .enumerate()
        .filter(|(_, ms)| ms.is_finite())
    {
        points.push((x.at(*ms), y.at(rank as f64 / n)));
        points.push((x.at(*ms), y.at((rank + 1) as f64 / n)));
    }
    let last = points.last().map_or(y.at(0.0), |point| point.1);
    points.push((x.at(x.to()), last));
    picture.line(points, colour, 2.5);
    for per_mille in [500, 900, 990] {
        let found = variant
            .quantile("total", per_mille)
            .and_then(|found| found.value);
        if let Some(ms) = found {
            let (at, height) = (x.at(ms), y.at(f64::from(per_mille) / 1_000.0));
            picture.rect((at - 6.0, height - 6.0), (at + 6.0, height + 6.0), INK);
            picture.rect((at - 4.5, height - 4.5), (at + 4.5, height + 4.5), colour);
        }
    }
}

fn legend(
    picture: &mut Picture,
    summary: &SweepSummary,
    variant: &VariantSummary,
    (place, count): (usize, usize),
    left: f64,
) {
    let spacing = (HEIGHT - 20.0 - TOP) / count as f64;
    let spacing = spacing.min(SPACING_MAX);
    let top = TOP + place as f64 * spacing;
    let room = WIDTH - MARGIN - left - 20.0;
    picture.rect((left, top), (left + 14.0, top + 12.0), operator(place));
    let lines = ((spacing - 24.0) / LINE) as usize;
    let mut baseline = top + 11.0;
    for line in font::wrapped(&shown_name(summary, variant), LABEL, room, lines) {
        picture.text(line, (left + 21.0, baseline), Anchor::Start, LABEL, INK);
        baseline += LINE;
    }
    let quantile = |name: &str, per_mille| {
        let found = variant
            .quantile("total", per_mille)
            .and_then(|found| found.value);
        format!(
            "{name} {}",
            found.map_or_else(|| "not over".to_owned(), number::duration)
        )
    };
    let line = [
        quantile("p50", 500),
        quantile("p90", 900),
        quantile("p99", 990),
    ]
    .join(" · ");
    let line = font::fitted(&line, 13.0, false, room);
    picture.text(
        line,
        (left + 21.0, baseline + 1.0),
        Anchor::Start,
        13.0,
        SOFT_INK,
    );
}
