use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{Attribute, Color, ColumnConstraint, ContentArrangement, Row, Table, Width};

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

/// Between two columns.
const GAP: usize = 2;
/// What a column keeps of a content that is longer.
const NARROWEST: usize = 12;

/// One line a row within the width: on a terminal long cells are cut, and the last columns go where all are narrow.
pub(super) fn render_cut(headers: &[&str], rows: &[Vec<Cell>], screen: Screen) -> String {
    let Some(width) = screen.width.filter(|_| screen.terminal) else {
        return render(headers, rows, Screen::default());
    };
    let mut table = Table::new();
    table.force_no_tty().load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    // No cell has a line break, so the cut is where the room ends and not where a word does.
    table.set_truncation_indicator("…").set_delimiter('\n').set_width(width);
    if screen.colour {
        table.enforce_styling();
    }
    let head = headers.iter().map(|text| Cell::toned(text, Tone::Strong).drawn());
    table.set_header(one_line(head));
    for row in rows {
        table.add_row(one_line(row.iter().map(Cell::drawn)));
    }
    let natural = table.column_max_content_widths().into_iter().map(usize::from).collect();
    let widths = fitted(natural, usize::from(width));
    for (i, column) in table.column_iter_mut().enumerate() {
        let Some(content) = widths.get(i) else {
            column.set_constraint(ColumnConstraint::Hidden);
            continue;
        };
        let gap = if i + 1 == widths.len() { 0 } else { GAP };
        column.set_padding((0, u16::try_from(gap).unwrap_or(0)));
        let whole = u16::try_from(content + gap).unwrap_or(width);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(whole)));
    }
    table.trim_fmt()
}

fn one_line(cells: impl Iterator<Item = comfy_table::Cell>) -> Row {
    let mut row = Row::from(cells.collect::<Vec<_>>());
    row.max_height(1);
    row
}

/// The widths at which columns fit: the widest give way first, then the last columns go.
fn fitted(mut widths: Vec<usize>, width: usize) -> Vec<usize> {
    let natural = widths.clone();
    while widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) if natural.len() == 1 => return vec![width.max(1)],
            Some(_) | None => return fitted(natural[..natural.len() - 1].to_vec(), width),
        }
    }
    widths
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
        let screen = Screen { terminal: true, width: Some(30), ..Screen::default() };
        let text = render(&["ID", "STATUS", "PROMPT"], &rows(), screen);
        assert!(text.starts_with('┌') && text.ends_with('┘'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn colour_is_there_only_when_welcome() {
        let screen = Screen { terminal: true, colour: true, width: Some(80), ..Screen::default() };
        assert!(render(&["A"], &rows(), screen).contains("\x1b["));
    }

    #[test]
    fn a_cut_table_has_one_line_a_row_and_never_more_than_the_width() {
        let long = "make every failing test of the parser pass and keep the old names";
        let row: Vec<Cell> = vec!["3f9k2m1x".into(), "needs_review".into(), long.into(), "漢字".repeat(40).into()];
        let headers = ["ID", "STATUS", "PROMPT", "SUMMARY"];
        for width in 1..=200 {
            let screen = Screen { terminal: true, width: Some(width), ..Screen::default() };
            let text = render_cut(&headers, &[row.clone(), row.clone()], screen);
            assert_eq!(text.lines().count(), 3, "{width}: {text}");
            for line in text.lines() {
                let columns: usize = line.chars().map(|c| if matches!(c, '漢' | '字') { 2 } else { 1 }).sum();
                assert!(columns <= usize::from(width), "{width}: {line}");
            }
        }
        let screen = Screen { terminal: true, width: Some(60), ..Screen::default() };
        let expected = "\
ID        STATUS        PROMPT             SUMMARY
3f9k2m1x  needs_review  make every faili…  漢字漢字漢字漢字…";
        assert_eq!(render_cut(&headers, std::slice::from_ref(&row), screen), expected);
        let narrow = Screen { terminal: true, width: Some(24), ..Screen::default() };
        let expected = "ID        STATUS\n3f9k2m1x  needs_review";
        assert_eq!(render_cut(&headers, std::slice::from_ref(&row), narrow), expected);
        assert!(render_cut(&headers, &[row], Screen::default()).contains(long), "nothing is cut in a pipe");
    }
}
