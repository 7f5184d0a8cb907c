//! Data connections: agreed on with PASV, EPSV, PORT or EPRT, opened when a transfer begins.

mod handshake;
mod opener;
mod ports;
mod stream;
mod waiting;

pub(super) use handshake::Protection;
pub(super) use opener::Opener;
pub(super) use ports::{Endpoint, PassivePorts, listen};
pub(super) use stream::DataStream;
pub(super) use waiting::{HandOver, WaitingSocket};
