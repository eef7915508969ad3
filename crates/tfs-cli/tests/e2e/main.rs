//! The command as a user has it: the real binary, real rqbits on loopback, and a real kernel mount.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod access;
mod add;
mod arr;
mod bandwidth;
mod budget;
mod content;
mod control;
mod control_dir;
mod counts;
mod daemon;
mod deadlines;
mod demo;
mod discovery;
mod disk_usage;
mod doctor;
mod down;
mod drop_folder;
mod elsewhere;
mod embedded;
mod errors;
mod faults;
mod figures;
mod halves;
mod hooks;
mod inode32;
mod lifecycle;
mod list;
mod local;
mod monitoring;
mod mount_helper;
mod mount_points;
mod next_episode;
mod on_demand;
mod other_users;
mod owner;
mod pages;
mod preload;
mod process;
mod refused_programs;
mod released;
mod removals;
mod rqbit8;
mod security;
mod serve;
mod servers;
mod service;
mod service_manager;
mod signals;
mod support;
mod tags;
mod torrents;
mod unusual;
mod views;
mod watch_folders;
mod web;
