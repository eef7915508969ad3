//! Returns free memory to the system: by allocator settings while a process runs, and at once after
//! large changes.

/// Maximum number of glibc arenas; the default is eight for each processor. Each arena keeps free
/// memory of its own. Threads that allocate more than a kilobyte share the arenas, and wait some
/// hundred nanoseconds for each other.
#[cfg(target_env = "gnu")]
const POOLS_MAX: libc::c_int = 8;

/// Free bytes that an arena may keep at its top. The default of glibc is twice the largest block
/// ever freed, so one buffer of fuser (16 MiB) raises it to 32 MiB for each arena. `malloc_trim(3)`
/// trims the top of the main arena only. 4 MiB fits a few reads of the largest size (1 MiB), so
/// that concurrent readers do not cost a system call each.
#[cfg(target_env = "gnu")]
const POOL_END_BYTES_MAX: libc::c_int = 4 << 20;

/// Size from which a block is mapped separately and unmapped when it is freed: larger than any
/// read.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES_MIN: libc::c_int = 4 << 20;

/// Number of torrents that have to appear or disappear at once before all free memory is trimmed. A
/// hundred torrents are about a megabyte of text in transit.
pub const TORRENTS_MIN: usize = 100;

/// Limits the free memory that the allocator keeps, for the rest of the process. Must be called
/// before any thread starts. Does nothing on systems without glibc.
///
/// Returns whether the allocator accepted the settings.
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
        // Setting either of the last two disables glibc's dynamic thresholds.
        set(libc::M_ARENA_MAX, POOLS_MAX)
            && set(libc::M_TRIM_THRESHOLD, POOL_END_BYTES_MAX)
            && set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN)
    }
    #[cfg(not(target_env = "gnu"))]
    true
}

/// Returns free memory to the system. Loading ten thousand torrents leaves tens of megabytes of
/// free blocks, which glibc keeps although the process never needs them again. Other allocators
/// return memory by themselves. It takes milliseconds, during which threads that allocate wait.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "no safe crate has malloc_trim")]
        // SAFETY: `malloc_trim(3)` takes no pointer, changes nothing that is in use, and may be
        // called from any thread at any time.
        let given = unsafe { libc::malloc_trim(0) };
        tracing::debug!(is_any = given == 1, "returned free memory to the system");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex, PoisonError};
    use std::thread;

    use super::*;

    /// Held by a test that measures the memory of the process: each would give back what another
    /// one has freed.
    static ALONE: Mutex<()> = Mutex::new(());

    #[cfg(target_env = "gnu")]
    fn resident_bytes() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn threads_keep_little_of_what_they_freed() {
        const THREADS: usize = 8;
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(bound_free_memory());
        // Without the limit this raises the kept top of an arena to 32 MiB, and each thread keeps
        // 30.
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
        // Concurrent tests allocate far less than the 240 MiB that went through.
        let grown = after.saturating_sub(before);
        assert!(grown < 80 << 20, "{grown} bytes more than {before}");
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn holes_between_what_is_used_are_given_back() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // Every fourth block stays allocated, so that the top of the heap is not free.
        let blocks: Vec<_> = (0..20_000).map(|_| vec![1_u8; 4000]).collect();
        let kept: Vec<_> = blocks.into_iter().step_by(4).collect();
        let before = resident_bytes();
        give_back();
        let after = resident_bytes();
        assert!(before.saturating_sub(after) > 10 << 20, "{before} {after}");
        assert_eq!(kept.len(), 5000);
    }
}
