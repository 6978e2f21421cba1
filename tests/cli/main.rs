//! The command line as its users meet it: exit statuses, messages, files.

mod arguments;
mod folder;
mod replay;
mod run;
#[cfg(unix)]
mod signals;
mod start;
mod support;
