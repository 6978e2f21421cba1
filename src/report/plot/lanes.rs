//! Who ran where: a lane per TaskManager, a bar per attempt; or, where there are too many, how many tasks ran.

use crate::drill::outcome::{FaultSpan, Outcome};

use super::axis::{Scale, time_unit};
use super::font;
use super::frame::{LABEL, MARGIN, TOP, nothing, time_axis, titled};
use super::palette::{FAULT, FAULT_SHADE, INK, LANE};
use super::picture::{Anchor, HEIGHT, Picture, WIDTH};

mod bars;
mod density;
mod layout;
mod legend;

use layout::{Lane, Layout, Window};

const LEFT: f64 = MARGIN + 112.0;
const RIGHT: f64 = WIDTH - 200.0;
const BOTTOM: f64 = HEIGHT - 56.0;
/// Names of the faults stand above the lanes.
const LANES_TOP: f64 = TOP + 10.0;
/// Bars are labelled from this height on.
const LABELLED: f64 = 11.0;

pub fn picture(outcome: &Outcome) -> Picture {
    let window = Window::of(outcome);
    let room = BOTTOM - LANES_TOP;
    let layout = Layout::of(outcome, &window, room);
    let mut picture = titled("Who ran where", &outcome.summary, &layout.note);
    if layout.lanes.is_empty() {
        nothing(&mut picture, "No task ran in this run.");
        return picture;
    }
    let x = Scale::linear(window.from, window.to, (LEFT, RIGHT));
    let gap = if layout.lanes.len() > 20 { 1.0 } else { 5.0 };
    let gaps = gap * (layout.lanes.len() - 1) as f64;
    let row = ((room - gaps) / layout.rows() as f64).min(26.0);
    let bottom = LANES_TOP + row * layout.rows() as f64 + gaps;

    let mut tops = Vec::with_capacity(layout.lanes.len());
    let mut y = LANES_TOP;
    for lane in &layout.lanes {
        tops.push((y, y + row * lane.rows as f64));
        picture.rect((LEFT, y), (RIGHT, y + row * lane.rows as f64), LANE);
        y += row * lane.rows as f64 + gap;
    }
    name_lanes(&mut picture, &layout, &tops);
    time_axis(
        &mut picture,
        &x,
        &[(LANES_TOP, bottom)],
        bottom,
        &axis_name(&window, outcome),
    );
    let colours = bars::operator_colours(outcome);
    let most = layout.most_at_once();
    for (lane, &extent) in layout.lanes.iter().zip(&tops) {
        if layout.detailed {
            bars::draw(&mut picture, lane, &colours, &x, extent.0, row);
        } else {
            density::draw(&mut picture, lane, most, &x, extent);
        }
        shade(&mut picture, outcome, lane, &x, extent);
        if layout.detailed {
            bars::mark_failures(&mut picture, lane, &x, extent.0, row);
        }
    }
    mark_faults(&mut picture, &outcome.faults, &window, &x, bottom);
    if layout.detailed {
        legend::of_bars(&mut picture, outcome, &colours);
    } else {
        legend::of_density(&mut picture, most);
    }
    picture
}

/// Where lanes are too thin for a name each, every so many has one.
fn name_lanes(picture: &mut Picture, layout: &Layout<'_>, extents: &[(f64, f64)]) {
    let names = layout.short_names();
    let mut free_from = 0.0;
    for (name, (top, bottom)) in names.iter().zip(extents) {
        let middle = (top + bottom) / 2.0;
        if middle - LABEL * 0.6 < free_from {
            continue;
        }
        let name = font::fitted_tail(name, LABEL, LEFT - MARGIN - 4.0);
        picture.text(
            name,
            (LEFT - 8.0, middle + LABEL * 0.36),
            Anchor::End,
            LABEL,
            INK,
        );
        free_from = middle + LABEL * 0.6;
    }
}

fn axis_name(window: &Window, outcome: &Outcome) -> String {
    if !window.is_part {
        return "simulated time".into();
    }
    let (_, unit_ms) = time_unit(window.to);
    let all = super::axis::label((outcome.summary.simulated_ms / unit_ms * 10.0).round() / 10.0);
    format!("simulated time, cut to the recoveries out of 0 to {all}")
}

/// A veil while the TaskManager itself is down or cut off: attempts on it are gone, noticed or not.
fn shade(picture: &mut Picture, outcome: &Outcome, lane: &Lane<'_>, x: &Scale, y: (f64, f64)) {
    for fault in outcome
        .faults
        .iter()
        .filter(|fault| fault.target == lane.name)
    {
        let (from, to) = (x.at(fault.at_ms), x.at(fault.until_ms.unwrap_or(x.to())));
        if to > from {
            picture.rect((from, y.0), (to, y.1), FAULT_SHADE.with_alpha(0.72));
        }
    }
}

/// A line where each fault sets in, named where names do not run into each other.
fn mark_faults(
    picture: &mut Picture,
    faults: &[FaultSpan],
    window: &Window,
    x: &Scale,
    bottom: f64,
) {
    let mut free_from = LEFT;
    for fault in faults.iter().filter(|fault| window.contains(fault.at_ms)) {
        let at = x.at(fault.at_ms);
        picture.dashed(at, LANES_TOP - 6.0, bottom, FAULT);
        let width = font::width(&fault.fault, 13.0, false);
        let left = (at - width / 2.0).clamp(LEFT, RIGHT - width.min(RIGHT - LEFT));
        if left >= free_from && width < RIGHT - LEFT {
            picture.text(
                fault.fault.clone(),
                (left, LANES_TOP - 9.0),
                Anchor::Start,
                13.0,
                FAULT,
            );
            free_from = left + width + 12.0;
        }
    }
}
