use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use opsmith_model::{Digest, nearest};
use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::template::{misfit, render, variables};
use super::{PromptError, PromptFinding, VariableType};

const REGISTRY: &str = "registry.json";
const ENDING: &str = ".j2";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryFile {
    prompts: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    version: String,
    file: String,
    sha256: String,
    created_at: DateTime<Utc>,
    variables: BTreeMap<String, VariableType>,
}

/// One version of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its template, in the registry's folder.
    pub file: String,
    /// The digest of the template.
    pub sha256: Digest,
    /// When this version was made.
    pub created_at: DateTime<Utc>,
    /// What has to be put in.
    pub variables: BTreeMap<String, VariableType>,
}

/// A prompt with everything put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedPrompt {
    /// The text.
    pub text: String,
    /// The prompt's name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The digest of the text, for golden tests and records.
    pub digest: Digest,
}

/// Every prompt of a folder, by its newest version.
#[derive(Clone, Debug)]
pub struct PromptRegistry {
    prompts: BTreeMap<String, Prompt>,
    /// Names of files that older versions had.
    former: BTreeSet<String>,
    /// Templates by their file's name.
    files: BTreeMap<String, String>,
}

impl PromptRegistry {
    /// Reads a folder with `registry.json` and templates `*.j2`.
    pub fn open(folder: &Path) -> Result<Self, PromptError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| PromptError::Io { path, source }
        };
        let path = folder.join(REGISTRY);
        let registry = fs::read_to_string(&path).map_err(failed(&path))?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if name.ends_with(ENDING) {
                files.insert(name, fs::read_to_string(&path).map_err(failed(&path))?);
            }
        }
        Self::parse(&registry, files)
    }

    /// The same from texts that a program carries in itself: the registry, and each file's name with its template.
    pub fn embedded(registry: &str, files: &[(&str, &str)]) -> Result<Self, PromptError> {
        Self::parse(registry, files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    fn parse(registry: &str, files: BTreeMap<String, String>) -> Result<Self, PromptError> {
        let registry: RegistryFile = serde_json::from_str(registry).map_err(PromptError::Unreadable)?;
        let mut prompts: BTreeMap<String, Prompt> = BTreeMap::new();
        let mut former = BTreeSet::new();
        for entry in registry.prompts {
            let prompt = entry.check()?;
            former.insert(prompt.file.clone());
            match prompts.get(&prompt.name) {
                Some(known) if known.version == prompt.version => {
                    return Err(PromptError::BadEntry { prompt: prompt.name, what: "the version of another" });
                }
                Some(known) if known.version > prompt.version => {}
                Some(_) | None => {
                    prompts.insert(prompt.name.clone(), prompt);
                }
            }
        }
        Ok(Self { prompts, former, files })
    }

    /// The newest version of each prompt, by name.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.values()
    }

    /// Puts `values` into the newest version of a prompt.
    ///
    /// Fails where the file is not that version's, and for a variable that is missing, of another type or unknown.
    pub fn render(&self, name: &str, values: &Map<String, Value>) -> Result<RenderedPrompt, PromptError> {
        let Some(prompt) = self.prompts.get(name) else {
            let nearest = nearest(name, self.prompts.keys().map(String::as_str)).map(str::to_owned);
            return Err(PromptError::NoSuchPrompt { prompt: name.to_owned(), nearest });
        };
        let source = self.files.get(&prompt.file).filter(|text| Digest::of_bytes(text.as_bytes()) == prompt.sha256);
        let Some(source) = source else { return Err(PromptError::Changed { prompt: name.to_owned() }) };
        if let Some((variable, reason)) = misfit(&prompt.variables, values) {
            return Err(PromptError::Variable { prompt: name.to_owned(), variable: variable.to_owned(), reason });
        }
        let text =
            render(name, source, values).map_err(|source| PromptError::Template { prompt: name.to_owned(), source })?;
        let digest = Digest::of_bytes(text.as_bytes());
        Ok(RenderedPrompt { text, name: name.to_owned(), version: prompt.version.clone(), digest })
    }

    /// What does not hold between registry and files, by prompt.
    pub fn check(&self) -> Vec<PromptFinding> {
        let mut findings = Vec::new();
        for prompt in self.prompts.values() {
            let Some(text) = self.files.get(&prompt.file) else {
                findings.push(PromptFinding::Missing { prompt: prompt.name.clone(), file: prompt.file.clone() });
                continue;
            };
            let sha256 = Digest::of_bytes(text.as_bytes());
            if sha256 != prompt.sha256 {
                findings.push(PromptFinding::Changed { prompt: prompt.name.clone(), sha256: sha256.to_string() });
            }
            check_variables(prompt, text, &mut findings);
        }
        let unlisted = self.files.keys().filter(|file| !self.former.contains(*file));
        findings.extend(unlisted.map(|file| PromptFinding::Unlisted { file: file.clone() }));
        findings
    }
}

fn check_variables(prompt: &Prompt, text: &str, findings: &mut Vec<PromptFinding>) {
    let name = || prompt.name.clone();
    let read = match variables(&prompt.name, text) {
        Ok(read) => read,
        Err(error) => {
            findings.push(PromptFinding::Broken { prompt: name(), reason: error.to_string() });
            return;
        }
    };
    let undeclared = read.iter().filter(|variable| !prompt.variables.contains_key(*variable));
    findings.extend(undeclared.map(|v| PromptFinding::Undeclared { prompt: name(), variable: v.clone() }));
    let unused = prompt.variables.keys().filter(|variable| !read.contains(*variable));
    findings.extend(unused.map(|v| PromptFinding::Unused { prompt: name(), variable: v.clone() }));
}

impl Entry {
    fn check(self) -> Result<Prompt, PromptError> {
        let bad = |what| PromptError::BadEntry { prompt: self.name.clone(), what };
        let version = Version::parse(&self.version).map_err(|_| bad("a version that is not like 1.0.0"))?;
        let sha256 = self.sha256.parse().map_err(|_| bad("a SHA-256 that is not 64 lower-case hex digits"))?;
        if self.file.contains(['/', '\\']) || !self.file.ends_with(ENDING) {
            return Err(bad("a file that is not a template of its folder"));
        }
        let Self { name, file, created_at, variables, .. } = self;
        Ok(Prompt { name, version, file, sha256, created_at, variables })
    }
}
