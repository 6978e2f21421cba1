//! The ribbons above the panels: each fault from beginning to end, and the phases of the recoveries.

use crate::drill::outcome::Outcome;
use crate::report::{number, phase};

use super::super::axis::Scale;
use super::super::font;
use super::super::frame::{LABEL, end_ms};
use super::super::palette::{self, FAULT, INK};
use super::super::picture::{Anchor, Picture};

const ROW: f64 = 22.0;
const BAR: f64 = 18.0;
/// More rows of faults than this would leave too little for the data.
const ROWS_MAX: usize = 4;
const TEXT: f64 = 13.0;

/// Faults packed into rows in which they do not overlap.
pub struct Ribbons<'a> {
    outcome: &'a Outcome,
    /// Index of the fault and its row; beyond [`ROWS_MAX`] there is no room for names.
    placed: Vec<(usize, usize)>,
    rows: usize,
}

/// How long the recoveries took, for the subtitle.
pub fn totals(outcome: &Outcome) -> String {
    let recoveries = &outcome.summary.recoveries;
    match &recoveries[..] {
        [] => "no recovery".into(),
        [one] => match one.total_ms {
            Some(ms) => format!("recovered in {}", number::duration(ms)),
            None => "not recovered by the end of the run".into(),
        },
        many => {
            let done = many
                .iter()
                .filter(|recovery| recovery.total_ms.is_some())
                .count();
            format!("{done} of {} recoveries completed", many.len())
        }
    }
}

pub fn rows<'a>(outcome: &'a Outcome, x: &Scale) -> Ribbons<'a> {
    let end = end_ms(outcome);
    let mut free_from: Vec<f64> = Vec::new();
    let mut placed = Vec::new();
    for (index, fault) in outcome.faults.iter().enumerate() {
        let left = x.at(fault.at_ms);
        let name = short(&fault.fault, x);
        let named = name_left(left, &name, x);
        let right = x
            .at(fault.until_ms.unwrap_or(end))
            .max(named + font::width(&name, TEXT, false));
        let row = free_from
            .iter()
            .position(|free| *free <= left.min(named))
            .unwrap_or(free_from.len());
        if row == free_from.len() {
            free_from.push(0.0);
        }
        free_from[row] = right + 10.0;
        placed.push((index, row));
    }
    Ribbons {
        outcome,
        placed,
        rows: free_from.len().min(ROWS_MAX),
    }
}

/// A fault's name, cut to the width of the picture.
fn short(name: &str, x: &Scale) -> String {
    font::fitted(name, TEXT, false, x.at(x.to()) - x.at(x.from()) - 12.0)
}

/// Where a fault's name begins: in its bar, or further left where it would run out of the picture.
fn name_left(left: f64, name: &str, x: &Scale) -> f64 {
    (left + 6.0).min(x.at(x.to()) - font::width(name, TEXT, false) - 4.0)
}

impl Ribbons<'_> {
    pub fn height(&self) -> f64 {
        let phases = if self.outcome.phases.is_empty() {
            0.0
        } else {
            ROW
        };
        self.rows as f64 * ROW + phases
    }

    pub fn draw(&self, picture: &mut Picture, x: &Scale, top: f64) {
        let label_right = x.at(x.from()) - 8.0;
        if self.rows > 0 {
            picture.text("faults", (label_right, top + 14.0), Anchor::End, LABEL, INK);
        }
        let end = end_ms(self.outcome);
        for &(index, row) in &self.placed {
            let fault = &self.outcome.faults[index];
            let y = top + row.min(ROWS_MAX - 1) as f64 * ROW;
            let (from, to) = (x.at(fault.at_ms), x.at(fault.until_ms.unwrap_or(end)));
            picture.rect((from, y), (to, y + BAR), FAULT.with_alpha(0.22));
            picture.rect((from - 1.0, y), (from + 1.0, y + BAR), FAULT);
            if row < ROWS_MAX {
                let name = short(&fault.fault, x);
                let at = (name_left(from, &name, x), y + 13.5);
                picture.text(name, at, Anchor::Start, TEXT, INK);
            }
        }
        if self.outcome.phases.is_empty() {
            return;
        }
        let y = top + self.rows as f64 * ROW;
        picture.text("recovery", (label_right, y + 14.0), Anchor::End, LABEL, INK);
        for span in &self.outcome.phases {
            let Some(index) = phase::index(span.phase) else {
                continue;
            };
            let (from, to) = (x.at(span.from_ms), x.at(span.to_ms));
            let colour = palette::phase(index);
            picture.rect((from, y), (to, y + BAR), colour);
            let title = phase::ALL[index].title;
            if font::width(title, TEXT, false) + 8.0 < to - from {
                let at = ((from + to) / 2.0, y + 13.5);
                picture.text(title, at, Anchor::Middle, TEXT, colour.ink());
            }
        }
    }
}
