//! Draws what no program draws by itself: a terminal's text, and a table of ratios.
//!
//! Started by `scripts/pictures`. It uses std alone, so that a bare `rustc` builds it in a second.

use std::io::{self, Read, Write as _};
use std::process::ExitCode;

const USAGE: &str = "pictures terminal COMMAND, or pictures ratios, which read stdin and print SVG";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut text = String::new();
    if let Err(err) = io::stdin().read_to_string(&mut text) {
        return fail(&format!("stdin: {err}"));
    }
    let svg = match args[..] {
        ["terminal", command] => terminal::draw(command, &text),
        ["ratios"] => ratios::draw(&text),
        _ => Err(format!("usage: {USAGE}")),
    };
    match svg.and_then(|svg| io::stdout().write_all(svg.as_bytes()).map_err(|e| e.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => fail(&err),
    }
}

fn fail(message: &str) -> ExitCode {
    _ = writeln!(io::stderr(), "pictures: {message}"); // nowhere else to report to
    ExitCode::FAILURE
}

/// Escapes text for an SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Writes one formatted line; a `String` accepts everything.
macro_rules! line {
    ($svg:expr, $($words:tt)*) => { writeln!($svg, $($words)*).expect("a String accepts all") };
}

/// A terminal's window. It keeps its own dark background, so it looks the same on every page.
mod terminal {
    use std::fmt::Write as _;

    use super::escaped;

    /// Width and height of a character, in pixels.
    const CELL: (f64, f64) = (7.8, 18.0);
    const MARGIN: f64 = 16.0;

    const STYLE: &str = "text{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;\
        fill:#e8eaed}.bold{font-weight:bold}.blue{fill:#6cb6ff;font-weight:bold}\
        .prompt{fill:#8a9099}.bar{fill:#3fb56f}.shadow{fill:#3a4049}\
        path{stroke:#6b727c;fill:none}";

    /// Draws `output`, which may contain colour sequences, below the command that printed it.
    pub(crate) fn draw(command: &str, output: &str) -> Result<String, String> {
        let lines: Vec<&str> = output.lines().collect();
        let n_columns = lines.iter().map(|line| visible(line)).max().unwrap_or(0);
        if n_columns == 0 {
            return Err("no output to draw".to_owned());
        }
        let mut svg = String::new();
        draw_window(&mut svg, n_columns.max(command.chars().count() + 2), lines.len() + 1);
        write_text(&mut svg, "prompt", (0, 0), "$");
        write_text(&mut svg, "bold", (2, 0), command);
        for (number, line) in lines.iter().enumerate() {
            draw_line(&mut svg, number + 1, line);
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }

    fn draw_window(svg: &mut String, n_columns: usize, n_rows: usize) {
        let width = n_columns as f64 * CELL.0 + 2.0 * MARGIN;
        let height = n_rows as f64 * CELL.1 + 2.0 * MARGIN;
        line!(
            svg,
            "<svg width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" xmlns=\"http://www.w3.org/2000/svg\"><style>{STYLE}</style>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"#16181d\" \
             stroke=\"#4a505a\"/>",
            width - 1.0,
            height - 1.0
        );
    }

    /// The characters of a line that take up a column.
    fn visible(line: &str) -> usize {
        runs(line).iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Parts of a line that share their colour, with the number of the colour.
    fn runs(line: &str) -> Vec<(&str, &str)> {
        let mut parts = line.trim_end_matches('\r').split("\x1b[");
        let mut runs: Vec<_> = parts.next().map(|text| ("0", text)).into_iter().collect();
        runs.extend(parts.filter_map(|part| part.split_once('m')));
        runs.retain(|(_, text)| !text.is_empty());
        runs
    }

    fn draw_line(svg: &mut String, row: usize, line: &str) {
        let mut column = 0;
        for (colour, text) in runs(line) {
            let class = match colour {
                "1" => "bold",
                "1;34" => "blue",
                _ => "plain",
            };
            if text.contains(['█', '░']) || text.contains(EIGHTHS) {
                draw_bar(svg, (column, row), text);
            } else if text.contains(['─', '│']) {
                draw_branches(svg, (column, row), text);
            } else if let Some(start) = text.find(|c| c != ' ') {
                let text = text.trim();
                write_text(svg, class, (column + start, row), text);
            }
            column += text.chars().count();
        }
    }

    fn x(column: usize) -> f64 {
        MARGIN + column as f64 * CELL.0
    }

    fn top(row: usize) -> f64 {
        MARGIN + row as f64 * CELL.1
    }

    /// The length is given, so that columns line up in every font.
    fn write_text(svg: &mut String, class: &str, (column, row): (usize, usize), text: &str) {
        let (x, y) = (x(column), top(row) + 13.0);
        let length = text.chars().count() as f64 * CELL.0;
        let text = escaped(text);
        line!(
            svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
        );
    }

    /// Blocks from one eighth to seven.
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

    /// Block characters as one rectangle: fonts differ in how well they join them.
    fn draw_bar(svg: &mut String, (column, row): (usize, usize), text: &str) {
        let class = if text.contains('░') { "shadow" } else { "bar" };
        let eighths = |c: char| EIGHTHS.iter().position(|&e| e == c).map_or(8, |place| place + 1);
        let width: usize = text.chars().map(eighths).sum();
        let (x, y, width) = (x(column), top(row) + 1.0, width as f64 / 8.0 * CELL.0);
        line!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"16\"/>"
        );
    }

    /// The lines of the tree, drawn from one row to the next without gaps.
    fn draw_branches(svg: &mut String, (column, row): (usize, usize), text: &str) {
        let (mut path, [up, down]) = (String::new(), [top(row), top(row + 1)]);
        let middle = f64::midpoint(up, down);
        for (place, c) in text.chars().enumerate() {
            let (left, right) = (x(column + place), x(column + place + 1));
            let centre = f64::midpoint(left, right);
            let piece = match c {
                '│' => format!("M{centre:.1} {up:.1}V{down:.1}"),
                '├' => {
                    format!("M{centre:.1} {up:.1}V{down:.1}M{centre:.1} {middle:.1}H{right:.1}")
                }
                '└' => format!("M{centre:.1} {up:.1}V{middle:.1}H{right:.1}"),
                '─' => format!("M{left:.1} {middle:.1}H{right:.1}"),
                _ => String::new(),
            };
            path.push_str(&piece);
        }
        line!(svg, "<path d=\"{path}\"/>");
    }
}

/// The table of ratios of benches/README.md: one dot per row, left of 1 where ours takes less.
mod ratios {
    use std::fmt::Write as _;

    use super::escaped;

    const HEADER: &str = "| row | case |";
    const WIDTH: f64 = 920.0;
    /// Where the axis begins and ends, left to right.
    const AXIS: (f64, f64) = (460.0, 820.0);
    const TOP: f64 = 118.0;
    const LINE: f64 = 20.0;
    /// A median so near to 1 is no difference.
    const NO_DIFFERENCE: f64 = 0.03;
    const TICKS: [(f64, &str); 7] = [
        (0.1, "tick"),
        (0.3, "tick"),
        (1.0, "one"),
        (3.0, "tick"),
        (10.0, "tick"),
        (30.0, "tick"),
        (100.0, "tick"),
    ];

    /// Background and text change places where the reader prefers dark pages.
    const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1a1c1f;\
        font-variant-numeric:tabular-nums}.title{font-size:16px}.end{text-anchor:end}\
        .middle{text-anchor:middle}.paper{fill:#fff}.faint{fill:#5f6670}line{stroke:#d9dce1}\
        .less{fill:#0072b2;stroke:#0072b2}.more{fill:#d55e00;stroke:#d55e00}\
        .tie{fill:#8a9099;stroke:#8a9099}@media(prefers-color-scheme:dark){\
        text{fill:#e8eaed}.paper{fill:#16181d}.faint{fill:#9aa0a6}line{stroke:#353a42}\
        .less{fill:#4aa8e0;stroke:#4aa8e0}.more{fill:#f08a3c;stroke:#f08a3c}}\
        .one{stroke:#8a9099}.range{stroke-width:3}.once{fill:none;stroke-width:2}\
        text.less,text.more,text.tie{stroke:none}";

    struct Row {
        label: String,
        median: f64,
        /// The extremes of the rounds; the median where there was one round.
        least: f64,
        most: f64,
        /// The median as the table has it.
        figure: String,
    }

    /// Draws the first table of `markdown` that has ratios, save those of the crossover. The line before it is the caption.
    pub(crate) fn draw(markdown: &str) -> Result<String, String> {
        let (before, table) = markdown.split_once(HEADER).ok_or("no table of ratios")?;
        let caption = before.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("");
        let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let lines = lines.filter(|line| !line.ends_with("| – |")); // no ratio
        let lines = lines.filter(|line| !line.starts_with("| crossover |")); // has a picture of its own
        let rows: Vec<Row> = lines.map(parse).collect::<Result<_, _>>()?;
        let bottom = TOP + rows.len() as f64 * LINE;
        let mut svg = String::new();
        draw_frame(&mut svg, &caption.replace(['`', '*'], ""), bottom);
        for (number, row) in rows.iter().enumerate() {
            draw_row(&mut svg, row, TOP + number as f64 * LINE + LINE / 2.0);
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }

    /// `| row | case | figure | ours | Go | 1.05 (0.833 to 1.51) |`
    fn parse(line: &str) -> Result<Row, String> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, case, figure, .., ratio] = cells[..] else {
            return Err(format!("{line}: not a row of ratios"));
        };
        let number = |text: &str| text.parse().map_err(|_| format!("{line}: {text}: no number"));
        let (median, range) = ratio.split_once(" (").unwrap_or((ratio, ""));
        let (least, most) =
            range.trim_end_matches(')').split_once(" to ").unwrap_or((median, median));
        let label = format!("{case} ({})", figure.trim_start_matches("wall "));
        let [median_value, least, most] = [number(median)?, number(least)?, number(most)?];
        Ok(Row { label, median: median_value, least, most, figure: median.to_owned() })
    }

    /// As `compare-go` judges: no difference if the median is close to 1 or rounds disagree.
    fn class(row: &Row) -> &'static str {
        match (row.least, row.most) {
            _ if (row.median - 1.0).abs() <= NO_DIFFERENCE => "tie",
            (_, most) if most < 1.0 => "less",
            (least, _) if least > 1.0 => "more",
            _ => "tie",
        }
    }

    fn draw_frame(svg: &mut String, caption: &str, bottom: f64) {
        let height = bottom + 16.0;
        line!(
            svg,
            "<svg width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\"><style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text class=\"title\" x=\"16\" y=\"26\">Threads beside goroutines: what ours takes, \
             as a multiple of Go's</text>"
        );
        let (machine, run) = caption.split_once(", load").unwrap_or((caption, ""));
        line!(svg, "<text class=\"faint\" x=\"16\" y=\"46\">{}</text>", escaped(machine));
        if !run.is_empty() {
            line!(svg, "<text class=\"faint\" x=\"16\" y=\"64\">load{}</text>", escaped(run));
        }
        draw_axis(svg, bottom);
    }

    fn draw_axis(svg: &mut String, bottom: f64) {
        let above = TOP - 8.0;
        for (tick, class) in TICKS {
            let x = x(tick);
            line!(
                svg,
                "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" \
                 y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
                 <text class=\"faint middle\" x=\"{x:.1}\" y=\"{above}\">{tick}</text>"
            );
        }
        let (left, right, above) = (x(1.0) - 10.0, x(1.0) + 10.0, TOP - 26.0);
        line!(
            svg,
            "<text class=\"less end\" x=\"{left:.1}\" y=\"{above}\">ours takes less</text>\n\
             <text class=\"more\" x=\"{right:.1}\" y=\"{above}\">ours takes more</text>"
        );
    }

    fn draw_row(svg: &mut String, row: &Row, y: f64) {
        let class = class(row);
        let rounds = if row.least < row.most { "" } else { " once" };
        let [least, median, most] = [row.least, row.median, row.most].map(x);
        let (baseline, label) = (y + 4.5, escaped(&row.label));
        line!(
            svg,
            "<text class=\"end\" x=\"{}\" y=\"{baseline}\">{label}</text>\n\
             <line class=\"range {class}\" x1=\"{least:.1}\" x2=\"{most:.1}\" \
             y1=\"{y}\" y2=\"{y}\"/>\n\
             <circle class=\"{class}{rounds}\" cx=\"{median:.1}\" cy=\"{y}\" r=\"4.5\"/>\n\
             <text class=\"{class} end\" x=\"{}\" y=\"{baseline}\">{}</text>",
            AXIS.0 - 24.0,
            WIDTH - 24.0,
            row.figure
        );
    }

    /// Equal steps are equal factors.
    fn x(ratio: f64) -> f64 {
        let (first, last) = (0.07_f64.ln(), 230_f64.ln());
        AXIS.0 + (AXIS.1 - AXIS.0) * ((ratio.ln() - first) / (last - first)).clamp(0.0, 1.0)
    }
}
