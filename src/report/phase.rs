//! The phases of a recovery as reports show them: one order, one name, one letter.

use crate::drill::outcome::Phases;

/// One phase as it is shown.
pub struct Phase {
    /// The field of [`Phases`].
    pub id: &'static str,
    pub title: &'static str,
    /// Stands for the phase where colours cannot.
    pub letter: char,
}

const fn phase(index: usize, title: &'static str, letter: char) -> Phase {
    Phase {
        id: Phases::ALL[index].0,
        title,
        letter,
    }
}

/// In the order of [`Phases::ALL`].
pub const ALL: [Phase; 9] = [
    phase(0, "detection", 'D'),
    phase(1, "leadership", 'L'),
    phase(2, "cancellation", 'X'),
    phase(3, "backoff", 'B'),
    phase(4, "resources", 'R'),
    phase(5, "deployment", 'P'),
    phase(6, "restore", 'S'),
    phase(7, "first output", 'F'),
    phase(8, "catch-up", 'C'),
];

/// The index in [`ALL`] of the phase called `id`.
pub fn index(id: &str) -> Option<usize> {
    ALL.iter().position(|phase| phase.id == id)
}

/// The phase's duration in milliseconds; zero where it is not a positive number.
pub fn duration_ms(phases: &Phases, index: usize) -> f64 {
    let (_, of) = Phases::ALL[index];
    let ms = of(phases);
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
