//! Who ran where: a lane per TaskManager, a bar per attempt.

use std::collections::BTreeMap;

use crate::drill::outcome::{Outcome, TaskSpan};
use crate::report::number;

use super::axis::{Scale, time_unit};
use super::font;
use super::frame::{LABEL, MARGIN, TOP, legend_entry, nothing, time_axis, titled};
use super::palette::{self, Colour, FAULT, FAULT_SHADE, INK, LANE, SOFT_INK, WHITE};
use super::picture::{Anchor, HEIGHT, Picture, WIDTH};

mod layout;

use layout::{Lane, Layout, Window};

const LEFT: f64 = MARGIN + 104.0;
const RIGHT: f64 = WIDTH - 200.0;
const BOTTOM: f64 = HEIGHT - 56.0;
/// Between lanes.
const GAP: f64 = 6.0;
/// Bars are labelled from this height on.
const LABELLED: f64 = 11.0;

pub fn picture(outcome: &Outcome) -> Picture {
    let window = Window::of(outcome);
    let room = BOTTOM - TOP;
    let layout = Layout::of(outcome, &window, room);
    let mut picture = titled("Who ran where", &outcome.summary, &layout.note);
    if layout.lanes.is_empty() {
        nothing(&mut picture, "No task ran in this run.");
        return picture;
    }
    let x = Scale::linear(window.from, window.to, (LEFT, RIGHT));
    let gap = if layout.lanes.len() > 20 { 1.0 } else { GAP };
    let gaps = gap * layout.lanes.len() as f64;
    let row = ((room - gaps) / layout.rows() as f64).min(26.0);

    let axis = if window.is_part {
        part_name(&window, outcome)
    } else {
        "simulated time".into()
    };
    let used = TOP + row * layout.rows() as f64 + gaps - gap;
    let colours = operator_colours(outcome);
    let mut y = TOP;
    let mut named_to = 0.0;
    for lane in &layout.lanes {
        let height = row * lane.rows as f64;
        picture.rect((LEFT, y), (RIGHT, y + height), LANE);
        if y + height / 2.0 >= named_to {
            let size = LABEL.min(row * lane.rows as f64 * 0.9).max(10.0);
            let name = font::fitted(lane.name, size, false, LEFT - MARGIN - 6.0);
            picture.text(
                name,
                (LEFT - 8.0, y + height / 2.0 + size * 0.36),
                Anchor::End,
                size,
                INK,
            );
            named_to = y + height / 2.0 + size * 1.15;
        }
        shade(&mut picture, outcome, lane, &x, (y, y + height));
        y += height + gap;
    }
    time_axis(&mut picture, &x, &[(TOP, used)], used, &axis);
    let mut y = TOP;
    for lane in &layout.lanes {
        for bar in &lane.bars {
            let top = y + row * bar.row as f64;
            let colour = colours
                .get(bar.span.operator.as_str())
                .copied()
                .unwrap_or(SOFT_INK);
            draw_bar(&mut picture, bar, colour, &x, (top, row));
        }
        y += row * lane.rows as f64 + gap;
    }
    for fault in &outcome.faults {
        if fault.at_ms >= window.from && fault.at_ms <= window.to {
            picture.dashed(x.at(fault.at_ms), TOP - 6.0, used, FAULT);
        }
    }
    legend(&mut picture, outcome, &colours);
    picture
}

fn part_name(window: &Window, outcome: &Outcome) -> String {
    let (_, unit_ms) = time_unit(window.to);
    let all = super::axis::label((outcome.summary.simulated_ms / unit_ms * 10.0).round() / 10.0);
    format!("simulated time, cut to the recoveries out of 0 to {all}")
}

/// Operators in the order in which they first appear: that of the job.
fn operator_colours(outcome: &Outcome) -> BTreeMap<&str, Colour> {
    let mut colours = BTreeMap::new();
    for span in &outcome.tasks {
        let next = palette::operator(colours.len());
        colours.entry(span.operator.as_str()).or_insert(next);
    }
    colours
}

/// Grey while the TaskManager itself is down or cut off.
fn shade(picture: &mut Picture, outcome: &Outcome, lane: &Lane<'_>, x: &Scale, y: (f64, f64)) {
    for fault in outcome
        .faults
        .iter()
        .filter(|fault| fault.target == lane.name)
    {
        let to = fault.until_ms.map_or(x.to(), |until| until);
        let (from, to) = (x.at(fault.at_ms), x.at(to));
        if to > from {
            picture.rect((from, y.0), (to, y.1), FAULT_SHADE);
        }
    }
}

fn draw_bar(
    picture: &mut Picture,
    bar: &layout::Bar<'_>,
    colour: Colour,
    x: &Scale,
    y: (f64, f64),
) {
    let span = bar.span;
    let (top, row) = y;
    let inset = if row > 6.0 { 1.5 } else { row * 0.12 };
    let (top, bottom) = (top + inset, top + row - inset);
    let (from, to) = (x.at(span.from_ms), x.at(span.to_ms.unwrap_or(x.to())));
    let running = x
        .at(span.running_ms.unwrap_or(f64::INFINITY))
        .clamp(from, to);
    picture.rect((from, top), (to, bottom), WHITE);
    picture.rect((from, top), (running, bottom), colour.with_alpha(0.35));
    picture.rect((running, top), (to, bottom), colour);
    if bar.moved_from.is_some() && row >= LABELLED {
        picture.outline((from, top), (to, bottom), INK, 1.5);
    }
    if row >= LABELLED {
        let size = (row * 0.66).min(12.5);
        let text = label(bar);
        let short = short_name(span);
        let failed = if span.state == "FAILED" { 12.0 } else { 0.0 };
        let room = to - from - 10.0 - failed;
        let text = [text, short]
            .into_iter()
            .find(|text| font::width(text, size, false) <= room);
        let at = (from + 5.0, (top + bottom) / 2.0 + size * 0.36);
        picture.text(
            text.unwrap_or_default(),
            at,
            Anchor::Start,
            size,
            colour.ink(),
        );
    }
    if span.state == "FAILED" && span.to_ms.is_some_and(|to_ms| to_ms <= x.to()) {
        let reach = ((bottom - top) * 0.32).clamp(1.0, 5.0);
        let centre = (to - reach - 1.5, (top + bottom) / 2.0);
        if row >= LABELLED {
            picture.rect((to - 2.0 * reach - 3.0, top), (to, bottom), WHITE);
        }
        picture.cross(
            centre,
            reach,
            FAULT,
            if row >= LABELLED { 2.0 } else { 1.0 },
        );
    }
}

/// `p4` for the source of partition 4, else `Parse JSON 3/5`; then where it came from.
fn label(bar: &layout::Bar<'_>) -> String {
    let name = short_name(bar.span);
    match bar.moved_from {
        Some(from) => format!("{name}  ← {from}"),
        None => name,
    }
}

fn short_name(span: &TaskSpan) -> String {
    if span.partitions.is_empty() {
        return span.task.replace(" (", " ").trim_end_matches(')').into();
    }
    let partitions: Vec<_> = span.partitions.iter().map(u32::to_string).collect();
    format!("partition {}", partitions.join(", "))
}

fn legend(picture: &mut Picture, outcome: &Outcome, colours: &BTreeMap<&str, Colour>) {
    let left = RIGHT + 22.0;
    let mut y = TOP + 10.0;
    picture.bold("Operators", (left, y), Anchor::Start, LABEL, INK);
    let mut named: Vec<&str> = Vec::new();
    for span in &outcome.tasks {
        if !named.contains(&span.operator.as_str()) {
            named.push(&span.operator);
        }
    }
    const NAMED_MAX: usize = 14;
    for operator in named.iter().take(NAMED_MAX) {
        y += 22.0;
        legend_entry(picture, (left, y), colours[operator], operator, None);
    }
    if named.len() > NAMED_MAX {
        y += 22.0;
        let more = format!("and {} more", named.len() - NAMED_MAX);
        picture.text(more, (left, y), Anchor::Start, LABEL, SOFT_INK);
    }
    y += 38.0;
    picture.bold("Marks", (left, y), Anchor::Start, LABEL, INK);
    y += 22.0;
    legend_entry(
        picture,
        (left, y),
        SOFT_INK.with_alpha(0.35),
        "not running yet",
        None,
    );
    y += 22.0;
    picture.cross((left + 7.0, y - 5.0), 5.0, FAULT, 2.0);
    picture.text(
        "attempt failed",
        (left + 21.0, y),
        Anchor::Start,
        LABEL,
        INK,
    );
    y += 22.0;
    picture.outline((left, y - 11.0), (left + 14.0, y + 1.0), INK, 1.5);
    picture.text("← moved from", (left + 21.0, y), Anchor::Start, LABEL, INK);
    y += 22.0;
    legend_entry(picture, (left, y), FAULT_SHADE, "target is down", None);
    y += 22.0;
    picture.dashed(left + 7.0, y - 12.0, y + 2.0, FAULT);
    picture.text("fault sets in", (left + 21.0, y), Anchor::Start, LABEL, INK);
    for fault in outcome.faults.iter().take(3) {
        y += 20.0;
        let text = format!("{} at {}", fault.fault, number::duration(fault.at_ms));
        let text = font::fitted(&text, 12.0, false, WIDTH - MARGIN - left - 21.0);
        picture.text(text, (left + 21.0, y), Anchor::Start, 12.0, SOFT_INK);
    }
    assert!(y < HEIGHT - MARGIN, "the legend has room");
}
