//! Who told whom what around the fault: a lifeline for each process, an arrow for each message.

mod pick;

use crate::drill::outcome::Outcome;
use crate::report::number;

use super::font;
use super::frame::{MARGIN, TOP, nothing, titled};
use super::palette::{FAULT, GRID, INK, LANE, LINES, SOFT_INK, WHITE};
use super::picture::{Anchor, HEIGHT, Picture, WIDTH};
use pick::{Row, Sequence, What, pick, window};

/// Where the first lifeline may stand: times are to the left.
const LEFT: f64 = MARGIN + 92.0;
const RIGHT: f64 = WIDTH - MARGIN;
/// Below the names of the lifelines.
const FIRST: f64 = TOP + 26.0;
const BOTTOM: f64 = HEIGHT - 18.0;
const ROW_MIN: f64 = 19.0;
const ROW_MAX: f64 = 30.0;
const ACTORS_MAX: usize = 9;
const SIZE: f64 = 12.5;
/// A pause is drawn where it is longer than this, and than this share of all that is shown.
const PAUSE_MS: f64 = 500.0;
const PAUSE_SHARE: f64 = 0.05;

pub fn picture(outcome: &Outcome) -> Picture {
    let summary = &outcome.summary;
    let title = "Messages from the fault until all tasks run";
    let rows_max = ((BOTTOM - FIRST) / ROW_MIN) as usize;
    // The first that somebody acted on.
    let recovery = summary
        .recoveries
        .iter()
        .position(|one| one.detected_ms.is_some());
    let Some(recovery) = recovery else {
        let mut picture = titled(title, summary, "");
        nothing(&mut picture, "Nobody acted on a fault in this run.");
        return picture;
    };
    let (from, to) = window(outcome, recovery);
    let pause = PAUSE_MS.max((to - from) * PAUSE_SHARE);
    // Each row may have a pause before it.
    let fits = |rows: &[Row]| rows.len() + pauses(rows, pause) <= rows_max;
    let sequence = pick(outcome, recovery, fits, ACTORS_MAX);
    let more = match sequence.left_out {
        0 => number::duration(to - from),
        left_out => {
            let lesser = number::counted(left_out as u64, "lesser message");
            format!("{}, {lesser} left out", number::duration(to - from))
        }
    };
    let mut picture = titled(
        title,
        summary,
        &format!("{more}{}", followed(outcome, &sequence)),
    );
    if sequence.rows.is_empty() {
        nothing(
            &mut picture,
            "Nobody remembered what led to what in this run.",
        );
        return picture;
    }
    draw(&mut picture, &sequence, pause);
    picture
}

/// Which TaskManagers are shown: those that something else waited for.
fn followed(outcome: &Outcome, sequence: &Sequence) -> String {
    let all = &outcome.film.taskmanagers;
    let shown = |name: &String| sequence.actors.contains(name);
    let names: Vec<&str> = all
        .iter()
        .map(|tm| &tm.name)
        .filter(|name| shown(name))
        .map(String::as_str)
        .collect();
    match names.len() {
        shown if shown == all.len() => String::new(),
        1..=5 => format!(" · {} of {} TaskManagers", names.join(", "), all.len()),
        shown => format!(" · {shown} of {} TaskManagers", all.len()),
    }
}

/// How many rows stand behind a pause.
fn pauses(rows: &[Row], pause: f64) -> usize {
    rows.windows(2)
        .filter(|pair| pair[1].at_ms - pair[0].at_ms > pause)
        .count()
}

fn draw(picture: &mut Picture, sequence: &Sequence, pause: f64) {
    let count = sequence.rows.len() + pauses(&sequence.rows, pause);
    let row_height = ((BOTTOM - FIRST) / count as f64).clamp(ROW_MIN, ROW_MAX);
    let column = (RIGHT - LEFT) / sequence.actors.len() as f64;
    let x = |actor: &str| {
        let at = sequence
            .actors
            .iter()
            .position(|known| known == actor)
            .unwrap_or(0);
        LEFT + (at as f64 + 0.5) * column
    };
    let end = FIRST + count as f64 * row_height + 4.0;
    for actor in &sequence.actors {
        let at = x(actor);
        let name = font::fitted(actor, 13.0, true, column - 12.0);
        let wide = font::width(&name, 13.0, true) / 2.0 + 6.0;
        picture.rect((at - wide, TOP - 4.0), (at + wide, TOP + 16.0), LANE);
        picture.rect((at - 0.75, TOP + 16.0), (at + 0.75, end), GRID);
        picture.bold(name, (at, TOP + 10.0), Anchor::Middle, 13.0, INK);
    }
    let mut y = FIRST;
    let mut before: Option<f64> = None;
    let mut struck: Vec<(f64, f64)> = Vec::new();
    for row in &sequence.rows {
        if let Some(before) = before
            && row.at_ms - before > pause
        {
            picture.rect((MARGIN, y + 1.0), (RIGHT, y + row_height - 1.0), LANE);
            let text = format!("{} pass", number::duration(row.at_ms - before));
            let at = ((LEFT + RIGHT) / 2.0, y + row_height / 2.0 + 4.0);
            picture.text(text, at, Anchor::Middle, SIZE, SOFT_INK);
            y += row_height;
        }
        // One time for all that happens at it.
        if before != Some(row.at_ms) {
            let time = font::fitted(
                &number::instant(row.at_ms),
                SIZE,
                false,
                LEFT - MARGIN - 8.0,
            );
            picture.text(
                time,
                (MARGIN, y + row_height - 6.0),
                Anchor::Start,
                SIZE,
                SOFT_INK,
            );
        }
        before = Some(row.at_ms);
        match &row.what {
            What::Message {
                from,
                to,
                name,
                sent_ms,
                times,
            } => {
                let took = sent_ms
                    .map(|sent| row.at_ms - sent)
                    .filter(|took| *took >= 1.0);
                let mut label = (*name).to_owned();
                if *times > 1 {
                    label.push_str(&format!(" ×{times}"));
                }
                if let Some(took) = took {
                    label.push_str(&format!(" ({})", number::duration(took)));
                }
                arrow(picture, (x(from), x(to)), y + row_height - 4.0, &label);
            }
            What::Note {
                actor,
                text,
                is_fault,
            } => {
                note(picture, x(actor), y + row_height - 6.0, text, *is_fault);
                if *is_fault {
                    struck.push((x(actor), y + row_height - 10.0));
                }
            }
        }
        y += row_height;
    }
    for at in struck {
        picture.cross(at, 6.0, FAULT, 2.5);
    }
}

/// A line with a head, its name above it.
fn arrow(picture: &mut Picture, (from, to): (f64, f64), y: f64, label: &str) {
    let colour = LINES[0];
    let toward = if to > from { 1.0 } else { -1.0 };
    picture.line(vec![(from, y), (to - toward, y)], colour, 1.5);
    picture.line(
        vec![
            (to - 7.0 * toward, y - 4.0),
            (to - toward, y),
            (to - 7.0 * toward, y + 4.0),
        ],
        colour,
        1.5,
    );
    let label = font::fitted(label, SIZE, false, RIGHT - LEFT);
    let half = font::width(&label, SIZE, false) / 2.0;
    let middle = ((from + to) / 2.0).clamp(LEFT + half, (RIGHT - half).max(LEFT + half));
    picture.rect(
        (middle - half - 2.0, y - 13.0),
        (middle + half + 2.0, y - 1.5),
        WHITE,
    );
    picture.text(label, (middle, y - 3.5), Anchor::Middle, SIZE, INK);
}

/// A dot on a lifeline, and words on the side that has more room.
fn note(picture: &mut Picture, x: f64, baseline: f64, text: &str, is_fault: bool) {
    let colour = if is_fault { FAULT } else { SOFT_INK };
    picture.rect((x - 3.0, baseline - 7.0), (x + 3.0, baseline - 1.0), colour);
    let (anchor, at, room) = match x < (LEFT + RIGHT) / 2.0 {
        true => (Anchor::Start, x + 10.0, RIGHT - x - 10.0),
        false => (Anchor::End, x - 10.0, x - 10.0 - LEFT),
    };
    let text = font::fitted(text, SIZE, is_fault, room);
    let width = font::width(&text, SIZE, is_fault);
    let left = if anchor == Anchor::Start {
        at
    } else {
        at - width
    };
    picture.rect(
        (left - 2.0, baseline - 10.0),
        (left + width + 2.0, baseline + 3.0),
        WHITE,
    );
    match is_fault {
        true => picture.bold(text, (at, baseline), anchor, SIZE, colour),
        false => picture.text(text, (at, baseline), anchor, SIZE, colour),
    }
}
