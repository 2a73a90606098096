use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{Attribute, Color, ContentArrangement, Table};

use super::screen::{Screen, Tone};
use super::terminal::clean_line;

/// One cell of a table; foreign text in it is made harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// `text` in `tone`.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: clean_line(text.as_ref()), tone }
    }

    fn drawn(&self) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(&self.text);
        match self.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Bad => cell.fg(Color::DarkRed),
            Tone::Warn => cell.fg(Color::DarkYellow),
            Tone::Busy => cell.fg(Color::DarkCyan),
            Tone::Dim => cell.add_attribute(Attribute::Dim),
            Tone::Strong => cell.add_attribute(Attribute::Bold),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// With borders and wrapped to the width on a terminal; elsewhere aligned columns, two spaces apart, one line a row.
pub(super) fn render(headers: &[&str], rows: &[Vec<Cell>], screen: Screen) -> String {
    let mut table = Table::new();
    table.force_no_tty();
    if screen.colour {
        table.enforce_styling();
    }
    if screen.terminal {
        let head = headers.iter().map(|text| Cell::toned(text, Tone::Strong).drawn());
        table.load_style(UTF8_FULL_CONDENSED).set_header(head.collect::<Vec<_>>());
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = screen.width {
            table.set_width(width);
        }
    } else {
        table.load_style(NOTHING).set_header(headers.to_vec());
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.iter().map(Cell::drawn).collect::<Vec<_>>());
    }
    if !screen.terminal {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec!["01J".into(), Cell::toned("success", Tone::Good), "mend the café".into()],
            vec!["01JB2".into(), Cell::toned("error", Tone::Bad), "\x1b[31m漢字\nsecond line".into()],
        ]
    }

    #[test]
    fn without_a_terminal_columns_are_aligned_and_bare() {
        let text = render(&["ID", "STATUS", "PROMPT"], &rows(), Screen::default());
        let expected = "\
ID     STATUS   PROMPT
01J    success  mend the café
01JB2  error    漢字 second line";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_terminal_gets_borders_within_its_width() {
        let screen = Screen { terminal: true, colour: false, width: Some(30) };
        let text = render(&["ID", "STATUS", "PROMPT"], &rows(), screen);
        assert!(text.starts_with('┌') && text.ends_with('┘'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn colour_is_there_only_when_welcome() {
        let screen = Screen { terminal: true, colour: true, width: Some(80) };
        assert!(render(&["A"], &rows(), screen).contains("\x1b["));
    }
}
