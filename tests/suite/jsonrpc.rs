//! `POST /rpc` and `GET /rpc`: JSON-RPC 2.0 to the letter, and HTTP around it.

mod bounds;
mod examples;
mod frames;
mod transport;
mod websocket;
