use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use opsmith_store::{Store, StoreUrl};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::TestStore;
use crate::keeper::{Keeper, free_port, run};

/// A PostgreSQL server of this test process's own, on loopback, gone when the process is.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    databases: AtomicU32,
    _keeper: Keeper,
}

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
        // Its signal for a shutdown that does not wait for clients.
        let mut keeper = Keeper::start(&folder, "INT", &serve)?;
        keeper.wait_until_it_says("database system is ready to accept connections")?;
        Ok(Self { port, databases: AtomicU32::new(0), _keeper: keeper })
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
