//! Where the time goes, variant by variant: mean phases, one above the other.

use crate::campaign::sweep::SweepSummary;
use crate::report::plot::axis::Scale;
use crate::report::plot::font;
use crate::report::plot::frame::{LABEL, MARGIN, nothing, time_axis};
use crate::report::plot::palette::{INK, phase as colour};
use crate::report::plot::picture::{Anchor, HEIGHT, Picture, WIDTH};
use crate::report::sweep::shown_name;
use crate::report::{number, phase};

use super::{left_out, shown, titled};

const TOP: f64 = 118.0;
const BOTTOM: f64 = HEIGHT - 60.0;
/// Bars that can still be told apart and labelled.
const BARS: usize = 20;
/// Room for the names at most.
const NAMES: f64 = 380.0;

pub fn picture(summary: &SweepSummary) -> Picture {
    let variants = shown(summary, BARS);
    let mut picture = titled(
        "Where the recovery time goes",
        summary,
        &[
            "means of runs that caught up",
            &left_out(summary, variants.len()),
        ]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" · "),
    );
    let sum = |phases: &[f64]| phases.iter().sum::<f64>();
    let longest = variants
        .iter()
        .map(|variant| sum(&variant.mean_phases_ms))
        .fold(0.0, f64::max);
    if longest <= 0.0 {
        nothing(&mut picture, "No run has a recovery that ended.");
        return picture;
    }
    let names: Vec<String> = variants
        .iter()
        .map(|variant| font::fitted_tail(&shown_name(summary, variant), LABEL, NAMES))
        .collect();
    let widest = names
        .iter()
        .map(|name| font::width(name, LABEL, false))
        .fold(0.0, f64::max);
    let left = MARGIN + widest + 12.0;
    // What stands behind the longest bar.
    let beside = match variants.iter().any(|variant| variant.not_caught_up > 0) {
        true => 170.0,
        false => 90.0,
    };
    let x = Scale::linear(0.0, longest, (left, WIDTH - MARGIN - beside));
    let row = ((BOTTOM - TOP) / variants.len() as f64).min(200.0);
    let bottom = TOP + row * variants.len() as f64;
    time_axis(
        &mut picture,
        &x,
        &[(TOP, bottom)],
        bottom,
        "time since the fault",
    );
    let mut used = [false; phase::ALL.len()];
    for (place, (variant, name)) in variants.iter().zip(&names).enumerate() {
        let top = TOP + row * place as f64;
        let middle = top + row / 2.0 + 5.0;
        picture.text(name.clone(), (left - 10.0, middle), Anchor::End, LABEL, INK);
        let mut from = 0.0;
        for (index, ms) in variant
            .mean_phases_ms
            .iter()
            .enumerate()
            .filter(|(_, ms)| **ms > 0.0)
        {
            used[index] = true;
            let (begin, end) = (x.at(from), x.at(from + ms));
            picture.rect(
                (begin, top + row * 0.14),
                (end, top + row * 0.86),
                colour(index),
            );
            let text = number::duration(*ms);
            if font::width(&text, 13.0, false) + 8.0 < end - begin && row > 18.0 {
                let at = ((begin + end) / 2.0, middle);
                picture.text(text, at, Anchor::Middle, 13.0, colour(index).ink());
            }
            from += ms;
        }
        let total = match (
            variant.runs - variant.without_recovery,
            variant.not_caught_up,
        ) {
            (recovered, over) if recovered > 0 && over == recovered => "never caught up".to_owned(),
            (0, _) => "no recovery".to_owned(),
            (_, 0) => number::duration(from),
            // A mean of those that survived, which must not look better for it.
            (recovered, over) => format!(
                "{} ({} of {recovered})",
                number::duration(from),
                recovered - over
            ),
        };
        picture.bold(total, (x.at(from) + 8.0, middle), Anchor::Start, LABEL, INK);
    }
    let mut at = left;
    for (index, phase) in phase::ALL
        .iter()
        .enumerate()
        .filter(|(index, _)| used[*index])
    {
        picture.rect((at, 86.0), (at + 14.0, 98.0), colour(index));
        picture.text(phase.title, (at + 20.0, 97.0), Anchor::Start, LABEL, INK);
        at += 20.0 + font::width(phase.title, LABEL, false) + 22.0;
    }
    picture
}
