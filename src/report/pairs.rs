//! Two variants side by side, seed by seed: a table and JSON.

use serde::Serialize;

use crate::campaign::statistics::Proportion;
use crate::campaign::statistics::is_no_chance;
use crate::campaign::sweep::pairs::Paired;

use super::number;
use super::sweep::{shown_measure, table, value};

#[derive(Clone, Debug, Serialize)]
pub struct Pairs {
    /// What they are.
    pub a: String,
    pub b: String,
    pub first_seed: u64,
    pub seeds: u64,
    pub a_failing: Proportion,
    pub b_failing: Proportion,
    pub measures: Vec<Paired>,
}

pub fn json(pairs: &Pairs) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(pairs).expect("a comparison is made of plain values");
    bytes.push(b'\n');
    bytes
}

pub fn text(pairs: &Pairs) -> String {
    let mut text = format!(
        "A  {}\nB  {}\n{} on the same seeds, {}..{}\n\n",
        pairs.a,
        pairs.b,
        number::counted(pairs.seeds, "pair"),
        pairs.first_seed,
        pairs.first_seed + pairs.seeds
    );
    let header = [
        "",
        "A p50",
        "B p50",
        "A p99",
        "B p99",
        "median of B - A [95 %]",
        "A better",
        "B better",
        "most apart at",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for paired in &pairs.measures {
        let unit = paired.unit;
        let found = &paired.difference;
        let end =
            |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| signed(unit, Some(end)));
        rows.push(vec![
            shown_measure(paired.measure),
            value(unit, paired.a[0]),
            value(unit, paired.b[0]),
            value(unit, paired.a[1]),
            value(unit, paired.b[1]),
            format!(
                "{} [{}, {}]",
                signed(unit, found.value),
                end(found.low),
                end(found.high)
            ),
            paired.a_better.to_string(),
            paired.b_better.to_string(),
            format!(
                "seed {} ({})",
                paired.largest_at,
                signed(unit, paired.largest)
            ),
        ]);
    }
    text.push_str(&table(&rows));
    let failing = |of: &Proportion| format!("{} of {}", of.count, of.of);
    text.push_str(&format!(
        "\nfailing runs: A {}, B {}\n",
        failing(&pairs.a_failing),
        failing(&pairs.b_failing)
    ));
    text.push_str(&verdict(pairs));
    let of_others = |paired: &Paired| paired.measure.starts_with("others_");
    if pairs.measures.iter().any(of_others) {
        text.push_str("other records: those that went through no task that failed\n");
    }
    text.push_str("[low, high]: 95 % interval of the median difference, from order statistics; ?: too few seeds\n");
    text
}

/// In one line, what the totals say.
fn verdict(pairs: &Pairs) -> String {
    let Some(total) = pairs
        .measures
        .iter()
        .find(|paired| paired.measure == "total")
    else {
        return "no seed has a recovery under both\n".to_owned();
    };
    let (low, high) = (total.difference.low, total.difference.high);
    let better = match (low, high) {
        (_, Some(high)) if high < 0.0 => "B recovers sooner",
        (Some(low), _) if low > 0.0 => "A recovers sooner",
        // Runs that are not over have no difference, but a winner.
        (None, None) if is_no_chance(total.a_better, total.b_better) => {
            match total.a_better > total.b_better {
                true => "A recovers sooner",
                false => "B recovers sooner",
            }
        }
        _ => "neither recovers sooner, as far as these seeds can tell",
    };
    let without = match pairs.seeds - total.pairs {
        0 => String::new(),
        without => format!(
            "; {} with no recovery under A or B are left out",
            number::counted(without, "pair")
        ),
    };
    format!(
        "{better}: {}; A is better in {} and B in {} of {} pairs{without}\n",
        match total.difference.value {
            None => "in the median pair one is not over".to_owned(),
            difference => format!("the median difference is {}", signed("ms", difference)),
        },
        total.a_better,
        total.b_better,
        total.pairs
    )
}

fn signed(unit: &str, of: Option<f64>) -> String {
    match (unit, of) {
        (_, None) => "one is not over".to_owned(),
        (_, Some(0.0)) => "0".to_owned(),
        // 11% and 13% are two points apart, not 2%.
        ("share", Some(points)) => format!("{:+.1} points", points * 100.0),
        (_, Some(difference)) if difference < 0.0 => format!("-{}", value(unit, Some(-difference))),
        (_, Some(difference)) => format!("+{}", value(unit, Some(difference))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::statistics::proportion;
    use crate::campaign::sweep::pairs::compare;
    use crate::campaign::sweep::row::tests::row;

    #[test]
    fn differences_are_in_the_unit_of_a_difference() {
        assert_eq!(signed("share", Some(0.016)), "+1.6 points");
        assert_eq!(signed("share", Some(-0.2)), "-20.0 points");
        assert_eq!(signed("bytes", Some(-184_636_000.0)), "-184.6 MB");
        assert_eq!(signed("ms", Some(-10_000.0)), "-10 s");
    }

    #[test]
    fn the_table_says_who_is_better_and_where_to_look() {
        let a: Vec<_> = (0..10)
            .map(|seed| row(seed, 0, seed, Some(40_000.0)))
            .collect();
        let b: Vec<_> = (0..10)
            .map(|seed| row(seed, 1, seed, Some(30_000.0 + seed as f64)))
            .collect();
        let pairs = Pairs {
            a: "a".to_owned(),
            b: "b".to_owned(),
            first_seed: 0,
            seeds: 10,
            a_failing: proportion(0, 10),
            b_failing: proportion(1, 10),
            measures: compare(&a, &b),
        };
        let text = super::text(&pairs);
        assert!(text.contains("B recovers sooner"), "{text}");
        assert!(text.contains("seed 0 (-10 s)"), "{text}");
        assert!(text.contains("of 10 pairs\n"), "{text}");
        let fewer = Pairs {
            measures: compare(&a[1..], &b[1..]),
            ..pairs
        };
        let text = super::text(&fewer);
        assert!(text.contains("1 pair with no recovery"), "{text}");
    }
}
