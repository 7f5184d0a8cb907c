//! The report as one HTML file without scripts or external resources; it suits phones and dark mode.

use std::fmt::Write;

use super::{Results, figure, lines, scores, shortfalls};
use crate::case::RowResult;
use crate::machine::Machine;

const STYLE: &str = "
:root{color-scheme:light dark;--paper:#fff;--ink:#1a1c1f;--faint:#5f6670;--line:#d9dce1;--gap:#8a4b00}
@media(prefers-color-scheme:dark){
:root{--paper:#16181d;--ink:#e8eaed;--faint:#9aa0a6;--line:#353a42;--gap:#e0a458}}
body{background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;
margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.2}
h2{font-size:1.25rem;margin-top:3rem}
p,li{max-width:42rem}
nav a{margin-right:.8rem}
a{color:inherit}
.faint{color:var(--faint)}
.gap{color:var(--gap)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap;font-size:.9rem}
th,td{padding:.25rem .8rem .25rem 0;text-align:left;border-bottom:1px solid var(--line)}
th{color:var(--faint);font-weight:500}
.n{text-align:right}
figure{margin:1.5rem 0}
figure svg{display:block;height:auto;max-width:100%;min-width:34rem}
";

/// Writing to a string cannot fail.
const FITS: &str = "a string accepts all text";

pub(super) fn page(results: &Results<'_>, pictures: &[Option<String>]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>Threads beside goroutines</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Threads beside goroutines</h1>\n{}",
        machine(results.machine)
    );
    if !results.is_complete {
        page.push_str("<p class=\"gap\">Interrupted: these are the measurements until then.</p>\n");
    }
    gaps(&mut page, &results.machine.gaps);
    page.push_str("<nav><a href=\"#summary\">Summary</a>");
    for row in results.rows {
        writeln!(page, "<a href=\"#{0}\">{0}</a>", row.name).expect(FITS);
    }
    page.push_str("</nav>\n");
    for (row, picture) in results.rows.iter().zip(pictures) {
        row_of(&mut page, row, picture.as_deref());
    }
    summary(&mut page, results.rows);
    page.push_str("</body>\n</html>\n");
    page
}

fn machine(machine: &Machine) -> String {
    let load =
        machine.load_before.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let busy = if machine.was_busy() {
        "<p class=\"gap\">The machine was busy when the comparison began: small differences mean nothing.</p>\n"
    } else {
        ""
    };
    format!(
        "<p class=\"faint\">{}, <code>{}</code>, {} CPUs ({}), {:.0} GiB, {}, load average before {load}; \
         {}, {}.</p>\n<p>The sides run in turn. A ratio is ours divided by the first Go side's that did the whole work, \
         round by round: median and extremes. Below 1, ours takes less.</p>\n{busy}",
        text(&machine.date),
        text(&machine.command),
        machine.n_cpus,
        text(&machine.processor),
        machine.memory_gib,
        text(&machine.system),
        text(&machine.go),
        text(&machine.rust)
    )
}

/// One gap per line; more than three are folded, so that the figures come first.
fn gaps(page: &mut String, gaps: &[String]) {
    if gaps.len() > 3 {
        write!(page, "<details><summary class=\"gap\">{} gaps</summary>", gaps.len()).expect(FITS);
    }
    for gap in gaps {
        writeln!(page, "<p class=\"gap\">Gap: {}.</p>", text(gap)).expect(FITS);
    }
    if gaps.len() > 3 {
        page.push_str("</details>\n");
    }
}

fn row_of(page: &mut String, row: &RowResult, picture: Option<&str>) {
    writeln!(page, "<h2 id=\"{}\">{}</h2>", row.name, text(row.title)).expect(FITS);
    if let Some(svg) = picture {
        // Inside the page, the picture follows the page's colour scheme.
        let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
        writeln!(page, "<figure class=\"wide\">{svg}</figure>").expect(FITS);
    }
    if !row.cases.is_empty() {
        page.push_str(
            "<details><summary>All figures</summary><div class=\"wide\"><table>\n<tr><th>case<th>figure\
             <th>side<th class=\"n\">median<th class=\"n\">min<th class=\"n\">max<th>ours / Go</tr>\n",
        );
        row.cases.iter().flat_map(lines).for_each(|line| {
            let ratio = line.outcome();
            let [median, min, max] = [line.median, line.min, line.max].map(figure);
            let (input, label) = (text(line.input), text(&line.side.label));
            writeln!(
                page,
                "<tr><td>{input}<td>{}<td>{label}<td class=\"n\">{median}<td class=\"n\">{min}\
                 <td class=\"n\">{max}<td>{ratio}</tr>",
                line.unit
            )
            .expect(FITS);
        });
        page.push_str("</table></div></details>\n");
    }
    gaps(page, &row.gaps);
    for note in &row.notes {
        writeln!(page, "<p class=\"faint\">{}</p>", text(note)).expect(FITS);
    }
}

fn summary(page: &mut String, rows: &[RowResult]) {
    page.push_str("<h2 id=\"summary\">Summary</h2>\n<p>By the first metric of each row:</p>\n");
    for row in rows {
        writeln!(page, "<p><b>{}</b></p>\n<ul>", text(row.title)).expect(FITS);
        for score in scores(row) {
            writeln!(page, "<li>{}</li>", text(&score.words())).expect(FITS);
        }
        for shortfall in shortfalls(row) {
            writeln!(page, "<li>{}</li>", text(&shortfall)).expect(FITS);
        }
        if row.cases.is_empty() {
            page.push_str("<li>not compared</li>\n");
        }
        writeln!(page, "</ul>\n<p>{}</p>", text(row.why)).expect(FITS);
    }
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
