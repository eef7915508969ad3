//! One call of a hook.

use crate::batch::EventBatch;
use crate::error::CallError;
use crate::settings::{HookSettings, HookTarget};
use crate::{command, request};

/// Calls a hook once with events. A URL is tried several times.
///
/// # Errors
/// [`CallError`].
///
/// # Cancel safety
/// Dropping the future kills the command with all of its process group, or drops the request.
pub async fn run_once(settings: &HookSettings, events: &EventBatch) -> Result<(), CallError> {
    match &settings.target {
        HookTarget::Command(target) => command::run(target, events, settings.timeout).await,
        HookTarget::Request(target) => request::run(target, events, settings.timeout).await,
        HookTarget::Unusable { why, .. } => Err(CallError::Unusable(why.clone())),
    }
}
