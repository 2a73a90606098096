//! Settings of tests and of their coverage, compared by value: a threshold may rise, and may not fall.

mod compare;
mod entries;
mod form;

pub(super) use compare::judge;
pub(super) use form::Form;
