//! FNV-1a, a hash that never changes.
//!
//! Inode numbers, the names of long files and the names of state files depend on it. It is not
//! collision-resistant.

/// The hash of no bytes, in 64 bits.
pub const FNV1A_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// The multiplier, for 64 bits.
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of no bytes, in 32 bits.
const BASIS_32: u32 = 0x811c_9dc5;

/// The multiplier, for 32 bits.
const PRIME_32: u32 = 0x0100_0193;

/// Returns the hash of `bytes` in 64 bits.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_from(FNV1A_BASIS, bytes)
}

/// Continues a hash with more bytes.
#[must_use]
pub fn fnv1a_from(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Returns the hash of `bytes` in 32 bits.
#[must_use]
pub fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(BASIS_32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME_32))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Test vectors of the authors, http://www.isthe.com/chongo/tech/comp/fnv/.
    #[test]
    fn the_hash_is_fnv_1a() {
        for (text, want, want_32) in [
            ("", 0xcbf2_9ce4_8422_2325, 0x811c_9dc5),
            ("a", 0xaf63_dc4c_8601_ec8c, 0xe40c_292c),
            ("foobar", 0x8594_4171_f739_67e8, 0xbf9c_f968),
        ] {
            assert_eq!(fnv1a(text.as_bytes()), want, "{text}");
            assert_eq!(fnv1a_32(text.as_bytes()), want_32, "{text}");
        }
        assert_eq!(fnv1a_from(fnv1a(b"foo"), b"bar"), fnv1a(b"foobar"));
    }
}
