//! The client against a server that writes exact bytes, most of them recorded from rqbit 9.1.0.

#[cfg(feature = "tls")]
mod access;
mod calls;
mod connections;
mod counts;
mod direct;
mod failures;
mod stream;
mod support;
#[cfg(feature = "tls")]
mod tls;
