//! What a random number costs.

use std::hint::black_box;
use std::time::Instant;

use firedrill::kernel::{Random, Span, Streams};

pub fn print(draws: u32) {
    let streams = Streams::new(1);
    let mut stream = streams.stream("draws", "all");
    let mut small = streams.small("draws", "all");
    let mean = black_box(Span::from_ms(5));
    let chacha_ns = time(draws, || stream.next_u64());
    let xoshiro_ns = time(draws, || small.next_u64());
    let exponential_ns = time(draws, || small.exponential(mean).0);
    println!(
        "a draw: stream {chacha_ns:.1} ns, small stream {xoshiro_ns:.1} ns, exponential from a \
         small stream {exponential_ns:.1} ns"
    );
}

fn time(draws: u32, mut draw: impl FnMut() -> u64) -> f64 {
    let start = Instant::now();
    black_box((0..draws).fold(0, |all, _| all ^ draw()));
    start.elapsed().as_secs_f64() * 1e9 / f64::from(draws)
}
