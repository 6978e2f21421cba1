//! Latency and lag over time, with what failed and how the recovery went.

use crate::drill::outcome::Outcome;
use crate::report::phase;

use super::axis::{Scale, label, round_up};
use super::font;
use super::frame::{LABEL, MARGIN, TOP, end_ms, legend_entry, nothing, time_axis, titled};
use super::palette::{self, Colour, FAULT, FAULT_SHADE, GRID, INK, LINES, SOFT_INK};
use super::picture::{Anchor, HEIGHT, Picture, Point, WIDTH};

mod ribbon;

const LEFT: f64 = 92.0;
/// Leaves room for the legend.
const RIGHT: f64 = WIDTH - 248.0;
const BOTTOM: f64 = HEIGHT - 56.0;

/// A line of a panel: its name, its points as time and value, and its colour.
struct Series {
    name: &'static str,
    points: Vec<Point>,
    colour: Colour,
}

/// One of the two panels.
struct Panel<'a> {
    top: f64,
    bottom: f64,
    title: &'a str,
    series: Vec<Series>,
    /// Whether a scale by powers of ten may be used.
    may_be_log: bool,
}

pub fn picture(outcome: &Outcome) -> Picture {
    let mut picture = titled(
        "End-to-end latency and consumer lag",
        &outcome.summary,
        &ribbon::totals(outcome),
    );
    if outcome.latency.is_empty() && outcome.lag.is_empty() {
        nothing(&mut picture, "No record was handled in this run.");
        return picture;
    }
    let x = Scale::linear(0.0, end_ms(outcome), (LEFT, right(outcome)));

    let ribbons = ribbon::rows(outcome, &x);
    let panels_top = TOP + ribbons.height() + 26.0;
    let split = panels_top + (BOTTOM - panels_top) * 0.56;
    let latency = Panel {
        top: panels_top,
        bottom: split - 20.0,
        title: "Latency at the sink",
        series: latency_series(outcome),
        may_be_log: true,
    };
    let lag = Panel {
        top: split + 26.0,
        bottom: BOTTOM,
        title: "Consumer lag (records)",
        series: lag_series(outcome),
        may_be_log: false,
    };
    let extents = [(latency.top, latency.bottom), (lag.top, lag.bottom)];

    shade(&mut picture, outcome, &x, &extents);
    time_axis(&mut picture, &x, &extents, BOTTOM, "simulated time");
    ribbons.draw(&mut picture, &x, TOP);
    for panel in [latency, lag] {
        panel.draw(&mut picture, &x);
    }
    mark_faults(&mut picture, outcome, &x, &extents);
    legend(&mut picture, outcome, panels_top);
    picture
}

/// Where there is nothing for a legend to say, the panels take its place.
fn right(outcome: &Outcome) -> f64 {
    let quiet = outcome.faults.is_empty() && outcome.phases.is_empty();
    if quiet && outcome.summary.recoveries.is_empty() {
        WIDTH - MARGIN - 16.0
    } else {
        RIGHT
    }
}

fn latency_series(outcome: &Outcome) -> Vec<Series> {
    let line = |name, colour, value: fn(&crate::drill::outcome::LatencyPoint) -> f64| Series {
        name,
        colour,
        points: outcome
            .latency
            .iter()
            .map(|point| (point.at_ms, value(point)))
            .collect(),
    };
    let mut series = vec![
        line("max", LINES[2], |point| point.max_ms),
        line("p99", LINES[1], |point| point.p99_ms),
        line("p50", LINES[0], |point| point.p50_ms),
    ];
    if !outcome.watermark_lag.is_empty() {
        let points = outcome.watermark_lag.iter();
        series.push(Series {
            name: "watermark",
            colour: SOFT_INK,
            points: points.map(|point| (point.at_ms, point.lag_ms)).collect(),
        });
    }
    series
}

fn lag_series(outcome: &Outcome) -> Vec<Series> {
    let line = |name, colour, value: fn(&crate::drill::outcome::LagPoint) -> u64| Series {
        name,
        colour,
        points: outcome
            .lag
            .iter()
            .map(|point| (point.at_ms, value(point) as f64))
            .collect(),
    };
    vec![
        line("furthest partition", LINES[1], |point| point.max),
        line("all partitions", LINES[0], |point| point.total),
    ]
}

impl Panel<'_> {
    fn draw(self, picture: &mut Picture, x: &Scale) {
        let y = self.scale();
        let end = x.at(x.to());
        let ticks = y.ticks(5);
        for &tick in &ticks {
            let at = y.at(tick);
            picture.rect((LEFT, at - 0.5), (end, at + 0.5), GRID);
            let text = if self.may_be_log {
                latency_label(tick)
            } else {
                label(tick)
            };
            picture.text(text, (LEFT - 8.0, at + 5.0), Anchor::End, LABEL, INK);
        }
        picture.rect(
            (LEFT, self.bottom - 0.5),
            (end, self.bottom + 0.5),
            SOFT_INK,
        );

        let title = if y.is_log() {
            format!("{}, log scale", self.title)
        } else {
            self.title.into()
        };
        picture.bold(title, (LEFT, self.top - 8.0), Anchor::Start, 15.0, INK);
        let mut right = end;
        for series in &self.series {
            picture.text(
                series.name,
                (right, self.top - 8.0),
                Anchor::End,
                LABEL,
                INK,
            );
            right -= font::width(series.name, LABEL, false) + 6.0;
            picture.rect(
                (right - 22.0, self.top - 14.5),
                (right, self.top - 11.5),
                series.colour,
            );
            right -= 40.0;
            series.draw(picture, x, &y);
        }
    }

    fn scale(&self) -> Scale {
        let values = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .map(|point| point.1);
        let positive: Vec<f64> = values.filter(|v| v.is_finite() && *v > 0.0).collect();
        let pixels = (self.bottom, self.top);
        let Some(max) = positive.iter().copied().reduce(f64::max) else {
            return Scale::linear(0.0, 1.0, pixels);
        };
        let min = positive.iter().copied().fold(max, f64::min);
        if self.may_be_log && max / min > 50.0 {
            Scale::log(min, max, pixels)
        } else {
            Scale::linear(0.0, round_up(max), pixels)
        }
    }
}

fn latency_label(ms: f64) -> String {
    if ms >= 1_000.0 {
        format!("{} s", label(ms / 1e3))
    } else {
        format!("{} ms", label(ms))
    }
}

impl Series {
    /// Breaks where nothing was measured: a line across would claim what nobody saw.
    fn draw(&self, picture: &mut Picture, x: &Scale, y: &Scale) {
        let finite: Vec<Point> = self
            .points
            .iter()
            .copied()
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .collect();
        // The usual step: now and then something else makes for a shorter one.
        let mut steps: Vec<f64> = finite.windows(2).map(|w| w[1].0 - w[0].0).collect();
        steps.retain(|step| *step > 0.0);
        steps.sort_by(f64::total_cmp);
        let step = steps.get(steps.len() / 2).copied().unwrap_or(f64::MAX);
        for run in finite.chunk_by(|a, b| b.0 - a.0 <= step * 1.6) {
            let points: Vec<Point> = run.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
            if let [(at_x, at_y)] = points[..] {
                picture.rect(
                    (at_x - 1.5, at_y - 1.5),
                    (at_x + 1.5, at_y + 1.5),
                    self.colour,
                );
            }
            picture.line(points, self.colour, 2.0);
        }
    }
}

/// Grey while something is broken, the phase's colour while a recovery is in that phase.
fn shade(picture: &mut Picture, outcome: &Outcome, x: &Scale, panels: &[(f64, f64)]) {
    for &(top, bottom) in panels {
        for (from, to) in broken(outcome) {
            picture.rect(
                (x.at(from), top),
                (x.at(to), bottom),
                FAULT_SHADE.with_alpha(0.38),
            );
        }
        for span in &outcome.phases {
            if let Some(index) = phase::index(span.phase) {
                let colour = palette::phase(index).with_alpha(0.25);
                picture.rect(
                    (x.at(span.from_ms), top),
                    (x.at(span.to_ms), bottom),
                    colour,
                );
            }
        }
    }
}

/// The union of the faults' intervals, so that overlaps are no darker.
fn broken(outcome: &Outcome) -> Vec<(f64, f64)> {
    let end = end_ms(outcome);
    let mut spans: Vec<_> = outcome
        .faults
        .iter()
        .map(|fault| (fault.at_ms, fault.until_ms.unwrap_or(end)))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut union: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        match union.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => union.push((from, to)),
        }
    }
    union
}

fn mark_faults(picture: &mut Picture, outcome: &Outcome, x: &Scale, panels: &[(f64, f64)]) {
    for fault in &outcome.faults {
        for &(top, bottom) in panels {
            picture.dashed(x.at(fault.at_ms), top, bottom, FAULT);
        }
    }
}

/// What the shading means, with how long each phase took over all recoveries.
fn legend(picture: &mut Picture, outcome: &Outcome, top: f64) {
    let left = RIGHT + 28.0;
    let mut y = top + 10.0;
    if !outcome.faults.is_empty() {
        picture.bold("Faults", (left, y), Anchor::Start, LABEL, INK);
        y += 22.0;
        picture.dashed(left + 7.0, y - 12.0, y + 2.0, FAULT);
        picture.text("fault sets in", (left + 21.0, y), Anchor::Start, LABEL, INK);
        y += 22.0;
        legend_entry(
            picture,
            (left, y),
            FAULT_SHADE.with_alpha(0.6),
            "fault lasts",
            None,
        );
        y += 36.0;
    }
    let mut totals = [0.0; phase::ALL.len()];
    for recovery in &outcome.summary.recoveries {
        for (index, ms) in phase::lasting(&recovery.phases_ms) {
            totals[index] += ms;
        }
    }
    if totals.iter().any(|ms| *ms > 0.0) {
        picture.bold("Recovery phases", (left, y), Anchor::Start, LABEL, INK);
        for (index, ms) in totals.into_iter().enumerate().filter(|(_, ms)| *ms > 0.0) {
            y += 22.0;
            legend_entry(
                picture,
                (left, y),
                palette::phase(index),
                phase::ALL[index].title,
                Some(ms),
            );
        }
    }
    assert!(y < HEIGHT - MARGIN, "the legend has room");
}
