//! The page in Chromium, driven over its debugging protocol; skipped where there is no Chromium.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{env, thread};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, client};

use super::log_in;
use super::web::start;
use crate::support::{DEADLINE, Process, eventually, report_skipped};

/// A browser without a window.
struct Browser {
    socket: WebSocket<TcpStream>,
    n_calls: u64,
    /// The addresses that pages asked for.
    requested: Vec<String>,
    _process: Process,
    _profile: TempDir,
}

/// One page of a browser: the id of its session.
struct Page(String);

impl Browser {
    /// Starts the browser; `None`, with a word about it, where there is none.
    fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let Some(path) = names.iter().find_map(|name| find(name)) else {
            report_skipped("no Chromium here (apt-get install chromium)");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(path);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-dev-shm-usage", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let process = Process::start(&mut command);
        let url = loop {
            let line = process.stderr_line().expect("Chromium ended before it listened");
            if let Some(url) = line.strip_prefix("DevTools listening on ") {
                break url.to_owned();
            }
        };
        let addr = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).unwrap();
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = client(&url, stream).unwrap();
        let requested = Vec::new();
        Some(Browser { socket, n_calls: 0, requested, _process: process, _profile: profile })
    }

    /// Calls a method and returns its result.
    fn call(&mut self, session: Option<&Page>, method: &str, params: impl Into<Value>) -> Value {
        let params: Value = params.into();
        self.n_calls += 1;
        let mut call = json!({ "id": self.n_calls, "method": method, "params": params });
        if let Some(Page(id)) = session {
            call["sessionId"] = json!(id);
        }
        self.socket.send(Message::text(call.to_string())).unwrap();
        loop {
            let message = self.socket.read().unwrap();
            let answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            if answer["method"] == "Network.requestWillBeSent" {
                self.requested
                    .push(answer["params"]["request"]["url"].as_str().unwrap().to_owned());
            }
            if answer["id"] == self.n_calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn open(&mut self, url: &str) -> Page {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let params = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", params);
        let page = Page(session["sessionId"].as_str().unwrap().to_owned());
        self.call(Some(&page), "Network.enable", json!({}));
        self.call(Some(&page), "Page.enable", json!({}));
        self.call(Some(&page), "Page.navigate", json!({ "url": url }));
        page
    }

    /// The value of an expression in the page.
    fn value(&mut self, page: &Page, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let result = self.call(Some(page), "Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    fn wait(&mut self, page: &Page, condition: &str) {
        eventually(condition, || {
            let guarded =
                format!("(() => {{ try {{ return {condition} }} catch {{ return false }} }})()");
            self.value(page, &guarded) == json!(true)
        });
    }

    /// Types into the focused field and presses Enter, as a keyboard does.
    fn enter(&mut self, page: &Page, text: &str) {
        self.call(Some(page), "Input.insertText", json!({ "text": text }));
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let key = json!({ "type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.call(Some(page), "Input.dispatchKeyEvent", key);
        }
    }

    /// What the page shows of the room, without the time of each line.
    fn lines(&mut self, page: &Page) -> Vec<String> {
        let script = "[...document.querySelectorAll('#log .lines, #log .old')].map(item => { \
                      const copy = item.cloneNode(true); copy.querySelector('time').remove(); \
                      return copy.textContent })";
        let lines = self.value(page, script);
        lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// Opens the page and gives a name.
    fn log_in(&mut self, url: &str, name: &str) -> Page {
        let page = self.open(url);
        self.wait(&page, "document.getElementById('label').textContent === 'Your name'");
        self.enter(&page, name);
        self.wait(&page, &format!("me.name === '{name}' && me.next > 0"));
        page
    }
}

/// The path of a program.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Forwards connections to a server until it is cut.
struct Proxy {
    addr: SocketAddr,
    /// The two sockets of each connection; `None` while the line is cut.
    sockets: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Proxy {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let sockets = Arc::new(Mutex::new(Some(Vec::new())));
        let all = Arc::clone(&sockets);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut sockets = all.lock().unwrap();
                let Some(sockets) = &mut *sockets else { continue };
                let server = TcpStream::connect(server).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        _ = io::copy(&mut from, &mut to);
                        _ = to.shutdown(Shutdown::Write);
                    });
                }
                sockets.extend([client, server]);
            }
        });
        Proxy { addr, sockets }
    }

    /// Breaks all connections, and lets no new one through.
    fn cut(&self) {
        for socket in self.sockets.lock().unwrap().take().into_iter().flatten() {
            _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        *self.sockets.lock().unwrap() = Some(Vec::new());
    }
}

#[test]
fn two_pages_and_a_plain_client_talk_and_a_page_catches_up_after_a_cut() {
    let Some(mut browser) = Browser::start() else { return };
    let (server, addr) = start(&["-flood", "0"]);
    let proxy = Proxy::start(addr);
    let (mut nik, _) = log_in(&server, "nik");
    let ann = browser.log_in(&format!("http://{}/", proxy.addr), "ann");
    let bob = browser.log_in(&format!("http://{addr}/"), "Zoë");
    assert_eq!((nik.line(), nik.line()), ("ann has arrived".into(), "Zoë has arrived".into()));
    for n in 0..5 {
        browser.enter(&ann, &format!("a{n}"));
        browser.enter(&bob, &format!("b{n}"));
        nik.send(format!("n{n}\n"));
    }
    let mut expected: Vec<String> = (0..15).map(|_| nik.line()).collect();

    let markup = "<img src=x onerror=\"document.title='owned'\"><b>&amp;</b>";
    nik.send(format!("{markup}\n"));
    expected.push(nik.line());
    assert_eq!(expected[15], format!("nik: {markup}"));

    proxy.cut();
    browser.wait(&ann, "document.getElementById('status').textContent.includes('lost')");
    nik.send("while the line is cut\n");
    let mut line = nik.line();
    if line == "ann has left" {
        expected.push(line);
        line = nik.line();
    }
    expected.push(line);
    proxy.mend();
    browser.wait(&ann, "document.getElementById('status').textContent === 'connected'");
    nik.send("end\n");
    while !expected.last().unwrap().ends_with(": end") {
        expected.push(nik.line());
    }
    for page in [&ann, &bob] {
        browser.wait(page, "document.getElementById('log').textContent.includes('nik: end')");
        let lines = browser.lines(page);
        // Who comes and goes is told to those who are there: a page does not hear itself arrive.
        let said = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| line.contains(": ")).cloned().collect()
        };
        assert_eq!(said(&lines), said(&expected));
        assert_eq!(browser.value(page, "document.querySelectorAll('#log img').length"), json!(0));
    }
    assert_ne!(browser.value(&bob, "document.title"), json!("owned"));
    let own = [proxy.addr, addr].map(|addr| format!("//{addr}/"));
    let is_own = |url: &String| {
        url.starts_with("data:") || url == "about:blank" || own.iter().any(|own| url.contains(own))
    };
    assert!(browser.requested.iter().all(is_own), "{:?}", browser.requested);
}

#[test]
fn the_page_serves_screen_readers_phones_and_dark_screens() {
    let Some(mut browser) = Browser::start() else { return };
    let (_server, addr) = start(&[]);
    let page = browser.log_in(&format!("http://{addr}/"), "ann");
    let tree = browser.call(Some(&page), "Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    for (role, name) in
        [("log", "Messages"), ("textbox", "Message"), ("button", "Send"), ("status", "")]
    {
        let is_here = |node: &&Value| {
            node["role"]["value"] == role && node["name"]["value"].as_str().unwrap_or("") == name
        };
        assert!(nodes.iter().any(|node| is_here(&node)), "no {role} {name}");
    }
    assert_eq!(browser.value(&page, "document.activeElement.id"), json!("input"));
    let phone = json!({ "width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": true });
    browser.call(Some(&page), "Emulation.setDeviceMetricsOverride", phone);
    browser.wait(&page, "innerWidth === 360 && document.documentElement.scrollWidth <= 360");
    let background = "getComputedStyle(document.body).backgroundColor";
    let mut colors = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call(Some(&page), "Emulation.setEmulatedMedia", features);
        colors.push(browser.value(&page, background));
    }
    assert_ne!(colors[0], colors[1]);
    browser.enter(&page, "/quit");
    browser.wait(&page, "!document.getElementById('again').hidden");
    assert_eq!(
        browser.value(&page, "document.getElementById('status').textContent"),
        json!("disconnected")
    );
}
