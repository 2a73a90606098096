use std::process::ExitCode;
use std::time::Duration;

use opsmith_host::cli::{Failure, Output};
use opsmith_model::ErrorKind;

/// How long work that cannot be interrupted (a file system that hangs, a question on the terminal) is waited for.
const LEFTOVERS_LIMIT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let _failpoints = opsmith_runs::arm_failpoints();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(ErrorKind::Unavailable, format!("failed to start the threads: {error}"));
            return Output::new(false).fail(&failure).into();
        }
    };
    let exit = runtime.block_on(opsmith::cli::run(std::env::args_os().collect()));
    runtime.shutdown_timeout(LEFTOVERS_LIMIT);
    exit.into()
}
