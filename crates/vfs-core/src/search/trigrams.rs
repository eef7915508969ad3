//! Bloom filter of the trigrams (three-byte sequences) of texts, to exclude words quickly.

/// Number of hash bits used: the maximum size of a set is 32 KiB.
const HASH_BITS: u32 = 18;

/// Maximum size of a set in words.
const SET_WORDS_MAX: usize = 1 << (HASH_BITS - u64::BITS.ilog2());

/// Bits in a set for each of its trigrams. With eight, one in eight absent trigrams is a false
/// positive; all three of a word of five letters are in one of 500 cases.
const BITS_EACH: usize = 8;

/// Trigrams of some texts. False positives are possible, false negatives are not.
#[derive(Debug)]
pub(super) struct Trigrams {
    /// A power of two of 64-bit words.
    bits: Box<[u64]>,
}

impl Trigrams {
    /// Builds the set. Costs a pass over the texts, and memory in proportion to them.
    pub(super) fn new(texts: &[&[u8]]) -> Self {
        let trigrams_max = texts.iter().map(|text| text.len()).sum();
        let mut all = Self { bits: vec![0; words_for(trigrams_max)].into() };
        for hash in texts.iter().flat_map(|text| hashes(text)) {
            let (word, bit) = all.place(hash);
            if let Some(word) = all.bits.get_mut(word) {
                *word |= bit;
            }
        }
        let count: usize = all.bits.iter().map(|word| word.count_ones() as usize).sum();
        let words = words_for(count).min(all.bits.len());
        // The lower bits of the hashes select the word, so that folding yields a smaller set.
        let mut folded = vec![0; words];
        for part in all.bits.chunks(words) {
            folded.iter_mut().zip(part).for_each(|(to, from)| *to |= from);
        }
        Self { bits: folded.into() }
    }

    /// Returns false only if the texts do not contain the word.
    pub(super) fn may_have(&self, word: &[u8]) -> bool {
        hashes(word).all(|hash| {
            let (word, bit) = self.place(hash);
            self.bits.get(word).is_some_and(|bits| bits & bit != 0)
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val::<[u64]>(&self.bits)
    }

    fn place(&self, hash: u32) -> (usize, u64) {
        let word = (hash >> 6) as usize & (self.bits.len() - 1);
        (word, 1 << (hash & 63))
    }
}

/// Returns the size in words of a set with this many trigrams: a power of two.
fn words_for(count: usize) -> usize {
    count.saturating_mul(BITS_EACH).div_ceil(64).clamp(1, SET_WORDS_MAX).next_power_of_two()
}

/// Returns the hashes of the trigrams of a text; none for fewer than three bytes.
fn hashes(text: &[u8]) -> impl Iterator<Item = u32> {
    text.array_windows().map(|[a, b, c]: &[u8; 3]| {
        let trigram = u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c);
        // Fibonacci hashing: the upper bits depend on the whole trigram.
        trigram.wrapping_mul(0x9e37_79b1) >> (u32::BITS - HASH_BITS)
    })
}

#[cfg(test)]
mod tests {
    use super::Trigrams;

    #[test]
    fn what_is_there_is_never_denied_and_most_of_the_rest_is() {
        let text: String = (0..500).map(|n| format!("name {n} with words\n")).collect();
        let set = Trigrams::new(&[text.as_bytes(), b"other"]);
        assert!(set.memory_bytes() < text.len());
        for start in 0..text.len() - 9 {
            assert!(set.may_have(&text.as_bytes()[start..start + 9]));
        }
        for there in ["other", "", "ot", "ñ"] {
            assert!(set.may_have(there.as_bytes()), "{there}");
        }
        let absent = (0..1000).filter(|n| !set.may_have(format!("{n}zq{n}").as_bytes()));
        assert!(absent.count() > 900);
        assert!(!Trigrams::new(&[]).may_have(b"abc"));
    }
}
