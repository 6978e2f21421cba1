//! A scenario of any bytes is loaded, or refused with a message; what is good is the same when it is written and read again.
#![no_main]

use firedrill::scenario::{load, resolved_yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match load(bytes, "x.yaml", &[]) {
        Ok(loaded) => {
            let written = resolved_yaml(&loaded.scenario);
            let again = load(&written, "again.yaml", &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(loaded.scenario, again.scenario);
        }
        Err(error) => assert!(error.to_string().starts_with("error: ")),
    }
});
