//! The search: a Latin hypercube over all keys, then steps along each key from the best, halved where none is better
//! (Hooke and Jeeves 1961). All settings run under the same seeds, so that the best is well defined.

use std::collections::{BTreeMap, BTreeSet};

use crate::campaign::sweep::vary::{Axis, Values, overrides};
use crate::kernel::random::{Random, Streams};
use crate::scenario::Override;

use super::goal::{Goal, Score};
use super::{Bench, Tried};

/// Into how many parts each range is cut: the answer is as fine as one of them.
const PARTS: u64 = 1 << 10;

/// A place on each key's range, or in its list.
pub type Place = Vec<u64>;

pub struct Found {
    /// Values of the keys.
    pub best: Vec<String>,
    /// Everything that was tried, by its values.
    pub tried: BTreeMap<Vec<String>, Tried>,
}

/// What was tried, and which of it the scenario warns of.
#[derive(Default)]
struct Settings {
    rows: BTreeMap<Vec<String>, Tried>,
    warned: BTreeSet<Vec<String>>,
}

/// Tries up to so many settings. None: interrupted.
///
/// # Errors
/// What the bench says.
pub fn search<E>(
    axes: &[Axis],
    goal: &Goal,
    settings_max: usize,
    bench: &mut impl Bench<E>,
) -> Result<Option<Found>, E> {
    let mut tried = Settings::default();
    let score = |tried: &Settings, place: &Place| {
        let values = values(axes, place);
        let rows = tried.rows.get(&values).and_then(Option::as_ref);
        let warned = tried.warned.contains(&values);
        rows.map_or(Score::WORST, |rows| goal.score(rows, warned))
    };
    let mut places = start(axes, settings_max);
    if !run(axes, &places, settings_max, bench, &mut tried)? {
        return Ok(None);
    }
    let best_of = |tried: &Settings, places: &[Place]| {
        let mut places = places.iter();
        let first = places.next().cloned().unwrap_or_default();
        places.fold(first, |best, place| {
            match score(tried, place).order(&score(tried, &best)) {
                std::cmp::Ordering::Less => place.clone(),
                _ => best,
            }
        })
    };
    let mut best = best_of(&tried, &places);
    let mut step = PARTS / 4;
    while step > 0 && tried.rows.len() < settings_max {
        places = around(axes, &best, step);
        if !run(axes, &places, settings_max, bench, &mut tried)? {
            return Ok(None);
        }
        // What is better along one key each may be better still together.
        let together = together(axes, &best, &places, |place| {
            score(&tried, place).order(&score(&tried, &best)).is_lt()
        });
        if !run(
            axes,
            std::slice::from_ref(&together),
            settings_max,
            bench,
            &mut tried,
        )? {
            return Ok(None);
        }
        places.push(together);
        let found = best_of(&tried, &places);
        match score(&tried, &found).order(&score(&tried, &best)).is_lt() {
            true => best = found,
            false => step /= 2,
        }
    }
    Ok(Some(Found {
        best: values(axes, &best),
        tried: tried.rows,
    }))
}

/// Runs what has not been tried yet. False: interrupted.
fn run<E>(
    axes: &[Axis],
    places: &[Place],
    settings_max: usize,
    bench: &mut impl Bench<E>,
    tried: &mut Settings,
) -> Result<bool, E> {
    let mut fresh: Vec<Vec<String>> = Vec::new();
    for place in places {
        let values = values(axes, place);
        if !tried.rows.contains_key(&values) && !fresh.contains(&values) {
            fresh.push(values);
        }
    }
    fresh.truncate(settings_max.saturating_sub(tried.rows.len()));
    if fresh.is_empty() {
        return Ok(true);
    }
    let settings: Vec<Vec<Override>> = fresh.iter().map(|values| overrides(axes, values)).collect();
    match bench.run(&settings, false)? {
        None => Ok(false),
        Some(rows) => {
            let warned = fresh.iter().zip(&settings);
            let warned = warned.filter(|(_, setting)| bench.warns_of(setting));
            tried
                .warned
                .extend(warned.map(|(values, _)| values.clone()));
            tried.rows.extend(fresh.into_iter().zip(rows));
            Ok(true)
        }
    }
}

fn size(axis: &Axis) -> u64 {
    match &axis.values {
        Values::List(list) => list.len() as u64,
        Values::Range(..) => PARTS + 1,
    }
}

fn values(axes: &[Axis], place: &Place) -> Vec<String> {
    let value = |(axis, place): (&Axis, &u64)| match &axis.values {
        Values::List(list) => list[*place as usize].clone(),
        Values::Range(range, _) => range.at(*place, PARTS),
    };
    axes.iter().zip(place).map(value).collect()
}

/// Spread over everything, with both ends of each range.
fn start(axes: &[Axis], settings_max: usize) -> Vec<Place> {
    let samples = (4 * axes.len() + 4).min(settings_max.max(1)) as u64;
    let streams = Streams::new(1);
    let columns: Vec<Vec<u64>> = axes
        .iter()
        .map(|axis| {
            let mut stream = streams.stream("tune", &axis.key);
            let last = size(axis) - 1;
            let place = |sample: u64| sample * last / (samples - 1).max(1);
            let mut places: Vec<u64> = (0..samples).map(place).collect();
            for end in (1..places.len()).rev() {
                places.swap(end, stream.below(end as u64 + 1) as usize);
            }
            places
        })
        .collect();
    let row = |sample: usize| columns.iter().map(|column| column[sample]).collect();
    (0..samples as usize).map(row).collect()
}

/// One step along each key, both ways; every other item of a list.
fn around(axes: &[Axis], best: &Place, step: u64) -> Vec<Place> {
    let mut places = Vec::new();
    for (key, axis) in axes.iter().enumerate() {
        let moved = |to: u64| {
            let mut place = best.clone();
            place[key] = to;
            place
        };
        match &axis.values {
            Values::List(list) => {
                let others = (0..list.len() as u64).filter(|item| *item != best[key]);
                places.extend(others.map(moved));
            }
            Values::Range(..) => {
                places.push(moved(best[key].saturating_sub(step)));
                places.push(moved((best[key] + step).min(PARTS)));
            }
        }
    }
    places
}

/// The first better step of each key, all at once.
fn together(
    axes: &[Axis],
    best: &Place,
    places: &[Place],
    better: impl Fn(&Place) -> bool,
) -> Place {
    let mut all = best.clone();
    for key in 0..axes.len() {
        let step = places
            .iter()
            .find(|place| place[key] != best[key] && better(place));
        if let Some(step) = step {
            all[key] = step[key];
        }
    }
    all
}
