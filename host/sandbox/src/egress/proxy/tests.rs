use std::net::IpAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::AllowList;
use super::*;

/// A proxy with a server behind it that answers each request with what it got.
struct Proxy {
    directory: tempfile::TempDir,
    port: u16,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

impl Proxy {
    /// `allow` with `PORT` for the server's; `private`: the operator vouches for the server's address.
    async fn start(allow: &[&str], private: bool) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(echo(server));
        let entries: Vec<_> = allow.iter().map(|entry| entry.replace("PORT", &port.to_string())).collect();
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let audited = attempts.clone();
        let policy = Policy {
            allow: AllowList::parse(entries.iter().map(String::as_str)).unwrap(),
            private: private.then_some(IpAddr::from([127, 0, 0, 1])).into_iter().collect(),
            audit: Box::new(move |attempt| {
                audited.lock().unwrap().push(attempt);
                Box::pin(std::future::ready(()))
            }),
        };
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("proxy")).unwrap();
        tokio::spawn(serve(listener, Arc::new(policy), Resolver::of("a-tenant")));
        Self { directory, port, attempts }
    }

    /// Sends what it is given, with `PORT` for the server's, and answers all that comes back.
    async fn say(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.directory.path().join("proxy")).await.unwrap();
        stream.write_all(request.replace("PORT", &self.port.to_string()).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn refusals(&self) -> Vec<Option<Refusal>> {
        self.attempts.lock().unwrap().iter().map(|attempt| attempt.refused).collect()
    }
}

/// Answers with the head of what it got.
async fn echo(server: TcpListener) {
    loop {
        let (mut stream, _) = server.accept().await.unwrap();
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", head.len());
            let _ = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
        });
    }
}

#[tokio::test]
async fn plain_http_goes_through_without_what_was_for_the_proxy() {
    let proxy = Proxy::start(&["127.0.0.1:PORT"], true).await;
    let answer = proxy
        .say("GET http://127.0.0.1:PORT/a?b=c HTTP/1.1\r\nhost: evil.example\r\nproxy-authorization: Basic x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("GET /a?b=c HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains(&format!("host: 127.0.0.1:{}\r\n", proxy.port)), "the host that was checked: {answer}");
    assert!(!answer.contains("proxy-authorization") && !answer.contains("evil"), "{answer}");
    assert_eq!(proxy.refusals(), [None]);
}

#[tokio::test]
async fn a_tunnel_carries_both_ways() {
    let proxy = Proxy::start(&["127.0.0.1:PORT"], true).await;
    let answer = proxy.say("CONNECT 127.0.0.1:PORT HTTP/1.1\r\nhost: x\r\n\r\nGET /inside HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("GET /inside HTTP/1.1\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn what_is_not_on_the_list_is_refused_and_told_of() {
    let proxy = Proxy::start(&["127.0.0.1:1", "*.example.com:PORT"], true).await;
    for request in [
        "CONNECT 127.0.0.1:PORT HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nhost: a.example.com\r\nconnection: close\r\n\r\n",
        "CONNECT [::1]:PORT HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let answer = proxy.say(request).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(answer.contains("not on the allow list"), "{answer}");
    }
    assert_eq!(proxy.refusals(), [Some(Refusal::NotAllowed); 3]);
}

#[tokio::test]
async fn an_allowed_name_that_leads_to_a_private_address_is_refused() {
    let proxy =
        Proxy::start(&["localhost:PORT", "127.0.0.1:PORT", "0x7f000001:PORT", "169.254.169.254:80"], false).await;
    for host in ["localhost:PORT", "127.0.0.1:PORT", "169.254.169.254:80"] {
        let answer = proxy.say(&format!("CONNECT {host} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
    }
    assert_eq!(proxy.refusals(), [Some(Refusal::PrivateAddress); 3]);
}

#[tokio::test]
async fn what_is_no_request_for_a_proxy_is_refused() {
    let proxy = Proxy::start(&["127.0.0.1:PORT"], true).await;
    let long = format!("CONNECT {}.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", "long.".repeat(1_000));
    for request in [
        long.as_str(),
        "GET / HTTP/1.1\r\nhost: 127.0.0.1:PORT\r\nconnection: close\r\n\r\n",
        "GET https://127.0.0.1:PORT/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET ftp://127.0.0.1:PORT/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ] {
        let answer = proxy.say(request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request}: {answer}");
    }
    assert!(proxy.refusals().is_empty(), "nothing was tried");
}
