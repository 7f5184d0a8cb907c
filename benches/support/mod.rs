//! Shared by the benches: short runs, and all parameters with `THREADBARE_FULL=1`.

use std::env;
use std::time::Duration;

use criterion::Criterion;

/// Few samples and a short warm-up, so that the whole of `cargo bench` can be run.
pub(crate) fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}

/// `all` with `THREADBARE_FULL=1`, else `few`.
#[allow(dead_code, reason = "some benches have only one set of parameters")]
pub(crate) fn either<T: ?Sized>(few: &'static T, all: &'static T) -> &'static T {
    if env::var_os("THREADBARE_FULL").is_some_and(|full| full == "1") { all } else { few }
}
