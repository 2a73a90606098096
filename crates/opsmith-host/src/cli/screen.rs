use std::io::IsTerminal;

use crate::config::{NO_COLOR_VARIABLE, TERM_VARIABLE, process_env};

/// What is known of one output stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Whether a person sees it.
    pub terminal: bool,
    /// Whether colours and moving parts are welcome.
    pub colour: bool,
    /// Whether its cursor can be moved, to draw over what is there.
    pub cursor: bool,
    /// Columns, where known.
    pub width: Option<u16>,
    /// Lines, where known.
    pub height: Option<u16>,
}

impl Screen {
    /// The process's stdout.
    pub fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// The process's stderr.
    pub fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let terminal = stream.is_terminal();
        let dumb = process_env(TERM_VARIABLE).is_some_and(|name| name == "dumb");
        let cursor = terminal && !dumb;
        let colour = cursor && process_env(NO_COLOR_VARIABLE).is_none();
        // A terminal that does not know its size says 0.
        let size = if terminal { crossterm::terminal::size().ok() } else { None };
        let (width, height) = size.unzip();
        Self { terminal, colour, cursor, width: width.filter(|n| *n > 0), height: height.filter(|n| *n > 0) }
    }

    /// `text` in `tone` where colour is welcome, else as it is.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match (self.colour, tone.code()) {
            (true, Some(code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            (_, _) => text.to_owned(),
        }
    }
}

/// What a text means, which a terminal shows as a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Somebody should look.
    Warn,
    /// It is under way.
    Busy,
    /// Less important.
    Dim,
    /// More important.
    Strong,
}

impl Tone {
    /// The SGR parameter.
    const fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Good => Some(32),
            Self::Bad => Some(31),
            Self::Warn => Some(33),
            Self::Busy => Some(36),
            Self::Dim => Some(2),
            Self::Strong => Some(1),
        }
    }
}
