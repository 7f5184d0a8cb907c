//! Results in the order in which they were added, shown as one line or as JSON; and a histogram.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::server::{self, Sample};
use super::workers::Effort;

pub(crate) struct Report {
    pid: Option<u32>,
    fields: Vec<(String, Value)>,
}

impl Report {
    pub(crate) fn new(pid: Option<u32>) -> Self {
        Report { pid, fields: Vec::new() }
    }

    pub(crate) fn sample(&self) -> Sample {
        self.pid.and_then(server::sample).unwrap_or_default()
    }

    pub(crate) fn text(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.push((name.to_owned(), value.into()));
    }

    pub(crate) fn count(&mut self, name: &str, value: u64) {
        self.text(name, value);
    }

    /// Adds a measured value, rounded to four decimals.
    pub(crate) fn figure(&mut self, name: &str, value: f64) {
        self.text(name, (value * 1e4).round() / 1e4);
    }

    /// Adds the CPU time that the server spent in a phase, and the quotient by `n` items.
    pub(crate) fn cpu(&mut self, phase: &str, spent: Duration, item: &str, n: u64) {
        self.figure(&format!("{phase}_cpu_s"), spent.as_secs_f64());
        if n > 0 {
            let us = spent.as_secs_f64() * 1e6 / n as f64;
            self.figure(&format!("cpu_us_per_{item}"), us);
        }
    }

    /// Adds what the load generator itself has used, and whether it was the limit.
    pub(crate) fn effort(&mut self, effort: &Effort, server: Duration) {
        self.count("load_threads", effort.n_threads() as u64);
        self.figure("load_cpu_s", effort.total().as_secs_f64());
        self.figure("load_busiest_thread", effort.busiest());
        self.text("limit", effort.limit(server));
    }

    pub(crate) fn percentiles(&mut self, name: &str, histogram: &Histogram) {
        for (label, q) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let ms = histogram.quantile(q).as_secs_f64() * 1e3;
            self.figure(&format!("{name}_{label}_ms"), ms);
        }
    }

    /// Adds memory, threads and descriptors; memory also as growth per client since `before`.
    pub(crate) fn process(&mut self, before: Sample, now: Sample, n_clients: u64) {
        self.count("rss_kib", now.rss_kib);
        self.count("peak_kib", now.peak_kib);
        self.count("threads", now.n_threads);
        self.count("fds", now.n_fds);
        let growth = now.rss_kib.saturating_sub(before.rss_kib);
        if n_clients > 0 {
            self.figure("rss_kib_per_client", growth as f64 / n_clients as f64);
        }
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.fields.iter().cloned().collect::<Map<_, _>>())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.fields.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

/// A histogram of durations from one microsecond up, with 16 buckets for each power of two.
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    n: u64,
    max: Duration,
}

const STEPS: usize = 16;

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; 64 * STEPS], n: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let power = us.ilog2() as usize;
        let step = ((u128::from(us) * STEPS as u128) >> power) as usize - STEPS;
        self.buckets[power * STEPS + step] += 1;
        self.n += 1;
        self.max = self.max.max(time);
    }

    /// Adds all durations of another histogram.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (n, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *n += more;
        }
        self.n += other.n;
        self.max = self.max.max(other.max);
    }

    /// Returns the upper edge of the bucket that contains this quantile (0 to 1).
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let mut left = (self.n as f64 * q).ceil();
        for (i, &n) in self.buckets.iter().enumerate() {
            left -= n as f64;
            if left <= 0.0 && n > 0 {
                let (power, step) = (i / STEPS, i % STEPS);
                let us = 2f64.powi(i32::try_from(power).unwrap_or(63))
                    * (1.0 + (step + 1) as f64 / STEPS as f64);
                return Duration::from_secs_f64(us / 1e6).min(self.max);
            }
        }
        self.max
    }
}
