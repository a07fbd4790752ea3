//! `calls`: what a handler may know of the call it answers.

use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Call(pub(crate) Rc<Facts>);

impl Call {
    pub fn method(&self) -> String {
        self.0.method.clone()
    }

    pub fn tenant(&self) -> Option<String> {
        self.0.tenant().ok()
    }

    pub fn family(&self) -> String {
        self.0.family().to_owned()
    }

    pub fn request_id(&self) -> String {
        self.0.request_id.clone()
    }

    pub fn is_operator(&self) -> bool {
        self.0.caller.is_operator()
    }

    pub fn scopes(&self) -> Vec<String> {
        self.0.caller.scopes.clone()
    }

    pub fn remaining_ms(&self) -> u64 {
        self.0.remaining_ms()
    }

    pub fn cancelled(&self) -> bool {
        false
    }
}
