//! Checks of the pages for users against the program: commands, options and configurations that
//! they show are accepted, and the page of the command line is generated.

mod command_line;
mod commands;
mod messages;
mod shell;
