//! Verdicts as JUnit XML: what CI systems read. A test case for each expectation and invariant.

use crate::campaign::sweep::{Missed, SweepSummary};
use crate::drill::outcome::{ExpectationVerdict, Summary};
use crate::drill::verdict::Verdict;

use super::sweep::{seeds, shown_name};

/// A statement and, where it does not hold, why not.
struct Case {
    name: String,
    failure: Option<String>,
    /// The scenario wants it to fail.
    expected: bool,
}

impl Case {
    fn new(name: impl Into<String>, failure: Option<String>) -> Case {
        Case {
            name: name.into(),
            failure,
            expected: false,
        }
    }

    fn of(verdict: &ExpectationVerdict) -> Case {
        let failure = (!verdict.met).then(|| format!("measured: {}", verdict.measured));
        Case::new(&verdict.text, failure)
    }
}

/// Whether all was well in the end. Where nothing else fails, it was meant to be like that.
fn recovered(failure: Option<String>, others: &[Case]) -> Case {
    let fails = |case: &Case| case.failure.is_some() && !case.expected;
    Case {
        expected: !others.iter().any(fails),
        ..Case::new("every job has recovered", failure)
    }
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// One run: its expectations and invariants. What is broken and does not make the run a bad one is expected.
pub fn run(summary: &Summary, verdict: Verdict) -> Vec<u8> {
    let is_expected = matches!(verdict, Verdict::Met | Verdict::Unmet);
    let expectations = summary.expectations.iter().map(Case::of);
    let invariants = summary.invariants.iter().map(|invariant| Case {
        name: format!("{} invariant {}", invariant.kind, invariant.id),
        failure: invariant.violations.first().map(|first| {
            format!(
                "{} Broken at {} ms: {}",
                invariant.statement, first.at_ms, first.what
            )
        }),
        expected: is_expected,
    });
    let stalled = summary.stall.iter();
    let stalled = stalled.map(|stall| Case::new("the run ends", Some(stall.clone())));
    let mut cases: Vec<Case> = expectations.chain(invariants).chain(stalled).collect();
    let open = (!summary.not_recovered.is_empty()).then(|| summary.not_recovered.join("; "));
    cases.push(recovered(open, &cases));
    document(&[Suite {
        name: format!(
            "{}, {}, seed {}",
            summary.scenario, summary.model, summary.seed
        ),
        cases,
    }])
}

/// A suite per variant of a sweep.
pub fn sweep(summary: &SweepSummary) -> Vec<u8> {
    let suites: Vec<Suite> = summary
        .variants
        .iter()
        .map(|variant| {
            let missed = |what: &str, runs: u64, named: &[u64]| {
                let seeds = seeds(named, runs);
                (runs > 0)
                    .then(|| format!("{what} in {runs} of {} runs: seeds {seeds}", variant.runs))
            };
            let plain = summary
                .expectations
                .iter()
                .zip(&variant.unmet_by_expectation);
            let plain = plain
                .map(|(text, unmet)| Case::new(text, missed("not met", unmet.runs, &unmet.seeds)));
            let over = variant.over_seeds.iter().map(Case::of);
            let invariants = [
                (
                    "safety invariants",
                    variant.unsafe_runs,
                    &variant.unsafe_seeds,
                ),
                ("liveness invariants", variant.stuck, &variant.stuck_seeds),
            ];
            let invariants = invariants
                .map(|(name, runs, seeds)| Case::new(name, missed("broken", runs, seeds)));
            let name = match summary.varied.is_empty() {
                true => summary.scenario.clone(),
                false => format!("{}, {}", summary.scenario, shown_name(summary, variant)),
            };
            let mut cases: Vec<Case> = plain.chain(over).chain(invariants).collect();
            let Missed { runs, seeds } = &variant.not_recovered;
            cases.push(recovered(missed("not recovered", *runs, seeds), &cases));
            Suite { name, cases }
        })
        .collect();
    document(&suites)
}

fn document(suites: &[Suite]) -> Vec<u8> {
    let count = |cases: &[Case], expected: bool| {
        let such = |case: &&Case| case.failure.is_some() && case.expected == expected;
        cases.iter().filter(such).count()
    };
    let failures = |cases: &[Case]| count(cases, false);
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failed: usize = suites.iter().map(|suite| failures(&suite.cases)).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!(
        "<testsuites name=\"firedrill\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\">\n"
    ));
    for suite in suites {
        let name = escaped(&suite.name);
        text.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
            suite.cases.len(),
            failures(&suite.cases),
            count(&suite.cases, true)
        ));
        for case in &suite.cases {
            let head = format!(
                "    <testcase classname=\"{name}\" name=\"{}\"",
                escaped(&case.name)
            );
            match &case.failure {
                None => text.push_str(&format!("{head}/>\n")),
                Some(why) if case.expected => text.push_str(&format!(
                    "{head}>\n      <skipped message=\"the scenario expects it: {}\"/>\n    </testcase>\n",
                    escaped(why)
                )),
                Some(why) => text.push_str(&format!(
                    "{head}>\n      <failure message=\"{0}\">{0}</failure>\n    </testcase>\n",
                    escaped(why)
                )),
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text.into_bytes()
}

/// Text that may stand in an attribute; what XML cannot hold at all becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::outcome::Violation;
    use crate::report::fixture;

    /// A run that does all that it should.
    fn met() -> Summary {
        let mut summary = fixture::story().summary;
        summary
            .expectations
            .iter_mut()
            .for_each(|verdict| verdict.met = true);
        summary
    }

    #[test]
    fn a_missed_expectation_is_a_failure_with_what_was_measured() {
        let mut summary = met();
        let verdict = &mut summary.expectations[0];
        verdict.text = "total < 1 s & \"quick\"".to_owned();
        verdict.met = false;
        let text = String::from_utf8(run(&summary, Verdict::Unsafe)).unwrap();
        assert!(
            text.contains("name=\"total &lt; 1 s &amp; &quot;quick&quot;\""),
            "{text}"
        );
        assert!(text.contains("failures=\"1\""), "{text}");
        let cases = summary.expectations.len() + summary.invariants.len() + 1;
        assert_eq!(text.matches("<testcase").count(), cases);
        assert_eq!(text.matches("<failure").count(), 1);
    }

    #[test]
    fn what_a_scenario_expects_to_be_broken_is_skipped() {
        let mut summary = met();
        let first = Violation {
            at_ms: 1.0,
            event: 1,
            what: "gone".to_owned(),
        };
        summary.invariants[0].violations = vec![first];
        for (verdict, failures) in [(Verdict::Unsafe, 1), (Verdict::Met, 0)] {
            let text = String::from_utf8(run(&summary, verdict)).unwrap();
            assert_eq!(text.matches("<failure").count(), failures, "{text}");
            assert_eq!(text.matches("<skipped").count(), 1 - failures, "{text}");
        }
    }
}
