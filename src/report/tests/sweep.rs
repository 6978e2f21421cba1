use super::*;
use crate::campaign::sweep::row::tests::row;
use crate::campaign::sweep::{Axis, Plan, Sampling, Seeds};
use crate::scenario::expect::Expectation;

fn summary() -> SweepSummary {
    let axes = vec![Axis::parse("checkpoint.interval=0 s,1 s").unwrap()];
    let plan = Plan::new(
        axes,
        Sampling::Grid,
        Seeds {
            first: 0,
            count: 20,
        },
    )
    .unwrap();
    let total = |case: u64| (case != 39).then_some(30_000.0 + case as f64 * 10.0);
    let rows: Vec<Row> = (0..40)
        .map(|case| row(case, (case / 20) as usize, case % 20, total(case)))
        .collect();
    SweepSummary::of(
        &plan,
        "small",
        &["lost == 0", "total < 1 s", "p50(total) < 1 s"]
            .map(|text| Expectation::parse(text).unwrap()),
        &rows,
    )
}

#[test]
fn the_table_has_a_line_per_variant_and_says_what_it_rests_on() {
    let text = text(&summary(), 100);
    for word in [
        "interval=0 s",
        "30.09 s [30.05 s, 30.14 s]",
        "not over",
        "too few",
        "order statistics",
    ] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
    assert!(text.contains("not met in 40 runs: total < 1 s"), "{text}");
    assert!(
        text.contains("interval=1 s: NOT met: p50(total) < 1 s"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.trim_end() == line));
}

#[test]
fn csv_and_json_hold_every_variant_and_measure() {
    let summary = summary();
    let csv = String::from_utf8(csv(&summary)).unwrap();
    let lines = summary
        .variants
        .iter()
        .map(|variant| variant.measures.len())
        .sum::<usize>();
    assert_eq!(csv.lines().count(), lines + 1);
    let json: serde_json::Value = serde_json::from_slice(&json(&summary)).unwrap();
    assert_eq!(json["variants"][1]["not_caught_up"], 1);
    assert!(json["variants"][1]["measures"][0]["quantiles"][3]["value"].is_null());
}

#[test]
fn phases_of_one_variant_name_their_seeds() {
    let summary = summary();
    let text = phases_text(&summary, &summary.variants[0], 100);
    assert!(
        text.contains("total") && text.contains("detection"),
        "{text}"
    );
    assert!(
        !text.contains("backoff"),
        "what never took time is left out:\n{text}"
    );
}

#[test]
fn the_page_holds_every_run_and_asks_nothing_of_a_network() {
    let rows: Vec<Row> = (0..40)
        .map(|case| {
            row(
                case,
                (case / 20) as usize,
                case % 20,
                (case != 39).then_some(30_000.0),
            )
        })
        .collect();
    let mut summary = summary();
    summary.scenario = "</script><b>&\"".into();
    let command = ["a drill.yaml", "--set", "seed=3"].map(str::to_owned);
    let page = String::from_utf8(page::page(&summary, &command, &rows, &artifacts(&summary)).bytes)
        .unwrap();
    let (code, rest) = page.split_once("id=\"data\">").unwrap();
    let (data, script) = rest.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["summary"]["scenario"], "</script><b>&\"");
    assert_eq!(data["command"][0], "a drill.yaml");
    assert_eq!(data["runs"].as_array().unwrap().len(), 40);
    assert_eq!(data["runs"][39][3], -1, "it was not over");
    assert!(code.contains("default-src 'none'") && !code.contains("</script><b>"));
    for word in ["https:", "src=", "@import", "url(", "fetch(", "import("] {
        assert!(!code.contains(word) && !script.contains(word), "{word}");
    }
}

fn drawn(summary: &SweepSummary, name: &str) -> String {
    let mut artifacts = artifacts(summary).into_iter();
    let found = artifacts.find(|artifact| artifact.name == name).unwrap();
    String::from_utf8(found.bytes).unwrap()
}

/// A mean of the runs that caught up must not look better for those that did not.
#[test]
fn phases_say_how_many_runs_they_are_the_mean_of() {
    let svg = drawn(&summary(), "phases-by-variant.svg");
    assert!(svg.contains("30.29 s (19 of 20)"), "{svg}");
    assert_eq!(svg.matches(" of 20)").count(), 1);
}

#[test]
fn of_many_variants_the_quickest_and_the_slowest_stand_in_that_order() {
    let axes = vec![Axis::parse("execution.checkpointing.interval=1001 ms..1030 ms:30").unwrap()];
    let one = Seeds { first: 0, count: 1 };
    let plan = Plan::new(axes, Sampling::Grid, one).unwrap();
    // Each in turn quicker and slower than the one before.
    let total = |case: u64| 30_000.0 + 10.0 * ((case * 7) % 30) as f64;
    let rows: Vec<Row> = (0..30)
        .map(|case| row(case, case as usize, 0, Some(total(case))))
        .collect();
    let summary = SweepSummary::of(&plan, "small", &[], &rows);
    let svg = drawn(&summary, "phases-by-variant.svg");
    assert!(
        svg.contains("the 10 quickest and the 10 slowest, by median"),
        "{svg}"
    );
    let place = |case: u64| svg.find(&format!("interval={} s", (1_001 + case) as f64 / 1e3));
    let mut by_total: Vec<u64> = (0..30).collect();
    by_total.sort_by(|a, b| total(*a).total_cmp(&total(*b)));
    let places: Vec<usize> = by_total.into_iter().filter_map(place).collect();
    assert_eq!(places.len(), 20);
    assert!(places.is_sorted(), "{places:?}");
    // What is set again stays in Flink's syntax.
    assert!(
        String::from_utf8(csv(&summary))
            .unwrap()
            .contains("1001 ms")
    );
}

#[test]
fn settings_and_measures_read_as_people_write_them() {
    let shown = ["57353 ms", "600 s", "999 ms", "5 ms/s", "story"].map(shown_value);
    assert_eq!(shown, ["57.353 s", "600 s", "999 ms", "5 ms/s", "story"]);
    assert_eq!(shown_measure("catch_up"), "catch-up");
    assert_eq!(shown_measure("latency_p99"), "latency p99");
}
