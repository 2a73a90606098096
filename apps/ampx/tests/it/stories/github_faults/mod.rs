//! GitHub and other people at their worst while a task is at work: each story has a defined end, in clear words.

mod deliveries;
mod limits;
mod people;
mod scene;
