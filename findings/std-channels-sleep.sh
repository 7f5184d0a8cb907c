#!/usr/bin/env bash
# std's bounded channels sleep where crossbeam's, of which they are a copy, yield the CPU.
#
# Expected: that std::sync::mpsc::sync_channel and crossbeam_channel::bounded cost the same, because std
# has used crossbeam's implementation since Rust 1.67.
#
# What happens: a receiver of std's that finds nothing looks once more and sleeps; crossbeam's tries eleven
# times first and calls sched_yield(2) in the last four. A sender of std's that finds no room spins, but
# never yields. Two threads that hand over items through std's channel sleep, both together, 1.35 times for
# each item at capacity 1 and once for three items at capacity 10; through crossbeam's not once in a
# thousand items. At capacity 0 both kinds sleep once for each item. What that costs depends on the machine:
# a thread that sleeps must be woken, one that yields leaves the CPU to others. On two CPUs crossbeam's
# channels were up to 60 times as fast at capacities 1 and 10, or slower at 1 when other programs wanted the
# CPUs; std's were the faster ones at capacity 1000, and on 16 CPUs by a factor of five.
#
# Seen on 2026-11-28 with Rust 1.95 and crossbeam-channel 0.5.17, 2 CPUs, kernel 6.18.
#
# What of ours depends on it: the table of channels in benches/README.md; why the tools use crossbeam's
# channels, and send batches where items are small.
#
# Needs Cargo and taskset. Fails when the behaviour has changed. Both threads run on one CPU here, so that
# their turns do not depend on the number of CPUs.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "channels"
version = "0.0.0"
edition = "2024"

[dependencies]
crossbeam-channel = "0.5.15"
TOML
cat > src/main.rs <<'RUST'
//! `channels std|crossbeam CAPACITY ITEMS` prints nanoseconds and sleeps per item of a hand-over.
use std::sync::mpsc::sync_channel;
use std::time::Instant;
use std::{env, fs, thread};

/// How often the calling thread has slept so far.
fn sleeps() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

fn hand_over(n: u64, send: impl Fn(u64) + Send + 'static, receive: impl Fn() -> u64) -> (f64, f64) {
    let (start, before) = (Instant::now(), sleeps());
    let sender = thread::spawn(move || {
        (0..n).for_each(send);
        sleeps()
    });
    let sum: u64 = (0..n).map(|_| receive()).sum();
    assert_eq!(sum, n * (n - 1) / 2);
    let all = sleeps() - before + sender.join().unwrap();
    (start.elapsed().as_nanos() as f64 / n as f64, all as f64 / n as f64)
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (capacity, n) = (args[2].parse().unwrap(), args[3].parse().unwrap());
    let (ns, sleeps) = if args[1] == "std" {
        let (tx, rx) = sync_channel(capacity);
        hand_over(n, move |i| tx.send(i).unwrap(), move || rx.recv().unwrap())
    } else {
        let (tx, rx) = crossbeam_channel::bounded(capacity);
        hand_over(n, move |i| tx.send(i).unwrap(), move || rx.recv().unwrap())
    };
    println!("{ns:.0} {sleeps:.3}");
}
RUST
cargo build --quiet --release

status=0
# check CHANNEL CAPACITY LEAST MOST: sleeps in a thousand items must lie between the last two.
check() {
    local ns sleeps
    read -r ns sleeps < <(taskset -c 0 cargo run --quiet --release -- "$1" "$2" 200000)
    printf '%9s, capacity %4s: %6s ns and %s sleeps an item\n' "$1" "$2" "$ns" "$sleeps"
    if awk "BEGIN { exit !($sleeps * 1000 < $3 || $sleeps * 1000 > $4) }"; then
        echo "std-channels-sleep: expected $3 to $4 sleeps in a thousand items: the behaviour has changed" >&2
        status=1
    fi
}
for capacity in 1 10 100; do
    check std "$capacity" 20 2000
    check crossbeam "$capacity" 0 10
done
check std 0 500 2000
check crossbeam 0 500 2000
exit $status
