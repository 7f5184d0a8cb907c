//! Responses that a crawler must survive.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Then, respond, respond_with};

const HTML: &str = "text/html";

/// Responds to a request for `path`, which was requested `n_before` times before.
pub(super) fn respond_to(
    path: &str,
    n_before: usize,
    client: &TcpStream,
    out: &mut Vec<u8>,
) -> io::Result<Then> {
    let (area, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    match area {
        "" => respond(out, 200, HTML, index().as_bytes()),
        "status" => respond(out, rest.parse().unwrap_or(404), HTML, b"<a href=/web/>w</a>"),
        "hops" | "loop" | "away" | "redirect" => redirect(area, rest, client, out)?,
        "slow" => {
            thread::sleep(Duration::from_millis(200));
            respond(out, 200, HTML, format!("<a href=/slow/{rest}0>").as_bytes());
        }
        "calendar" => {
            let day: u64 = rest.parse().unwrap_or(0);
            let page =
                format!("<a href=/calendar/{}>{day}</a> <a href=/calendar/{}>", day + 1, day + 2);
            respond(out, 200, HTML, page.as_bytes());
        }
        "busy" if n_before == 0 => {
            respond_with(out, 429, "Retry-After: 1\r\nContent-Type: text/html\r\n", b"");
        }
        "busy" | "flaky" if n_before > 0 => respond(out, 200, HTML, b"fine now"),
        "flaky" | "reset" => return Ok(Then::Reset),
        "charset" => charset(rest, out),
        "page" => page(rest, out),
        "asset" => asset(rest, out),
        "nofollow" => {
            let headers = "X-Robots-Tag: nofollow\r\nContent-Type: text/html\r\n";
            respond_with(out, 200, headers, b"<a href=/web/b/e>");
        }
        "sitemap.xml" => sitemap(rest, out),
        _ => return wire(area, client, out),
    }
    Ok(Then::GoOn)
}

/// A sitemap, or the index of a gzipped one.
fn sitemap(name: &str, out: &mut Vec<u8>) {
    let map = b"<urlset><url><loc>/web/b/e</loc></url></urlset>";
    match name {
        "index" => {
            let index = b"<sitemapindex><sitemap><loc>/sitemap.xml/map.xml.gz</loc></sitemap>";
            respond(out, 200, "text/xml", index);
        }
        "map.xml.gz" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(map).expect("writing to memory");
            respond(out, 200, "application/x-gzip", &encoder.finish().expect("writing to memory"));
        }
        _ => respond(out, 200, "application/xml", map),
    }
}

fn index() -> String {
    let traps = [
        "web/",
        "status/410",
        "status/500",
        "hops/5",
        "hops/50",
        "loop/a",
        "away/",
        "slow/",
        "drip",
        "stream",
        "bomb",
        "short",
        "long",
        "reset",
        "flaky",
        "stale",
        "never",
        "calendar/0",
        "busy",
        "charset/utf-16le",
        "page/nested",
        "page/flat",
        "page/wide-tag",
        "page/attributes",
        "page/malformed",
        "page/long-url",
    ];
    traps.iter().fold(String::new(), |page, trap| page + &format!("<a href=/{trap}>{trap}</a>\n"))
}

fn redirect(area: &str, rest: &str, client: &TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    let port = client.local_addr()?.port();
    let n: u32 = rest.parse().unwrap_or(0);
    let to = match area {
        "hops" if n > 0 => format!("/hops/{}", n - 1),
        "hops" => "/web/b/e".to_owned(),
        "loop" => format!("/loop/{}", if rest == "a" { "b" } else { "a" }),
        "away" => format!("http://localhost:{port}/web/b/{rest}"), // another name counts as another host
        _ => format!("/{rest}"),
    };
    respond_with(out, 302, &format!("Location: {to}\r\n"), b"moved");
    Ok(())
}

/// Responses that are malformed, endless or cut short.
fn wire(area: &str, mut client: &TcpStream, out: &mut Vec<u8>) -> io::Result<Then> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    match area {
        "drip" => {
            client.write_all(&[head, &b"Content-Length: 100000\r\n\r\n"[..]].concat())?;
            for _ in 0..100_000 {
                client.write_all(b" ")?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        "stream" => {
            client.write_all(&[head, &b"Content-Length: 5000000000\r\n\r\n"[..]].concat())?;
            let piece = b"<p>more and more</p>".repeat(1_000);
            for _ in 0..5_000_000_000 / piece.len() {
                client.write_all(&piece)?;
            }
        }
        "bomb" => {
            let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
            let piece = vec![b' '; 1 << 20];
            (0..100).try_for_each(|_| bomb.write_all(&piece))?; // compressed to a thousandth
            let headers = "Content-Encoding: gzip\r\nContent-Type: text/html\r\n";
            respond_with(out, 200, headers, &bomb.finish()?);
            return Ok(Then::GoOn);
        }
        "short" => {
            client.write_all(
                &[head, &b"Content-Length: 100\r\n\r\n<a href=/web/b/e>"[..]].concat(),
            )?;
        }
        "long" => {
            client.write_all(
                &[head, &b"Content-Length: 4\r\n\r\nfineHTTP/1.1 200 no"[..]].concat(),
            )?;
            return Ok(Then::GoOn);
        }
        "stale" => respond(out, 200, HTML, b"the connection is closed without notice"),
        "garbage" => client.write_all(b"220 this is FTP\r\n")?,
        "headers" => {
            client.write_all(head)?;
            (0..100_000).try_for_each(|i| client.write_all(format!("X-{i}: x\r\n").as_bytes()))?;
        }
        "never" => while matches!(client.read(&mut [0; 64]), Ok(1..)) {},
        _ => {
            respond(out, 404, HTML, b"<a href=/web/b/e>not followed</a>");
            return Ok(Then::GoOn);
        }
    }
    Ok(Then::Close)
}

/// Pages in several encodings, each with one link, to `/page/found?` and a letter with an umlaut.
fn charset(name: &str, out: &mut Vec<u8>) {
    let page = |before: &str| format!("{before}<a href='/page/found?\u{fc}'>");
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{}", page("")).encode_utf16().flat_map(order).collect()
    };
    let latin = |before: &str| -> Vec<u8> {
        page(before).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
    };
    match name {
        "utf-8" => respond(out, 200, "text/html; charset=utf-8", page("").as_bytes()),
        "utf-8-mark" => respond(out, 200, "text/html; charset=latin1", page("\u{feff}").as_bytes()),
        "utf-16le" => respond(out, 200, HTML, &utf16(u16::to_le_bytes)),
        "utf-16be" => respond(out, 200, HTML, &utf16(u16::to_be_bytes)),
        "header" => {
            respond(out, 200, "text/html; charset=ISO-8859-1", &latin("<meta charset=utf-8>"));
        }
        "meta" => respond(out, 200, HTML, &latin("<meta charset='iso-8859-1'>")),
        _ => respond(out, 200, HTML, &latin("")),
    }
}

fn page(name: &str, out: &mut Vec<u8>) {
    let link = "<a href=/web/b/e>";
    let page = match name {
        "nested" => "<div>".repeat(200_000) + link,
        "flat" => "<p>".repeat(300_000) + link,
        "wide-tag" => format!("<a {}>{link}", "x ".repeat(3 << 20)),
        "unclosed" => "<div>".repeat(30_000) + &"</p>".repeat(100_000) + link,
        "attributes" => {
            let mut page = "<a ".to_owned();
            (0..60_000).for_each(|i| _ = write!(page, "x{i} "));
            page + "href=/web/b/e>"
        }
        "malformed" => {
            format!("<!<<html><p <b></i><a href=><!-- -- ><a =\"'>\"' href=x{link}--!>{link}")
        }
        "many-links" => {
            (0..200_000).fold(String::new(), |page, i| page + &format!("<a href=?{i}>"))
        }
        "long-url" => format!("<a href=/{}>{link}", "x".repeat(100_000)),
        "assets" => "<link rel=stylesheet href=/asset/style.css><img src=/asset/a.png>\
                     <img srcset='/asset/b.png 2x'>"
            .to_owned(),
        "nofollow" => "<a rel=nofollow href=/web/b/e>".to_owned(),
        "meta-nofollow" => format!("<meta name=robots content='noindex, nofollow'>{link}"),
        "deep/1" => "<a href=/page/deep/2>".to_owned(),
        "deep/2" => "<a href=/page/deep/3>".to_owned(),
        "deep/3" => "<a href=/page/deep/4>".to_owned(),
        _ => "found".to_owned(),
    };
    respond(out, 200, HTML, page.as_bytes());
}

fn asset(name: &str, out: &mut Vec<u8>) {
    match name {
        "style.css" => {
            respond(out, 200, "text/css", b"@import 'more'; p { background: url(c.png) }");
        }
        "more" => respond(out, 200, "text/css", b"p { color: red }"),
        _ => respond(out, 200, "image/png", b"\x89PNG not really"),
    }
}
