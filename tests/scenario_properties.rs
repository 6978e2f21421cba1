//! Whatever stands in the file, loading answers; and what it resolves to loads again as the same.

use firedrill::scenario::{self, Override};
use proptest::prelude::*;

const STORY: &str = include_str!("../scenarios/fraud-detection.yaml");
const OVERLOAD: &str = include_str!("../scenarios/overload.yaml");

/// Loads, shows what there is to show, and checks that a good scenario survives being written.
fn load(bytes: &[u8], overrides: &[Override]) {
    match scenario::load(bytes, "x.yaml", overrides) {
        Ok(loaded) => same_again(&loaded.scenario),
        Err(error) => assert!(error.to_string().starts_with("error: ")),
    }
}

fn same_again(first: &scenario::model::Scenario) {
    let written = scenario::resolved_yaml(first);
    let second = scenario::load(&written, "resolved.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}\n{written}"))
        .scenario;
    assert_eq!(*first, second, "{written}");
    assert_eq!(written, scenario::resolved_yaml(&second));
}

/// Pieces that mean something to YAML, to units or to the format.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,6}",
        "\\PC{0,3}",
        prop::sample::select(vec![
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "!!str ",
            "<<: ",
            "|\n",
            ">\n",
            "\"",
            "'",
            "#",
            "---\n",
            "%",
            "\t",
            "\u{feff}",
            "\0",
            "null",
            "~",
            "-1",
            "0",
            "1e999",
            ".nan",
            "-.inf",
            "0x10",
            "99999999999999999999",
            "0 s",
            "1 ns",
            "..",
            " .. ",
            "tm-1",
            "tm-3",
            "Sink to Database",
            "hash",
            "off",
            "true",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A cluster, a workload, faults and settings within what is possible.
fn small() -> impl Strategy<Value = String> {
    let operators = prop::collection::vec(
        (1_u32..6, 0_u64..3_000_000, 0_u64..5_000_000, 0_u8..3),
        1..4,
    );
    let faults = prop::collection::vec((0_u8..5, 1_u64..60_000, 1_u64..60_000, 1_u32..4_000), 0..4);
    let quantities = (
        1_u32..20_000,
        0.0..10_000.0_f64,
        1_u32..5_000,
        1_u32..1_000_000,
        1_u32..10,
    );
    let names = "[A-Za-z][A-Za-z0-9:#'\"{}\\[\\],&*!|>%@`~ -]{0,8}[A-Za-z]";
    (operators, faults, quantities, names, 0_u32..1_001).prop_map(|(operators, faults, quantities, name, loss)| {
        let (cpu, rate, record, keys, weight) = quantities;
        let quoted = format!("'{}'", name.replace('\'', "''"));
        let mut text = format!(
            "name: small\nabout: {quoted}\nduration: 1 min\nweight: {weight}\ncluster:\n  taskmanagers:\n    - {{name: tm-1, cpu: {}.{:03}}}\n    - {{name: tm-2}}\n  receiver: {{name: {quoted}, loss: {}.{} %}}\n",
            cpu / 1_000 + 1, cpu % 1_000, loss / 10, loss % 10,
        );
        text += &format!("topics:\n  {quoted}: {{partitions: 3, rate: {rate}/s, record-size: {record} B, keys: {keys}}}\n");
        text += &format!("jobs:\n  - name: {quoted}\n    operators:\n      - {{name: source, topic: {quoted}, parallelism: 2}}\n");
        for (index, (parallelism, cpu, state, exchange)) in operators.iter().enumerate() {
            let input = if index == 0 { "source".to_owned() } else { format!("op {}", index - 1) };
            let exchange = match exchange {
                0 => ", exchange: forward".to_owned(),
                1 => format!(", exchange: hash, state: {state} B, key: {quoted}"),
                _ => String::new(),
            };
            text += &format!("      - {{name: op {index}, input: {input}, parallelism: {parallelism}, cpu: {cpu} ns{exchange}}}\n");
        }
        text += "    placement: {tm-2: [source 1, op 0 0]}\nfaults:\n";
        for (kind, at, lasts, factor) in &faults {
            let to = (at + lasts / 2).min(59_999);
            text += &match kind {
                0 => format!("  - {{kill: tm-1, at: {} us, restart-after: {lasts} ms}}\n", at * 1_000 - 1),
                1 => format!("  - {{hang: jm-2, at: {at} ms .. {to} ms, for: {lasts} us}}\n").replace("60000 ms", "59999 ms"),
                2 => format!("  - {{cut-off: tm-2, at: {} ns, for: {lasts} ns}}\n", at),
                3 => format!("  - {{slow: tm-2, at: {} ms, factor: {}.{:03}}}\n", at - 1, factor / 1_000 + 1, factor % 1_000),
                _ => "  - {kill: zk-2, at: 1.5 s}\n".to_owned(),
            };
        }
        text += if faults.is_empty() { "  []\n" } else { "" };
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        load(&bytes, &[]);
    }

    #[test]
    fn arbitrary_pieces(pieces in prop::collection::vec(piece(), 0..40)) {
        load(pieces.concat().as_bytes(), &[]);
    }

    #[test]
    fn mutated_bytes(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = STORY.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        load(&bytes, &[]);
    }

    #[test]
    fn mutated_words(overload in any::<bool>(), edits in prop::collection::vec((any::<prop::sample::Index>(), piece()), 1..4)) {
        let text = if overload { OVERLOAD } else { STORY };
        // Words keep their separators, so that the joined text is the file again.
        let mut words: Vec<String> = text.split_inclusive([' ', '\n', ',', '}', ']']).map(str::to_owned).collect();
        for (at, piece) in edits {
            let at = at.index(words.len());
            words[at] = piece;
        }
        load(words.concat().as_bytes(), &[]);
    }

    #[test]
    fn moved_lines(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), keep in any::<bool>()) {
        let mut lines: Vec<&str> = STORY.lines().collect();
        let line = lines[from.index(lines.len())];
        if !keep {
            lines.remove(from.index(lines.len()));
        }
        let to = to.index(lines.len());
        lines.insert(to, line);
        load(lines.join("\n").as_bytes(), &[]);
    }

    #[test]
    fn arbitrary_overrides(path in prop_oneof!["[a-z.0-9-]{0,20}", Just("faults.0.at".to_owned()), Just("jobs.0.operators.1.cpu".to_owned()), Just("config".to_owned()), Just("cluster.taskmanagers".to_owned())], value in piece()) {
        load(STORY.as_bytes(), &[Override { path, value }]);
    }

    #[test]
    fn texts_survive_being_written(about in "(\\PC|[ \\t\\n]){0,30}", value in any::<String>()) {
        let about = serde_json::to_string(&about).expect("a text");
        let value = serde_json::to_string(&value).expect("a text");
        let text = STORY.replacen("model: story", "profile: {name: custom}\nmodel: story", 1);
        let text = text.replacen("config:", &format!("config:\n  metrics.reporters: {value}"), 1);
        load(text.as_bytes(), &[Override { path: "about".to_owned(), value: about }]);
    }

    #[test]
    fn small_scenarios_survive_being_written(text in small()) {
        let loaded = scenario::load(&text, "small.yaml", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        same_again(&loaded.scenario);
    }
}
