//! Line coverage against its thresholds, from the summary that `llvm-cov export` writes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::finding::Finding;

/// Percent of all lines.
const OVERALL: f64 = 80.0;
/// Percent of the lines of each crate on which the promises of a change rest.
const STRICT: f64 = 90.0;
const STRICT_CRATES: &[&str] =
    &["crates/opsmith-store", "crates/opsmith-runs", "crates/opsmith-guard", "crates/opsmith-forge"];

#[derive(Deserialize)]
struct Report {
    data: Vec<Export>,
}

#[derive(Deserialize)]
struct Export {
    files: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    filename: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

/// Lines that hold code, and those of them that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    fn percent(self) -> f64 {
        if self.count == 0 { 0.0 } else { 100.0 * self.covered as f64 / self.count as f64 }
    }
}

/// Lines by crate folder, such as `crates/opsmith-runs`.
#[derive(Debug)]
pub struct Coverage(BTreeMap<String, Lines>);

impl Coverage {
    /// Reads a report on the checkout at `root`; only crates/ and apps/ count, since the rest ships nowhere.
    pub fn parse(json: &str, root: &Path) -> Result<Self> {
        let report: Report = serde_json::from_str(json).context("failed to read the report as llvm-cov's export")?;
        let mut crates = BTreeMap::<String, Lines>::new();
        for file in report.data.into_iter().flat_map(|export| export.files) {
            let path = Path::new(&file.filename);
            let path = path.strip_prefix(root).unwrap_or(path);
            let mut parts = path.iter().filter_map(|part| part.to_str());
            if let (Some(room @ ("crates" | "apps")), Some(name)) = (parts.next(), parts.next()) {
                let lines = crates.entry(format!("{room}/{name}")).or_default();
                lines.count += file.summary.lines.count;
                lines.covered += file.summary.lines.covered;
            }
        }
        ensure!(!crates.is_empty(), "the report has no file of `{}`", root.display());
        Ok(Self(crates))
    }

    fn overall(&self) -> Lines {
        self.0.values().fold(Lines::default(), |sum, lines| Lines {
            count: sum.count + lines.count,
            covered: sum.covered + lines.covered,
        })
    }

    /// The figures as aligned text, one crate a line.
    pub fn table(&self) -> String {
        let rows = self.0.iter().map(|(name, lines)| (name.as_str(), *lines));
        rows.chain([("all", self.overall())])
            .map(|(name, lines)| {
                format!("{name:<28} {:>6.1} %  {:>6} of {:>6} lines\n", lines.percent(), lines.covered, lines.count)
            })
            .collect()
    }

    /// What is below its threshold, or should have been measured and was not.
    pub fn check(&self) -> Vec<Finding> {
        let strict = STRICT_CRATES.iter().map(|name| (*name, self.0.get(*name).copied().unwrap_or_default(), STRICT));
        strict
            .chain([("all crates", self.overall(), OVERALL)])
            .filter(|(_, lines, least)| lines.count == 0 || lines.percent() < *least)
            .map(|(name, lines, least)| {
                Finding::of_file(
                    name,
                    format!("{:.1} % of {} lines covered", lines.percent(), lines.count),
                    format!("at least {least} % run in the tests"),
                    "tell a story about what no test reaches, or drop it",
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(files: &[(&str, u64, u64)]) -> Result<Coverage> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, count, covered)| {
                serde_json::json!({"filename": path, "summary": {"lines": {"count": count, "covered": covered, "percent": 0}}})
            })
            .collect();
        let report = serde_json::json!({"data": [{"files": files, "totals": {}}], "type": "llvm.coverage.json.export"});
        Coverage::parse(&report.to_string(), Path::new("/src"))
    }

    #[test]
    fn a_strict_crate_below_ninety_and_all_below_eighty_are_found() {
        let findings = coverage(&[
            ("/src/crates/opsmith-runs/src/a.rs", 100, 100),
            ("/src/crates/opsmith-runs/src/b.rs", 100, 79),
            ("/src/crates/opsmith-guard/src/lib.rs", 10, 9),
            ("/src/crates/opsmith-forge/src/lib.rs", 10, 10),
            ("/src/apps/ampx/src/lib.rs", 100, 20),
        ])
        .map(|coverage| coverage.check())
        .unwrap();
        let found: Vec<_> = findings.iter().map(|finding| format!("{}: {}", finding.path, finding.what)).collect();
        assert_eq!(
            found,
            [
                "crates/opsmith-store: 0.0 % of 0 lines covered",
                "crates/opsmith-runs: 89.5 % of 200 lines covered",
                "all crates: 68.1 % of 320 lines covered"
            ]
        );
    }

    #[test]
    fn developers_programs_and_foreign_files_do_not_count() {
        let coverage = coverage(&[
            ("/src/crates/opsmith-store/src/lib.rs", 10, 9),
            ("/src/dev/testkit/src/lib.rs", 1000, 0),
            ("/elsewhere/crates/opsmith-store/src/lib.rs", 1000, 0),
        ])
        .unwrap();
        assert_eq!(coverage.overall(), Lines { count: 10, covered: 9 });
        assert!(coverage.table().lines().count() == 2, "{}", coverage.table());
    }

    #[test]
    fn a_report_without_our_files_is_no_success() {
        assert!(coverage(&[("/src/dev/testkit/src/lib.rs", 10, 10)]).is_err());
        assert!(Coverage::parse("{}", Path::new("/src")).is_err());
    }
}
