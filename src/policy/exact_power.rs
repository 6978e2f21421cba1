//! Powers of a ratio in whole numbers: floating point would differ between platforms.

/// `floor(initial * (numerator / denominator)^exponent)`, exactly; `u64::MAX` where it does not fit.
pub fn scaled_power(initial: u64, numerator: u32, denominator: u32, exponent: u32) -> u64 {
    assert!(denominator > 0, "a ratio has a denominator");
    let common = gcd(numerator, denominator);
    let (up, down) = (numerator / common, denominator / common);
    if initial == 0 || up == down {
        return initial;
    }
    if up > down && outgrows(initial, up, down, exponent) {
        return u64::MAX;
    }
    let mut number = Large(vec![initial]);
    for _ in 0..exponent {
        number.multiply(up);
    }
    // Dividing step by step with the remainder dropped is dividing once by the product.
    for _ in 0..exponent {
        number.divide(down);
    }
    match number.0[..] {
        [] => 0,
        [value] => value,
        _ => u64::MAX,
    }
}

/// Whether the value passes 2^64 even with each step rounded down, so that no long numbers are needed.
fn outgrows(initial: u64, up: u32, down: u32, exponent: u32) -> bool {
    let mut value = u128::from(initial);
    for _ in 0..exponent {
        let next = value * u128::from(up) / u128::from(down);
        if next > u128::from(u64::MAX) {
            return true;
        }
        // Rounded down it may stand still where the exact value grows; then the caller counts exactly.
        if next == value {
            return false;
        }
        value = next;
    }
    false
}

/// Limbs of 64 bits, the least first.
struct Large(Vec<u64>);

impl Large {
    fn multiply(&mut self, factor: u32) {
        let mut carry = 0;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = product as u64;
            carry = product >> 64;
        }
        if carry > 0 {
            self.0.push(carry as u64);
        }
    }

    fn divide(&mut self, divisor: u32) {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let value = (rest << 64) | u128::from(*limb);
            *limb = (value / u128::from(divisor)) as u64;
            rest = value % u128::from(divisor);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_exact() {
        assert_eq!(scaled_power(1000, 1500, 1000, 0), 1000);
        assert_eq!(scaled_power(1000, 1500, 1000, 4), 5062);
        assert_eq!(scaled_power(1000, 1100, 1000, 2), 1210);
        assert_eq!(scaled_power(1, 2000, 1000, 63), 1 << 63);
        assert_eq!(scaled_power(1, 2000, 1000, 64), u64::MAX);
        assert_eq!(scaled_power(1, 1500, 1000, 100), 406_561_177_535_215_237);
        assert_eq!(scaled_power(1000, 1000, 1000, u32::MAX), 1000);
        assert_eq!(scaled_power(1000, 1500, 1000, u32::MAX), u64::MAX);
        assert_eq!(scaled_power(0, 1500, 1000, 7), 0);
        assert_eq!(scaled_power(1000, 500, 1000, 3), 125);
    }
}
