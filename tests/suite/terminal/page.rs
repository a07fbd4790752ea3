//! `/terminal.html`: its headers, and the page in headless Chromium.

use openclaw_tests::{Browser, browser, wait_until};

use crate::contract::*;

#[test]
fn the_page_has_a_strict_policy_and_all_that_it_loads_is_here() {
    let daemon = Daemon::start();
    let page = daemon.get("/terminal.html");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_ne!(
        daemon.get("/terminal.html").header("content-security-policy"),
        Some(policy.as_str()),
        "a nonce is used once"
    );
    let text = page.text();
    let loaded: Vec<&str> = text.split(['"']).filter(|part| part.starts_with("/terminal/")).collect();
    assert_eq!(loaded.len(), 5, "{loaded:?}");
    for path in loaded.into_iter().chain(["/terminal/LICENSE.xterm", "/terminal/LICENSE.addon-fit"]) {
        let file = daemon.get(path);
        assert_eq!(file.status, 200, "{path}");
        assert!(!file.text().contains("sourceMappingURL"), "{path}");
    }
    assert!(daemon.get("/terminal/LICENSE.xterm").text().contains("The xterm.js authors"));
    assert_eq!(daemon.send(&Request::get("/terminal.html").header("Host", "evil.example")).status, 403);
}

/// Why nobody looks at the page here.
pub(crate) fn missing() -> Option<&'static str> {
    browser::program().is_none().then_some("there is no Chromium (Debian: chromium)")
}

/// A browser on the page; none where there is no Chromium, of which `not_tested` tells.
fn browse(daemon: &Daemon) -> Option<Browser> {
    let Some(program) = browser::program() else {
        assert!(std::env::var_os("CI").is_none(), "CI has Chromium: ./bootstrap test installs it");
        return None;
    };
    let mut browser = Browser::start(&program);
    browser.open(&format!("{}/terminal.html", daemon.url()));
    Some(browser)
}

/// What stands on the screen.
const SCREEN: &str = "document.querySelector('.xterm-rows').innerText.replaceAll('\\u00a0', ' ')";

fn log_in(browser: &mut Browser, token: &str) {
    browser.evaluate("document.getElementById('token').focus()");
    browser.write(token);
    browser.write("\n");
    browser.wait_for("document.getElementById('status').dataset.state === 'attached'");
}

#[track_caller]
fn until(browser: &mut Browser, text: &str) {
    browser.wait_for(&format!("{SCREEN}.includes({text:?})"));
}

#[test]
fn a_command_is_typed_read_resized_and_come_back_to() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let Some(mut browser) = browse(&daemon) else { return };
    log_in(&mut browser, tenant.token());
    browser.write("echo re$((1+1))dy é\n");
    until(&mut browser, "re2dy é");

    browser.resize(640, 400);
    browser.write("until [ $(stty size | cut -d' ' -f2) -lt 80 ]; do :; done; echo si$((1+1))e\n");
    until(&mut browser, "si2e");
    let row = tenant.ok("terminal.list", json!({}))["sessions"][0].clone();
    assert!(row["cols"].as_u64() < Some(80) && row["rows"].as_u64() < Some(25), "{row}");

    browser.write("echo be$((1+1))ore\n");
    until(&mut browser, "be2ore");
    browser.evaluate("document.getElementById('detach').click()");
    wait_until("nobody watches it", || tenant.ok("terminal.list", json!({}))["sessions"][0]["attached"] == false);
    browser.evaluate("document.getElementById('attach').click()");
    browser.wait_for("document.getElementById('status').dataset.state === 'attached'");
    until(&mut browser, "be2ore");
    browser.write("echo af$((1+1))er\n");
    until(&mut browser, "af2er");

    // Loaded again, the page has forgotten the token, and knows the terminal.
    browser.reload();
    assert_eq!(browser.evaluate("document.getElementById('token').value"), "");
    log_in(&mut browser, tenant.token());
    until(&mut browser, "af2er");
    let kept =
        "location.href + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie";
    let kept = browser.evaluate(kept);
    assert!(!kept.to_string().contains(tenant.token()), "{kept}");

    browser.write("printf '\\033[38;2;10;200;30mgreen\\033[0m'; exit\n");
    browser.wait_for("document.getElementById('status').textContent === 'the terminal has ended'");
    assert_eq!(tenant.ok("terminal.list", json!({}))["sessions"], json!([]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_wrong_token_is_told_of() {
    let daemon = Daemon::start();
    let Some(mut browser) = browse(&daemon) else { return };
    browser.evaluate("document.getElementById('token').focus()");
    browser.write("tk_acme_00000000000000000000000000000000\n");
    browser.wait_for("document.getElementById('status').textContent.includes('is the token right?')");
}
