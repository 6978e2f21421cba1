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
