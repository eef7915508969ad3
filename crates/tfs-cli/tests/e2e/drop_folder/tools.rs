//! What programs do with the drop folder: the tables of `docs/reference/drop-folder.md`.
//!
//! Programs that this machine lacks keep their lines.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use expect_test::expect_file;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::{isolate, skip};

use super::stage::{DropStage, torrent_file};

const LIMIT: Duration = Duration::from_secs(240);

/// The start of the two tables in the page.
const WRITERS: &str = "| program | good torrent | bad torrent | what it says | what is left |";
const REMOVERS: &str = "| program | `off` | `forget` | what it says with `off` |";

/// Sequences of calls that write a file. `$S` is the source, `$N` the name, `$D` the folder, `$T` a
/// directory on a disk, `$H` an address of the source.
const WRITER_TOOLS: [(&str, &str, &str); 39] = [
    ("cp", "cp", r#"cp "$S" "$D/$N""#),
    ("cp -p", "cp", r#"cp -p "$S" "$D/$N""#),
    ("busybox cp", "busybox", r#"busybox cp "$S" "$D/$N""#),
    ("mv from a disk", "mv", r#"cp "$S" "$T/$N" && mv "$T/$N" "$D/""#),
    ("busybox mv", "busybox", r#"cp "$S" "$T/$N" && busybox mv "$T/$N" "$D/""#),
    ("install", "install", r#"install -m 644 "$S" "$D/$N""#),
    ("cat > f", "cat", r#"cat "$S" > "$D/$N""#),
    ("( cat; echo ) > f", "cat", r#"( cat "$S"; echo ) > "$D/$N""#),
    ("head > f; tail >> f", "head", r#"head -c 40 "$S" > "$D/$N" && tail -c +41 "$S" >> "$D/$N""#),
    ("dd", "dd", r#"dd if="$S" of="$D/$N" status=none"#),
    ("dd conv=fsync", "dd", r#"dd if="$S" of="$D/$N" conv=fsync status=none"#),
    ("dd bs=10", "dd", r#"dd if="$S" of="$D/$N" bs=10 status=none"#),
    ("tee", "tee", r#"tee "$D/$N" < "$S" > /dev/null"#),
    ("touch; cat >> f", "touch", r#"touch "$D/$N" && cat "$S" >> "$D/$N""#),
    (
        "truncate; dd conv=notrunc",
        "truncate",
        r#"truncate -r "$S" "$D/$N" && dd if="$S" of="$D/$N" conv=notrunc status=none"#,
    ),
    (
        "fallocate; dd conv=notrunc",
        "fallocate",
        r#"fallocate -l $(stat -c %s "$S") "$D/$N" && dd if="$S" of="$D/$N" conv=notrunc status=none"#,
    ),
    ("curl -o", "curl", r#"curl -sS -o "$D/$N" "$H""#),
    ("wget -O", "wget", r#"wget -q -O "$D/$N" "$H""#),
    (
        "python3 open",
        "python3",
        r#"python3 -c 'import os; f=open(os.environ["D"]+"/"+os.environ["N"],"wb"); f.write(open(os.environ["S"],"rb").read()); f.close()'"#,
    ),
    (
        "python3 shutil.copy2",
        "python3",
        r#"python3 -c 'import os,shutil; shutil.copy2(os.environ["S"],os.environ["D"]+"/"+os.environ["N"])'"#,
    ),
    (
        "node writeFileSync",
        "node",
        r#"node -e 'const fs=require("fs"),e=process.env;fs.writeFileSync(e.D+"/"+e.N,fs.readFileSync(e.S))'"#,
    ),
    (
        "node copyFileSync",
        "node",
        r#"node -e 'const fs=require("fs"),e=process.env;fs.copyFileSync(e.S,e.D+"/"+e.N)'"#,
    ),
    (
        "perl print; close",
        "perl",
        r#"perl -e 'local $/; open(I,"<",$ENV{S}); open(O,">","$ENV{D}/$ENV{N}") or die "$!\n"; print O <I>; close(O) or die "$!\n"'"#,
    ),
    ("rsync", "rsync", r#"rsync "$S" "$D/$N""#),
    ("rsync -a", "rsync", r#"rsync -a "$S" "$D/$N""#),
    ("rsync --inplace", "rsync", r#"rsync --inplace "$S" "$D/$N""#),
    ("rsync --partial", "rsync", r#"rsync --partial "$S" "$D/$N""#),
    (
        "tar x",
        "tar",
        r#"cp "$S" "$T/$N" && tar -C "$T" -cf "$T/a.tar" "$N" && tar -C "$D" -xf "$T/a.tar""#,
    ),
    (
        "unzip",
        "unzip",
        r#"cp "$S" "$T/$N" && cd "$T" && zip -q a.zip "$N" && unzip -q -d "$D" a.zip"#,
    ),
    (
        "cpio -i",
        "cpio",
        r#"cp "$S" "$T/$N" && cd "$T" && echo "$N" | cpio -o --quiet > a.cpio && cd "$D" && cpio -i --quiet < "$T/a.cpio""#,
    ),
    ("gio copy", "gio", r#"gio copy "$S" "$D/$N""#),
    ("gio move", "gio", r#"cp "$S" "$T/$N" && gio move "$T/$N" "$D/""#),
    (
        "sftp put",
        "sftp-server",
        r#"echo "put $S $D/$N" | sftp -q -b - -D $(ls /usr/lib/openssh/sftp-server /usr/lib/sftp-server /usr/libexec/openssh/sftp-server 2>/dev/null | head -1)"#,
    ),
    (
        "vim :w!",
        "vim",
        r#"vim -es -u NONE -i NONE -c 'set binary noeol' -c "w! $D/$N" -c 'q!' "$S""#,
    ),
    (
        "sed -i on it",
        "sed",
        r#"printf 'd' > "$D/$N" && cat "$S" > "$D/.$N" && mv "$D/.$N" "$D/$N" && LC_ALL=C sed -i 's/hello/world/' "$D/$N""#,
    ),
    (
        "Firefox: f, f.part, rename",
        "mv",
        r#": > "$D/$N" && cat "$S" > "$D/$N.part" && mv "$D/$N.part" "$D/$N""#,
    ),
    (
        "Chromium: f.crdownload, rename",
        "mv",
        r#"cat "$S" > "$D/Unconfirmed 1.crdownload" && mv "$D/Unconfirmed 1.crdownload" "$D/$N""#,
    ),
    (
        "GLib: .goutputstream, rename",
        "mv",
        r#"cat "$S" > "$D/.goutputstream-ABCDEF" && mv "$D/.goutputstream-ABCDEF" "$D/$N""#,
    ),
    ("smbclient put (Samba)", "smbd", SAMBA),
];

/// A share of the folder on a free port, until one file was put into it.
const SAMBA: &str = r#"
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
mkdir "$T/p"
for key in private\ dir lock\ directory state\ directory cache\ directory pid\ directory; do
  echo "$key = $T/p"
done > "$T/dirs"
cat > "$T/smb.conf" <<END
[global]
 $(cat "$T/dirs")
 log file = $T/p/log
 ncalrpc dir = $T/p/n
 map to guest = Bad User
 guest account = root
 smb ports = $port
 bind interfaces only = yes
 interfaces = lo
 disable spoolss = yes
 load printers = no
[add]
 path = $D
 guest ok = yes
 read only = no
 force user = root
END
smbd -F -s "$T/smb.conf" > /dev/null 2>&1 &
daemon=$!
for i in $(seq 100); do
  smbclient -s "$T/smb.conf" -p $port -N //127.0.0.1/add -c quit > /dev/null 2>&1 && break
  sleep 0.1
done
cp "$S" "$T/$N" && cd "$T"
smbclient -s "$T/smb.conf" -p $port -N //127.0.0.1/add -c "put $N" > "$T/out" 2>&1
code=$?
cat "$T/out" >&2
kill $daemon; wait $daemon 2> /dev/null
exit $code
"#;

/// Sequences of calls that remove, or that the folder refuses. The folder has `$D/$N`, a torrent.
const REMOVER_TOOLS: [(&str, &str, &str); 14] = [
    ("rm", "rm", r#"rm "$D/$N""#),
    ("rm -rf of the folder", "rm", r#"rm -rf "$D""#),
    ("busybox rm -rf", "busybox", r#"busybox rm -rf "$D""#),
    ("find -delete", "find", r#"find "$D" -mindepth 1 -delete"#),
    (
        "python3 shutil.rmtree",
        "python3",
        r#"python3 -c 'import os,shutil; shutil.rmtree(os.environ["D"],ignore_errors=True)'"#,
    ),
    ("gio trash", "gio", r#"gio trash "$D/$N""#),
    ("gio remove", "gio", r#"gio remove "$D/$N""#),
    ("rmdir paused", "rmdir", r#"rmdir "$D/paused""#),
    ("mkdir", "mkdir", r#"mkdir "$D/new""#),
    ("ln", "ln", r#"ln "$S" "$D/l.torrent""#),
    ("ln -s", "ln", r#"ln -s "$S" "$D/l.torrent""#),
    ("mv to another name", "mv", r#"mv "$D/$N" "$D/other.torrent""#),
    ("mv to a backup", "mv", r#"mv "$D/$N" "$D/$N.bak""#),
    ("install over it", "install", r#"install -m 644 "$S" "$D/$N""#),
];

/// What the error of a system call is called.
const NAMED: [&str; 7] = [
    "NT_STATUS",
    "Invalid argument",
    "invalid argument",
    "subdirectory",
    "permitted",
    "exists",
    "(23)",
];

/// Where the programs are.
const TOOL_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Result of a program.
struct Ran {
    code: i32,
    message: String,
}

/// Runs a script with its variables.
fn run_tool(script: &str, variables: &[(&str, &str)], home: &Path) -> Ran {
    let mut command = hermetic("bash", home);
    command.arg("-c").arg(script).envs(variables.iter().copied());
    command.env("PATH", TOOL_PATH).env("LC_ALL", "C");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // The first line that names an error; otherwise the last that is not part of a trace.
    let mut lines = text.lines().filter(|line| !line.starts_with(' '));
    let named = lines.clone().find(|line| NAMED.iter().any(|text| line.contains(text)));
    let mut message = named.or_else(|| lines.next_back()).unwrap_or_default().to_owned();
    for (name, value) in variables {
        message = message.replace(value, name);
    }
    // The end of the temporary name of rsync is random.
    if let Some((before, after)) = message.split_once(".N.") {
        message = format!("{before}.N.XXXXXX{}", after.get(6..).unwrap_or_default());
    }
    Ran { code: output.status.code().unwrap_or(-1), message: message.replace('|', "/") }
}

fn has(program: &str) -> bool {
    let found = Command::new("/usr/bin/which").arg(program).env("PATH", TOOL_PATH).output();
    let is_there = found.is_ok_and(|output| output.status.success());
    is_there || Path::new("/usr/lib/openssh").join(program).exists()
}

/// Serves a file at any path over HTTP. Returns the address.
fn serve_file(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let mut head = [0; 4096];
            drop(connection.read(&mut head));
            let len = bytes.len();
            let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {len}\r\n\r\n");
            drop(connection.write_all(answer.as_bytes()));
            drop(connection.write_all(&bytes));
        }
    });
    format!("http://{address}/x")
}

/// Runs a writer with a torrent, and says what became of it.
fn write(stage: &DropStage, (tool, script): (&str, &str), bytes: Vec<u8>) -> (Ran, bool, String) {
    let temporary = stage.dir.join("tmp");
    drop(fs::remove_dir_all(&temporary));
    fs::create_dir(&temporary).unwrap();
    let source = stage.dir.join("source.torrent");
    fs::write(&source, &bytes).unwrap();
    let before = stage.added();
    let known = stage.files("");
    let address = serve_file(bytes);
    let folder = stage.path("");
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (s, d, t) = (path(&source), path(&folder), path(&temporary));
    let variables = [("S", s.as_str()), ("D", &d), ("T", &t), ("N", "x.torrent"), ("H", &address)];
    let ran = run_tool(script, &variables, &stage.dir);
    let left = stage.files("").into_iter().filter(|name| !known.contains(name));
    let left: Vec<_> = left.collect();
    println!("{tool}: {} {:?} {left:?}", ran.code, ran.message);
    for name in &left {
        // Torrents stay under the next name; all else is cleared away.
        let path = stage.path(name);
        if fs::remove_file(&path).is_err() {
            let free = format!("was {}.torrent", stage.added());
            fs::rename(&path, stage.path(&free)).unwrap();
        }
    }
    (ran, stage.added() > before, left.join(", "))
}

fn writer_line(stage: &DropStage, number: usize, tool: &str, script: &str) -> String {
    let (good, is_added, left) =
        write(stage, (tool, script), torrent_file(&format!("tool {number}")));
    let is_right = is_added && left == "x.torrent";
    let good = match (good.code, is_right) {
        (0, true) => "added".to_owned(),
        (code, _) => {
            let added = if is_added { "added" } else { "not added" };
            format!("{added}, exit {code}: {} ({left})", good.message)
        }
    };
    let bad = b"this is a text and no torrent, of more than forty bytes\n".to_vec();
    let (bad, is_added, left) = write(stage, (tool, script), bad);
    assert!(!is_added, "{tool}");
    let left = if left.is_empty() { "nothing".to_owned() } else { format!("`{left}`") };
    let message =
        if bad.message.is_empty() { "nothing".into() } else { format!("`{}`", bad.message) };
    format!("| `{tool}` | {good} | exit {} | {message} | {left} |", bad.code)
}

fn remover_line(dir: &Path, tool: &str, script: &str) -> String {
    let outcome = |policy: &str, name: &str| {
        let home = dir.join(format!("{name}-{policy}"));
        fs::create_dir(&home).unwrap();
        let stage = DropStage::new(&home, &["--drop-remove", policy]);
        stage.drop_file("x.torrent", &torrent_file("x")).unwrap();
        let source = stage.dir.join("source.torrent");
        fs::write(&source, torrent_file("y")).unwrap();
        let (s, d) = (source.to_str().unwrap().to_owned(), stage.path(""));
        let variables = [("S", s.as_str()), ("D", d.to_str().unwrap()), ("N", "x.torrent")];
        let ran = run_tool(script, &variables, &stage.dir);
        let list = stage.tfs_out(&["list", "--json"]);
        let state = if list.contains("\"x\"") { "torrent kept" } else { "torrent forgotten" };
        // Whatever it did, the data of the torrent is there.
        assert!(stage.dir.join("store/x").exists(), "{tool} {policy}");
        let message = ran.message;
        stage.unmount();
        (format!("exit {}, {state}", ran.code), message)
    };
    let name: String = tool.chars().filter(char::is_ascii_alphanumeric).collect();
    let (off, message) = outcome("off", &name);
    let (forget, _) = outcome("forget", &name);
    let message = if message.is_empty() { "nothing".into() } else { format!("`{message}`") };
    format!("| `{tool}` | {off} | {forget} | {message} |")
}

/// Returns the lines of a table in the page, by program.
fn table<'a>(page: &'a str, head: &str) -> BTreeMap<&'a str, &'a str> {
    let rows = page.split_once(head).map_or("", |(_, rest)| rest);
    let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|line| Some((line.split('`').nth(1)?, line))).collect()
}

/// Checks a table of the page against the programs of this machine.
#[track_caller]
fn check_table(
    test: &str,
    head: &str,
    tools: &[(&str, &str, &str)],
    mut line: impl FnMut(usize, &str, &str) -> String,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/drop-folder.md");
    let page = fs::read_to_string(&path).unwrap();
    let known = table(&page, head);
    let columns = head.matches('|').count() - 1;
    let mut rows = format!("{head}\n{}|\n", "|---".repeat(columns));
    for (number, (tool, program, script)) in tools.iter().enumerate() {
        let row = if has(program) {
            line(number, tool, script)
        } else {
            skip::for_lack_of(program, test);
            known.get(tool).map_or_else(String::new, |row| (*row).to_owned())
        };
        rows.extend((!row.is_empty()).then(|| row + "\n"));
    }
    // The test of the other table may have changed it.
    let page = fs::read_to_string(&path).unwrap();
    let (before, after) = page.split_once(head).unwrap();
    let after =
        after.split_once("\n\n").map_or_else(String::new, |(_, after)| format!("\n{after}"));
    // UPDATE_EXPECT=1 rewrites the table.
    expect_file!["../../../../../docs/reference/drop-folder.md"]
        .assert_eq(&format!("{before}{rows}{after}"));
}

#[test]
fn every_program_gets_an_answer_that_it_understands() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        check_table(test, WRITERS, &WRITER_TOOLS, |number, tool, script| {
            writer_line(&stage, number, tool, script)
        });
        stage.unmount();
    });
}

#[test]
fn every_program_that_removes_keeps_the_data() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        check_table(test, REMOVERS, &REMOVER_TOOLS, |_, tool, script| {
            remover_line(dir, tool, script)
        });
    });
}
