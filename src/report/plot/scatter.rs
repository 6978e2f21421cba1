//! Predicted against measured: one point a row, its band as a vertical line; on the diagonal they agree.

use crate::campaign::validate::{Quantity, Validation};
use crate::report::Artifact;

use super::axis::{Scale, label};
use super::drawn;
use super::palette::{DEPLOYING, GRID, INK, LINES, SOFT_INK};
use super::picture::{Anchor, Picture};

const LEFT: f64 = 110.0;
const RIGHT: f64 = 1_176.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 600.0;
const SHOWN: [Quantity; 4] = [
    Quantity::Detect,
    Quantity::AllRunning,
    Quantity::CaughtUp,
    Quantity::Total,
];

pub fn artifacts(results: &Validation) -> Vec<Artifact> {
    drawn(["validation.svg", "validation.png"], &picture(results)).into()
}

fn picture(results: &Validation) -> Picture {
    let title = format!("Predicted against measured: {}", results.table);
    let mut picture = Picture::new(title.clone());
    picture.bold(title, (LEFT, 40.0), Anchor::Start, 22.0, INK);
    let about = format!(
        "{} · profile {} · {} seeds · a point is the median, a line the 5th to 95th percentile; on the diagonal they agree",
        results.scenario, results.profile, results.seeds
    );
    picture.text(about, (LEFT, 66.0), Anchor::Start, 14.0, SOFT_INK);
    let values = results
        .rows
        .iter()
        .flat_map(|row| SHOWN.iter().filter_map(|q| row.quantities.get(q)))
        .flat_map(|predicted| [predicted.measured, predicted.p5, predicted.p95])
        .flatten()
        .filter(|ms| *ms > 0.0);
    let (low, high) = values.fold((f64::MAX, 0.0_f64), |(low, high), ms| {
        (low.min(ms / 1e3), high.max(ms / 1e3))
    });
    if high == 0.0 {
        picture.text(
            "no row has both a prediction and a measurement".to_owned(),
            (LEFT, 300.0),
            Anchor::Start,
            16.0,
            INK,
        );
        return picture;
    }
    let x = Scale::log(low, high, (LEFT, RIGHT));
    let y = Scale::log(low, high, (BOTTOM, TOP));
    for tick in x.ticks(8) {
        picture.line(vec![(x.at(tick), TOP), (x.at(tick), BOTTOM)], GRID, 1.0);
        picture.text(
            label(tick),
            (x.at(tick), BOTTOM + 20.0),
            Anchor::Middle,
            14.0,
            SOFT_INK,
        );
    }
    for tick in y.ticks(8) {
        picture.line(vec![(LEFT, y.at(tick)), (RIGHT, y.at(tick))], GRID, 1.0);
        picture.text(
            label(tick),
            (LEFT - 8.0, y.at(tick) + 5.0),
            Anchor::End,
            14.0,
            SOFT_INK,
        );
    }
    let (from, to) = (x.from(), x.to());
    picture.line(
        vec![(x.at(from), y.at(from)), (x.at(to), y.at(to))],
        SOFT_INK,
        1.5,
    );
    picture.text(
        "measured after the fault [s]".to_owned(),
        ((LEFT + RIGHT) / 2.0, BOTTOM + 46.0),
        Anchor::Middle,
        15.0,
        INK,
    );
    picture.text(
        "predicted [s]".to_owned(),
        (LEFT - 86.0, TOP - 10.0),
        Anchor::Start,
        15.0,
        INK,
    );
    let mut legend = LEFT + 60.0;
    for (number, quantity) in SHOWN.iter().enumerate() {
        let colour = [LINES[2], LINES[0], LINES[1], DEPLOYING][number];
        let mut any = false;
        for predicted in results
            .rows
            .iter()
            .filter_map(|row| row.quantities.get(quantity))
        {
            let (Some(measured), Some(median)) = (predicted.measured, predicted.median) else {
                continue;
            };
            let (Some(p5), Some(p95)) = (predicted.p5, predicted.p95) else {
                continue;
            };
            if measured <= 0.0 || p5 <= 0.0 {
                continue;
            }
            any = true;
            let at = x.at(measured / 1e3);
            picture.line(
                vec![(at, y.at(p5 / 1e3)), (at, y.at(p95 / 1e3))],
                colour,
                2.0,
            );
            let centre = y.at(median / 1e3);
            picture.rect((at - 3.5, centre - 3.5), (at + 3.5, centre + 3.5), colour);
        }
        if any {
            picture.rect((legend, TOP + 12.0), (legend + 10.0, TOP + 22.0), colour);
            picture.text(
                quantity.name().replace('_', " "),
                (legend + 16.0, TOP + 22.0),
                Anchor::Start,
                14.0,
                INK,
            );
            legend += 140.0;
        }
    }
    picture
}
