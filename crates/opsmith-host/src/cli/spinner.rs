use std::time::Duration;

use indicatif::ProgressBar;

use super::terminal::clean_line;

/// A sign of life while something takes long; nothing at all where no person watches. Gone when dropped.
#[derive(Debug)]
pub struct Spinner {
    bar: Option<ProgressBar>,
}

impl Spinner {
    pub(super) fn hidden() -> Self {
        Self { bar: None }
    }

    pub(super) fn shown(message: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        let spinner = Self { bar: Some(bar) };
        spinner.message(message);
        spinner
    }

    /// Changes what it says.
    pub fn message(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(clean_line(text));
        }
    }

    /// Runs `print` with the spinner out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
