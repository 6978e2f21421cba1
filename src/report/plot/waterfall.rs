//! Where the time of each recovery went, phase by phase.

use crate::drill::outcome::{Outcome, Recovery};
use crate::report::{number, phase};

use super::axis::Scale;
use super::font;
use super::frame::{LABEL, MARGIN, TOP, nothing, time_axis, titled};
use super::palette::{self, INK, LANE, SOFT_INK, WHITE};
use super::picture::{Anchor, HEIGHT, Picture, WIDTH};

const LEFT: f64 = MARGIN + 118.0;
/// Leaves room for the duration of a bar that reaches the end.
const RIGHT: f64 = WIDTH - MARGIN - 128.0;
const BOTTOM: f64 = HEIGHT - 56.0;
const BAR: f64 = 30.0;
const GAP: f64 = 22.0;
/// Rows of a waterfall are readable from this height on.
const ROW_MIN: f64 = 16.0;
const ROW_MAX: f64 = 72.0;
const HEAD: f64 = 26.0;

/// A phase of one recovery: from when to when, in milliseconds since the fault, in the order of time.
struct Piece {
    phase: usize,
    from: f64,
    to: f64,
}

pub fn picture(outcome: &Outcome) -> Picture {
    let recoveries = &outcome.summary.recoveries;
    let shown = longest(recoveries);
    let mut picture = titled(
        "Where the recovery time went",
        &outcome.summary,
        &subtitle(recoveries, shown.len()),
    );
    if recoveries.is_empty() {
        nothing(&mut picture, "No fault led to a recovery in this run.");
        return picture;
    }
    let pieces: Vec<Vec<Piece>> = shown.iter().map(|&index| pieces(outcome, index)).collect();
    let end = pieces
        .iter()
        .flatten()
        .map(|piece| piece.to)
        .fold(0.0, f64::max);
    let x = Scale::linear(0.0, if end > 0.0 { end } else { 1.0 }, (LEFT, RIGHT));
    let top = TOP + 8.0;
    // As waterfalls if all of them have room, else as bars alone.
    let lasting = |index: &usize| phase::lasting(&recoveries[*index].phases_ms).len();
    let rows: usize = shown.iter().map(lasting).sum();
    let room = BOTTOM - top;
    let row = (room - shown.len() as f64 * (HEAD + BAR + GAP)) / rows.max(1) as f64;
    let row = row.min(ROW_MAX);
    let bottom = if row >= ROW_MIN {
        top + shown.len() as f64 * (HEAD + BAR + GAP) + rows as f64 * row - GAP + 14.0
    } else {
        BOTTOM
    };
    time_axis(
        &mut picture,
        &x,
        &[(top, bottom)],
        bottom,
        "time since the fault",
    );
    let mut y = top;
    for (place, (&index, pieces)) in shown.iter().zip(&pieces).enumerate() {
        let recovery = &recoveries[index];
        let bottom = bar(&mut picture, recovery, pieces, &x, y);
        if row >= ROW_MIN {
            let rows_end = waterfall(&mut picture, recovery, pieces, &x, bottom + 6.0, row);
            y = rows_end + GAP - 6.0;
        } else {
            call_out(&mut picture, recovery, bottom);
            y = top + room * (place + 1) as f64 / shown.len() as f64;
        }
    }
    assert!(y <= BOTTOM + GAP, "the recoveries have room");
    picture
}

/// How many recoveries fit as bars with their call-outs.
const SHOWN_MAX: usize = 6;

/// The recoveries to show, in order of time: those without an end first to be taken, then the longest.
fn longest(recoveries: &[Recovery]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..recoveries.len()).collect();
    let length = |index: &usize| recoveries[*index].total_ms.unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| length(b).total_cmp(&length(a)));
    order.truncate(SHOWN_MAX);
    order.sort_unstable();
    order
}

fn subtitle(recoveries: &[Recovery], shown: usize) -> String {
    match recoveries {
        [] => String::new(),
        [one] => total(one),
        many if shown < many.len() => format!("the {shown} longest of {} recoveries", many.len()),
        many => format!("{} recoveries", many.len()),
    }
}

fn total(recovery: &Recovery) -> String {
    match recovery.total_ms {
        Some(ms) => format!("total {}", number::duration(ms)),
        None => "not recovered by the end of the run".into(),
    }
}

/// The pieces as they were seen; where none were recorded, the phases end to end.
fn pieces(outcome: &Outcome, index: usize) -> Vec<Piece> {
    let recovery = &outcome.summary.recoveries[index];
    let spans = outcome.phases.iter().filter(|span| span.recovery == index);
    let seen: Vec<Piece> = spans
        .filter(|span| span.to_ms > span.from_ms && span.from_ms >= recovery.at_ms)
        .filter_map(|span| {
            let (from, to) = (span.from_ms - recovery.at_ms, span.to_ms - recovery.at_ms);
            phase::index(span.phase).map(|phase| Piece { phase, from, to })
        })
        .collect();
    if !seen.is_empty() {
        return seen;
    }
    let mut clock = 0.0;
    let mut pieces = Vec::new();
    for (phase, ms) in phase::lasting(&recovery.phases_ms) {
        pieces.push(Piece {
            phase,
            from: clock,
            to: clock + ms,
        });
        clock += ms;
    }
    pieces
}

/// The recovery's heading and its stacked bar; returns where it ends.
fn bar(picture: &mut Picture, recovery: &Recovery, pieces: &[Piece], x: &Scale, top: f64) -> f64 {
    let baseline = top + 15.0;
    // Lines of the time axis would run through the text.
    picture.rect((LEFT - 2.0, top), (WIDTH - MARGIN, top + HEAD - 2.0), WHITE);
    let heading = font::fitted(&recovery.fault, 15.0, true, 420.0);
    let right = LEFT + font::width(&heading, 15.0, true);
    picture.bold(heading, (LEFT, baseline), Anchor::Start, 15.0, INK);
    let detector = recovery
        .detector
        .as_deref()
        .map(|by| format!(" · noticed by {by}"));
    let facts = format!(
        " at {}{} · {} restarted{}",
        number::instant(recovery.at_ms),
        detector.unwrap_or_default(),
        number::counted(recovery.restarted_tasks, "task"),
        number::restarts(recovery),
    );
    let facts = font::fitted(&facts, LABEL, false, WIDTH - MARGIN - right - 6.0);
    picture.text(
        facts,
        (right + 4.0, baseline),
        Anchor::Start,
        LABEL,
        SOFT_INK,
    );

    let (top, bottom) = (top + HEAD, top + HEAD + BAR);
    picture.text(
        "all phases",
        (LEFT - 10.0, top + 20.0),
        Anchor::End,
        LABEL,
        INK,
    );
    let mut end = LEFT;
    for piece in pieces {
        let (from, to) = (x.at(piece.from), x.at(piece.to));
        let colour = palette::phase(piece.phase);
        picture.rect((from, top), (to, bottom), colour);
        let title = phase::ALL[piece.phase].title;
        if font::width(title, LABEL, false) + 10.0 < to - from {
            picture.text(
                title,
                ((from + to) / 2.0, top + 20.0),
                Anchor::Middle,
                LABEL,
                colour.ink(),
            );
        }
        end = end.max(to);
    }
    let text = recovery
        .total_ms
        .map_or_else(|| "not caught up".into(), number::duration);
    picture.bold(text, (end + 8.0, top + 20.0), Anchor::Start, LABEL, INK);
    bottom
}

/// One row per phase that took any time; returns where they end.
fn waterfall(
    picture: &mut Picture,
    recovery: &Recovery,
    pieces: &[Piece],
    x: &Scale,
    top: f64,
    row: f64,
) -> f64 {
    let lasting = phase::lasting(&recovery.phases_ms);
    let whole: f64 = lasting.iter().map(|&(_, ms)| ms).sum();
    let size = if row >= 36.0 { 16.0 } else { LABEL };
    let mut y = top;
    for (i, &(index, ms)) in lasting.iter().enumerate() {
        if i % 2 == 0 {
            picture.rect((MARGIN, y), (WIDTH - MARGIN, y + row), LANE.with_alpha(0.8));
        }
        let baseline = y + row / 2.0 + 5.0;
        picture.text(
            phase::ALL[index].title,
            (LEFT - 10.0, baseline),
            Anchor::End,
            size,
            INK,
        );
        let mut end = LEFT;
        for piece in pieces.iter().filter(|piece| piece.phase == index) {
            // A phase of milliseconds beside one of minutes must still be seen.
            let (from, to) = (x.at(piece.from), x.at(piece.to));
            let to = to.max(from + 3.0);
            let inset = (row * 0.16).max(2.0);
            picture.rect(
                (from, y + inset),
                (to, y + row - inset),
                palette::phase(index),
            );
            end = end.max(to);
        }
        let text = format!("{}  ({})", number::duration(ms), number::share(ms / whole));
        let left = (end + 8.0).min(WIDTH - 8.0 - font::width(&text, size, false));
        picture.text(text, (left, baseline), Anchor::Start, size, INK);
        y += row;
    }
    y
}

/// The durations in words, where there is no room for rows.
fn call_out(picture: &mut Picture, recovery: &Recovery, top: f64) {
    picture.rect((LEFT - 2.0, top + 3.0), (WIDTH - MARGIN, top + 20.0), WHITE);
    let mut left = LEFT;
    for (index, ms) in phase::lasting(&recovery.phases_ms) {
        let text = format!("{} {}", phase::ALL[index].title, number::duration(ms));
        let width = 14.0 + font::width(&text, 12.0, false);
        if left + width > WIDTH - MARGIN {
            break;
        }
        picture.rect(
            (left, top + 6.0),
            (left + 10.0, top + 16.0),
            palette::phase(index),
        );
        picture.text(text, (left + 14.0, top + 15.5), Anchor::Start, 12.0, INK);
        left += width + 16.0;
    }
}
