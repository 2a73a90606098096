//! A server that plays a script of bytes, so that anything can be sent: a half line, a reset, a body without end.

pub mod chat;
pub mod messages;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What is done on one connection, in order; then it is closed.
pub type Script = Vec<Act>;

#[derive(Clone)]
pub enum Act {
    Send(Vec<u8>),
    /// Waits until the test says so.
    Until(Arc<Notify>),
    /// Ends the connection as a broken network does.
    Reset,
    /// Never goes on.
    Hang,
    /// Sends this until nobody reads any more, and says so.
    Endless(Vec<u8>, Arc<Notify>),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request line and the headers.
    pub head: String,
    pub body: Value,
}

impl Asked {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// The server; gone when dropped.
pub struct Gateway {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// Plays one script for each request, the last one again and again.
    pub async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        let scripts = Arc::new(scripts);
        let server = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(play(connection, Arc::clone(&log), Arc::clone(&scripts)));
            }
        });
        Self { address, asked, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The bodies alone.
    pub fn bodies(&self) -> Vec<Value> {
        self.asked().into_iter().map(|asked| asked.body).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn play(mut connection: TcpStream, log: Arc<Mutex<Vec<Asked>>>, scripts: Arc<Vec<Script>>) {
    let Some(asked) = read(&mut connection).await else { return };
    let script = {
        let mut log = log.lock().unwrap();
        log.push(asked);
        scripts[(log.len() - 1).min(scripts.len() - 1)].clone()
    };
    for act in script {
        match act {
            Act::Send(bytes) => {
                // Who was cut off by a bound of its own reads no more.
                if connection.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Until(told) => told.notified().await,
            Act::Reset => return connection.set_zero_linger().unwrap(),
            Act::Hang => std::future::pending().await,
            Act::Endless(bytes, stopped) => {
                while connection.write_all(&bytes).await.is_ok() {}
                return stopped.notify_one();
            }
        }
    }
    let _ = connection.shutdown().await;
}

async fn read(connection: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        // The first byte of TLS, which is not spoken here.
        if connection.read_buf(&mut bytes).await.ok()? == 0 || bytes[0] == 0x16 {
            return None;
        }
    };
    let asked = Asked { head: String::from_utf8_lossy(&bytes[..head]).into_owned(), body: Value::Null };
    let length: usize = asked.header("content-length")?.parse().ok()?;
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        connection.read_buf(&mut body).await.ok()?;
    }
    Some(Asked { body: serde_json::from_slice(&body).ok()?, ..asked })
}

pub fn send(text: impl Into<Vec<u8>>) -> Act {
    Act::Send(text.into())
}

/// The headers of a stream that ends with its connection.
pub fn stream_begins() -> Act {
    send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: &Value) -> Script {
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n");
    vec![send(format!("{head}content-length: {length}\r\n{headers}\r\n{body}"))]
}

/// A stream of these events.
pub fn stream(events: impl Into<Vec<u8>>) -> Script {
    vec![stream_begins(), send(events)]
}
