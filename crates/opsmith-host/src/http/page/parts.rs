//! Small pieces that pages of every product have.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use opsmith_model::{Decision, Plan};

use crate::cli::{ago, clean, clean_line};

/// A moment as a person says it, and in full where the pointer rests; the script keeps it true.
pub fn time(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    let (machine, whole) = (at.to_rfc3339_opts(SecondsFormat::Secs, true), at.format("%Y-%m-%d %H:%M:%S UTC"));
    html! { time datetime=(machine) title=(whole) { (ago(at, now)) } }
}

/// A foreign address: a link where it leads to the web, else only its text. Other schemes could run a script.
pub fn link(address: &str, text: &str) -> Markup {
    let web = ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme));
    html! {
        @if web { a href=(address) rel="noreferrer noopener" { (clean_line(text)) } }
        @else { span.mono { (clean_line(address)) } }
    }
}

/// A plan with its effects, their exact parameters, and what the policy says of each.
pub fn plan(plan: &Plan, decisions: &[Decision]) -> Markup {
    html! {
        ol.effects {
            @for (index, effect) in plan.effects.iter().enumerate() {
                li {
                    p.effect {
                        strong { (clean_line(&effect.summary)) }
                        @if let Some(decision) = decisions.get(index) { " " (verdict(decision)) }
                    }
                    p.dim.mono { (effect.kind.as_str()) " on " (clean_line(effect.target.as_str())) }
                    details {
                        summary { "Exact parameters" }
                        pre.box tabindex="0" { (clean(&format!("{:#}", effect.parameters))) }
                    }
                }
            }
        }
        p.digest { span.dim { "Digest " } code { (plan.digest()) } }
    }
}

fn verdict(decision: &Decision) -> Markup {
    match decision {
        Decision::Allow => html! { span.badge.good { "allowed" } },
        Decision::Confirm(reason) => html! { span.badge.warn title=(reason) { "needs a yes" } },
        Decision::Deny(reason) => html! { span.badge.bad title=(reason) { "denied" } },
    }
}
