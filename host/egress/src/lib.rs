//! Connections to hosts elsewhere: who is out in the world, who is on a list, and whom this machine trusts.
//!
//! Whoever lets something of a tenant's, or of the internet's, choose where this machine connects to goes through
//! a [`Resolver`]: it looks the name up itself and connects to the very address that it has checked, so no name that
//! leads elsewhere the second time gets around it. A redirect is another connection, and is checked as one.

#![forbid(unsafe_code)]

mod address;
mod allow;
mod own;
mod resolver;
pub mod tls;

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
};

use tokio::net::TcpStream;

pub use address::is_public;
pub use allow::{AllowList, HostPattern, InvalidEntry, InvalidPattern, is_host};
pub use resolver::Resolver;

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Those out in the world that are not this machine's own, and others that the operator vouches for.
    Public(&'a [IpAddr]),
    /// The operator's own networks too.
    Anywhere,
}

impl Reach<'_> {
    /// Whether this address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        match self {
            Self::Public(private) => {
                private.contains(&address.to_canonical()) || is_elsewhere(address, own::addresses().as_deref())
            }
            Self::Anywhere => true,
        }
    }
}

/// Whether an address is out in the world, and known not to be this machine's.
fn is_elsewhere(address: IpAddr, own: Option<&HashSet<IpAddr>>) -> bool {
    is_public(address) && own.is_some_and(|own| !own.contains(&address::real(address)))
}

/// Something wanted to reach a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub host: String,
    pub port: u16,
    pub refused: Option<Refusal>,
}

/// Why an attempt was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("the host and port are not on the allow list")]
    NotAllowed,
    #[error("the name has no address")]
    Unresolved,
    #[error("the name leads to a private, local or reserved address")]
    PrivateAddress,
    #[error("the host does not answer")]
    Unreachable,
}

/// [`Resolver::resolve`] for the operator.
pub async fn resolve(host: &str, port: u16, reach: Reach<'_>) -> Result<Vec<SocketAddr>, Refusal> {
    Resolver::of("").resolve(host, port, reach).await
}

/// [`Resolver::connect`] for the operator.
pub async fn connect(host: &str, port: u16, reach: Reach<'_>) -> Result<TcpStream, Refusal> {
    Resolver::of("").connect(host, port, reach).await
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_public_address_of_this_machine_is_not_out_in_the_world() {
        let [here, there] = [[1, 1, 1, 1], [8, 8, 8, 8]].map(IpAddr::from);
        let own = HashSet::from([here]);
        assert!(is_elsewhere(there, Some(&own)));
        assert!(!is_elsewhere(here, Some(&own)));
        assert!(!is_elsewhere("::ffff:1.1.1.1".parse().expect("an address"), Some(&own)), "by another name");
        assert!(!is_elsewhere(there, None), "nobody knows which are this machine's");
    }

    #[tokio::test]
    async fn what_leads_home_is_reached_where_the_operator_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let refused = async |host: &str, reach: Reach<'_>| connect(host, port, reach).await.err();
        for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
            assert_eq!(refused(host, Reach::Public(&[])).await, Some(Refusal::PrivateAddress), "{host}");
        }
        assert_eq!(
            refused("127.0.0.1", Reach::Public(&["10.0.0.1".parse().expect("an address")])).await,
            Some(Refusal::PrivateAddress)
        );
        for reach in [Reach::Public(&["127.0.0.1".parse().expect("an address")]), Reach::Anywhere] {
            assert_eq!(refused("127.0.0.1", reach).await, None, "{reach:?}");
        }
    }

    #[tokio::test]
    async fn who_does_not_answer_is_told_from_who_is_not_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        assert_eq!(connect("127.0.0.1", port, Reach::Anywhere).await.err(), Some(Refusal::Unreachable));
        assert_eq!(connect("no such name", 80, Reach::Anywhere).await.err(), Some(Refusal::Unresolved));
    }
}
