//! Limits on all processes of a command together, set by the kernel's control groups where this user may make them.

mod group;
mod place;

pub(crate) use group::Group;
pub(crate) use place::Cgroups;
