//! What the pages of every product share: the frame around them, its style and script, forms, and how a problem looks.
//!
//! A handler takes the [`Shell`] and answers with one [`Page`]; [`super::serve`] gives the shell its navigation, serves
//! the frame's own files, and turns each problem into a page where a browser asks. Text is escaped by the template macro;
//! what it cannot know, where a foreign address leads, is [`link`]'s.
//!
//! Absent on purpose: pages (each product's `http/pages`). Everything works without script; a script only adds to it.

mod asset;
mod form;
mod frame;
mod parts;
mod problems;
mod shell;

pub use asset::{Asset, routes};
pub use form::{Field, Form, hidden};
pub use frame::Page;
pub use parts::{link, plan, time};
pub use problems::{notice, wants_page};
pub use shell::{NavLink, Shell};

pub(super) use frame::{ICON, SCRIPT, STYLE};
pub(super) use problems::show_problems;
pub(super) use shell::Nav;
