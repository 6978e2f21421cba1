//! A lane in little: how many tasks ran on the TaskManager, by depth of colour.

use super::super::axis::Scale;
use super::super::palette::{Colour, DEPLOYING, FAULT, RUNNING};
use super::super::picture::Picture;
use super::layout::Lane;

/// The colour that stands for `count` of at most `most` tasks.
pub fn colour(count: usize, most: usize) -> Colour {
    RUNNING.with_alpha(0.25 + 0.75 * count as f64 / most.max(1) as f64)
}

/// Draws the lane between two heights.
pub fn draw(picture: &mut Picture, lane: &Lane<'_>, most: usize, x: &Scale, y: (f64, f64)) {
    // What begins or ends: when, and by how much the tasks waiting and running change.
    let mut changes: Vec<(f64, i64, i64)> = Vec::new();
    for bar in &lane.bars {
        let from = x.at(bar.span.from_ms);
        let to = x.at(bar.span.to_ms.unwrap_or(x.to())).max(from);
        let running = x
            .at(bar.span.running_ms.unwrap_or(f64::INFINITY))
            .clamp(from, to);
        changes.extend([(from, 1, 0), (running, -1, 1), (to, 0, -1)]);
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut waiting, mut running) = (0, 0);
    for (i, &(at, more_waiting, more_running)) in changes.iter().enumerate() {
        waiting += more_waiting;
        running += more_running;
        let until = changes.get(i + 1).map_or(at, |next| next.0);
        if until > at && running > 0 {
            picture.rect((at, y.0), (until, y.1), colour(running as usize, most));
        } else if until > at && waiting > 0 {
            picture.rect((at, y.0), (until, y.1), DEPLOYING);
        }
    }
    let failed = lane.bars.iter().filter(|bar| bar.span.state == "FAILED");
    let mut ends: Vec<f64> = failed
        .filter_map(|bar| bar.span.to_ms)
        .map(|ms| x.at(ms))
        .collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    for at in ends {
        picture.rect((at - 2.0, y.0), (at + 2.0, y.1), FAULT);
    }
}
