//! Pairs of real names: which file follows which.

use super::*;

/// Checks which of some files of the same torrent follows; an empty `want` for none.
#[track_caller]
fn check_of(path: &str, others: &[&str], is_same_torrent: bool, want: &str) {
    let candidates: Vec<_> =
        others.iter().map(|path| NextCandidate { path, is_same_torrent }).collect();
    let found = NextFinder::new(path).and_then(|finder| finder.find(&candidates));
    let found = found.map_or("", |next| others[next.index]);
    assert_eq!(found, want, "after {path}, {:?}", EpisodeNumber::of(path));
}

#[track_caller]
fn check(path: &str, want: &str) {
    check_of(path, &[path, want], false, want);
    // The other way round nothing follows.
    check_of(want, &[path, want], false, "");
}

#[track_caller]
fn check_none(path: &str, other: &str) {
    check_of(path, &[path, other], false, "");
}

#[test]
fn the_next_episode_follows_by_its_name() {
    for (path, next) in [
        ("The.Show.S01E01.1080p.WEB.h264-GRP.mkv", "The.Show.S01E02.1080p.WEB.h264-GRP.mkv"),
        ("The.Show.S01E09.mkv", "The.Show.S01E10.mkv"),
        ("The.Show.S01E99.mkv", "The.Show.S01E100.mkv"),
        ("The.Show.s01e01.mkv", "the show S01E02.mp4"),
        ("The Show - S01E01 - Pilot.mkv", "The Show - S01E02 - Second.mkv"),
        ("The Show (2019) - S01E01 - Pilot.mkv", "The Show (2019) - S01E02 - Second.mkv"),
        ("The.Show.2019.S01E01.mkv", "The Show S01E02.mkv"),
        ("Greys.Anatomy.S01E01.mkv", "Grey's Anatomy S01E02.mkv"),
        ("Law & Order S01E01.mkv", "Law.and.Order.S01E02.mkv"),
        ("The.Show.S01.E01.mkv", "The.Show.S01.E02.mkv"),
        ("The Show S01 E01.mkv", "The Show S01 - E02.mkv"),
        ("The_Show_S1E1.avi", "The_Show_S1E2.avi"),
        ("The.Show.S01EP01.mkv", "The.Show.S01EP02.mkv"),
        ("The.Show.S2019E01.mkv", "The.Show.S2019E02.mkv"),
        ("The.Show.T01E01.mkv", "The.Show.T01E02.mkv"),
        ("The Show - 1x01 - Pilot.avi", "The Show - 1x02 - Second.avi"),
        ("the.show.1x01.hdtv-grp.avi", "The.Show.S01E02.HDTV-GRP.avi"),
        ("The Show [1x01].avi", "The Show [1x02].avi"),
        ("The.Show.10x10.avi", "The.Show.10x11.avi"),
        // Several episodes in one file.
        ("The.Show.S01E01.mkv", "The.Show.S01E02E03.mkv"),
        ("The.Show.S01E01E02.mkv", "The.Show.S01E03.mkv"),
        ("The.Show.S01E01-E02.1080p.mkv", "The.Show.S01E03.1080p.mkv"),
        ("The Show S01E01-02 Pilot.mkv", "The Show S01E03.mkv"),
        ("The.Show.S01E01E02E03.mkv", "The.Show.S01E04.mkv"),
        ("The Show S01E01 - E02.mkv", "The Show S01E03.mkv"),
        ("The.Show.S01E01-720p.mkv", "The.Show.S01E02-720p.mkv"),
        // Words.
        ("The Show Season 1 Episode 1.mp4", "The Show Season 1 Episode 2.mp4"),
        ("Die Serie Staffel 1 Folge 1.mp4", "Die Serie Staffel 1 Folge 2.mp4"),
        ("La Serie Temporada 1 Capitulo 01.mp4", "La Serie Temporada 1 Capitulo 02.mp4"),
        ("The Show Episode 1.mp4", "The Show Episode 2.mp4"),
        ("The Show Ep. 09.mp4", "The Show Ep. 10.mp4"),
        ("The.Show.E01.mkv", "The.Show.E02.mkv"),
        ("Planet.Documentary.1of6.Poles.avi", "Planet.Documentary.2of6.Caves.avi"),
        // The season of the folder.
        ("The Show/Season 1/The Show E01.mkv", "The Show/Season 1/The Show E02.mkv"),
        ("The Show/Season 1/S01E01.mkv", "The Show/Season 1/S01E02.mkv"),
        ("The Show/Season 01/01 - Pilot.mkv", "The Show/Season 01/02 - Second.mkv"),
        ("The Show/S01/09.mkv", "The Show/S01/10.mkv"),
        ("The.Show.S01.1080p-GRP/S01E01.mkv", "The Show/Season 1/S01E02.mkv"),
        ("The Show/Season 1/Episode 1.mkv", "The Show/Season 1/Episode 2.mkv"),
        ("Shows/The Show/S01E01.mkv", "The.Show.S01E02.mkv"),
        // The end of a season.
        ("The.Show.S01E10.mkv", "The.Show.S02E01.mkv"),
        ("The Show/Season 1/10 - End.mkv", "The Show/Season 2/01 - Start.mkv"),
        ("The Show/Season 1/S01E10.mkv", "The Show/Season 2/S02E01.mkv"),
        ("The.Show.S01E10.mkv", "The.Show.S02E11.mkv"),
        ("The Show - 1x10.avi", "The Show - 2x01.avi"),
        ("[Group] Title - 12 [1080p].mkv", "[Group] Title S2 - 01 [1080p].mkv"),
    ] {
        check(path, next);
    }
}

#[test]
fn absolute_numbers_dates_and_parts_are_followed() {
    for (path, next) in [
        // Anime.
        ("[Group] Title - 01 [1080p][ABCDEF12].mkv", "[Group] Title - 02 [1080p][12345678].mkv"),
        ("[Group] Title - 12v2 [720p].mkv", "[Group] Title - 13 [720p].mkv"),
        ("[Group] Title - 11 (1080p).mkv", "[Group] Title - 12v2 (1080p).mkv"),
        ("[Group] Title - 11.mkv", "[Group] Title - 12 END.mkv"),
        ("[Group] Title S2 - 05 (1080p) [A].mkv", "[Group] Title S2 - 06 (1080p) [B].mkv"),
        ("[Group] Title 2nd Season - 05.mkv", "[Other] Title S2 - 06.mkv"),
        ("[Group]_Title_-_01_[720p].mkv", "[Group]_Title_-_02_[720p].mkv"),
        ("[Group][Title][01][1080P].mp4", "[Group][Title][02][1080P].mp4"),
        ("One Title - 999.mkv", "One Title - 1000.mkv"),
        ("[Group] Title 第01話.mp4", "[Group] Title 第02話.mp4"),
        ("Title - 01 - Name.mkv", "Title - 02 - Other.mkv"),
        // Daily shows.
        ("The.Daily.2024.03.01.Guest.720p.mkv", "The.Daily.2024.03.04.Other.720p.mkv"),
        ("The Daily 2024-02-29.mkv", "The Daily 2024-03-01.mkv"),
        // Numbers that are no episodes.
        ("1923.S01E01.mkv", "1923.S01E02.mkv"),
        ("24.S01E01.mkv", "24.S01E02.mkv"),
        ("The.4400.S01E01.mkv", "The.4400.S01E02.mkv"),
        ("Show.S01E01.x264.1920x1080.mkv", "Show.S01E02.x264.1920x1080.mkv"),
        // Parts.
        ("Film.CD1.avi", "Film.CD2.avi"),
        ("Film part1.mkv", "Film part2.mkv"),
        ("The Film/pt 9.mkv", "The Film/pt 10.mkv"),
        ("A/01 - x.mkv", "A/02 - x.mkv"),
    ] {
        check(path, next);
    }
}

#[test]
fn other_files_do_not_follow() {
    for (path, other) in [
        ("The.Show.S01E01.mkv", "The.Show.S01E03.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.S02E02.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.S03E01.mkv"),
        ("The.Show.S01E01.mkv", "The.Other.Show.S01E02.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.US.S01E02.mkv"),
        ("The.Show.2004.S01E01.mkv", "The.Show.1978.S01E02.mkv"),
        ("The.Show.S00E01.mkv", "The.Show.S01E01.mkv"),
        ("The.Show.S01E10.mkv", "The.Show.S00E01.mkv"),
        ("The.Show.S00E01.mkv", "The.Show.S00E03.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.S01E02.srt"),
        ("The.Show.S01E01.mkv", "Sample/The.Show.S01E02.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.S01E02.sample.mkv"),
        ("The.Show.S01E01.mkv", "The.Show.S01E02-sample.mkv"),
        ("[Group] Title - 12.mkv", "[Group] Title - 12.5.mkv"),
        ("[Group] Title - 12.mkv", "[Group] Title - NCOP1.mkv"),
        ("[Group] Title - 01.mkv", "[Group] Title - 01v2.mkv"),
        ("S01E01.mkv", "Other/S01E02.mkv"),
        ("A Film (2010).mkv", "B Film (2011).mkv"),
        ("A Film 2010.mkv", "A Film 2012.mkv"),
        ("Film - 2001.mkv", "Film - 2002 (b).mkv"),
        ("notes.txt", "notes2.txt"),
        ("a.srt", "b.srt"),
        ("a.rar", "b.rar"),
        ("x/01 a.flac", "y/02 b.flac"),
    ] {
        check_none(path, other);
    }
    check_none("same.S01E01.mkv", "same.S01E01.mkv");
}

#[test]
fn a_missing_episode_is_not_skipped_for_the_next_season() {
    let files = ["Show.S01E01.mkv", "Show.S01E03.mkv", "Show.S02E01.mkv"];
    check_of(files[0], &files, true, "");
    check_of(files[1], &files, true, files[2]);
    check_of(files[2], &files, true, "");
}

#[test]
fn the_same_quality_group_and_torrent_are_preferred() {
    let path = "Show.S01E01.1080p.WEB.x264-AAA.mkv";
    let others = [
        "Show.S01E02.2160p.WEB.x265-AAA.mkv",
        "Show.S01E02.1080p.WEB.x264-BBB.mkv",
        "Show.S01E02.1080p.WEB.x264-AAA.mkv",
        "Show.S01E02.720p.WEB.x264-AAA.mkv",
    ];
    check_of(path, &others, false, others[2]);
    check_of(path, &others[..2], false, others[1]);
    let candidates = [("a/Show.S01E02.mkv", false), ("b/Show.S01E02.mkv", true)];
    let candidates =
        candidates.map(|(path, is_same_torrent)| NextCandidate { path, is_same_torrent });
    let found = NextFinder::new("b/Show.S01E01.mkv").unwrap().find(&candidates).unwrap();
    assert_eq!(found.index, 1);
}

#[test]
fn within_a_torrent_the_order_of_the_folder_counts() {
    let film = ["t/b.mkv", "t/a.mkv", "t/a10.mkv", "t/a9.mkv", "t/a9.srt", "t/Sample/a.mkv"];
    check_of("t/a.mkv", &film, true, "t/a9.mkv");
    check_of("t/a9.mkv", &film, true, "t/a10.mkv");
    check_of("t/a10.mkv", &film, true, "t/b.mkv");
    check_of("t/b.mkv", &film, true, "");
    // Films of other torrents in one folder do not follow each other.
    check_of("t/a.mkv", &film, false, "");
    let album = ["t/01 x.flac", "t/01 x.mp3", "t/02 y.flac", "t/02 y.mp3", "t/cover.mkv"];
    check_of("t/01 x.flac", &album, true, "t/02 y.flac");
    check_of("t/01 x.mp3", &album, true, "t/02 y.mp3");
    check_of("t/02 y.mp3", &album, true, "");
}

#[test]
fn subtitles_of_the_next_video_come_with_it() {
    let files = [
        "t/Show.S01E01.mkv",
        "t/Show.S01E01.srt",
        "t/Show.S01E02.mkv",
        "t/Show.S01E02.srt",
        "t/Show.S01E02.en.forced.ass",
        "t/Subs/Show.S01E02_de.srt",
        "t/Show.S01E02.nfo",
        "u/Show.S01E02.srt",
        "t/Show.S01E021.srt",
    ];
    let candidates = files.map(|path| NextCandidate { path, is_same_torrent: true });
    let finder = NextFinder::new(files[0]).unwrap();
    let next = finder.find(&candidates).unwrap();
    assert_eq!(next, NextFile { index: 2, subtitles: vec![3, 4, 5] });
    assert_eq!(finder.search_words().unwrap(), "show");
    let words = |path| NextFinder::new(path).unwrap().search_words();
    assert_eq!(words("Grey's Anatomy & ER S01E01.mkv").unwrap(), "grey anatomy");
    assert_eq!(words("ER.S01E01.mkv").unwrap(), "er");
    assert_eq!(words("Film.mkv"), None);
}
