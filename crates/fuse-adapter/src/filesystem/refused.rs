//! The calls that are never served, each with the errno that says so without a word in the log.

/// Writes methods of [`fuser::Filesystem`] that only answer with an errno. fuser's own would log a
/// warning for each call.
macro_rules! refuse {
    ($($errno:ident { $($name:ident($($arg:ty),*; $reply:ty))* })*) => {$($(
        fn $name(&self, _: &fuser::Request, $(_: $arg,)* reply: $reply) {
            reply.error(fuser::Errno::$errno);
        }
    )*)*};
}

pub(super) use refuse;
