//! The page of the report: one HTML file without scripts that loads nothing.

use crate::engines::cake::experiment::Measurement;
use crate::engines::cake::mean::Mean;
use crate::engines::cake::settings::Setting;
use crate::engines::cake::table;

/// The machine on which the report was made.
pub struct Machine {
    /// Number of CPUs this process may use.
    pub n_cpus: usize,
    /// Load average of the last minute, where the system has one.
    pub load: Option<f64>,
}

/// A chart and its caption.
pub(super) struct Figure {
    /// Name of its file without the extension, and its id in the page.
    pub(super) name: &'static str,
    pub(super) svg: String,
    pub(super) caption: String,
}

const STYLE: &str = "
:root{color-scheme:light dark;--paper:#fff;--ink:#1a1c1f;--faint:#5f6670;--line:#d9dce1}
@media(prefers-color-scheme:dark){
:root{--paper:#16181d;--ink:#e8eaed;--faint:#9aa0a6;--line:#353a42}}
body{background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;
margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .5rem}
p{max-width:42rem}
.faint{color:var(--faint)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1.5rem 0;white-space:nowrap}
th,td{padding:.35rem .8rem .35rem 0;text-align:right;border-bottom:1px solid var(--line)}
th{color:var(--faint);font-weight:500}
th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}
@media(max-width:36rem){th:nth-child(2),td:nth-child(2){display:none}}
figure{margin:2.5rem 0}
figure svg{display:block;height:auto;max-width:100%;min-width:36rem}
#timeline svg{min-width:56rem}
figcaption{color:var(--faint);margin-top:.5rem;max-width:42rem}
";

/// The page with a table of the six settings and all charts.
pub(super) fn html(
    six: &[(Setting, Measurement)],
    figures: &[Figure],
    machine: &Machine,
) -> String {
    let rows: String = six.iter().map(|(setting, measured)| row(setting, measured)).collect();
    let figures: String = figures.iter().map(figure).collect();
    let load = machine.load.map_or(String::new(), |load| format!(", load average {load:.2}"));
    let n_cpus = machine.n_cpus;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>The cake shop on threads</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>The cake shop on threads</h1>\n\
         <p>20 cakes are baked, iced and inscribed. Each cook is a thread, and the counter between \
         two stages is a channel. <b>Real</b> is the time measured with threads; <b>virtual</b> is \
         the time of a simulation in which hand-overs are free and sleeps are exact. The \
         difference is the overhead of this machine.</p>\n\
         <p class=\"faint\">Measured on {n_cpus} CPUs{load}.</p>\n\
         <div class=\"wide\"><table>\n<tr><th>setting<th>what differs<th>virtual<th>real\
         <th>ratio<th>cakes/s</tr>\n{rows}</table></div>\n{figures}</body>\n</html>\n"
    )
}

fn row(setting: &Setting, measured: &Measurement) -> String {
    let time = |mean: Option<Mean>| mean.map_or(String::new(), |mean| table::time(mean.mean));
    let number = |mean: Option<Mean>, digits: usize| {
        mean.map_or(String::new(), |mean| format!("{:.digits$}", mean.mean))
    };
    format!(
        "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>\n",
        setting.name,
        setting.difference,
        time(measured.simulated_makespan()),
        time(measured.real_makespan()),
        number(measured.ratio(), 3),
        number(measured.throughput(), 1),
    )
}

/// The SVG is part of the page, so that it follows the page's colours and no file has to be loaded.
fn figure(Figure { name, svg, caption }: &Figure) -> String {
    let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
    format!(
        "<figure id=\"{name}\">\n<div class=\"wide\">{svg}</div>\n\
         <figcaption>{caption}</figcaption>\n</figure>\n"
    )
}
