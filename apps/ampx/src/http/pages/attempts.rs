use maud::{Markup, html};
use opsmith_host::cli::{clean, clean_line, duration};

use crate::brief::short_sha;
use crate::gates::{AttemptFinding, Standing};
use crate::task::{Attempt, Task, TaskDetail, Usage};

/// The task's attempts, the latest first and open.
pub(super) fn attempts(detail: &TaskDetail) -> Markup {
    html! {
        section #task-attempts data-live aria-labelledby="attempts-title" {
            div.head { h2 #attempts-title { "Attempts" } }
            @if detail.attempts.is_empty() { p.dim { "None so far." } }
            ol.attempts {
                @for (index, attempt) in detail.attempts.iter().rev().enumerate() {
                    li { (one(&detail.task, attempt, index == 0)) }
                }
            }
        }
    }
}

fn one(task: &Task, attempt: &Attempt, open: bool) -> Markup {
    html! {
        details #{ "attempt-" (attempt.number) } open[open] {
            summary {
                span.number { "Attempt " (attempt.number) }
                (verdict(attempt))
                @if attempt.flaky { span.badge.warn title="Red at first, green when the same commit was checked again" { "Flaky" } }
                span.dim.said { (clean_line(attempt.summary.as_deref().unwrap_or_default())) }
                span.dim.took { (took(attempt)) }
            }
            div.inside {
                dl.facts {
                    div { dt { "Tokens" } dd { (tokens(&attempt.usage)) } }
                    div { dt { "Cost" } dd { (cost(attempt.usage.cost_usd)) } }
                    @if let Some(sha) = &attempt.head_sha { div { dt { "Commit" } dd { code title=(sha) { (short_sha(sha)) } } } }
                    @if let Some(id) = &attempt.thread_id { div { dt { "Session" } dd { code { (clean_line(id)) } } } }
                }
                (findings(attempt))
                @if let Some(excerpt) = &attempt.log_excerpt {
                    h3 { @if attempt.flaky { "The end of the log that failed at first" } @else { "The end of the failing log" } }
                    pre.box.excerpt tabindex="0" { (clean(excerpt)) }
                }
                @if attempt.prompt != task.prompt || attempt.number > 1 {
                    details #{ "asked-" (attempt.number) } {
                        summary { "What the agent was asked" }
                        pre.box.wrap tabindex="0" { (clean(&attempt.prompt)) }
                    }
                }
            }
        }
    }
}

fn verdict(attempt: &Attempt) -> Markup {
    let (tone, words) = match attempt.ci_verdict.as_deref() {
        Some("green") => ("good", "CI green"),
        Some("red") => ("bad", "CI red"),
        Some("cannot_run") => ("warn", "CI cannot run"),
        Some("none") => ("idle", "No CI"),
        Some(other) => return html! { span.badge { (clean_line(other)) } },
        None if attempt.findings.iter().any(|finding| finding.standing == Standing::Held) => ("warn", "Held"),
        None if attempt.finished_at.is_some() => ("idle", "No verdict"),
        None => ("busy", "Under way"),
    };
    html! { span class={ "badge " (tone) } { span.dot aria-hidden="true" {} (words) } }
}

fn took(attempt: &Attempt) -> String {
    let length = attempt.started_at.zip(attempt.finished_at).map(|(from, to)| to - from);
    length.and_then(|length| length.to_std().ok()).map(duration).unwrap_or_default()
}

fn tokens(usage: &Usage) -> String {
    match (usage.input_tokens, usage.output_tokens) {
        (None, None) => "unknown".to_owned(),
        (read, written) => {
            let said = |count: Option<u64>| count.map_or("unknown".to_owned(), grouped);
            format!("{} read, {} written", said(read), said(written))
        }
    }
}

/// A count with its thousands apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let apart = |(at, digit): (usize, char)| {
        let comma = at > 0 && (digits.len() - at).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.char_indices().flat_map(apart).collect()
}

fn cost(usd: Option<f64>) -> String {
    match usd {
        None => "unknown".to_owned(),
        Some(usd) if usd > 0.0 && usd < 0.01 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.2}"),
    }
}

fn findings(attempt: &Attempt) -> Markup {
    let beyond = usize::try_from(attempt.finding_count).unwrap_or(usize::MAX).saturating_sub(attempt.findings.len());
    html! {
        @if !attempt.findings.is_empty() {
            h3 { "What the gate found" }
            ul.findings { @for finding in &attempt.findings { li { (one_finding(finding)) } } }
            @if beyond > 0 { p.dim { "and " (beyond) " more" } }
        }
    }
}

fn one_finding(finding: &AttemptFinding) -> Markup {
    html! {
        @match &finding.standing {
            Standing::Held => span.badge.warn { "held" },
            Standing::Allowed => span.badge { "allowed" },
            Standing::Accepted { by, .. } => span.badge.good { "accepted by " (by) },
        }
        " " span.mono { (clean_line(&finding.path)) @if let Some(line) = finding.line { ":" (line) } }
        @if let Some(test) = &finding.test { " " code { (clean_line(test)) } }
        " " (clean_line(&finding.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_said_to_be_and_never_nothing() {
        let usage = |read, written| tokens(&Usage { input_tokens: read, output_tokens: written, cost_usd: None });
        assert_eq!(usage(None, None), "unknown");
        assert_eq!(usage(Some(0), None), "0 read, unknown written");
        assert_eq!(usage(Some(1_234_567), Some(999)), "1,234,567 read, 999 written");
        for (usd, said) in [(None, "unknown"), (Some(0.0), "$0.00"), (Some(0.0042), "$0.0042"), (Some(1.005), "$1.00")]
        {
            assert_eq!(cost(usd), said);
        }
    }
}
