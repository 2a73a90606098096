use std::io::{self, Write as _};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::screen::Screen;
use super::table::{self, Cell};

/// The whole terminal, drawn again and again. What was on it before comes back when this is dropped.
#[derive(Debug)]
pub struct Live {
    window: Signal,
}

impl Live {
    pub(super) fn begin() -> io::Result<Self> {
        let window = signal(SignalKind::window_change())?;
        let mut out = io::stdout().lock();
        queue!(out, EnterAlternateScreen, Hide)?;
        out.flush()?;
        Ok(Self { window })
    }

    /// Draws rows under headers over what is there, as many as the window has lines for; `total` counts also those that
    /// were not given. Without rows it says `nothing`.
    pub fn draw(&mut self, headers: &[&str], rows: &[Vec<Cell>], total: u64, nothing: &str) -> io::Result<()> {
        let lines = frame(headers, rows, total, nothing, Screen::of_stdout());
        let mut out = io::stdout().lock();
        queue!(out, MoveTo(0, 0))?;
        for (i, line) in lines.iter().enumerate() {
            // No break after the last line, which would scroll a full window.
            let line_break = if i == 0 { "" } else { "\r\n" };
            queue!(out, Print(line_break), Print(line), Clear(ClearType::UntilNewLine))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    }

    /// Waits until the window has another size.
    pub async fn resized(&mut self) {
        if self.window.recv().await.is_none() {
            // No more signals will come, so this never happens again.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        // A terminal that has gone needs nothing back.
        let _ = queue!(out, Show, LeaveAlternateScreen).and_then(|()| out.flush());
    }
}

/// What a window of that size has room for; its last line counts what it has none for.
fn frame(headers: &[&str], rows: &[Vec<Cell>], total: u64, nothing: &str, screen: Screen) -> Vec<String> {
    let width = screen.width.unwrap_or(80);
    let cut = |text: &str| -> String { text.chars().take(usize::from(width)).collect() };
    if rows.is_empty() {
        return vec![cut(nothing)];
    }
    let room = usize::from(screen.height.unwrap_or(24)).saturating_sub(1);
    let all_fit = rows.len() <= room && u64::try_from(rows.len()).is_ok_and(|given| given >= total);
    let shown = if all_fit { rows.len() } else { rows.len().min(room.saturating_sub(1)) };
    let text = table::render_cut(headers, &rows[..shown], Screen { width: Some(width), ..screen });
    let left = total.max(rows.len() as u64) - shown as u64;
    let more = (left > 0 && room > 0).then(|| cut(&format!("… {left} more")));
    text.lines().map(str::to_owned).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: usize, total: u64, height: u16) -> Vec<String> {
        let rows: Vec<Vec<Cell>> = (0..rows).map(|n| vec![Cell::from(format!("row {n}"))]).collect();
        let screen = Screen { terminal: true, width: Some(20), height: Some(height), ..Screen::default() };
        frame(&["ROW"], &rows, total, "none", screen)
    }

    #[test]
    fn a_frame_never_has_more_lines_than_the_window() {
        for height in 1..30 {
            for rows in 0..40 {
                let lines = drawn(rows, rows as u64, height);
                assert!(lines.len() <= usize::from(height), "{height} {rows}: {lines:?}");
            }
        }
        assert_eq!(drawn(3, 3, 4), ["ROW", "row 0", "row 1", "row 2"]);
        assert_eq!(drawn(3, 3, 3), ["ROW", "row 0", "… 2 more"]);
        assert_eq!(drawn(3, 90, 24), ["ROW", "row 0", "row 1", "row 2", "… 87 more"]);
        assert_eq!(drawn(0, 0, 24), ["none"]);
    }
}
