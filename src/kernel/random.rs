//! Random numbers: one stream per named purpose and actor, derived from the seed and the names
//! alone, so that a new draw in one place shifts nothing anywhere else.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::time::Span;

/// The streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    pub fn new(seed: u64) -> Streams {
        Streams { seed }
    }

    /// The stream of an actor for a purpose, from its beginning: some 320 bytes.
    pub fn stream(&self, purpose: &str, actor: &str) -> Stream {
        let mut name = Vec::with_capacity(24 + purpose.len() + actor.len());
        name.extend(self.seed.to_le_bytes());
        for part in [purpose, actor] {
            name.extend((part.len() as u64).to_le_bytes());
            name.extend(part.as_bytes());
        }
        let mut key = [0; 32];
        key[..16].copy_from_slice(&xxh3_128_with_seed(&name, 0).to_le_bytes());
        key[16..].copy_from_slice(&xxh3_128_with_seed(&name, 1).to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// The same in 32 bytes, where thousands of actors draw: a generator seeded from
    /// [`Streams::stream`].
    pub fn small(&self, purpose: &str, actor: &str) -> SmallStream {
        let mut stream = self.stream(purpose, actor);
        SmallStream([(); 4].map(|()| stream.next_u64()))
    }
}

/// ChaCha with eight rounds.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// xoshiro256++ (Blackman, Vigna).
#[derive(Clone, Debug)]
pub struct SmallStream([u64; 4]);

/// What is drawn from a stream. Each method takes exactly one number from it, whatever its
/// parameters, so that runs that differ in a parameter share the rest of their randomness.
pub trait Random {
    fn next_u64(&mut self) -> u64;

    /// Uniform in `0..n`; `n` is not zero. Uneven by less than `n` in 2^64.
    #[inline]
    fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "nothing is below zero");
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform from `min` to `max`, both included.
    #[inline]
    fn between(&mut self, min: Span, max: Span) -> Span {
        assert!(min <= max, "a span between {min} and {max}");
        let width = u128::from(max.0 - min.0) + 1;
        Span(min.0 + ((u128::from(self.next_u64()) * width) >> 64) as u64)
    }

    /// True with a probability of `per_mille` thousandths.
    #[inline]
    fn chance_per_mille(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// Exponentially distributed with the given mean; at least 1 ns.
    #[inline]
    fn exponential(&mut self, mean: Span) -> Span {
        Span(((minus_ln(self.next_u64()) * mean.0 as f64) as u64).max(1))
    }
}

impl Random for Stream {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

impl Random for SmallStream {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let drawn = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        drawn
    }
}

const CELL_BITS: u32 = 7;
const CELLS: usize = 1 << CELL_BITS;

/// For each cell of the mantissas in 1..2: the inverse of its middle, and that inverse's -ln.
static TABLE: [(f64, f64); CELLS] = table();

const fn table() -> [(f64, f64); CELLS] {
    let mut table = [(0.0, 0.0); CELLS];
    let mut cell = 0;
    while cell < CELLS {
        let middle = 1.0 + (cell as f64 + 0.5) / CELLS as f64;
        // ln m = 2 artanh((m - 1) / (m + 1)), an odd series; |z| <= 1/3.
        let z = (middle - 1.0) / (middle + 1.0);
        let (mut power, mut sum, mut term) = (z, 0.0, 0);
        while term < 18 {
            sum += power / (2 * term + 1) as f64;
            power *= z * z;
            term += 1;
        }
        table[cell] = (1.0 / middle, 2.0 * sum);
        cell += 1;
    }
    table
}

/// -ln of a draw taken as a fraction of 2^64, to about 1e-10. Only additions and multiplications,
/// so the same everywhere, which the platform's own logarithm is not.
#[inline]
fn minus_ln(draw: u64) -> f64 {
    let draw = draw | 1;
    let zeros = draw.leading_zeros();
    // The leading one falls off: what is left are the bits after the point, in 1..2.
    let fraction = draw << zeros << 1;
    let (inverse, ln_middle) = TABLE[(fraction >> (64 - CELL_BITS)) as usize];
    let mantissa = f64::from_bits(0x3FF << 52 | fraction >> 12);
    let r = mantissa * inverse - 1.0;
    let ln_rest = r - r * r * (0.5 - r * (1.0 / 3.0 - r * 0.25));
    f64::from(zeros + 1) * std::f64::consts::LN_2 - ln_middle - ln_rest
}
