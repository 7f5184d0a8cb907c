//! The comparison as text: a table for each shape and kind of work, then the answers.

use std::fmt::Write;

use super::answer::{answers, sentences};
use super::comparison::Comparison;

/// Writing to a string cannot fail.
const FITS: &str = "a string accepts all text";

/// The tables and, if goroutines were measured, the answers: a sentence per line.
pub fn text(comparisons: &[Comparison]) -> String {
    let has_goroutines = comparisons.iter().any(|comparison| comparison.ratio().is_some());
    let mut text = String::new();
    for group in comparisons.chunk_by(|a, b| (a.shape, a.work) == (b.shape, b.work)) {
        group_table(&mut text, group, has_goroutines);
    }
    for sentence in sentences(&answers(comparisons)) {
        writeln!(text, "{sentence}").expect(FITS);
    }
    text
}

/// A row per amount of work and a column per capacity. A cell is the lowest figure of all numbers
/// of cooks.
fn group_table(text: &mut String, group: &[Comparison], has_goroutines: bool) {
    let figure = if has_goroutines { "threads / goroutines" } else { "share of the ideal" };
    let work = if group[0].work == "sleep" { "waiting" } else { "computing" };
    let title = group[0].shape.title();
    writeln!(text, "{title}, {work}: throughput, {figure}, lowest of all numbers of cooks")
        .expect(FITS);
    let capacities = distinct(group.iter().map(|comparison| comparison.capacity));
    write!(text, "{:>10}", "work").expect(FITS);
    capacities.iter().for_each(|n| write!(text, "{:>15}", format!("capacity {n}")).expect(FITS));
    if has_goroutines {
        write!(text, "   of the ideal: threads, goroutines").expect(FITS);
    }
    text.push('\n');
    for service in distinct(group.iter().map(Comparison::service)) {
        let row: Vec<_> =
            group.iter().filter(|comparison| comparison.service() == service).collect();
        write!(text, "{:>10}", format!("{service:?}")).expect(FITS);
        for &capacity in &capacities {
            let cell = row.iter().filter(|comparison| comparison.capacity == capacity);
            let figures = cell.filter_map(|comparison| shown(comparison, has_goroutines));
            write!(text, "{:>15}", number(lowest(figures))).expect(FITS);
        }
        if has_goroutines {
            let threads = lowest(row.iter().filter_map(|comparison| comparison.threads_of_ideal()));
            let others =
                lowest(row.iter().filter_map(|comparison| comparison.goroutines_of_ideal()));
            write!(text, "{:>24}, {}", number(threads), number(others)).expect(FITS);
        }
        text.push('\n');
    }
    text.push('\n');
}

/// The ratio to goroutines; without Go, the share of the ideal.
pub(in crate::engines::cake) fn shown(
    comparison: &Comparison,
    has_goroutines: bool,
) -> Option<f64> {
    if has_goroutines { comparison.ratio() } else { comparison.threads_of_ideal() }
}

/// The different values, in order.
pub(in crate::engines::cake) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn lowest(figures: impl Iterator<Item = f64>) -> Option<f64> {
    figures.min_by(f64::total_cmp)
}

/// Two significant digits below 1, one decimal above 10.
pub(in crate::engines::cake) fn number(figure: Option<f64>) -> String {
    match figure {
        None => "–".to_owned(),
        Some(figure) if figure >= 9.95 => format!("{figure:.0}"),
        Some(figure) if figure >= 0.095 => format!("{figure:.2}"),
        Some(figure) => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::cake::crossover::point::Shape;

    fn comparison(service_ns: u128, cooks: usize, goroutines_ns: &[f64]) -> Comparison {
        let (shape, work, capacity) = (Shape::Pool, "sleep", 10);
        let (threads_ns, goroutines_ns) = (vec![2e3], goroutines_ns.to_vec());
        let ideal_ns = 1e3;
        Comparison { shape, work, service_ns, capacity, cooks, threads_ns, goroutines_ns, ideal_ns }
    }

    #[test]
    fn a_cell_is_the_lowest_of_all_numbers_of_cooks() {
        let comparisons = [
            comparison(1_000, 1, &[1e3]),
            comparison(1_000, 2, &[1e2]),
            comparison(1_000_000, 1, &[2e3]),
        ];
        assert_eq!(
            text(&comparisons),
            "a pool, waiting: throughput, threads / goroutines, lowest of all numbers of cooks\n      \
             work    capacity 10   of the ideal: threads, goroutines\n       \
             1µs          0.050                    0.50, 1.00\n       \
             1ms           1.00                    0.50, 0.50\n\n\
             In a pool whose cooks wait, on this machine threads are within 5 % of goroutines from \
             1ms of work at capacity 10.\n"
        );
    }

    #[test]
    fn without_go_the_share_of_the_ideal_is_shown() {
        let text = text(&[comparison(1_000, 1, &[])]);
        assert!(text.starts_with("a pool, waiting: throughput, share of the ideal"), "{text}");
        assert!(text.ends_with("1µs           0.50\n\n"), "{text}");
    }
}
