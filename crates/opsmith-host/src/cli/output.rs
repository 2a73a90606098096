use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::screen::{Screen, Tone};
use super::spinner::Spinner;
use super::table::{self, Cell};
use super::terminal::{clean, escape_json};

/// Where a command's words go: data to stdout, all else to stderr.
///
/// When the reader of stdout has gone (`| head`), the process ends quietly with code 0.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    out: Screen,
    err: Screen,
}

impl Output {
    /// Output of this process; with `json`, data and errors are JSON objects.
    pub fn new(json: bool) -> Self {
        Self { json, out: Screen::of_stdout(), err: Screen::of_stderr() }
    }

    /// Whether data is asked for as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// What is known of stdout.
    pub fn screen(&self) -> Screen {
        self.out
    }

    /// Prints lines of data, made harmless.
    pub fn line(&self, text: &str) {
        self.data_line(&clean(text));
    }

    /// Prints a line of data in a tone.
    pub fn toned(&self, tone: Tone, text: &str) {
        self.data_line(&self.out.paint(tone, &clean(text)));
    }

    /// Prints content, byte for byte into a file or pipe and made harmless on a terminal.
    pub fn content(&self, bytes: &[u8]) {
        if self.out.terminal {
            end_on(emit(&mut io::stdout().lock(), clean(&String::from_utf8_lossy(bytes)).as_bytes()));
        } else {
            end_on(emit(&mut io::stdout().lock(), bytes));
        }
    }

    /// Prints rows of data under headers.
    pub fn table(&self, headers: &[&str], rows: &[Vec<Cell>]) {
        self.data_line(&table::render(headers, rows, self.out));
    }

    /// Prints one JSON value: indented on a terminal, else on one line.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = if self.out.terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let text = text.map_err(|error| Failure::new(opsmith_model::ErrorKind::Bug, format!("not JSON: {error}")))?;
        self.data_line(&escape_json(&text));
        Ok(())
    }

    /// Says something to the person, on stderr.
    pub fn note(&self, text: &str) {
        self.say(&clean(text));
    }

    /// Warns the person, on stderr.
    pub fn warn(&self, text: &str) {
        self.say(&format!("{} {}", self.err.paint(Tone::Warn, "warning:"), clean(text)));
    }

    /// Shows why the command failed, on stderr, and gives the code to end with.
    pub fn fail(&self, failure: &Failure) -> Exit {
        match serde_json::to_string(failure) {
            Ok(text) if self.json => self.say(&escape_json(&text)),
            Ok(_) | Err(_) => self.say(&failure.render(self.err)),
        }
        failure.exit()
    }

    /// Shows a sign of life on a terminal.
    pub fn spinner(&self, message: &str) -> Spinner {
        if self.err.colour && !self.json { Spinner::shown(message) } else { Spinner::hidden() }
    }

    fn data_line(&self, text: &str) {
        end_on(emit(&mut io::stdout().lock(), format!("{text}\n").as_bytes()));
    }

    fn say(&self, text: &str) {
        // Nobody is left to be told when stderr has gone.
        let _ = emit(&mut io::stderr().lock(), format!("{text}\n").as_bytes());
    }
}

fn emit(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Data that cannot be delivered ends the process: quietly when nobody reads it, else with the reason.
fn end_on(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let _ = emit(&mut io::stderr().lock(), format!("error: failed to write the output: {error}\n").as_bytes());
            std::process::exit(1);
        }
    }
}
