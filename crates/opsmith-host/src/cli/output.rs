use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::live::Live;
use super::screen::{Screen, Tone};
use super::spinner::Spinner;
use super::table::{self, Cell};
use super::terminal::{clean, clean_coloured, escape_json};
use crate::redaction::{redact, redact_json};

/// Where a command's words go: data to stdout, all else to stderr.
///
/// When the reader of stdout has gone (`| head`), the process ends quietly with code 0.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    causes: bool,
    out: Screen,
    err: Screen,
}

impl Output {
    /// Output of this process; with `json`, data and errors are JSON objects.
    pub fn new(json: bool) -> Self {
        Self { json, causes: false, out: Screen::of_stdout(), err: Screen::of_stderr() }
    }

    /// The same output; with `causes`, an error shows each of its causes.
    pub fn with_causes(self, causes: bool) -> Self {
        Self { causes, ..self }
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

    /// Prints what a foreign program said, made harmless also in a pipe; a terminal shows its colours.
    pub fn log(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let text = if self.out.colour { clean_coloured(&text) } else { clean(&text) };
        end_on(emit(&mut io::stdout().lock(), text.as_bytes()));
    }

    /// Prints rows of data under headers; without rows nothing.
    pub fn table(&self, headers: &[&str], rows: &[Vec<Cell>]) {
        if !rows.is_empty() {
            self.data_line(&table::render(headers, rows, self.out));
        }
    }

    /// The same with one line a row, which is cut to the width of a terminal.
    pub fn list(&self, headers: &[&str], rows: &[Vec<Cell>]) {
        if !rows.is_empty() {
            self.data_line(&table::render_cut(headers, rows, self.out));
        }
    }

    /// The whole terminal, to draw on again and again; `None` where stdout cannot be drawn on or JSON is asked for.
    pub fn live(&self) -> Result<Option<Live>, Failure> {
        if !self.out.cursor || self.json {
            return Ok(None);
        }
        Live::begin().map(Some).map_err(|error| {
            let message = format!("failed to draw on the terminal: {error}");
            Failure::new(opsmith_model::ErrorKind::Failed, message)
        })
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
        match serde_json::to_value(failure) {
            Ok(mut value) if self.json => {
                redact_json(&mut value);
                self.say(&escape_json(&value.to_string()));
            }
            Ok(_) | Err(_) => self.say(&failure.render(self.err, self.causes)),
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
        let _ = emit(&mut io::stderr().lock(), format!("{}\n", redact(text)).as_bytes());
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
