//! Serves the site on 127.0.0.1: GET and HEAD, a connection for each request.
//!
//! Written out, because a site that lies in memory needs thirty lines of HTTP, and the small
//! servers that could be taken keep a thread for each of a browser's open connections, of which
//! there are more than threads.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::Site;
use crate::bad_input::BadInput;

/// The most bytes that a request's head may have.
const HEAD: u64 = 16 << 10;
/// How long a browser may be silent within a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A port of this machine.
pub struct Server(TcpListener);

impl Server {
    /// Takes a port; with 0 the system chooses one.
    ///
    /// # Errors
    /// Another program has the port, or it may not be taken.
    pub fn bind(port: u16) -> Result<Self, BadInput> {
        TcpListener::bind(("127.0.0.1", port)).map(Self).map_err(|error| {
            let why = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program has it; `--port 0` takes a free one".into()
                }
                _ => error.to_string(),
            };
            BadInput(format!("--port: cannot listen on 127.0.0.1:{port}: {why}"))
        })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.local_addr().map_or(0, |address| address.port())
    }

    /// Answers requests until the process is ended.
    pub fn run(&self, site: Site) {
        let site = Arc::new(site);
        for stream in self.0.incoming().flatten() {
            let site = Arc::clone(&site);
            // A browser that has gone away needs no answer, and its thread ends.
            thread::spawn(move || drop(serve(&site, &stream)));
        }
    }
}

fn serve(site: &Site, stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(HEAD)).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    // The rest of the head says nothing that matters here, but a browser sends it before it reads.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut stream = stream;
    stream.write_all(&answer(site, &request))
}

/// The answer to a request's first line, head and contents.
fn answer(site: &Site, request: &str) -> Vec<u8> {
    let mut words = request.split(' ');
    let (method, address) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = address.split(['?', '#']).next().unwrap_or("");
    let plain = "text/plain; charset=utf-8";
    let (status, media_type, contents) = match (method, site.file(path)) {
        ("GET" | "HEAD", Some((media_type, contents))) => ("200 OK", media_type, contents),
        ("GET" | "HEAD", None) => ("404 Not Found", plain, &b"no such page\n"[..]),
        _ => ("405 Method Not Allowed", plain, &b"only GET\n"[..]),
    };
    // The next build must be seen at the next load, so nothing is kept without asking.
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-cache\r\nConnection: close\r\n\r\n",
        contents.len()
    );
    let body = if method == "HEAD" { &[] } else { contents };
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_one_line() {
        let first = Server::bind(0).unwrap();
        let BadInput(line) = Server::bind(first.port()).err().unwrap();
        assert!(line.contains(&first.port().to_string()) && line.lines().count() == 1, "{line}");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let status = |request: &str| {
            let answer = answer(&Site::default(), request);
            String::from_utf8_lossy(&answer[9..12]).into_owned()
        };
        assert_eq!(status("GET /no?a=b HTTP/1.1"), "404");
        assert_eq!(status("POST / HTTP/1.1"), "405");
        assert_eq!(status(""), "405");
    }

    #[test]
    fn a_browser_gets_the_file_that_it_asks_for() {
        let server = Server::bind(0).unwrap();
        let port = server.port();
        let site = Site::of(&[("index.html", "<p>here</p>")]);
        // The thread ends with the test's process.
        thread::spawn(move || server.run(site));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{text}");
        assert!(text.ends_with("\r\n\r\n<p>here</p>"), "{text}");
    }
}
