//! A job's log as GitHub gives it: a time before each line, and commands for the page that shows it.

use chrono::{DateTime, SecondsFormat, Utc};

/// The text of a job's log.
#[derive(Clone, Debug)]
pub(super) struct JobLog(String);

impl Default for JobLog {
    fn default() -> Self {
        // GitHub's begins with a byte order mark.
        Self("\u{feff}".to_owned())
    }
}

impl JobLog {
    /// Adds lines that were written at one time.
    pub(super) fn write(&mut self, now: DateTime<Utc>, text: &str) {
        // Ten millionths of a second, as GitHub's runner has them.
        let time = now.to_rfc3339_opts(SecondsFormat::Nanos, true);
        let time = format!("{}Z", &time[..time.len() - 3]);
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.0.push_str(&format!("{time} {line}\n"));
        }
    }

    /// The lines that the runner writes ahead of a step's own.
    pub(super) fn begin_step(&mut self, now: DateTime<Utc>, name: &str, script: Option<&str>) {
        self.write(now, &format!("##[group]{name}"));
        if let Some(script) = script {
            for line in script.lines() {
                self.write(now, &format!("\u{1b}[36;1m{line}\u{1b}[0m"));
            }
            self.write(now, "shell: /usr/bin/bash -e {0}");
        }
        self.write(now, "##[endgroup]");
    }

    /// The runner's word for a step that failed.
    pub(super) fn fail(&mut self, now: DateTime<Utc>, code: &str) {
        self.write(now, &format!("##[error]Process completed with exit code {code}."));
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_time_and_colors_stay() {
        let mut log = JobLog::default();
        let now = DateTime::from_timestamp(1_800_000_000, 123_456_700).unwrap();
        log.begin_step(now, "Run make", Some("make"));
        log.write(now, "\u{1b}[31mred\u{1b}[0m\nand more\n");
        log.fail(now, "2");
        let time = "2027-01-15T08:00:00.1234567Z";
        let expected = format!(
            "\u{feff}{time} ##[group]Run make\n{time} \u{1b}[36;1mmake\u{1b}[0m\n{time} shell: /usr/bin/bash -e {{0}}\n\
             {time} ##[endgroup]\n{time} \u{1b}[31mred\u{1b}[0m\n{time} and more\n\
             {time} ##[error]Process completed with exit code 2.\n"
        );
        assert_eq!(log.text(), expected);
    }
}
