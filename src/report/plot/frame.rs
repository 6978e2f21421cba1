//! What all plots have around their data: the title, the time axis, legends.

use crate::drill::outcome::{Outcome, Summary};
use crate::report::number;

use super::axis::{Scale, label, time_unit};
use super::font;
use super::palette::{Colour, GRID, INK, SOFT_INK};
use super::picture::{Anchor, HEIGHT, Picture, WIDTH};

/// Distance from the edges.
pub const MARGIN: f64 = 24.0;
/// Size of labels on axes, in legends, beside bars.
pub const LABEL: f64 = 14.0;
/// Where the data begins, below title and subtitle.
pub const TOP: f64 = 84.0;

/// A picture with its title and, below it, what was run.
pub fn titled(title: &str, summary: &Summary, more: &str) -> Picture {
    let run = format!(
        "{} · model {} · seed {}",
        summary.scenario, summary.model, summary.seed
    );
    let mut picture = Picture::new(format!("{title}: {run}"));
    let room = WIDTH - 2.0 * MARGIN;
    picture.bold(
        font::fitted(title, 23.0, true, room),
        (MARGIN, 38.0),
        Anchor::Start,
        23.0,
        INK,
    );
    let subtitle = if more.is_empty() {
        run
    } else {
        format!("{run} · {more}")
    };
    let subtitle = font::fitted(&subtitle, 15.0, false, room);
    picture.text(subtitle, (MARGIN, 63.0), Anchor::Start, 15.0, SOFT_INK);
    picture
}

/// How far the run reached: the end of the simulation or of whatever is known beyond it.
pub fn end_ms(outcome: &Outcome) -> f64 {
    let ends = outcome.tasks.iter().filter_map(|span| span.to_ms);
    let faults = outcome.faults.iter().map(|fault| fault.at_ms);
    let phases = outcome.phases.iter().map(|span| span.to_ms);
    let known = ends.chain(faults).chain(phases).filter(|ms| ms.is_finite());
    let end = known.fold(outcome.summary.simulated_ms, f64::max);
    if end.is_finite() && end > 0.0 {
        end
    } else {
        1_000.0
    }
}

/// Draws the time axis along `bottom`, with lines up to each of `panels` (top and bottom), and names it.
pub fn time_axis(picture: &mut Picture, x: &Scale, panels: &[(f64, f64)], bottom: f64, name: &str) {
    let (unit, unit_ms) = time_unit(x.to());
    let in_unit = Scale::linear(
        x.from() / unit_ms,
        x.to() / unit_ms,
        (x.at(x.from()), x.at(x.to())),
    );
    for tick in in_unit.ticks(10) {
        let at = in_unit.at(tick);
        for &(top, bottom) in panels {
            picture.rect((at - 0.5, top), (at + 0.5, bottom), GRID);
        }
        picture.rect((at - 0.5, bottom), (at + 0.5, bottom + 5.0), SOFT_INK);
        picture.text(label(tick), (at, bottom + 20.0), Anchor::Middle, LABEL, INK);
    }
    let middle = (x.at(x.from()) + x.at(x.to())) / 2.0;
    picture.text(
        format!("{name} ({unit})"),
        (middle, bottom + 42.0),
        Anchor::Middle,
        LABEL,
        SOFT_INK,
    );
}

/// One entry of a legend: a swatch, a name, and a value where there is one.
pub fn legend_entry(
    picture: &mut Picture,
    at: (f64, f64),
    colour: Colour,
    text: &str,
    value: Option<f64>,
) {
    let right = WIDTH - MARGIN;
    picture.rect((at.0, at.1 - 11.0), (at.0 + 14.0, at.1 + 1.0), colour);
    let value = value.map(number::duration).unwrap_or_default();
    let room = right
        - at.0
        - 22.0
        - if value.is_empty() {
            0.0
        } else {
            font::width(&value, LABEL, false) + 8.0
        };
    picture.text(
        font::fitted(text, LABEL, false, room),
        (at.0 + 21.0, at.1),
        Anchor::Start,
        LABEL,
        INK,
    );
    picture.text(value, (right, at.1), Anchor::End, LABEL, INK);
}

/// In place of data, when there is none.
pub fn nothing(picture: &mut Picture, why: &str) {
    picture.text(
        why,
        (WIDTH / 2.0, HEIGHT / 2.0),
        Anchor::Middle,
        18.0,
        SOFT_INK,
    );
}
