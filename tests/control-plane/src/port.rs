//! Ports of this machine that nobody else takes.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as Name, UnixListener},
    },
};

/// The lowest port that is handed out.
const LOWEST: u16 = 10_240;
/// The first port that the kernel gives to connections, where it does not say so itself.
const EPHEMERAL: u16 = 32_768;
/// So many ports are tried.
const TRIES: usize = 1_000;

/// A port of the loopback address on which a program may listen later, again and again.
///
/// A port that was free a moment ago may be taken by then: by a connection, to which the kernel gives any port of a range, or by another
/// test. This one is outside of that range, and no process of this machine reserves it while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// A name that one socket at a time can have, and that goes with its process.
    _held: UnixListener,
}

impl Port {
    /// Reserves a port.
    ///
    /// # Errors
    ///
    /// If none is to be had.
    pub fn reserve() -> io::Result<Port> {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
        let first = first.filter(|first| *first > LOWEST).unwrap_or(EPHEMERAL);
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match Self::take(fastrand::u16(LOWEST..first)) {
                Ok(port) => return Ok(port),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn take(number: u16) -> io::Result<Port> {
        let name = Name::from_abstract_name(format!("github-pat-operator-port-{number}"))?;
        let held = UnixListener::bind_addr(&name)?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
        Ok(Port { number, _held: held })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// The same, reserved until this process ends.
    pub fn keep(self) -> SocketAddr {
        let address = self.address();
        std::mem::forget(self);
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_once_and_no_connection_has_it() {
        let port = Port::reserve().unwrap();
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let first: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        assert!(port.number() >= LOWEST && (port.number() < first || first <= LOWEST), "{port:?}");
        let (number, address) = (port.number(), port.address());
        assert_eq!(Port::take(number).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        for _ in 0..2 {
            assert_eq!(TcpListener::bind(address).unwrap().local_addr().unwrap(), address);
        }
        drop(port);
        let listening = TcpListener::bind(address).unwrap();
        assert_eq!(Port::take(number).unwrap_err().kind(), io::ErrorKind::AddrInUse, "somebody listens");
        drop(listening);
        assert_eq!(Port::take(number).unwrap().keep(), address);
        assert_eq!(Port::take(number).unwrap_err().kind(), io::ErrorKind::AddrInUse, "kept");
    }
}
