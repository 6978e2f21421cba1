//! Whatever fails, and whenever: no safety invariant breaks, no record is lost or doubled, nothing panics or stalls, a
//! seed gives the same digest again; and where somebody survives, all is well a while after the last fault.
//!
//! `FIREDRILL_CASES=5000` tries more cases than the 48 of every day, `FIREDRILL_CASES=300..301` those numbers.

mod case;
mod promise;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use case::Case;
use promise::Broken;

const CASES: u64 = 48;
/// Attempts to make a failing case smaller.
const SHRINKS_MAX: u32 = 300;

fn cases() -> Range<u64> {
    let Ok(text) = std::env::var("FIREDRILL_CASES") else {
        return 0..CASES;
    };
    let number = |text: &str| {
        text.parse()
            .expect("FIREDRILL_CASES is a count, or a range like 300..400")
    };
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&text),
    }
}

/// What breaks in a case, panics included.
fn broken(case: &Case) -> Option<Broken> {
    catch_unwind(AssertUnwindSafe(|| promise::broken(case))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Some(Broken {
            promise: "nothing panics".to_owned(),
            what: text.unwrap_or_default(),
        })
    })
}

/// The smallest case found that breaks the same promise.
fn shrunk(tree: &mut impl ValueTree<Value = Case>, first: Broken) -> (Case, Broken) {
    let mut smallest = (tree.current(), first);
    for _ in 0..SHRINKS_MAX {
        let found = broken(&tree.current()).filter(|broken| broken.promise == smallest.1.promise);
        let go_on = match found {
            Some(broken) => {
                smallest = (tree.current(), broken);
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !go_on {
            break;
        }
    }
    smallest
}

#[test]
fn whatever_fails_the_promises_hold() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut failures: BTreeMap<String, (u64, Case, Broken, u32)> = BTreeMap::new();
    for number in cases() {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut tree = case::case()
            .new_tree(&mut runner)
            .expect("cases can be drawn");
        let Some(first) = broken(&tree.current()) else {
            continue;
        };
        if let Some(known) = failures.get_mut(&first.promise) {
            known.3 += 1;
            continue;
        }
        let (smallest, broken) = shrunk(&mut tree, first);
        eprintln!(
            "case {number}: {}: {}\n{}",
            broken.promise,
            broken.what,
            smallest.to_yaml()
        );
        failures.insert(broken.promise.clone(), (number, smallest, broken, 1));
    }
    let _ = std::panic::take_hook();
    let tell = |(number, case, broken, times): &(u64, Case, Broken, u32)| {
        format!(
            "case {number} ({times} such): {}: {}\n{}",
            broken.promise,
            broken.what,
            case.to_yaml()
        )
    };
    assert!(
        failures.is_empty(),
        "{}",
        failures.values().map(tell).collect::<Vec<_>>().join("\n")
    );
}
