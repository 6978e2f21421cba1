//! A configuration of Flink beside a good scenario, in both formats.
#![no_main]

use firedrill::scenario::{Beside, Document, load_with};
use libfuzzer_sys::fuzz_target;

const STORY: &str = include_str!("../../scenarios/fraud-detection.yaml");

fuzz_target!(|bytes: &[u8]| {
    for name in ["config.yaml", "flink-conf.yaml"] {
        let beside = Beside {
            flink_config: Some(Document {
                name: name.to_owned(),
                bytes: bytes.to_vec(),
            }),
            ..Beside::nothing()
        };
        if let Err(error) = load_with(STORY, "x.yaml", &[], &beside) {
            assert!(error.to_string().starts_with("error: "));
        }
    }
});
