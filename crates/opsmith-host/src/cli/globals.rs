use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser};
use opsmith_model::ErrorKind;

use super::{Exit, Failure, Output};

/// The flags that every command has, to be flattened into a product's parser.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// Print data and errors as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer yes to every question
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Show what would happen and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Read this configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log more, and show every cause of an error; may be repeated
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Globals {
    /// The output these flags ask for.
    pub fn output(&self) -> Output {
        Output::new(self.json).with_causes(self.verbose > 0)
    }
}

/// Reads the command line; help and wrong words are printed here, as JSON where asked for, and end with the exit given.
///
/// `usage_exit` is the code for wrong words, which some products' contracts fix.
pub fn parse<P: Parser>(words: impl IntoIterator<Item = OsString>, usage_exit: Exit) -> Result<P, Exit> {
    let words: Vec<OsString> = words.into_iter().collect();
    P::try_parse_from(&words).map_err(|error| {
        if !error.use_stderr() {
            // Help and version; a reader that has gone needs neither.
            let _ = error.print();
            return Exit::OK;
        }
        let asked_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        if !asked_json {
            let _ = error.print();
            return usage_exit;
        }
        let text = error.render().to_string();
        let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
        let message = message.strip_prefix("error: ").unwrap_or(message).trim();
        let failure = Failure::new(ErrorKind::Usage, message).with_exit(usage_exit);
        Output::new(true).fail(&if hint.is_empty() { failure } else { failure.with_hint(hint.trim()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does one thing well
    #[derive(Parser, Debug)]
    struct Tool {
        #[command(flatten)]
        globals: Globals,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(clap::Subcommand, Debug)]
    enum Command {
        List,
        Create {
            #[arg(short = 'f', long)]
            config: Option<PathBuf>,
        },
    }

    fn read(words: &[&str]) -> Result<Tool, Exit> {
        parse(words.iter().map(OsString::from), Exit::code(64))
    }

    #[test]
    fn every_flag_works_on_both_sides_of_the_command() {
        for words in [
            ["tool", "--json", "-y", "-vv", "--dry-run", "--config", "x.toml", "list"],
            ["tool", "list", "--json", "-y", "-vv", "--dry-run", "--config", "x.toml"],
        ] {
            let Tool { globals, command } = read(&words).unwrap();
            assert!(matches!(command, Command::List));
            assert!(globals.json && globals.yes && globals.dry_run);
            assert_eq!((globals.verbose, globals.config), (2, Some(PathBuf::from("x.toml"))));
        }
    }

    #[test]
    fn a_products_own_flag_wins_and_its_description_stays() {
        use clap::CommandFactory as _;

        let read = read(&["tool", "create", "-f", "x.yaml"]).unwrap();
        let Command::Create { config } = read.command else { panic!("another command") };
        assert_eq!(config, Some(PathBuf::from("x.yaml")));
        Tool::command().debug_assert();
        assert!(Tool::command().render_help().to_string().starts_with("Does one thing well\n"));
    }

    #[test]
    fn wrong_words_end_with_the_products_code_and_help_with_none() {
        assert_eq!(read(&["tool", "lst"]).unwrap_err(), Exit::code(64));
        assert_eq!(read(&["tool", "--json", "lst"]).unwrap_err(), Exit::code(64));
        assert_eq!(read(&["tool", "--help"]).unwrap_err(), Exit::OK);
    }
}
