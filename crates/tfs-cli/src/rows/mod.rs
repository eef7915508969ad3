//! Torrents as lines of a table: columns, filters and orders.

mod columns;
mod filter;

#[cfg(test)]
pub(crate) use self::columns::tests::row;
pub(crate) use self::columns::{Column, state, table};
pub(crate) use self::filter::{Filter, NamePattern, STATES, SortKey, is_listed};
