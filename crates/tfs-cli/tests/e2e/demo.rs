//! `tfs demo`: the main function in one command, without a network.

use std::fs;
use std::time::Duration;

use tfs_testkit::isolate;

use crate::support::{run, tfs};

#[test]
fn the_demo_passes_and_leaves_nothing() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(120), |dir| {
        let temporary = dir.join("tmp");
        fs::create_dir(&temporary).unwrap();
        let story = run(tfs(dir).arg("demo").env("TMPDIR", &temporary));
        println!("{story}");
        assert!(story.contains("9 checks passed, 0 failed"), "{story}");
        assert!(story.contains("Demo Film.mkv"), "{story}");
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    });
}
