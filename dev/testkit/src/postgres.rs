use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use opsmith_store::{Store, StoreUrl};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::TestStore;

/// A PostgreSQL server of this test process's own, on loopback, gone when the process is.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    databases: AtomicU32,
    /// Its standard input is the life line: when this process ends, however, the server is stopped.
    _keeper: Child,
}

/// Waits for its parent's end, then stops the server and removes its folder.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >"$folder.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$folder" "$folder.log"
"#;

impl Postgres {
    /// The server of this process, started on first use; `None`, with the reason printed, where there is none to start.
    #[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        SERVER
            .get_or_init(|| match Self::start() {
                Ok(server) => Some(server),
                Err(reason) => {
                    println!("skipped on PostgreSQL: {reason}");
                    None
                }
            })
            .as_ref()
    }

    fn start() -> Result<Self, String> {
        let bin = binaries().ok_or("no PostgreSQL server is installed (Debian: apt-get install postgresql)")?;
        let root = nix::unistd::geteuid().is_root();
        // The server refuses to run as root, so its folder is made where its own user can reach it.
        let folder = std::env::temp_dir().join(format!("opsmith-pg-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let as_user = |program: PathBuf| -> Vec<String> {
            let program = program.display().to_string();
            if root {
                ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", &program].map(String::from).into()
            } else {
                vec![program]
            }
        };
        if root {
            run(&["chown".into(), "postgres".into(), folder.display().to_string()])?;
        }
        let mut init = as_user(bin.join("initdb"));
        let data = folder.join("data").display().to_string();
        init.extend(["-D", &data, "-U", "opsmith", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"].map(String::from));
        run(&init)?;
        let port = free_port()?;
        let mut serve = as_user(bin.join("postgres"));
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            format!("unix_socket_directories={}", folder.display()),
            "fsync=off".into(),
            "max_connections=400".into(),
            "shared_buffers=64MB".into(),
        ];
        serve.extend(["-D".to_owned(), data]);
        serve.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", &folder.display().to_string()])
            .args(serve)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let server = Self { port, databases: AtomicU32::new(0), _keeper: keeper };
        server.wait_until_ready(&folder)?;
        Ok(server)
    }

    fn wait_until_ready(&self, folder: &Path) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let log = folder.with_extension("log");
        while Instant::now() < deadline {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if text.contains("database system is ready to accept connections") {
                return Ok(());
            }
            std::thread::yield_now();
        }
        let mut text = String::new();
        let _ = fs::File::open(&log).and_then(|mut file| file.read_to_string(&mut text));
        Err(format!("PostgreSQL did not start: {text}"))
    }

    /// The URL of `database` on this server.
    pub fn url(&self, database: &str) -> StoreUrl {
        StoreUrl::parse(&format!("postgres://opsmith@127.0.0.1:{}/{database}", self.port)).expect("a URL of ours")
    }

    /// A new empty database.
    pub async fn create_database(&self) -> StoreUrl {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let server = Store::open(self.url("postgres")).await.expect("the server answers");
        server.read().execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database is made");
        server.close().await.expect("the connection closes");
        self.url(&name)
    }
}

/// A PostgreSQL database of its own for one test; `None` where no server can be started.
pub async fn postgres_store() -> Option<TestStore> {
    let server = tokio::task::spawn_blocking(Postgres::shared).await.expect("starting a server does not panic")?;
    let folder: TempDir = tempfile::tempdir().expect("a temporary folder");
    Some(TestStore::open(server.create_database().await, folder).await)
}

/// The folder of the newest installed server's programs.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|e| Some(e.ok()?.path().join("bin"))).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn run(command: &[String]) -> Result<(), String> {
    let output = Command::new(&command[0]).args(&command[1..]).output().map_err(|e| format!("{}: {e}", command[0]))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed: {}", command[0], String::from_utf8_lossy(&output.stderr)))
}
