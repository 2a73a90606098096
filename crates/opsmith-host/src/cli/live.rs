use std::io::{self, StdoutLock, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use nix::sys::signal::{Signal, raise};
use nix::unistd::{getpid, getsid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::screen::Screen;
use super::table::{self, Cell};

/// Whether the terminal is ours now. Changed only under the lock of stdout.
static SHOWN: AtomicBool = AtomicBool::new(false);
static BEFORE_PANICS: Once = Once::new();

/// The whole terminal, drawn again and again. What was on it before comes back when this is dropped, for as long as the
/// process is stopped (Ctrl-Z), and before a panic is told.
#[derive(Debug)]
pub struct Live {
    disturbed: watch::Receiver<()>,
    _signals: AbortOnDropHandle<()>,
}

impl Live {
    pub(super) fn begin() -> io::Result<Self> {
        let mut window = signal(SignalKind::window_change())?;
        let mut stop = signal(SignalKind::from_raw(Signal::SIGTSTP as i32))?;
        BEFORE_PANICS.call_once(|| {
            let told_before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // The panic may come out of a print, whose lock this thread then has and may take again.
                let _ = hide(&mut io::stdout().lock());
                told_before(panic);
            }));
        });
        show(&mut io::stdout().lock())?;
        let (disturbance, disturbed) = watch::channel(());
        let signals = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = window.recv() => {}
                    _ = stop.recv() => stop_here(),
                }
                disturbance.send_replace(());
            }
        });
        Ok(Self { disturbed, _signals: AbortOnDropHandle::new(signals) })
    }

    /// Draws rows under headers over what is there, as many as the window has lines for; `total` counts also those that
    /// were not given. Without rows it says `nothing`.
    pub fn draw(&mut self, headers: &[&str], rows: &[Vec<Cell>], total: u64, nothing: &str) -> io::Result<()> {
        let lines = frame(headers, rows, total, nothing, Screen::of_stdout());
        let mut out = io::stdout().lock();
        show(&mut out)?;
        queue!(out, MoveTo(0, 0))?;
        for (i, line) in lines.iter().enumerate() {
            // No break after the last line, which would scroll a full window.
            let line_break = if i == 0 { "" } else { "\r\n" };
            queue!(out, Print(line_break), Print(line), Clear(ClearType::UntilNewLine))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    }

    /// Waits until all has to be drawn again: the window has another size, or the process goes on after a stop.
    pub async fn disturbed(&mut self) {
        if self.disturbed.changed().await.is_err() {
            // Nobody listens for signals any more, so this never happens again.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing back.
        let _ = hide(&mut io::stdout().lock());
    }
}

/// Takes the terminal, where it is not ours already.
fn show(out: &mut StdoutLock<'_>) -> io::Result<()> {
    if !SHOWN.swap(true, Ordering::Relaxed) {
        queue!(out, EnterAlternateScreen, Hide)?;
        out.flush()?;
    }
    Ok(())
}

/// Gives the terminal back, where it is ours.
fn hide(out: &mut StdoutLock<'_>) -> io::Result<()> {
    if SHOWN.swap(false, Ordering::Relaxed) {
        queue!(out, Show, LeaveAlternateScreen)?;
        out.flush()?;
    }
    Ok(())
}

/// Stops this process as SIGTSTP would, with the terminal as it was before; comes back when the process goes on.
fn stop_here() {
    // The leader of a session has no shell that could have it go on.
    if getsid(None).is_ok_and(|session| session == getpid()) {
        return;
    }
    // Held over the stop, so that nothing is drawn in between.
    let mut out = io::stdout().lock();
    let _ = hide(&mut out);
    let _ = raise(Signal::SIGSTOP);
    let _ = show(&mut out);
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
