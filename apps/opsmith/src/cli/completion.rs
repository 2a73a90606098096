use clap::ValueEnum;
use clap_complete::{Shell, generate};
use opsmith_host::cli::{Exit, Failure};

use super::parser::whole_command;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  opsmith completion bash > ~/.local/share/bash-completion/completions/opsmith
  opsmith completion bash --for ampx > ~/.local/share/bash-completion/completions/ampx
  opsmith completion fish > ~/.config/fish/completions/opsmith.fish";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Offered,
    /// The command that the script completes
    #[arg(long = "for", value_enum, value_name = "COMMAND", default_value_t = Program::Opsmith)]
    program: Program,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Offered {
    Bash,
    Zsh,
    Fish,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Program {
    Opsmith,
    Ampx,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Exit, Failure> {
    let (mut command, name) = match args.program {
        Program::Opsmith => (whole_command(), "opsmith"),
        Program::Ampx => (ampx::cli::command(), "ampx"),
    };
    let shell = match args.shell {
        Offered::Bash => Shell::Bash,
        Offered::Zsh => Shell::Zsh,
        Offered::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    session.output.content(&script);
    Ok(Exit::OK)
}
