//! The house, checked: who may import whom, and the rules that every file keeps.

mod rooms;
mod rules;
mod source;
