//! Recovery against steady-state cost: every setting that was tried, the front, before and after.

use crate::campaign::tune::Tuned;
use crate::report::{Artifact, number};

use super::axis::{Scale, round_up};
use super::drawn;
use super::font;
use super::frame::{LABEL, MARGIN, nothing};
use super::palette::{FAULT, GRID, INK, LINES, RUNNING, SOFT_INK};
use super::picture::{Anchor, HEIGHT, Picture, Point, WIDTH};

const LEFT: f64 = MARGIN + 88.0;
const RIGHT: f64 = WIDTH - MARGIN - 24.0;
const TOP: f64 = 136.0;
const BOTTOM: f64 = HEIGHT - 70.0;

pub fn artifacts(tuned: &Tuned) -> Vec<Artifact> {
    drawn(["pareto.svg", "pareto.png"], &picture(tuned)).into()
}

fn shown(unit: &str, value: f64) -> String {
    match unit {
        "ms" => number::duration(value),
        "share" => format!("{:.2}%", value * 100.0),
        _ => format!("{value:.0}"),
    }
}

fn picture(tuned: &Tuned) -> Picture {
    let title = format!("Recovery against steady-state cost: {}", tuned.scenario);
    let mut picture = Picture::new(title.clone());
    let room = WIDTH - 2.0 * MARGIN;
    picture.bold(
        font::fitted(&title, 23.0, true, room),
        (MARGIN, 38.0),
        Anchor::Start,
        23.0,
        INK,
    );
    let about = format!(
        "target: {} · {} settings tried · {} seeds each",
        tuned.target, tuned.settings_tried, tuned.seeds
    );
    picture.text(
        font::fitted(&about, 15.0, false, room),
        (MARGIN, 63.0),
        Anchor::Start,
        15.0,
        SOFT_INK,
    );
    let mut known: Vec<(f64, f64, bool, bool)> = tuned
        .points
        .iter()
        .filter_map(|point| Some((point.cost?, point.objective?, point.meets, point.front)))
        .collect();
    let ends =
        [&tuned.before, &tuned.after].map(|state| Some((state.cost?, state.clauses[0].value?)));
    if known.is_empty() {
        nothing(
            &mut picture,
            "Nothing that was tried has both a cost and a recovery.",
        );
        return picture;
    }
    let all = || {
        known
            .iter()
            .map(|p| (p.0, p.1))
            .chain(ends.iter().copied().flatten())
    };
    let most = |of: fn((f64, f64)) -> f64| all().map(of).fold(0.0, f64::max);
    let end = |most: f64| {
        if most > 0.0 {
            round_up(most * 1.02)
        } else {
            1.0
        }
    };
    let x = Scale::linear(0.0, end(most(|point| point.0)), (LEFT, RIGHT));
    let y = Scale::linear(0.0, end(most(|point| point.1)), (BOTTOM, TOP));
    axes(&mut picture, tuned, &x, &y);
    let at = |cost: f64, objective: f64| (x.at(cost), y.at(objective));
    for (cost, objective, meets, _) in &known {
        let colour = if *meets { LINES[0] } else { LINES[2] };
        dot(&mut picture, at(*cost, *objective), 4.0, colour);
    }
    known.retain(|point| point.3);
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut line: Vec<Point> = Vec::new();
    for (cost, objective, ..) in &known {
        let here = at(*cost, *objective);
        line.extend(line.last().map(|before: &Point| (here.0, before.1)));
        line.push(here);
    }
    if line.len() > 1 {
        picture.line(line, RUNNING, 1.5);
    }
    for (place, (name, colour)) in [("before", FAULT), ("after", INK)].into_iter().enumerate() {
        if let Some((cost, objective)) = ends[place] {
            let (cx, cy) = at(cost, objective);
            dot(&mut picture, (cx, cy), 7.0, colour);
            let width = font::width(name, LABEL, true);
            let left = if cx + 14.0 + width > WIDTH - MARGIN {
                cx - 14.0 - width
            } else {
                cx + 12.0
            };
            // Above the line, which leaves to the right.
            picture.bold(name, (left, cy - 6.0), Anchor::Start, LABEL, colour);
        }
    }
    let mut left = LEFT;
    for (text, colour) in [
        ("meets the target", LINES[0]),
        ("does not", LINES[2]),
        ("line: nothing tried is better in both", RUNNING),
        ("before", FAULT),
        ("after, on fresh seeds", INK),
    ] {
        dot(&mut picture, (left + 6.0, 92.0), 5.0, colour);
        picture.text(text, (left + 18.0, 97.0), Anchor::Start, LABEL, INK);
        left += 18.0 + font::width(text, LABEL, false) + 24.0;
    }
    picture
}

fn axes(picture: &mut Picture, tuned: &Tuned, x: &Scale, y: &Scale) {
    for tick in x.ticks(8) {
        let at = x.at(tick);
        picture.rect((at - 0.5, TOP), (at + 0.5, BOTTOM), GRID);
        let text = shown(tuned.cost_unit, tick);
        picture.text(text, (at, BOTTOM + 20.0), Anchor::Middle, LABEL, INK);
    }
    for tick in y.ticks(6) {
        let at = y.at(tick);
        picture.rect((LEFT, at - 0.5), (RIGHT, at + 0.5), GRID);
        let text = shown(tuned.objective_unit, tick);
        picture.text(text, (LEFT - 8.0, at + 5.0), Anchor::End, LABEL, INK);
    }
    let first = tuned
        .after
        .clauses
        .first()
        .map_or("", |clause| clause.clause.as_str());
    picture.text(first, (LEFT, TOP - 8.0), Anchor::Start, LABEL, SOFT_INK);
    let cost = format!("{} (p50)", tuned.cost.replace('_', " "));
    picture.text(
        cost,
        ((LEFT + RIGHT) / 2.0, BOTTOM + 46.0),
        Anchor::Middle,
        LABEL,
        SOFT_INK,
    );
}

fn dot(picture: &mut Picture, (x, y): Point, reach: f64, colour: super::palette::Colour) {
    picture.rect((x - reach, y - reach), (x + reach, y + reach), colour);
}
