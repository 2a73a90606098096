use super::event::{AgentEvent, Counted};
use super::fault::AgentFault;
use crate::task::Usage;

/// How often in a row an agent may meet trouble without doing anything in between. codex tries a request five times;
/// opencode can go on forever.
const MOST_FAULTS_IN_A_ROW: u32 = 20;

/// What one go may take beside time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// How often it may use a tool.
    pub turns: u32,
    /// What it may cost, where that is limited and told.
    pub cost_usd: Option<f64>,
}

/// Why a go was stopped by its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overrun {
    /// Over its turns.
    Turns,
    /// Over its budget.
    Cost,
    /// It only met trouble.
    Faults,
}

/// What the events of a go come to.
#[derive(Debug)]
pub(super) struct Tally {
    allowance: Allowance,
    /// What the session had used before.
    before: Usage,
    used: Option<Usage>,
    /// The session's own count, where the program keeps one.
    pub(super) session_total: Option<Usage>,
    pub(super) session: Option<String>,
    pub(super) fault: Option<AgentFault>,
    pub(super) finished: bool,
    /// It has said or done something.
    pub(super) began: bool,
    turns: u32,
    faults_in_a_row: u32,
}

impl Tally {
    /// Of a go whose session had used `before`: all 0 for a new one.
    pub(super) fn new(allowance: Allowance, before: Usage) -> Self {
        Self {
            allowance,
            before,
            used: None,
            session_total: None,
            session: None,
            fault: None,
            finished: false,
            began: false,
            turns: 0,
            faults_in_a_row: 0,
        }
    }

    /// Takes one event; what it says makes the go stop or not.
    pub(super) fn take(&mut self, event: &AgentEvent) -> Option<Overrun> {
        match event {
            AgentEvent::Started { session } => self.session = Some(session.clone()),
            AgentEvent::Message(_) => self.works(),
            AgentEvent::ToolCall { .. } | AgentEvent::Edit { .. } => {
                self.works();
                self.turns += 1;
                if self.turns > self.allowance.turns {
                    return Some(Overrun::Turns);
                }
            }
            AgentEvent::Usage(counted) => {
                self.count(*counted);
                let cost = self.usage().cost_usd;
                if self.allowance.cost_usd.zip(cost).is_some_and(|(allowed, cost)| cost > allowed) {
                    return Some(Overrun::Cost);
                }
            }
            AgentEvent::Error(fault) => {
                (self.fault, self.finished) = (Some(fault.clone()), false);
                self.faults_in_a_row += 1;
                if self.faults_in_a_row >= MOST_FAULTS_IN_A_ROW {
                    return Some(Overrun::Faults);
                }
            }
            AgentEvent::Finished => (self.fault, self.finished) = (None, true),
        }
        None
    }

    fn works(&mut self) {
        (self.began, self.faults_in_a_row) = (true, 0);
    }

    fn count(&mut self, counted: Counted) {
        match counted {
            Counted::Step(step) => self.used = Some(self.used.map_or(step, |used| used.plus(step))),
            Counted::Go(go) => self.used = Some(go),
            Counted::Session(total) => {
                self.session_total = Some(total);
                self.used = Some(total.minus(self.before));
            }
        }
    }

    /// What the go used, as far as it was told.
    pub(super) fn usage(&self) -> Usage {
        self.used.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::fault::FaultKind;

    const ALLOWANCE: Allowance = Allowance { turns: 3, cost_usd: Some(1.0) };

    fn used(input: u64, output: u64, cost_usd: Option<f64>) -> Usage {
        Usage { input_tokens: Some(input), output_tokens: Some(output), cost_usd }
    }

    fn trouble() -> AgentEvent {
        AgentEvent::Error(AgentFault::new(FaultKind::Unavailable, "no answer"))
    }

    #[test]
    fn a_sessions_own_count_is_reduced_by_what_was_counted_before() {
        let mut tally = Tally::new(ALLOWANCE, used(2500, 92, None));
        assert_eq!(tally.usage(), Usage::default());
        tally.take(&AgentEvent::Usage(Counted::Session(used(2550, 97, None))));
        assert_eq!(tally.usage(), used(50, 5, None));
        // A count that went back is no count.
        tally.take(&AgentEvent::Usage(Counted::Session(used(10, 97, None))));
        assert_eq!(tally.usage(), Usage { input_tokens: None, output_tokens: Some(5), cost_usd: None });
    }

    #[test]
    fn steps_add_up_and_one_unknown_cost_makes_the_cost_unknown() {
        let mut tally = Tally::new(ALLOWANCE, Usage::ZERO);
        tally.take(&AgentEvent::Usage(Counted::Step(used(100, 10, Some(0.25)))));
        tally.take(&AgentEvent::Usage(Counted::Step(used(200, 20, Some(0.5)))));
        assert_eq!(tally.usage(), used(300, 30, Some(0.75)));
        tally.take(&AgentEvent::Usage(Counted::Step(used(1, 1, None))));
        assert_eq!(tally.usage(), used(301, 31, None));
    }

    #[test]
    fn turns_cost_and_trouble_without_end_each_stop_a_go() {
        let mut tally = Tally::new(ALLOWANCE, Usage::ZERO);
        let call = AgentEvent::Edit { path: "a".to_owned() };
        let stops: Vec<_> = (0..4).map(|_| tally.take(&call)).collect();
        assert_eq!(stops, [None, None, None, Some(Overrun::Turns)]);
        let cost = |cost| AgentEvent::Usage(Counted::Go(used(1, 1, Some(cost))));
        assert_eq!((tally.take(&cost(1.0)), tally.take(&cost(1.01))), (None, Some(Overrun::Cost)));
        let stops = (0..MOST_FAULTS_IN_A_ROW).filter(|_| tally.take(&trouble()).is_some()).count();
        assert_eq!(stops, 1);
    }

    #[test]
    fn trouble_that_is_followed_by_a_good_end_is_none() {
        let mut tally = Tally::new(ALLOWANCE, Usage::ZERO);
        tally.take(&trouble());
        assert!(tally.fault.is_some() && !tally.finished && !tally.began);
        tally.take(&AgentEvent::Message("done".to_owned()));
        tally.take(&AgentEvent::Finished);
        assert!(tally.fault.is_none() && tally.finished && tally.began);
    }
}
