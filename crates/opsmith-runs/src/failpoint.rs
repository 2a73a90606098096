//! Named points at which a test kills this process; without the feature `failpoints` there are none.

/// Keeps the points that `FAILPOINTS` names armed: `push 1:acted=return` kills where step `push 1` has acted and its
/// answer is not yet journaled; `:before` is ahead of the body, `:recorded` after the journal.
#[derive(Debug)]
pub struct ArmedFailpoints {
    #[cfg(feature = "failpoints")]
    _armed: Armed,
}

#[cfg(feature = "failpoints")]
struct Armed(#[allow(dead_code, reason = "held until the process ends")] fail::FailScenario<'static>);

#[cfg(feature = "failpoints")]
impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Armed")
    }
}

/// Arms the points that the environment names, for as long as the answer lives.
pub fn arm_failpoints() -> ArmedFailpoints {
    ArmedFailpoints {
        #[cfg(feature = "failpoints")]
        _armed: Armed(fail::FailScenario::setup()),
    }
}

/// Passes the point `moment` of `step`.
#[cfg(feature = "failpoints")]
pub(crate) fn reached(step: &str, moment: &str) {
    fail::fail_point!(&format!("{step}:{moment}"), |_| {
        // Nothing of this process may tidy up: that is what the test is about.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    });
}

#[cfg(not(feature = "failpoints"))]
pub(crate) fn reached(_step: &str, _moment: &str) {}
