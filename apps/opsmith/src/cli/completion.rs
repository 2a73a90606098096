use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate};
use opsmith_host::cli::{Exit, Failure};

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  source <(opsmith completion bash)              in ~/.bashrc
  source <(opsmith completion zsh)               in ~/.zshrc, after compinit
  opsmith completion fish | source               in ~/.config/fish/config.fish
  opsmith completion bash --for ampx > ~/.local/share/bash-completion/completions/ampx

Without --for the script completes opsmith and each product's own command.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Offered,
    /// The only command that the script is to complete
    #[arg(long = "for", value_enum, value_name = "COMMAND")]
    program: Option<Program>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Offered {
    Bash,
    Zsh,
    Fish,
}

impl From<Offered> for Shell {
    fn from(shell: Offered) -> Self {
        match shell {
            Offered::Bash => Self::Bash,
            Offered::Zsh => Self::Zsh,
            Offered::Fish => Self::Fish,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Program {
    Opsmith,
    Ampx,
}

impl Program {
    fn script(self, shell: Shell, whole: &Command) -> Vec<u8> {
        let (mut command, name) = match self {
            Self::Opsmith => (whole.clone(), "opsmith"),
            Self::Ampx => (ampx::cli::command(), "ampx"),
        };
        let mut script = Vec::new();
        generate(shell, &mut command, name, &mut script);
        script
    }
}

/// Writes the scripts; `whole` is opsmith's own command with all below it.
pub(super) fn run(session: &Session, args: &Args, whole: &Command) -> Result<Exit, Failure> {
    let shell = args.shell.into();
    let script = match args.program {
        Some(program) => program.script(shell, whole),
        None => Program::value_variants().iter().flat_map(|program| program.script(shell, whole)).collect(),
    };
    session.output.content(&script);
    Ok(Exit::OK)
}
