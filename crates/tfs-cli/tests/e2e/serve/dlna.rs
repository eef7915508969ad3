//! DLNA without FUSE: the description that a TV fetches, at a loopback address.

use nix::sys::signal::Signal;
use serde_json::json;
use tfs_testkit::isolate;

use super::LIMIT;
use super::http::get;
use super::served::{ServeProcess, rqbits, status};

#[test]
fn a_tv_finds_a_media_server() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let mut served = ServeProcess::start(dir, "dlna", &[&rqbits.swarm.api_url()]);
        assert_eq!(served.lines, [format!("serving on http://{}/", served.address)]);
        let device = get(served.address, "/description.xml");
        assert_eq!(device.status, 200, "{}", device.head);
        assert!(device.text().contains("<friendlyName>tfs on "), "{}", device.text());
        let status = status(dir);
        let front = &status["fronts"][0];
        assert_eq!((&front["kind"], &front["trouble"]), (&json!("dlna"), &json!(null)));
        assert!(served.end_by(Signal::SIGTERM).success(), "{}", served.stderr());
    });
}
