//! Giving memory back to the system.

/// How many torrents have to come or go at once for it to be worth a look at all free memory: a
/// hundred are about a megabyte of text on the way.
pub(crate) const TORRENTS_MIN: usize = 100;

/// Gives back what is free. Taking in ten thousand torrents leaves tens of megabytes of holes
/// behind, which glibc keeps for a process that will never need them again; other allocators give
/// memory back by themselves. It takes milliseconds, and other threads wait for it if they
/// allocate.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "no safe crate has malloc_trim")]
        // SAFETY: `malloc_trim(3)` takes no pointer, changes nothing that is in use, and may be
        // called from any thread at any time.
        let given = unsafe { libc::malloc_trim(0) };
        tracing::debug!(is_any = given == 1, "free memory was given back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_env = "gnu")]
    fn holes_between_what_is_used_are_given_back() {
        let resident_bytes = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
            pages * 4096
        };
        // Every fourth stays, so that the end of the heap is not free.
        let blocks: Vec<_> = (0..20_000).map(|_| vec![1_u8; 4000]).collect();
        let kept: Vec<_> = blocks.into_iter().step_by(4).collect();
        let before = resident_bytes();
        give_back();
        let after = resident_bytes();
        assert!(before.saturating_sub(after) > 10 << 20, "{before} {after}");
        assert_eq!(kept.len(), 5000);
    }
}
