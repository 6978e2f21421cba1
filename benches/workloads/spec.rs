//! What the workloads share, so that other simulators can do the very same work: random streams,
//! variates, checksums. Times are whole nanoseconds.

use std::time::Instant;

use firedrill::kernel::{Observer, Simulation, Time, World};

pub const SECOND_NS: u64 = 1_000_000_000;

/// What a run came to.
pub struct Outcome {
    /// Events as the workload counts them.
    pub events: u64,
    /// Equal for every simulator that does the same work.
    pub checksum: u64,
    /// Wall time of the event loop, without the setup.
    pub wall_s: f64,
    pub digest: u128,
}

/// How a run is watched.
pub struct Watch<'a, O> {
    pub digesting: bool,
    pub observer: &'a mut O,
}

/// Runs to `end` and times the loop.
pub fn timed<W: World, O: Observer<W>>(
    simulation: &mut Simulation<W>,
    end: Time,
    watch: Watch<'_, O>,
) -> f64 {
    simulation.set_digesting(watch.digesting);
    let start = Instant::now();
    simulation
        .run_until(end, watch.observer)
        .expect("the workloads do not stall");
    start.elapsed().as_secs_f64()
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// xoshiro256++, seeded as the comparison asks, which is not how the kernel seeds its own.
#[derive(Clone)]
pub struct Draws([u64; 4]);

impl Draws {
    pub fn new(seed: u64, stream: u64) -> Draws {
        let mut state = seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95);
        Draws([(); 4].map(|()| splitmix(&mut state)))
    }

    #[inline(always)]
    pub fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let drawn = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        drawn
    }

    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// By the platform's own logarithm, as the other drivers do it.
    #[inline(always)]
    pub fn exponential_ns(&mut self, mean_ns: f64) -> u64 {
        let unit = ((self.next() >> 11) + 1) as f64 / 9_007_199_254_740_992.0;
        ((-unit.ln() * mean_ns) as u64).max(1)
    }
}

#[inline(always)]
pub fn mix(accumulated: u64, value: u64) -> u64 {
    (accumulated.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The checksum's part of an actor that handled `count` events.
pub fn fold(accumulated: u64, count: u64) -> u64 {
    accumulated.wrapping_mul(2 * count + 1)
}
