//! Tokens of devices: created, used in a URL, revoked, and in no log.

use std::fs;

use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::LIMIT;
use super::http::{get, request};
use super::served::{SEASON, ServeProcess, rqbits, status};
use crate::support::{describe, run, tfs};

#[test]
fn a_token_opens_the_tree_until_it_is_revoked() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let (url, log) = (rqbits.swarm.api_url(), dir.join("log"));
        let password = dir.join("password");
        fs::write(&password, "correct horse\n").unwrap();
        let flags = [
            &*url,
            "--auth-user",
            "me",
            "--auth-password-file",
            password.to_str().unwrap(),
            "-vvv",
            "--log-file",
            log.to_str().unwrap(),
        ];
        let served = ServeProcess::start(dir, "webdav", &flags);
        let at = served.address;
        assert_eq!(get(at, "/").status, 401);
        let printed = run(tfs(dir).args(["serve", "token", "new", "tv"]));
        // There may be a URL for each server of this user, such as those of other tests.
        let origin = format!("http://{at}/k/");
        let token = printed.lines().find_map(|line| line.strip_prefix(&origin)).unwrap();
        let token = token.trim_end_matches('/');
        assert_eq!(token.len(), 26, "{printed}");
        let film = format!("/k/{token}/Show.S01/e1.mkv");
        until("the token is known", || (get(at, &film).status == 200).then_some(()));
        let answer =
            request(at, &format!("GET {film}"), "Range: bytes=7-99\r\nUser-Agent: VLC/3\r\n");
        assert_eq!(answer.status, 206);
        SEASON[0].1.check(7, &answer.body).unwrap();
        let listing = request(at, &format!("PROPFIND /k/{token}/"), "Depth: 1\r\n");
        assert!(listing.text().contains(&format!("/k/{token}/Show.S01/")), "{}", listing.text());
        assert_eq!(get(at, "/k/aaaaaaaaaaaaaaaaaaaaaaaaaa/").status, 404);
        // The list has no token, and neither has what others can see.
        let list = run(tfs(dir).args(["serve", "token", "list"]));
        assert!(list.contains("tv") && !list.contains(token), "{list}");
        let json = run(tfs(dir).args(["serve", "token", "list", "--json"]));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json[0]["device"], "tv");
        let twice = describe(&tfs(dir).args(["serve", "token", "new", "tv"]).output().unwrap());
        assert!(twice.starts_with("exit 65\n"), "{twice}");

        run(tfs(dir).args(["serve", "token", "revoke", "tv"]));
        until("the token is not known", || (get(at, &film).status == 404).then_some(()));
        let seen = [
            fs::read_to_string(&log).unwrap(),
            status(dir).to_string(),
            run(tfs(dir).arg("status")),
            served.stderr(),
            fs::read_to_string(dir.join("state/tfs/device-tokens")).unwrap(),
        ];
        assert!(seen.iter().all(|text| !text.contains(token)));
        assert!(!seen[0].contains("correct horse"));
    });
}
