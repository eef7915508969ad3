//! nginx over a directory, without `sendfile`, as tfs sends.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tfs_testkit::until::until;

/// A running nginx, which ends when it is dropped.
pub(super) struct Nginx {
    pub(super) address: SocketAddr,
    process: Child,
}

impl Nginx {
    /// Serves a directory; `None` if nginx is not installed.
    pub(super) fn start(dir: &Path, root: &Path) -> Option<Self> {
        fs::create_dir_all(dir).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (dir, root) = (dir.display(), root.display());
        let config = format!(
            "daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;\n\
             events {{}}\n\
             http {{ access_log off; sendfile off; client_body_temp_path {dir}/body;\n\
             proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;\n\
             uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
             server {{ listen {address}; root {root}; }} }}\n"
        );
        let file = format!("{dir}/nginx.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-c", &file, "-p", &dir.to_string()]).stderr(Stdio::null());
        let process = command.spawn().ok()?;
        until("nginx answers", || TcpStream::connect(address).ok());
        Some(Self { address, process })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
