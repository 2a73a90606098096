//! The walls around agents and checks. A hostile agent, check and workflow try the same on each backend: behind walls
//! all of it fails, and without them it works, so that the trying itself is proven.

mod asked;
mod attacked;
mod let_in;

use opsmith_sandbox::{Preference, Sandbox, Setup};

/// Whether bubblewrap works on this machine; where not, it is said.
#[expect(clippy::print_stdout, reason = "a story that is skipped says why")]
async fn has_bubblewrap() -> bool {
    let setup = Setup { host_env: std::env::vars_os().collect(), ..Setup::default() };
    match Sandbox::choose(Preference::Bubblewrap, setup).await {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

/// TOML that asks for a backend.
fn backend(name: &str) -> String {
    format!("[sandbox]\nbackend = {name:?}\n")
}
