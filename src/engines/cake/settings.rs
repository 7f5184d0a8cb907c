//! The six settings that the benchmarks of the Go original measure.

use std::time::Duration;

use super::shop::Shop;

/// A shop with the name of the benchmark that measures it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The name of the Go benchmark, in snake case.
    pub name: &'static str,
    /// How the shop differs from the baseline.
    pub difference: &'static str,
    /// The shop itself.
    pub shop: Shop,
}

/// The six settings, 20 cakes each (`cake_test.go` of gopl.io/ch8/cake).
pub fn settings(seed: u64) -> [Setting; 6] {
    let slow = Duration::from_millis(50);
    let shop = || Shop { seed, ..Shop::book() };
    let setting = |name, difference, shop| Setting { name, difference, shop };
    [
        setting("baseline", "nothing", shop()),
        setting("buffers", "buffers of 10", shop().with_buffers(10)),
        setting("variable", "std dev 25 %", shop().with_std_dev(0.25)),
        setting("variable_buffers", "both of these", shop().with_std_dev(0.25).with_buffers(10)),
        setting("slow_icing", "icing 50 ms", shop().with_icing(slow)),
        setting(
            "slow_icing_many_icers",
            "icing 50 ms, 5 icers",
            shop().with_icing(slow).with_icers(5),
        ),
    ]
}
