//! The phases of a recovery as one bar of characters, with its legend.

use crate::drill::outcome::Phases;
use crate::report::{number, phase};

use super::page::{Page, Tone};

/// The terminal's 256 colours that come nearest to those of the plots.
const COLOURS: [u8; 9] = [179, 61, 125, 143, 133, 117, 29, 168, 73];

/// Writes the bar and a line per phase.
pub fn write(page: &mut Page, phases: &Phases) {
    let lasting = phase::lasting(phases);
    let whole: f64 = lasting.iter().map(|&(_, ms)| ms).sum();
    if lasting.is_empty() {
        return;
    }
    let cells = cells(&lasting, page.width().min(100) - 4);
    let mut bar = String::from("  ");
    for (&(index, _), &count) in lasting.iter().zip(&cells) {
        bar.push_str(&if page.colour() {
            painted(index, &"█".repeat(count))
        } else {
            phase::ALL[index].letter.to_string().repeat(count)
        });
    }
    page.verbatim(&bar);
    for (index, ms) in lasting {
        let phase = &phase::ALL[index];
        let key = if page.colour() {
            painted(index, "█")
        } else {
            phase.letter.to_string()
        };
        let line = format!(
            "  {key} {:<13} {:>10}  {:>5}",
            phase.title,
            number::duration(ms),
            number::share(ms / whole)
        );
        page.verbatim(&line);
    }
    page.hanging(Tone::Plain, "", 0, "");
}

fn painted(index: usize, text: &str) -> String {
    format!("\x1b[38;5;{}m{text}\x1b[0m", COLOURS[index])
}

/// How many of `width` cells each phase gets: at least one, the rest by its share.
fn cells(lasting: &[(usize, f64)], width: usize) -> Vec<usize> {
    assert!(width >= lasting.len(), "each phase has a cell");
    let whole: f64 = lasting.iter().map(|&(_, ms)| ms).sum();
    let free = width - lasting.len();
    let exact: Vec<f64> = lasting
        .iter()
        .map(|&(_, ms)| ms / whole * free as f64)
        .collect();
    let mut cells: Vec<usize> = exact.iter().map(|share| share.floor() as usize).collect();
    // What rounding down left over goes to those that lost most by it.
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let left_over = free.saturating_sub(cells.iter().sum());
    for &index in order.iter().cycle().take(left_over) {
        cells[index] += 1;
    }
    cells.iter().map(|count| count + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_fill_the_bar_and_leave_no_phase_out() {
        let lasting = [
            (0, 40_400.0),
            (4, 30.0),
            (5, 120.0),
            (6, 900.0),
            (8, 6_000.0),
        ];
        let cells = cells(&lasting, 76);
        assert_eq!(cells.iter().sum::<usize>(), 76);
        assert!(cells.iter().all(|count| *count >= 1));
        assert_eq!(cells, [62, 1, 1, 2, 10]);
    }
}
