//! Random secrets.

/// Returns 128 random bits as 32 hexadecimal digits.
pub(crate) fn random_digits() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("Linux and macOS have random numbers");
    format!("{:032x}", u128::from_le_bytes(bits))
}
