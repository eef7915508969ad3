//! Requests that are never served. Each gets its errno without a log entry.

/// Generates methods of [`fuser::Filesystem`] that only answer with an errno. fuser's defaults
/// would log a warning for each call.
macro_rules! refuse {
    ($($errno:ident { $($name:ident($($arg:ty),*; $reply:ty))* })*) => {$($(
        fn $name(&self, _: &fuser::Request, $(_: $arg,)* reply: $reply) {
            reply.error(fuser::Errno::$errno);
        }
    )*)*};
}

pub(super) use refuse;
