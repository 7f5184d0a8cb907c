#!/usr/bin/env bash
# Go 1.25 and 1.26 on Linux: one goroutine that sleeps 10 µs sleeps a millisecond; a thousand of them
# sleep 10 µs.
#
# Expected: that a sleep of 10 µs takes some 10 µs more than asked for, and rather more the more
# goroutines sleep. A thread's takes 65 to 100 µs here (the kernel's timer slack is 50 µs), one or a
# thousand of them.
#
# What happens: while no goroutine can run, the last idle thread of the runtime waits in epoll_wait,
# whose time-out is in whole milliseconds and rounded up: 10 µs and 500 µs become 1.0 to 1.1 ms, 1.5 ms
# become 2.2 ms. With enough goroutines that wake up one after the other some thread is always awake and
# looks at the timers itself, and the same sleep takes 10.6 µs. So a Go program is a hundred times
# less punctual when it has little to do. Known as golang/go#44343; pull request 79872 (epoll_pwait2,
# by choice) is to mend it.
#
# Seen on 2026-11-28 with go1.26.8 and go1.25.4, linux/amd64, 2 CPUs, kernel 6.18: one goroutine 10 µs
# 1.02 to 1.08 ms, 500 µs 1.07 to 1.11 ms, 1.5 ms 2.18 to 2.19 ms; a thousand goroutines 10 µs 0.0106 ms.
#
# What of ours depends on it: in `cake crossover` threads that wait for 10 to 500 µs are several times as
# fast as goroutines, which says nothing about hand-overs.
#
# Needs Go (1.21 or later; it downloads the two versions). Fails when the behaviour has changed.
set -euo pipefail

command -v go > /dev/null || { echo "go-short-sleeps: no Go here (https://go.dev/dl)" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module sleeps\n\ngo 1.24\n' > go.mod
cat > main.go <<'GO'
// Sleeps prints the median time in microseconds of sleeps of so many microseconds by so many goroutines.
package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

func main() {
	var goroutines, us int
	fmt.Sscan(os.Args[1], &goroutines)
	fmt.Sscan(os.Args[2], &us)
	const sleeps = 200
	took := make([]time.Duration, goroutines*sleeps)
	var all sync.WaitGroup
	for i := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := range sleeps {
				start := time.Now()
				time.Sleep(time.Duration(us) * time.Microsecond)
				took[i*sleeps+j] = time.Since(start)
			}
		}()
	}
	all.Wait()
	slices.Sort(took)
	fmt.Println(took[len(took)/2].Microseconds())
}
GO

status=0
# check GOROUTINES MICROSECONDS LEAST MOST: the median must lie between the last two.
check() {
    local median
    median=$(./sleeps "$1" "$2")
    printf '%s: %5s goroutines sleep %5s µs: median %5s µs\n' "$version" "$1" "$2" "$median"
    if ((median < $3 || median > $4)); then
        echo "go-short-sleeps: $version: expected $3 to $4 µs: the behaviour has changed" >&2
        status=1
    fi
}
for version in go1.25.4 go1.26.8; do
    GOTOOLCHAIN=$version go build -o sleeps .
    check 1 10 900 1900
    check 1 500 900 1900
    check 1 1500 1950 2900
    check 1000 10 10 500
done
exit $status
