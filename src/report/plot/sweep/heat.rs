//! Two settings against each other: the median of the total for each pair.

use crate::campaign::sweep::{SweepSummary, VariantSummary};
use crate::report::number;
use crate::report::plot::font;
use crate::report::plot::frame::{LABEL, MARGIN};
use crate::report::plot::palette::{Colour, FAULT_SHADE, INK, SOFT_INK};
use crate::report::plot::picture::{Anchor, HEIGHT, Picture, WIDTH};
use crate::report::sweep::shown_value;

use super::titled;

const TOP: f64 = 100.0;
const BOTTOM: f64 = HEIGHT - 76.0;
const RIGHT: f64 = WIDTH - MARGIN - 130.0;
/// Cells in a row or a column beyond which they say nothing.
const CELLS: usize = 40;

/// From light to dark, readable in grey as well: ColorBrewer's YlGnBu.
const RAMP: [(u8, u8, u8); 6] = [
    (0xff, 0xff, 0xcc),
    (0xc7, 0xe9, 0xb4),
    (0x7f, 0xcd, 0xbb),
    (0x41, 0xb6, 0xc4),
    (0x2c, 0x7f, 0xb8),
    (0x25, 0x34, 0x94),
];

/// None unless exactly two settings vary, every pair of their values being there.
pub fn picture(summary: &SweepSummary) -> Option<Picture> {
    if summary.varied.len() != 2 {
        return None;
    }
    let values = |place: usize| {
        let mut values: Vec<&str> = Vec::new();
        for variant in &summary.variants {
            if !values.contains(&variant.settings[place].as_str()) {
                values.push(&variant.settings[place]);
            }
        }
        values
    };
    let (rows, columns) = (values(0), values(1));
    let fits = |values: &[&str]| (2..=CELLS).contains(&values.len());
    if !fits(&rows) || !fits(&columns) || rows.len() * columns.len() != summary.variants.len() {
        return None;
    }
    let cell = |row: &str, column: &str| {
        let pair = [row, column];
        summary
            .variants
            .iter()
            .find(|variant| variant.settings == pair)
    };
    let median = |variant: &VariantSummary| {
        let median = variant.quantile("total", 500)?.value;
        median.filter(|_| !variant.totals_ms.is_empty())
    };
    let known: Vec<f64> = summary.variants.iter().filter_map(median).collect();
    let low = known.iter().copied().fold(f64::INFINITY, f64::min);
    let high = known.iter().copied().fold(0.0, f64::max);
    let shade = |ms: f64| {
        if high > low {
            (ms - low) / (high - low)
        } else {
            0.5
        }
    };

    let mut picture = titled(
        "Two settings against each other",
        summary,
        "median of the total",
    );
    let widest = rows
        .iter()
        .map(|row| font::width(&shown_value(row), LABEL, false))
        .fold(0.0, f64::max);
    let left = MARGIN + widest.min(260.0) + 40.0;
    let (width, height) = (
        (RIGHT - left) / columns.len() as f64,
        (BOTTOM - TOP) / rows.len() as f64,
    );
    for (i, row) in rows.iter().enumerate() {
        let top = TOP + i as f64 * height;
        let label = font::fitted_tail(&shown_value(row), LABEL, 260.0);
        picture.text(
            label,
            (left - 10.0, top + height / 2.0 + 5.0),
            Anchor::End,
            LABEL,
            INK,
        );
        for (j, column) in columns.iter().enumerate() {
            let x = left + j as f64 * width;
            let found = cell(row, column).and_then(median);
            let colour = found.map_or(FAULT_SHADE, |ms| ramp(shade(ms)));
            picture.rect(
                (x + 1.0, top + 1.0),
                (x + width - 1.0, top + height - 1.0),
                colour,
            );
            let text = found.map_or_else(|| number::NONE.to_owned(), number::duration);
            let text = font::fitted(&text, LABEL, false, width - 6.0);
            if height > 16.0 {
                let at = (x + width / 2.0, top + height / 2.0 + 5.0);
                picture.text(text, at, Anchor::Middle, LABEL, colour.ink());
            }
        }
    }
    for (j, column) in columns.iter().enumerate() {
        let at = (left + (j as f64 + 0.5) * width, BOTTOM + 20.0);
        let label = font::fitted_tail(&shown_value(column), LABEL, width - 4.0);
        picture.text(label, at, Anchor::Middle, LABEL, INK);
    }
    let across = font::fitted_tail(&summary.varied[1], LABEL, RIGHT - left);
    picture.text(
        across,
        ((left + RIGHT) / 2.0, BOTTOM + 46.0),
        Anchor::Middle,
        LABEL,
        SOFT_INK,
    );
    let down = format!("down: {}", summary.varied[0]);
    picture.text(down, (MARGIN, TOP - 12.0), Anchor::Start, LABEL, SOFT_INK);
    if known.len() < summary.variants.len() {
        let text = format!(
            "{}: half of the runs or more had not recovered when they ended, or had nothing to recover from",
            number::NONE
        );
        let text = font::fitted(&text, 13.0, false, RIGHT - MARGIN);
        picture.text(text, (MARGIN, HEIGHT - 12.0), Anchor::Start, 13.0, SOFT_INK);
    }
    if !known.is_empty() {
        key(&mut picture, low, high);
    }
    Some(picture)
}

/// What the shades mean.
fn key(picture: &mut Picture, low: f64, high: f64) {
    let (left, steps) = (RIGHT + 24.0, 60);
    let step = (BOTTOM - TOP) / f64::from(steps);
    for i in 0..steps {
        let top = TOP + f64::from(i) * step;
        let colour = ramp(1.0 - f64::from(i) / f64::from(steps - 1));
        picture.rect((left, top), (left + 18.0, top + step), colour);
    }
    for (ms, y) in [
        (high, TOP + 12.0),
        ((low + high) / 2.0, (TOP + BOTTOM) / 2.0),
        (low, BOTTOM),
    ] {
        picture.text(
            number::duration(ms),
            (left + 24.0, y),
            Anchor::Start,
            LABEL,
            INK,
        );
    }
}

fn ramp(share: f64) -> Colour {
    let place = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let from = (place as usize).min(RAMP.len() - 2);
    let part = place - from as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (RAMP[from], RAMP[from + 1]);
    Colour {
        rgb: (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2)),
        alpha: 1.0,
    }
}
