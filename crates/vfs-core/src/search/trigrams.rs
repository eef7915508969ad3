//! Which sequences of three bytes a text has, more or less: tells at once that a word is not there.

/// How many bits of a hash are looked at: 32 KiB while a set is made, which is also its largest
/// size.
const HASH_BITS: u32 = 18;

/// How many bits a set has for each trigram that is in it. With eight, one in eight trigrams that
/// are not there seems to be; of a word with five letters all three seem so once in 500 times.
const BITS_EACH: usize = 8;

/// The trigrams of some texts. It may say that a trigram is there that is not, never the reverse.
#[derive(Debug)]
pub(super) struct Trigrams {
    /// A power of two of words of 64 bits.
    bits: Box<[u64]>,
}

impl Trigrams {
    /// Costs a pass over the texts.
    pub(super) fn new(texts: &[&[u8]]) -> Self {
        let mut all = Self { bits: vec![0; 1 << (HASH_BITS - u64::BITS.ilog2())].into() };
        for hash in texts.iter().flat_map(|text| hashes(text)) {
            let (word, bit) = all.place(hash);
            if let Some(word) = all.bits.get_mut(word) {
                *word |= bit;
            }
        }
        let count: usize = all.bits.iter().map(|word| word.count_ones() as usize).sum();
        let words = (count * BITS_EACH).div_ceil(64).next_power_of_two().min(all.bits.len());
        // The lower bits of the hashes choose the word, so that a smaller set is this one folded.
        let mut folded = vec![0; words];
        for part in all.bits.chunks(words) {
            folded.iter_mut().zip(part).for_each(|(to, from)| *to |= from);
        }
        Self { bits: folded.into() }
    }

    /// Returns false if the texts certainly do not have the word.
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

/// Returns the hashes of the trigrams of a text; there are none in one of two bytes.
fn hashes(text: &[u8]) -> impl Iterator<Item = u32> {
    text.array_windows().map(|[a, b, c]: &[u8; 3]| {
        let trigram = u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c);
        // Fibonacci hashing: the upper bits depend on all of the trigram.
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
