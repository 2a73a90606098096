use anyhow::Result;

use crate::finding::Finding;
use crate::{homes, layers, manifests, places, size, tree};

/// Runs every check over the checkout and gives the findings in order of path and line.
pub fn check() -> Result<Vec<Finding>> {
    let workspace = tree::workspace()?;
    let files = tree::read(&workspace.root)?;
    let mut findings = layers::check(&workspace.crates);
    findings.extend(homes::check(&files));
    findings.extend(manifests::check(&files));
    findings.extend(places::check(&files));
    findings.extend(size::check(&files));
    findings.sort();
    Ok(findings)
}
