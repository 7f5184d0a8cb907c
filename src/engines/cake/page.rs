//! The page of the report: one file, no script, nothing fetched.

use super::lab::Trial;
use super::report::{Figure, Machine};
use super::{Setting, table};

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

/// The page with the six settings as a table and all figures.
pub(super) fn html(six: &[(Setting, Trial)], figures: &[Figure], machine: &Machine) -> String {
    let rows: String = six.iter().map(|(setting, trial)| row(setting, trial)).collect();
    let figures: String = figures.iter().map(figure).collect();
    let load = machine.load.map_or(String::new(), |load| format!(", load average {load:.2}"));
    let n_cpus = machine.n_cpus;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>The cake shop on threads</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>The cake shop on threads</h1>\n\
         <p>20 cakes are baked, iced and inscribed, each step by a cook who is a thread. \
         <b>Real</b> is what the threads took, <b>virtual</b> what the same cakes \
         take when hand-overs are free and sleeps exact. Between the two lies what this machine added.</p>\n\
         <p class=\"faint\">Measured on {n_cpus} CPUs{load}.</p>\n\
         <div class=\"wide\"><table>\n<tr><th>setting<th>what differs<th>virtual<th>real\
         <th>ratio<th>cakes/s</tr>\n{rows}</table></div>\n{figures}</body>\n</html>\n"
    )
}

fn row(setting: &Setting, trial: &Trial) -> String {
    let time = |it: Option<super::lab::Mean>| it.map_or(String::new(), |it| table::time(it.mean));
    let number = |it: Option<super::lab::Mean>, digits: usize| {
        it.map_or(String::new(), |it| format!("{:.digits$}", it.mean))
    };
    format!(
        "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>\n",
        setting.name,
        setting.about,
        time(trial.ideal_makespan()),
        time(trial.real_makespan()),
        number(trial.ratio(), 3),
        number(trial.throughput(), 1),
    )
}

/// The figure stands in the page itself: it then follows the page's paper and needs no file.
fn figure(Figure { name, svg, words }: &Figure) -> String {
    let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
    format!(
        "<figure id=\"{name}\">\n<div class=\"wide\">{svg}</div>\n\
         <figcaption>{words}</figcaption>\n</figure>\n"
    )
}
