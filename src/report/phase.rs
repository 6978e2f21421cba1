//! The phases of a recovery as reports show them: one order, one name, one letter.

use crate::drill::outcome::Phases;

/// One phase: how it is called and how to find it.
pub struct Phase {
    /// The field of [`Phases`].
    pub id: &'static str,
    pub title: &'static str,
    /// Stands for the phase where colours cannot.
    pub letter: char,
    value: fn(&Phases) -> f64,
}

const fn phase(
    id: &'static str,
    title: &'static str,
    letter: char,
    value: fn(&Phases) -> f64,
) -> Phase {
    Phase {
        id,
        title,
        letter,
        value,
    }
}

/// All phases in the order in which a recovery passes through them.
pub const ALL: [Phase; 9] = [
    phase("detection", "detection", 'D', |p| p.detection),
    phase("leadership", "leadership", 'L', |p| p.leadership),
    phase("cancellation", "cancellation", 'X', |p| p.cancellation),
    phase("backoff", "backoff", 'B', |p| p.backoff),
    phase("resources", "resources", 'R', |p| p.resources),
    phase("deployment", "deployment", 'P', |p| p.deployment),
    phase("restore", "restore", 'S', |p| p.restore),
    phase("first_output", "first output", 'F', |p| p.first_output),
    phase("catch_up", "catch-up", 'C', |p| p.catch_up),
];

/// The index in [`ALL`] of the phase called `id`.
pub fn index(id: &str) -> Option<usize> {
    ALL.iter().position(|phase| phase.id == id)
}

/// The phase's duration in milliseconds; zero where it is not a positive number.
pub fn duration_ms(phases: &Phases, index: usize) -> f64 {
    let ms = (ALL[index].value)(phases);
    if ms.is_finite() && ms > 0.0 { ms } else { 0.0 }
}

/// The phases that took any time, with their durations in milliseconds.
pub fn lasting(phases: &Phases) -> Vec<(usize, f64)> {
    (0..ALL.len())
        .map(|i| (i, duration_ms(phases, i)))
        .filter(|&(_, ms)| ms > 0.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_fields_of_phases_and_letters_differ() {
        let json = serde_json::to_value(Phases::default()).unwrap();
        let fields: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ALL.iter().map(|phase| phase.id).collect::<Vec<_>>());
        let mut letters: Vec<_> = ALL.iter().map(|phase| phase.letter).collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), ALL.len());
    }

    #[test]
    fn odd_durations_count_as_none() {
        let phases = Phases {
            detection: f64::NAN,
            backoff: -1.0,
            restore: 2.0,
            ..Phases::default()
        };
        assert_eq!(lasting(&phases), [(6, 2.0)]);
    }
}
