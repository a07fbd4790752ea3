//! `GET /terminal.html`: a terminal in a browser, without a byte from elsewhere.
//!
//! The page holds no secret: whoever opens it types a token, which goes into the WebSocket's handshake and nowhere
//! else.

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::Gateway;

const PAGE: &str = include_str!("../web/terminal/page.html");

/// Where the page has the nonce by which its script marks styles as its own.
const NONCE: &str = "{nonce}";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the page loads: path, kind, content.
const FILES: [(&str, &str, &str); 7] = [
    ("/terminal/page.js", SCRIPT, include_str!("../web/terminal/page.js")),
    ("/terminal/page.css", STYLE, include_str!("../web/terminal/page.css")),
    ("/terminal/xterm.js", SCRIPT, include_str!("../web/xterm/xterm.js")),
    ("/terminal/xterm.css", STYLE, include_str!("../web/xterm/xterm.css")),
    ("/terminal/addon-fit.js", SCRIPT, include_str!("../web/xterm/addon-fit.js")),
    ("/terminal/LICENSE.xterm", TEXT, include_str!("../web/xterm/LICENSE")),
    ("/terminal/LICENSE.addon-fit", TEXT, include_str!("../web/xterm/LICENSE.addon-fit")),
];

pub(crate) fn routes() -> Router<Arc<Gateway>> {
    let page = Router::new().route("/terminal.html", get(page));
    FILES
        .into_iter()
        .fold(page, |routes, (path, kind, content)| routes.route(path, get(move || async move { file(kind, content) })))
}

async fn page() -> Response {
    let nonce = ulid::Ulid::new().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, file("text/html; charset=utf-8", PAGE.replace(NONCE, &nonce))).into_response()
}

/// A new release of the gateway brings its own: nothing is kept unasked.
fn file(kind: &'static str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
