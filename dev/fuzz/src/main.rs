//! Coverage-guided fuzzing of what reads outside input, by libFuzzer: `make fuzz`, and docs/fuzzing.md.
//!
//! One program holds every target, so that there is one thing to build; `FUZZ_TARGET` names the one that runs, and empty
//! has the names listed. Each asserts what holds of its parser, beside that nothing panics. Start at [`targets::ALL`].

#![no_main]

mod cut;
mod targets;

use std::io::Write as _;
use std::sync::OnceLock;

use targets::{ALL, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: TARGET.get_or_init(chosen), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(data);
    }
});

fn chosen() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if let Some(target) = ALL.iter().find(|target| target.name == name) {
        return *target;
    }
    let names: String = ALL.iter().map(|target| format!("{}\n", target.name)).collect();
    let _ = std::io::stdout().write_all(names.as_bytes());
    std::process::exit(if name.is_empty() { 0 } else { 2 });
}
