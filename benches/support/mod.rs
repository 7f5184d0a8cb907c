//! What the benches share: short runs, and the full matrices with `THREADBARE_FULL=1`.

use std::env;
use std::time::Duration;

use criterion::Criterion;

/// Few samples, short warm-up: the whole of `cargo bench` is meant to be run.
pub(crate) fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .without_plots()
}

/// `few`, or `all` where the full matrix was asked for.
#[allow(dead_code, reason = "not every bench has a full matrix")]
pub(crate) fn either<T: ?Sized>(few: &'static T, all: &'static T) -> &'static T {
    if env::var_os("THREADBARE_FULL").is_some_and(|full| full == "1") { all } else { few }
}
