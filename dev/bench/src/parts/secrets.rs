//! Looking for secrets: 100 MB on one core, beside one set of all the same patterns.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner};
use opsmith_model::Secret;
use regex::bytes::RegexSetBuilder;

use crate::report::{Row, Section};

const SIZE: usize = 100_000_000;
/// What is given to the peer, which is much slower.
const PEER_SIZE: usize = 2_000_000;
const TIMES: usize = 3;
/// 50 MB/s.
const GOAL_S: f64 = 2.0;
const PLANTED: usize = 100;
const RULES: &str = include_str!("../../../../crates/opsmith-guard/src/secrets/rules.toml");

pub(super) async fn measure() -> Result<Section> {
    tokio::task::spawn_blocking(rows).await?
}

fn rows() -> Result<Section> {
    let scanner = Scanner::new(&ScanSettings::default())?;
    let mut rows = Vec::new();
    for (what, line) in [("sources and logs", mixed as fn(usize) -> String), ("minified source", minified)] {
        let text = corpus(line);
        // The patterns are compiled at their first use.
        scanner.scan(&text[..PEER_SIZE]);
        let best = best_of(|| {
            let found = scanner.scan(&text).len();
            ensure!(found == PLANTED, "{found} findings of {PLANTED} in {what}");
            Ok(())
        })?;
        rows.push(Row::at_most(format!("100 MB of {what} scanned"), best.cpu_s, GOAL_S, "s of CPU", &best.rates()));
        if what == "sources and logs" {
            rows.push(redacted(&scanner, &text)?);
            rows.push(peer(&text[..PEER_SIZE])?);
        }
    }
    let how = format!(
        "One thread; best of {TIMES}; the rates are those of CPU time. The texts are made of repeated lines of Rust, JSON logs, base64 and prose, or of minified \
         JavaScript in one line, with {PLANTED} secrets among them, each of which is found. The stream takes 64 KiB at a time \
         and knows five secrets beside the rules. The peer is `regex::bytes::RegexSet` over the same patterns, which only \
         says which of them match, on {} MB of the same text in lines.",
        PEER_SIZE / 1_000_000
    );
    Ok(Section { how, rows, breakdown: None })
}

fn redacted(scanner: &Scanner, text: &[u8]) -> Result<Row> {
    let known = KnownSecrets::default();
    for n in 0..5 {
        known.register(&Secret::new(format!("a secret that is known as number {n}")));
    }
    let redactor = Redactor::new(scanner.clone(), known, Placeholders::default());
    let best = best_of(|| {
        let mut stream = redactor.stream();
        let mut given: usize = text.chunks(64 * 1024).map(|chunk| stream.push(chunk).len()).sum();
        given += stream.finish().len();
        ensure!(given < text.len(), "nothing was replaced");
        Ok(())
    })?;
    let figure = format!("{:.1} s of CPU ({})", best.cpu_s, best.rates());
    Ok(Row::plain("the same redacted as a stream", figure))
}

/// All patterns at once, line by line.
fn peer(text: &[u8]) -> Result<Row> {
    let rules: toml::Table = RULES.parse().context("failed to read the rules")?;
    let rules = rules.get("rule").and_then(toml::Value::as_array).context("there are no rules")?;
    let patterns = rules.iter().filter_map(|rule| rule.get("pattern")?.as_str());
    let set = RegexSetBuilder::new(patterns).unicode(false).size_limit(1 << 30).dfa_size_limit(64 << 20).build()?;
    let begun = cpu_s()?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| set.is_match(line)).count();
    let rate = PEER_SIZE as f64 / 1e6 / (cpu_s()? - begun);
    let figure = format!("{rate:.1} MB/s ({lines} lines match, before entropy and stopwords)");
    Ok(Row::plain(format!("peer: RegexSet over {} MB", PEER_SIZE / 1_000_000), figure))
}

/// What 100 MB took.
struct Took {
    /// Of this thread: what others do on the machine is not in it.
    cpu_s: f64,
    wall_s: f64,
}

impl Took {
    fn rates(&self) -> String {
        let rate = |seconds: f64| SIZE as f64 / 1e6 / seconds;
        format!("{:.0} MB/s; by the clock {:.1} s, {:.0} MB/s", rate(self.cpu_s), self.wall_s, rate(self.wall_s))
    }
}

fn best_of(mut work: impl FnMut() -> Result<()>) -> Result<Took> {
    let mut best = Took { cpu_s: f64::MAX, wall_s: f64::MAX };
    for _ in 0..TIMES {
        let (begun, begun_cpu_s) = (Instant::now(), cpu_s()?);
        work()?;
        best.cpu_s = best.cpu_s.min(cpu_s()? - begun_cpu_s);
        best.wall_s = best.wall_s.min(begun.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// The CPU time that this thread has had.
fn cpu_s() -> Result<f64> {
    let used = getrusage(UsageWho::RUSAGE_THREAD)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(used.user_time()) + seconds(used.system_time()))
}

/// Lines up to the size, with a secret after each hundredth of it.
fn corpus(line: fn(usize) -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(SIZE + 1024);
    let mut planted = 0;
    for n in 0.. {
        if text.len() >= SIZE {
            break;
        }
        text.extend_from_slice(line(n).as_bytes());
        if planted < PLANTED && text.len() >= planted * (SIZE / PLANTED) {
            // Made here, so that no scanner takes this file for one that holds a token.
            let token: String =
                (0..36).map(|i| char::from(b"aQ7rZ2mN4xT6vB9k"[(i * 7 + planted + i / 16) % 16])).collect();
            text.extend_from_slice(format!(" {}_{token} ", "ghp").as_bytes());
            planted += 1;
        }
    }
    text
}

fn mixed(n: usize) -> String {
    match n % 6 {
        0 => format!("    let value_{n} = self.tokens.get(key).map(|token| token.len()).unwrap_or({n});\n"),
        1 => format!("{{\"level\":\"info\",\"msg\":\"task {n} took 12 ms\",\"user\":\"ada\",\"token_count\":{n}}}\n"),
        2 => format!("{}\n", "c2FtcGxlIHRleHQgb2YgYSBmaWxlIGluIGJhc2U2NA".repeat(2)),
        3 => "A password is asked for once; the secret is kept by the keeper, and a risk is a task of its own.\n"
            .to_owned(),
        4 => format!(
            "2026-11-21T12:00:00Z INFO https://example.com:8080/v1/tasks/{n} authorization: none api_key unset\n"
        ),
        _ => format!("+    if (config.password === undefined) {{ throw new Error('no password, line {n}'); }}\n"),
    }
}

fn minified(n: usize) -> String {
    format!("function t{n}(e,t){{return e.token===t?e.password:e.key||\"a{n}\"}}var s{n}=[e.sk,t.secret,\"://\",{n}];")
}
