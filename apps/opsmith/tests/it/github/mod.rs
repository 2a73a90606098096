//! Tasks on a GitHub, through the real binary: killed at every step, and with real agent programs.

mod killed;
mod real_agents;
mod stage;
