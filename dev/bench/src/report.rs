//! The report: per part a table of what was measured, beside its goal.

use std::fmt::{self, Write as _};

use chrono::NaiveDate;

/// What a row comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no goal for it.
    Measured,
    /// The goal is met.
    Met,
    /// It is not.
    Missed,
    /// It was not measured, and nothing is wrong.
    Skipped,
    /// It could not be measured.
    Failed,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The goal in words, if there is one.
    pub goal: String,
    /// The figure, or the reason why there is none.
    pub figure: String,
    /// What it comes to.
    pub verdict: Verdict,
}

impl Row {
    /// A figure without a goal.
    pub fn plain(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self { what: what.into(), goal: "–".into(), figure: figure.into(), verdict: Verdict::Measured }
    }

    /// A figure that is to be `limit` at the most; `more` is said after it.
    pub fn at_most(what: impl Into<String>, value: f64, limit: f64, unit: &str, more: &str) -> Self {
        let verdict = if value <= limit { Verdict::Met } else { Verdict::Missed };
        let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
        let (goal, figure) = (format!("≤ {limit} {unit}"), format!("{value:.1} {unit}{more}"));
        Self { what: what.into(), goal, figure, verdict }
    }

    /// What is not measured here, and why.
    pub fn skipped(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::plain(what, reason) }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.figure)?;
        match self.verdict {
            Verdict::Measured => Ok(()),
            Verdict::Met | Verdict::Missed => write!(f, " (goal {}: {})", self.goal, self.verdict),
            Verdict::Skipped | Verdict::Failed => write!(f, " ({})", self.verdict),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "–",
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Skipped => "skipped",
            Self::Failed => "FAILED",
        })
    }
}

/// A second, finer table below a section's rows.
#[derive(Clone, Debug)]
pub struct Breakdown {
    /// The names of its columns.
    pub columns: [&'static str; 3],
    /// Its lines.
    pub lines: Vec<[String; 3]>,
}

/// What one part measured.
#[derive(Clone, Debug)]
pub struct Section {
    /// How it was measured, in sentences.
    pub how: String,
    /// The figures.
    pub rows: Vec<Row>,
    /// Where the time went.
    pub breakdown: Option<Breakdown>,
}

impl Section {
    /// A part that came to nothing.
    pub fn failed(error: &anyhow::Error) -> Self {
        let reason = format!("{error:#}").replace('\n', " ");
        let row = Row { verdict: Verdict::Failed, ..Row::plain("the whole part", reason) };
        Self { how: String::new(), rows: vec![row], breakdown: None }
    }
}

/// Everything that one call measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// The day.
    pub date: NaiveDate,
    /// The machine.
    pub machine: String,
    /// The parts with their titles.
    pub sections: Vec<(&'static str, Section)>,
}

impl Report {
    /// Whether something could not be measured.
    pub fn failed(&self) -> bool {
        self.rows().any(|row| row.verdict == Verdict::Failed)
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|(_, section)| &section.rows)
    }

    /// The report as a page.
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "# Benchmarks\n\nWritten by `make bench`: one run of a release build on one machine, whose load at the start is the \
             one named below. Do not edit.\n\n- Date: {}\n- Machine: {}\n",
            self.date, self.machine
        );
        let count = |verdict: Verdict| self.rows().filter(|row| row.verdict == verdict).count();
        let _ = writeln!(page, "- Goals: {} met, {} missed", count(Verdict::Met), count(Verdict::Missed));
        for (title, section) in &self.sections {
            let _ = write!(page, "\n## {title}\n\n");
            if !section.how.is_empty() {
                let _ = write!(page, "{}\n\n", section.how);
            }
            page.push_str("| what | goal | figure | verdict |\n|---|---|---|---|\n");
            for Row { what, goal, figure, verdict } in &section.rows {
                let _ = writeln!(page, "| {} | {goal} | {} | {verdict} |", cell(what), cell(figure));
            }
            if let Some(Breakdown { columns, lines }) = &section.breakdown {
                let _ = write!(page, "\n| {} |\n|---|---|---|\n", columns.join(" | "));
                for line in lines {
                    let _ = writeln!(page, "| {} |", line.each_ref().map(|text| cell(text)).join(" | "));
                }
            }
        }
        page
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>) -> Report {
        let section = Section { how: "By hand.".into(), rows, breakdown: None };
        Report { date: NaiveDate::default(), machine: "2 cores".into(), sections: vec![("Start", section)] }
    }

    #[test]
    fn a_goal_is_met_up_to_its_limit_and_missed_beyond() {
        assert_eq!(Row::at_most("a", 60.0, 60.0, "MB", "").verdict, Verdict::Met);
        let missed = Row::at_most("a|b", 60.1, 60.0, "MB", "median of 10");
        assert_eq!(missed.to_string(), "a|b: 60.1 MB (median of 10) (goal ≤ 60 MB: MISSED)");
        let page = report(vec![missed, Row::plain("c", "1/s")]).markdown();
        assert!(page.contains("- Goals: 0 met, 1 missed\n\n## Start\n\nBy hand.\n\n| what |"), "{page}");
        assert!(page.contains("| a\\|b | ≤ 60 MB | 60.1 MB (median of 10) | MISSED |\n"), "{page}");
        assert!(page.ends_with("| c | – | 1/s | – |\n"), "{page}");
    }

    #[test]
    fn only_what_could_not_be_measured_fails_the_report() {
        assert!(!report(vec![Row::skipped("a", "no server"), Row::at_most("b", 2.0, 1.0, "s", "")]).failed());
        let mut failed = report(Vec::new());
        failed.sections.push(("Other", Section::failed(&anyhow::anyhow!("one").context("two\nlines"))));
        assert!(failed.failed());
        assert!(failed.markdown().contains("| the whole part | – | two lines: one | FAILED |"));
    }
}
