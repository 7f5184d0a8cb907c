//! The time zone that the environment asks for.

use std::env;

use anyhow::Context;
use jiff::tz::TimeZone;

/// Returns the local time zone: TZ if it is set, else the system's, else UTC.
///
/// # Errors
/// When TZ names a zone that neither the system nor the bundled database knows.
pub fn time_zone() -> anyhow::Result<TimeZone> {
    match env::var("TZ") {
        Ok(name) => TimeZone::try_system().with_context(|| format!("TZ={name}")),
        Err(_) => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
    }
}
