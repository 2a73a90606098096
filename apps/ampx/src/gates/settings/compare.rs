use super::super::finding::{FindingKind, GateFinding};
use super::super::paths::file_name;
use super::entries::{Entries, read};
use super::form::Form;

/// Keys that say how tests run or are reported, not which run or what they demand.
const HARMLESS: &[&str] = &[
    "markers",
    "filterwarnings",
    "asyncio_mode",
    "asyncio_default_fixture_loop_scope",
    "log_cli",
    "log_cli_level",
    "log_level",
    "log_format",
    "minversion",
    "required_plugins",
    "pythonpath",
    "env",
    "testenvironment",
    "transform",
    "modulenamemapper",
    "modulefileextensions",
    "setupfiles",
    "setupfilesafterenv",
    "globalsetup",
    "globalteardown",
    "reporters",
    "reporter",
    "coveragereporters",
    "coveragedirectory",
    "verbose",
    "show_missing",
    "precision",
    "skip_covered",
    "skip_empty",
    "title",
    "directory",
    "output",
    "preset",
    "environment",
    "alias",
    "clearmocks",
    "resetmocks",
    "restoremocks",
    "deps",
    "parallel",
    "data_file",
];
/// Words of keys whose number is the least that is demanded.
const THRESHOLDS: &[&str] = &[
    "fail_under",
    "fail-under",
    "threshold",
    "minimum",
    "min_coverage",
    "target",
    "branches",
    "functions",
    "lines",
    "statements",
];
/// Words of keys that leave something out.
const EXCLUDING: &[&str] = &["exclude", "ignore", "omit", "exclusion", "norecursedirs", "skip"];
/// Words of keys that take something in.
const INCLUDING: &[&str] = &[
    "testpaths",
    "include",
    "source",
    "python_files",
    "python_functions",
    "python_classes",
    "testmatch",
    "collectcoveragefrom",
    "roots",
    "spec",
    ".name",
    ".path",
];
/// Last words of keys that hold a command line.
const COMMANDS: &[&str] = &["addopts", "commands", "test"];
/// Options that leave tests out, or let them fail.
const RISKY: &[&str] = &[
    "--deselect",
    "--ignore",
    "-k",
    "-m",
    "--no-cov",
    "--co",
    "--collect-only",
    "--maxfail",
    "-x",
    "--exitfirst",
    "-p",
    "--lf",
    "--last-failed",
    "--sw",
    "--reruns",
    "--passwithnotests",
    "--pass-with-no-tests",
    "--testpathignorepatterns",
    "--exclude",
    "--skip",
    "--retry",
    "--retries",
    "--bail",
    "--forceexit",
    "--grep",
    "--invert",
    "--testnamepattern",
    "-t",
    "--no-run",
    "||",
    "exit",
    "true",
    ";",
];
/// Options that may go without loss.
const VERBOSITY: &[&str] =
    &["-v", "-q", "-s", "-r", "--color", "--tb", "--durations", "-n", "--verbose", "--silent", "--reporter"];

/// What changed in the settings of tests from one side of a file to the other.
pub(in crate::gates) fn judge(old: Option<(&str, &str)>, new: Option<(&str, &str)>) -> Vec<GateFinding> {
    let Some((path, _)) = new.or(old) else { return Vec::new() };
    let entries =
        |side: Option<(&str, &str)>| match side.and_then(|(path, text)| Form::of(path).map(|form| (form, text))) {
            Some((form, text)) => read(form, text),
            None => Some(Entries::new()),
        };
    let found = |what: String| GateFinding::of_file(FindingKind::Settings, path, what);
    match (entries(old), entries(new)) {
        (Some(before), Some(after)) => {
            let in_codecov = file_name(path).contains("codecov");
            let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let value = |side: &Entries, key: &String| side.get(key).cloned().unwrap_or_default();
            let whats = keys.into_iter().filter_map(|key| {
                let (old, new) = (value(&before, key), value(&after, key));
                if old == new { None } else { worse(key, &old, &new, in_codecov) }
            });
            whats.map(found).collect()
        }
        (Some(before), None) if before.is_empty() && old.is_some_and(|(path, _)| !is_dedicated(path)) => Vec::new(),
        (None, Some(_)) | (None, None) if new.is_none() => Vec::new(),
        (_, None) => vec![found("cannot be read any more, so its settings cannot be compared".to_owned())],
        (None, Some(_)) => vec![found("could not be read before, so its settings cannot be compared".to_owned())],
    }
}

/// Whether a file has no other purpose than tests.
fn is_dedicated(path: &str) -> bool {
    !matches!(file_name(path), "pyproject.toml" | "Cargo.toml" | "setup.cfg" | "tox.ini" | "package.json")
}

/// What is worse about a key's new values; none where nothing is.
fn worse(key: &str, old: &[String], new: &[String], in_codecov: bool) -> Option<String> {
    let lower = key.to_ascii_lowercase();
    let last = lower.rsplit('.').next().unwrap_or(&lower);
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if HARMLESS.contains(&last) {
        return None;
    }
    let (was, is) = (old.join(" "), new.join(" "));
    let lost = || old.iter().any(|value| !new.contains(value));
    let come = || new.iter().any(|value| !old.contains(value));
    if in_codecov && last == "threshold" {
        // There it is how much coverage may fall.
        return rises(old, new).then(|| format!("lets `{key}` be {is}, {}", before(&was)));
    }
    if COMMANDS.contains(&last) || lower.starts_with("scripts.") {
        return options(key, &was, &is);
    }
    if has(THRESHOLDS) && numbers(old).iter().chain(&numbers(new)).any(Option::is_some) {
        return falls(old, new).then(|| match new {
            [] => format!("removes `{key}`, {}", before(&was)),
            _ => format!("lowers `{key}` to {is}, {}", before(&was)),
        });
    }
    let fine = (has(EXCLUDING) && !come()) || (has(INCLUDING) && !lost() && !old.is_empty());
    if fine || (has(&[".name", ".path"]) && !lost()) {
        return None;
    }
    Some(match (old, new) {
        ([], _) if is.is_empty() => format!("adds `{key}`"),
        ([], _) => format!("sets `{key}` to `{is}`"),
        (_, []) => format!("removes `{key}`, {}", before(&was)),
        _ => format!("changes `{key}` to `{is}`, {}", before(&was)),
    })
}

fn before(was: &str) -> String {
    if was.is_empty() { "which was not set before".to_owned() } else { format!("which was `{was}`") }
}

fn numbers(values: &[String]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.trim_end_matches(['%', ',']).trim().parse().ok()).collect()
}

/// Whether a least value fell or went.
fn falls(old: &[String], new: &[String]) -> bool {
    let (old, new) = (numbers(old), numbers(new));
    new.len() < old.len()
        || old.iter().zip(&new).any(|pair| match pair {
            (Some(old), Some(new)) => new < old,
            (Some(_), None) => true,
            (None, _) => false,
        })
}

fn rises(old: &[String], new: &[String]) -> bool {
    let (old, new) = (numbers(old), numbers(new));
    new.len() > old.len()
        || old.iter().zip(&new).any(|(old, new)| matches!((old, new), (Some(old), Some(new)) if new > old))
}

/// What is worse about a command line.
fn options(key: &str, was: &str, is: &str) -> Option<String> {
    const LEAST: &str = "--cov-fail-under";
    let least = |line: &str| {
        let rest = line.split_once(LEAST)?.1.trim_start_matches(['=', ' ']);
        rest.split_whitespace().next()?.parse::<f64>().ok()
    };
    if let Some(old) = least(was)
        && least(is).is_none_or(|new| new < old)
    {
        return Some(format!("lowers `{LEAST}` of `{key}`, which was {old}"));
    }
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (words(was), words(is));
    let is_of = |word: &str, options: &[&str]| {
        let word = word.to_ascii_lowercase();
        let exact =
            |option: &&str| word == **option || (option.starts_with("--") && word.starts_with(&format!("{option}=")));
        // A short option may have its value, or its repetition, without a space.
        let joined = |option: &&str| {
            option.len() == 2 && option.starts_with('-') && !word.starts_with("--") && word.starts_with(*option)
        };
        options.iter().any(|option| exact(option) || joined(option))
    };
    let counts = |word: &&String| !word.starts_with(LEAST) && word.parse::<f64>().is_err();
    if let Some(risky) = new.iter().filter(counts).find(|word| !old.contains(word) && is_of(word, RISKY)) {
        return Some(format!("adds `{risky}` to `{key}`"));
    }
    let dropped =
        old.iter().filter(counts).find(|word| !new.contains(word) && !is_of(word, RISKY) && !is_of(word, VERBOSITY));
    dropped.map(|word| format!("drops `{word}` from `{key}`"))
}
