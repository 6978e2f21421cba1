//! A table of measured recoveries, and what says what its columns mean.
#![no_main]

use firedrill::campaign::validate::{Columns, Table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Table::read(bytes, "x.csv");
    let _ = Columns::read(&String::from_utf8_lossy(bytes), "x.columns.yml");
});
