//! Giving memory back to the system: by rule while a process runs, and at once after large changes.

/// How many pools glibc makes at most, where it makes eight for each processor: each keeps free
/// memory of its own. Threads that want more than a kilobyte take turns at them, for some hundred
/// nanoseconds each.
#[cfg(target_env = "gnu")]
const POOLS_MAX: libc::c_int = 8;

/// What a pool may keep at its end. glibc has twice the largest block that was ever freed there, so
/// one buffer of fuser (16 MiB) makes it 32 MiB for each pool, and `malloc_trim(3)` leaves the ends
/// of all but the first as they are. A few reads of the largest size (1 MiB) fit, so that readers
/// who take turns do not cost a system call each.
#[cfg(target_env = "gnu")]
const POOL_END_BYTES_MAX: libc::c_int = 4 << 20;

/// From which size on a block is mapped alone, and so is gone when it is freed: more than any read.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES_MIN: libc::c_int = 4 << 20;

/// How many torrents have to come or go at once for it to be worth a look at all free memory: a
/// hundred are about a megabyte of text on the way.
pub(crate) const TORRENTS_MIN: usize = 100;

/// Bounds what the allocator keeps of memory that is free, for the rest of the process. To be
/// called before there are threads; on systems that are not of glibc it does nothing.
///
/// Returns whether the allocator obeyed.
pub fn bound_free_memory() -> bool {
    #[cfg(target_env = "gnu")]
    {
        let set = |name, value| {
            #[expect(unsafe_code, reason = "no safe crate has mallopt")]
            // SAFETY: `mallopt(3)` takes two numbers, changes nothing that is in use, and takes the
            // allocator's lock.
            let is_set = unsafe { libc::mallopt(name, value) };
            is_set == 1
        };
        // Any of the last two ends that glibc moves them by itself.
        set(libc::M_ARENA_MAX, POOLS_MAX)
            && set(libc::M_TRIM_THRESHOLD, POOL_END_BYTES_MAX)
            && set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN)
    }
    #[cfg(not(target_env = "gnu"))]
    true
}

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
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn resident_bytes() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn threads_keep_little_of_what_they_freed() {
        const THREADS: usize = 8;
        assert!(bound_free_memory());
        // Without a bound this raises what a pool keeps to 32 MiB, and each thread keeps 30.
        drop(vec![1_u8; 16 << 20]);
        let before = resident_bytes();
        let (is_freed, is_measured) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        let after = thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    drop((0..60).map(|_| vec![1_u8; 512 << 10]).collect::<Vec<_>>());
                    is_freed.wait();
                    is_measured.wait();
                });
            }
            is_freed.wait();
            give_back();
            let after = resident_bytes();
            is_measured.wait();
            after
        });
        // What other tests take meanwhile is far less than the 240 MiB that went through.
        let grown = after.saturating_sub(before);
        assert!(grown < 80 << 20, "{grown} bytes more than {before}");
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn holes_between_what_is_used_are_given_back() {
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
