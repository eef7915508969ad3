//! Hostile names through the kernel: each file is found, opened and read by its path.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tfs_testkit::hostile::hostile_cases;

use crate::support::{Fixture, check_file, run};

#[test]
fn files_of_hostile_names_open_and_read() {
    run(tfs_testkit::test_name!(), |dir| {
        let cases = hostile_cases();
        let fixture = Fixture::new(cases.iter().flat_map(|case| case.torrents.clone()));
        let mount = fixture.mount(dir);
        let mut paths = HashMap::new();
        collect(mount.mountpoint(), &mut paths);
        let mut file_count = 0;
        for case in &cases {
            for (id, len, _) in case.files() {
                let path = paths.get(&len).unwrap_or_else(|| panic!("{} is lost", case.what));
                check_file(path, id);
                file_count += 1;
            }
        }
        assert_eq!(paths.len(), file_count);
        // An unmodified program handles them too, and prints one line for each file.
        let find = Command::new("find").arg(mount.mountpoint()).args(["-type", "f"]).output();
        let lines = find.unwrap().stdout.split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(lines, file_count);
        fixture.finish(mount);
    });
}

/// Finds all files by their lengths.
fn collect(dir: &Path, paths: &mut HashMap<u64, PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), paths);
        } else {
            let len = fs::metadata(entry.path()).unwrap().len();
            assert_eq!(paths.insert(len, entry.path()), None);
        }
    }
}
