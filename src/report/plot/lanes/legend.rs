//! What the lanes' colours and marks mean.

use std::collections::BTreeMap;

use crate::drill::outcome::Outcome;
use crate::report::number;

use super::super::frame::{LABEL, MARGIN, legend_entry};
use super::super::palette::{Colour, DEPLOYING, FAULT, FAULT_SHADE, INK, SOFT_INK};
use super::super::picture::{Anchor, HEIGHT, Picture};
use super::{LANES_TOP, RIGHT, density};

const LEFT: f64 = RIGHT + 22.0;
const LINE: f64 = 22.0;
/// More operators than this are only counted.
const NAMED_MAX: usize = 14;

pub fn of_bars(picture: &mut Picture, outcome: &Outcome, colours: &BTreeMap<&str, Colour>) {
    let mut named: Vec<&str> = Vec::new();
    for span in &outcome.tasks {
        if !named.contains(&span.operator.as_str()) {
            named.push(&span.operator);
        }
    }
    let mut y = LANES_TOP + 10.0;
    picture.bold("Operators", (LEFT, y), Anchor::Start, LABEL, INK);
    for operator in named.iter().take(NAMED_MAX) {
        y += LINE;
        legend_entry(picture, (LEFT, y), colours[operator], operator, None);
    }
    if named.len() > NAMED_MAX {
        y += LINE;
        let more = format!("and {} more", named.len() - NAMED_MAX);
        picture.text(more, (LEFT, y), Anchor::Start, LABEL, SOFT_INK);
    }
    y += 38.0;
    picture.bold("Marks", (LEFT, y), Anchor::Start, LABEL, INK);
    y += LINE;
    legend_entry(
        picture,
        (LEFT, y),
        SOFT_INK.with_alpha(0.35),
        "not running yet",
        None,
    );
    y += LINE;
    picture.cross((LEFT + 7.0, y - 5.0), 5.0, FAULT, 2.0);
    picture.text(
        "attempt failed",
        (LEFT + 21.0, y),
        Anchor::Start,
        LABEL,
        INK,
    );
    y += LINE;
    picture.outline((LEFT, y - 11.0), (LEFT + 14.0, y + 1.0), INK, 1.5);
    picture.text("← moved from", (LEFT + 21.0, y), Anchor::Start, LABEL, INK);
    faults(picture, y);
}

pub fn of_density(picture: &mut Picture, most: usize) {
    let mut y = LANES_TOP + 10.0;
    picture.bold("Running on it", (LEFT, y), Anchor::Start, LABEL, INK);
    let mut counts = vec![most, most / 2, 1];
    counts.retain(|count| *count > 0);
    counts.dedup();
    for count in counts {
        y += LINE;
        let text = number::counted(count as u64, "task");
        legend_entry(
            picture,
            (LEFT, y),
            density::colour(count, most),
            &text,
            None,
        );
    }
    y += LINE;
    legend_entry(picture, (LEFT, y), DEPLOYING, "none yet", None);
    y += 38.0;
    picture.bold("Marks", (LEFT, y), Anchor::Start, LABEL, INK);
    y += LINE;
    picture.rect((LEFT + 5.0, y - 12.0), (LEFT + 9.0, y + 2.0), FAULT);
    picture.text(
        "attempts failed",
        (LEFT + 21.0, y),
        Anchor::Start,
        LABEL,
        INK,
    );
    faults(picture, y);
}

fn faults(picture: &mut Picture, above: f64) {
    let y = above + LINE;
    legend_entry(picture, (LEFT, y), FAULT_SHADE, "fault lasts", None);
    let y = y + LINE;
    picture.dashed(LEFT + 7.0, y - 12.0, y + 2.0, FAULT);
    picture.text("fault sets in", (LEFT + 21.0, y), Anchor::Start, LABEL, INK);
    assert!(y < HEIGHT - MARGIN, "the legend has room");
}
