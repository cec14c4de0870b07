//! The decimal digits of integers, computed without a loop.

/// Returns the eight ASCII digits, with leading zeros, of a number below 100,000,000.
///
/// All digits are computed at the same time, each in a byte of one word: two parts of four digits
/// are split into four parts of two digits, and these into eight. Each of these divisions is a
/// multiplication by a constant and a shift.
pub(crate) fn eight_digits(number: u32) -> [u8; 8] {
    debug_assert!(number < 100_000_000, "{number} has more digits");
    let number = u64::from(number);
    let (high, low) = (number / 10_000, number % 10_000);
    let fours = high | (low << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    (ones | u64::from_le_bytes(*b"00000000")).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::eight_digits;

    #[test]
    fn the_digits_are_those_of_the_number() {
        // The two parts of four digits are computed independently.
        for part in 0..10_000 {
            for number in [part, part * 10_000, part * 10_001] {
                let digits = eight_digits(number);
                assert_eq!(digits, format!("{number:08}").as_bytes());
            }
        }
    }
}
