//! The one way out, from inside.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex};

use openclaw_sandbox::egress::{AllowList, Attempt, Policy, Refusal};
use openclaw_sandbox::{Backend, Network, Tenant, Workload};

use crate::world::{World, describe};

/// A server of the host's that answers every connection with a greeting.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\ngreeting");
        }
    });
    port
}

/// The same for both modes.
pub(crate) async fn only_what_is_allowed_is_reached(backend: &dyn Backend, tenant: &Tenant) {
    let (allowed, other) = (server(), server());
    let attempts: Arc<Mutex<Vec<Attempt>>> = Arc::default();
    let audited = attempts.clone();
    let policy = Policy {
        allow: AllowList::parse([format!("127.0.0.1:{allowed}").as_str()]).unwrap(),
        private: vec![IpAddr::from([127, 0, 0, 1])],
        audit: Box::new(move |attempt| {
            audited.lock().unwrap().push(attempt);
            Box::pin(std::future::ready(()))
        }),
    };
    // By bash alone: a connection to what HTTP_PROXY names.
    let script = format!(
        r#"ask() {{ exec 3<>"/dev/tcp/$1"; printf "$2" >&3; cat <&3; exec 3>&-; }}
        echo "$HTTP_PROXY $https_proxy"
        ask 127.0.0.1/3128 'GET http://127.0.0.1:{allowed}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n' | tail -n 1; echo
        ask 127.0.0.1/3128 'CONNECT 127.0.0.1:{other} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n' | head -n 1
        (exec 3<>/dev/tcp/127.0.0.1/{allowed}) 2>/dev/null || echo no other way"#
    );
    let mut workload = Workload::new("/bin/bash", ["-c", &script]);
    workload.network = Network::Allowlist(Arc::new(policy));
    let outcome = backend.run(tenant, workload).await.unwrap();
    let seen = String::from_utf8_lossy(&outcome.stdout).replace('\r', "");
    let lines: Vec<_> = seen.lines().collect();
    let proxy = "http://127.0.0.1:3128 http://127.0.0.1:3128";
    assert_eq!(lines, [proxy, "greeting", "HTTP/1.1 403 Forbidden", "no other way"], "{}", describe(&outcome));
    let refused: Vec<_> = attempts.lock().unwrap().iter().map(|attempt| (attempt.port, attempt.refused)).collect();
    assert_eq!(refused, [(allowed, None), (other, Some(Refusal::NotAllowed))]);
}

#[tokio::test]
async fn by_bwrap_only_what_is_allowed_is_reached() {
    let world = World::new();
    only_what_is_allowed_is_reached(&world.bwrap(), &world.tenant(1)).await;
}

#[tokio::test]
async fn without_an_allow_list_nothing_names_a_proxy() {
    let world = World::new();
    let script = "env | grep -ci proxy; ls /run";
    let outcome = world.bwrap().run(&world.tenant(1), Workload::shell(script)).await.unwrap();
    assert_eq!(outcome.stdout, b"0\nshim\n");
}
