//! Random numbers: one stream per named purpose and actor, derived from the seed and the names
//! alone, so that a new draw in one place shifts nothing anywhere else.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::logarithm::{minus_ln, minus_ln_of_product};
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
/// parameters, so that runs that differ in a parameter share the rest of their randomness; a sum takes one per term.
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
        // Signed, which the processor converts to at once; a span beyond that is 292 years.
        let span = (minus_ln(self.next_u64()) * mean.0 as f64) as i64;
        Span(span.max(1) as u64)
    }

    /// The sum of so many draws of [`Random::exponential`], but for the rounding of each.
    #[inline]
    fn sum_of_exponentials(&mut self, mean: Span, terms: u64) -> Span {
        const AT_ONCE: u32 = 16;
        let mut sum = 0.0;
        // A number that is known beforehand needs no counting.
        for _ in 0..terms / u64::from(AT_ONCE) {
            sum += minus_ln_of_product(AT_ONCE, || self.next_u64());
        }
        let left = (terms % u64::from(AT_ONCE)) as u32;
        if left > 0 {
            sum += minus_ln_of_product(left, || self.next_u64());
        }
        let span = (sum * mean.0 as f64) as i64;
        Span(span.max(terms as i64) as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 400_000;

    #[test]
    fn first_values_never_change() {
        let streams = Streams::new(7);
        let mut stream = streams.stream("latency", "tm-3");
        let mut small = streams.small("latency", "tm-3");
        let drawn = [(); 3].map(|()| stream.next_u64());
        assert_eq!(
            drawn,
            [
                5_894_791_707_057_504_479,
                8_807_096_883_527_983_830,
                3_910_872_305_433_507_933
            ]
        );
        let drawn = [(); 3].map(|()| small.next_u64());
        assert_eq!(
            drawn,
            [
                16_040_295_483_997_729_322,
                5_292_375_261_910_686_178,
                15_666_229_420_011_374_650
            ]
        );
        let mut spans = streams.stream("restart", "jm-1");
        let spans = [(); 3].map(|()| spans.exponential(Span::from_secs(1)).0);
        assert_eq!(spans, [516_950_468, 3_007_740_025, 1_053_320_166]);
    }

    #[test]
    fn small_streams_are_xoshiro256_plus_plus() {
        // The first values of the authors' own program from the state 1, 2, 3, 4.
        let mut small = SmallStream([1, 2, 3, 4]);
        let drawn = [(); 4].map(|()| small.next_u64());
        assert_eq!(
            drawn,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn names_and_seeds_are_independent() {
        let first = |seed, purpose, actor| Streams::new(seed).stream(purpose, actor).next_u64();
        let all = [
            first(1, "latency", "tm-1"),
            first(2, "latency", "tm-1"),
            first(1, "latency", "tm-2"),
            first(1, "arrivals", "tm-1"),
            first(1, "latencyt", "m-1"), // the border between the names counts
            first(1, "", "latencytm-1"),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(first(1, "latency", "tm-1"), all[0]);
    }

    #[test]
    fn exponentials_have_their_moments() {
        let mean = Span::from_ms(250);
        let mut small = Streams::new(3).small("exponential", "test");
        let (mut sum, mut squares, mut above) = (0.0, 0.0, 0);
        for _ in 0..DRAWS {
            let x = small.exponential(mean).0 as f64 / mean.0 as f64;
            sum += x;
            squares += x * x;
            above += u32::from(x > 3.0);
        }
        let n = f64::from(DRAWS);
        assert!((sum / n - 1.0).abs() < 0.01, "mean {}", sum / n);
        assert!(
            (squares / n - 2.0).abs() < 0.04,
            "second moment {}",
            squares / n
        );
        assert!(
            (f64::from(above) / n - 0.049_787).abs() < 0.002,
            "tail {above}"
        );
    }

    #[test]
    fn a_sum_is_that_of_its_terms() {
        let mean = Span::from_ms(250);
        let mut one = Streams::new(3).small("sum", "test");
        let mut other = one.clone();
        for terms in [0, 1, 2, 15, 16, 17, 100, 4_000] {
            let summed = one.sum_of_exponentials(mean, terms);
            let each = (0..terms).fold(Span::ZERO, |sum, _| sum + other.exponential(mean));
            assert!(
                summed.0.abs_diff(each.0) <= terms,
                "{terms} terms: {summed} instead of {each}"
            );
        }
        assert_eq!(one.next_u64(), other.next_u64());
    }

    #[test]
    fn uniforms_reach_both_ends_and_no_further() {
        let mut stream = Streams::new(5).stream("uniform", "test");
        let (mut sum, mut seen, mut hits) = (0, [0_u32; 5], 0);
        for _ in 0..DRAWS {
            let span = stream.between(Span(10), Span(14)).0;
            seen[(span - 10) as usize] += 1;
            sum += stream.below(1000);
            hits += u32::from(stream.chance_per_mille(20));
        }
        assert!(
            seen.iter()
                .all(|count| count.abs_diff(DRAWS / 5) < DRAWS / 200),
            "{seen:?}"
        );
        assert!((sum as f64 / f64::from(DRAWS) - 499.5).abs() < 2.0);
        assert!(hits.abs_diff(DRAWS / 50) < DRAWS / 1000, "{hits}");
        assert_eq!(stream.between(Span(7), Span(7)), Span(7));
        assert!(!stream.chance_per_mille(0) && stream.chance_per_mille(1000));
        stream.between(Span::ZERO, Span(u64::MAX));
    }

    #[test]
    fn every_draw_takes_one_number() {
        let mut drawn = Streams::new(6).small("count", "test");
        let mut plain = drawn.clone();
        drawn.below(3);
        drawn.between(Span(1), Span(9));
        drawn.chance_per_mille(500);
        drawn.exponential(Span(1_000_000));
        for _ in 0..4 {
            plain.next_u64();
        }
        assert_eq!(drawn.next_u64(), plain.next_u64());
    }
}
