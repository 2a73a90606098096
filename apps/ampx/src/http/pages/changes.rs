use axum::extract::{Path, State};
use maud::{Markup, html};
use opsmith_host::cli::{clean, clean_line};
use opsmith_host::http::page::{Page, Shell, notice};

use super::super::error::ApiError;
use super::assets::OWN;
use super::patch::{FilePatch, Line, files};
use super::task::{head, title};
use crate::task::Task;
use crate::{Ampx, AmpxError};

/// How many lines of one file, and of all, a page shows; the raw diff has them all.
const MOST_FILE_LINES: usize = 1_000;
const MOST_LINES: usize = 4_000;
const MOST_FILES: usize = 300;
/// A longer line is cut.
const MOST_LINE_CHARS: usize = 1_000;
/// A longer file begins folded.
const OPEN_LINES: usize = 300;
const KEYS: &[(&str, &str)] =
    &[("o", "overview"), ("c", "changes"), ("m", "merge, where it can be"), ("u", "up to the list")];

/// What the task changes against its base.
pub(super) async fn changes(State(ampx): State<Ampx>, shell: Shell, Path(id): Path<String>) -> Result<Page, ApiError> {
    let task = ampx.task(ampx.resolve(&id).await?).await?;
    let content = html! {
        (head(&task, "changes"))
        (of(&ampx, &task).await?)
    };
    Ok(shell.page(title(&task), content).assets(OWN).keys(KEYS))
}

/// The task's diff, or why it cannot be shown here.
async fn of(ampx: &Ampx, task: &Task) -> Result<Markup, ApiError> {
    match ampx.diff(task.id).await {
        Ok(text) => Ok(diff(task, &String::from_utf8_lossy(&text))),
        Err(error @ AmpxError::NotNow { .. }) => Ok(notice(ApiError::from(error).0.body())),
        Err(error) => Err(error.into()),
    }
}

fn diff(task: &Task, text: &str) -> Markup {
    let files = files(text);
    let (added, removed) = files.iter().map(FilePatch::counts).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let mut left = MOST_LINES;
    html! {
        @if files.is_empty() {
            p.empty { "Nothing is changed so far." }
        } @else {
            div.row.diff-head {
                p { strong { (files.len()) @if files.len() == 1 { " file" } @else { " files" } } " changed " (tally(added, removed)) }
                a href={ "/api/v1/tasks/" (task.id) "/diff" } { "Raw diff" }
            }
            @for (index, file) in files.iter().take(MOST_FILES).enumerate() {
                @let shown = file.lines.len().min(MOST_FILE_LINES).min(left);
                ({ left -= shown; one(task, file, index, shown) })
            }
            @if files.len() > MOST_FILES { p.dim { "and " (files.len() - MOST_FILES) " more files" } }
        }
    }
}

fn tally(added: usize, removed: usize) -> Markup {
    html! { span.added { "+" (added) } " " span.removed { "−" (removed) } }
}

fn one(task: &Task, file: &FilePatch<'_>, index: usize, shown: usize) -> Markup {
    let (added, removed) = file.counts();
    html! {
        details.file #{ "file-" (index) } open[file.lines.len() <= OPEN_LINES && shown == file.lines.len()] {
            summary { span.mono { (clean_line(file.path)) } span.tally { (tally(added, removed)) } }
            @for note in &file.notes { p.dim.mono.note { (clean_line(note)) } }
            @if shown > 0 {
                div.lines tabindex="0" role="region" aria-label={ "Changes of " (clean_line(file.path)) } {
                    table { tbody { @for line in &file.lines[..shown] { (row(line)) } } }
                }
            }
            @if shown < file.lines.len() {
                p.dim.note {
                    (file.lines.len() - shown) " more lines: see the "
                    a href={ "/api/v1/tasks/" (task.id) "/diff" } { "raw diff" }
                }
            }
        }
    }
}

fn row(line: &Line<'_>) -> Markup {
    match line {
        Line::Hunk(text) => html! { tr.hunk { td {} td {} td { (cut(text)) } } },
        Line::Same { before, after, text } => {
            html! { tr { td data-n=(before) {} td data-n=(after) {} td { " " (cut(text)) } } }
        }
        Line::Added { after, text } => html! { tr.add { td {} td data-n=(after) {} td { "+" (cut(text)) } } },
        Line::Removed { before, text } => html! { tr.del { td data-n=(before) {} td {} td { "-" (cut(text)) } } },
        Line::Remark(text) => html! { tr.hunk { td {} td {} td { (cut(text)) } } },
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_LINE_CHARS) {
        Some((end, _)) => format!("{}…", clean(&text[..end])),
        None => clean(text),
    }
}
