//! Recovery against steady-state cost: every setting that was tried, the front, before and after.

use crate::campaign::tune::Tuned;
use crate::report::sweep::shown_measure;
use crate::report::{Artifact, number};

use super::axis::{Scale, label, round_up, time_unit};
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

/// Ticks on an axis with what they are called, and what the unit adds to its title.
fn ticks(unit: &str, scale: &Scale, about: usize) -> (Vec<(f64, String)>, String) {
    if unit == "ms" {
        let (name, ms) = time_unit(scale.to());
        let in_unit = Scale::linear(0.0, scale.to() / ms, (0.0, 1.0));
        let ticks = in_unit.ticks(about).into_iter();
        let named = ticks.map(|tick| (tick * ms, label(tick))).collect();
        return (named, format!(" ({name})"));
    }
    let shown = |tick: f64| match unit {
        "share" => number::share(tick),
        "bytes" => number::size(tick as u64),
        _ => format!("{tick:.0}"),
    };
    let ticks = scale.ticks(about).into_iter();
    (
        ticks.map(|tick| (tick, shown(tick))).collect(),
        String::new(),
    )
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
    let dots: Vec<Point> = all().map(|(cost, objective)| at(cost, objective)).collect();
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
            let at = room_for(name, (cx, cy), &dots);
            picture.bold(name, at, Anchor::Start, LABEL, colour);
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

/// Where a name beside a point hides the fewest others; above and to the right where that is all the same, as the line
/// leaves below.
fn room_for(name: &str, (cx, cy): Point, dots: &[Point]) -> Point {
    let width = font::width(name, LABEL, true);
    let sides = [
        (12.0, -8.0),
        (-12.0 - width, -8.0),
        (12.0, 20.0),
        (-12.0 - width, 20.0),
    ];
    let places = sides.map(|(right, down)| (cx + right, cy + down));
    let hidden = |(left, base): &Point| {
        let covers = |&&(x, y): &&Point| {
            (left - 6.0..left + width + 6.0).contains(&x)
                && (base - LABEL - 4.0..base + 6.0).contains(&y)
        };
        dots.iter().filter(covers).count()
    };
    let fits =
        |(left, base): &Point| *left >= LEFT && left + width <= WIDTH - MARGIN && *base < BOTTOM;
    let best = places.into_iter().filter(fits).min_by_key(hidden);
    best.unwrap_or(places[0])
}

fn axes(picture: &mut Picture, tuned: &Tuned, x: &Scale, y: &Scale) {
    let (along, unit) = ticks(tuned.cost_unit, x, 8);
    for (tick, text) in along {
        let at = x.at(tick);
        picture.rect((at - 0.5, TOP), (at + 0.5, BOTTOM), GRID);
        picture.text(text, (at, BOTTOM + 20.0), Anchor::Middle, LABEL, INK);
    }
    let cost = format!("{} (p50){unit}", shown_measure(tuned.cost));
    picture.text(
        cost,
        ((LEFT + RIGHT) / 2.0, BOTTOM + 46.0),
        Anchor::Middle,
        LABEL,
        SOFT_INK,
    );
    let (up, unit) = ticks(tuned.objective_unit, y, 6);
    for (tick, text) in up {
        let at = y.at(tick);
        picture.rect((LEFT, at - 0.5), (RIGHT, at + 0.5), GRID);
        picture.text(text, (LEFT - 8.0, at + 5.0), Anchor::End, LABEL, INK);
    }
    let first = tuned.after.clauses.first();
    let first = first.map_or("", |clause| clause.clause.as_str());
    // The quantity, without its bound.
    let quantity = first.split(['<', '>']).next().unwrap_or(first).trim();
    picture.text(
        format!("{quantity}{unit}"),
        (LEFT, TOP - 8.0),
        Anchor::Start,
        LABEL,
        SOFT_INK,
    );
}

fn dot(picture: &mut Picture, (x, y): Point, reach: f64, colour: super::palette::Colour) {
    picture.rect((x - reach, y - reach), (x + reach, y + reach), colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_one_unit_and_shares_no_needless_digits() {
        let scale = Scale::linear(0.0, 50_000.0, (0.0, 1.0));
        let (named, unit) = ticks("ms", &scale, 6);
        let shown: Vec<&str> = named.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(shown, ["0", "10", "20", "30", "40", "50"]);
        assert_eq!((named[1].0, unit.as_str()), (10_000.0, " (s)"));
        let (named, unit) = ticks("share", &Scale::linear(0.0, 0.2, (0.0, 1.0)), 2);
        assert_eq!((named[1].1.as_str(), unit.as_str()), ("10%", ""));
    }

    #[test]
    fn a_name_leaves_the_points_to_be_seen() {
        let point = (600.0, 300.0);
        let place = |others: &[Point]| room_for("after", point, others);
        assert_eq!(place(&[point]), (612.0, 292.0));
        let (left, base) = place(&[point, (630.0, 288.0)]);
        assert!(left < 600.0 && base < 300.0, "{left}, {base}");
        // Nor does it stick out.
        assert!(room_for("after", (RIGHT, 300.0), &[]).0 < RIGHT - 20.0);
    }
}
