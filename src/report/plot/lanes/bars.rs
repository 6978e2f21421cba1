//! A lane in detail: each attempt a bar in its operator's colour.

use std::collections::BTreeMap;

use crate::drill::outcome::{Outcome, TaskSpan};

use super::super::axis::Scale;
use super::super::font;
use super::super::palette::{self, Colour, FAULT, INK, SOFT_INK, WHITE};
use super::super::picture::{Anchor, Picture};
use super::layout::{Bar, Lane};

/// Operators in the order in which they first appear: that of the job.
pub fn operator_colours(outcome: &Outcome) -> BTreeMap<&str, Colour> {
    let mut colours = BTreeMap::new();
    for span in &outcome.tasks {
        let next = palette::operator(colours.len());
        colours.entry(span.operator.as_str()).or_insert(next);
    }
    colours
}

/// Draws the lane's bars, in rows of height `row`.
pub fn draw(
    picture: &mut Picture,
    lane: &Lane<'_>,
    colours: &BTreeMap<&str, Colour>,
    x: &Scale,
    top: f64,
    row: f64,
) {
    for bar in &lane.bars {
        let colour = colours
            .get(bar.span.operator.as_str())
            .copied()
            .unwrap_or(SOFT_INK);
        let top = top + row * bar.row as f64;
        draw_bar(picture, bar, colour, x, (top + 1.0, top + row - 1.0));
    }
}

fn draw_bar(picture: &mut Picture, bar: &Bar<'_>, colour: Colour, x: &Scale, y: (f64, f64)) {
    let span = bar.span;
    let (top, bottom) = y;
    let from = x.at(span.from_ms);
    let to = x.at(span.to_ms.unwrap_or(x.to())).max(from);
    let running = x
        .at(span.running_ms.unwrap_or(f64::INFINITY))
        .clamp(from, to);
    picture.rect((from, top), (to, bottom), WHITE);
    picture.rect((from, top), (running, bottom), colour.with_alpha(0.35));
    picture.rect((running, top), (to, bottom), colour);
    if bar.moved_from.is_some() {
        picture.outline((from, top), (to, bottom), INK, 1.5);
    }
    // Text on two shades reads badly, so it begins where the attempt runs unless that is too far in.
    let left = 5.0
        + if running - from < 0.2 * (to - from) {
            running
        } else {
            from
        };
    let size = ((bottom - top) * 0.84).min(13.0);
    let taken = if is_failure(span, x) {
        2.0 * failure_reach(bottom - top) + 4.0
    } else {
        0.0
    };
    let room = to - left - 5.0 - taken;
    let texts = [label(bar), short_name(span)];
    if let Some(text) = texts
        .into_iter()
        .find(|text| font::width(text, size, false) <= room)
    {
        let at = (left, (top + bottom) / 2.0 + size * 0.36);
        picture.text(text, at, Anchor::Start, size, colour.ink());
    }
}

/// Crosses where attempts failed; above the veil of a TaskManager that is down.
pub fn mark_failures(picture: &mut Picture, lane: &Lane<'_>, x: &Scale, top: f64, row: f64) {
    let reach = failure_reach(row - 2.0);
    for bar in lane.bars.iter().filter(|bar| is_failure(bar.span, x)) {
        let to = x.at(bar.span.to_ms.unwrap_or(x.to()));
        let top = top + row * bar.row as f64 + 1.0;
        let bottom = top + row - 2.0;
        picture.rect((to - 2.0 * reach - 4.0, top), (to, bottom), WHITE);
        picture.cross((to - reach - 2.0, (top + bottom) / 2.0), reach, FAULT, 2.0);
    }
}

fn is_failure(span: &TaskSpan, x: &Scale) -> bool {
    span.state == "FAILED" && span.to_ms.is_some_and(|to_ms| to_ms <= x.to())
}

/// How far a cross reaches in a bar of that height.
fn failure_reach(height: f64) -> f64 {
    (height * 0.34).min(5.5)
}

/// The task and, if it ran elsewhere before, where.
fn label(bar: &Bar<'_>) -> String {
    let name = short_name(bar.span);
    match bar.moved_from {
        Some(from) => format!("{name} ← {from}"),
        None => name,
    }
}

/// `partition 4` for its source, else `Parse JSON 3/5`.
fn short_name(span: &TaskSpan) -> String {
    let partitions: Vec<_> = span.partitions.iter().map(u32::to_string).collect();
    match partitions.len() {
        0 => span.task.replace(" (", " ").trim_end_matches(')').into(),
        1 => format!("partition {}", partitions[0]),
        _ => format!("partitions {}", partitions.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn names_are_short() {
        let outcome = fixture::story();
        assert_eq!(short_name(&outcome.tasks[4]), "partition 4");
        assert_eq!(short_name(&outcome.tasks[12]), "Parse JSON 3/5");
    }
}
