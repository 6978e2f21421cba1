//! A logarithm that is the same on every platform, for exponential variates.

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

/// -ln of a draw's upper 53 bits, as a fraction in (0, 1], to about 1e-10. Only additions and
/// multiplications, so the same everywhere, which the platform's own logarithm is not.
#[inline]
pub fn minus_ln(draw: u64) -> f64 {
    // The conversion is exact, and finds the leading one at less cost than counting zeros.
    minus_ln_of(((draw >> 11) + 1) as f64, 53)
}

/// -ln of the product of so many draws' fractions, all in (0, 1]. The product of up to 19 whole numbers of 53 bits is one that a
/// float can hold.
#[inline(always)]
pub fn minus_ln_of_product(draws: u32, mut draw: impl FnMut() -> u64) -> f64 {
    let product = (0..draws).fold(1.0, |product, _| product * ((draw() >> 11) + 1) as f64);
    minus_ln_of(product, 53 * draws as i32)
}

/// -ln of a positive float over two to the power of `scale`.
#[inline]
fn minus_ln_of(value: f64, scale: i32) -> f64 {
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let fraction = bits & ((1 << 52) - 1);
    let (inverse, ln_middle) = TABLE[(fraction >> (52 - CELL_BITS)) as usize];
    let mantissa = f64::from_bits(0x3FF << 52 | fraction);
    let r = mantissa * inverse - 1.0;
    let ln_rest = r - r * r * (0.5 - r * (1.0 / 3.0 - r * 0.25));
    f64::from(scale - exponent) * std::f64::consts::LN_2 - ln_middle - ln_rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::random::{Random, Streams};

    #[test]
    fn the_logarithm_is_close_to_the_true_one() {
        let mut small = Streams::new(4).small("logarithm", "test");
        let edges = [
            0,
            1,
            2,
            3,
            1 << 32,
            (1 << 63) - 1,
            1 << 63,
            (1 << 63) + 1,
            u64::MAX,
        ];
        for draw in edges
            .into_iter()
            .chain((0..400_000).map(|_| small.next_u64()))
        {
            let expected = -(((draw >> 11) + 1) as f64 / 9_007_199_254_740_992.0).ln();
            let error = (minus_ln(draw) - expected).abs();
            assert!(
                error < 1e-9,
                "{draw:#x}: {} instead of {expected}",
                minus_ln(draw)
            );
            assert!(minus_ln(draw) > -1e-9);
        }
    }
}
