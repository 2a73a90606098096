//! A network namespace with nothing in it but loopback, and a listener there whose other end is ours.
//!
//! A socket belongs to the namespace it was made in, whoever accepts on it. So the child, between fork and exec, enters
//! a new namespace, listens on its loopback and hands the listener back; no program of ours runs inside.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, bind, listen, recvmsg, sendmsg, socket_with,
};
use tokio::net::TcpListener;

/// Free for sure: nobody else is in the namespace yet.
const PORT: u16 = 3128;

/// The variables that name a proxy, in both of their spellings.
const PROXY_ENV: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];

/// What is reached without the proxy: the command's own servers.
const NO_PROXY_ENV: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The variables that tell a command of the listener.
pub(crate) fn proxy_env() -> impl Iterator<Item = (&'static str, String)> {
    let proxies = PROXY_ENV.into_iter().map(|name| (name, format!("http://127.0.0.1:{PORT}")));
    proxies.chain(NO_PROXY_ENV.into_iter().map(|name| (name, "localhost,127.0.0.1,::1".to_owned())))
}

/// The child's side.
#[derive(Debug)]
pub(crate) struct Inside {
    door: UnixStream,
    /// Without root, a namespace is made within a user namespace, in which this user is still itself.
    id_maps: Option<[String; 2]>,
}

/// Our side.
#[derive(Debug)]
pub(crate) struct Outside(UnixStream);

/// Both sides of a namespace to be made.
pub(crate) fn pair() -> io::Result<(Inside, Outside)> {
    let (door, ours) = UnixStream::pair()?;
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let id_maps = (!uid.is_root()).then(|| [format!("{uid} {uid} 1"), format!("{gid} {gid} 1")]);
    Ok((Inside { door, id_maps }, Outside(ours)))
}

impl Inside {
    /// Makes and enters the namespace, between fork and exec.
    pub fn enter(&self) -> io::Result<()> {
        match &self.id_maps {
            None => unshare(CloneFlags::CLONE_NEWNET)?,
            Some([uids, gids]) => {
                unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
                std::fs::write("/proc/self/setgroups", "deny")?;
                std::fs::write("/proc/self/uid_map", uids)?;
                std::fs::write("/proc/self/gid_map", gids)?;
            }
        }
        raise_loopback()?;
        let listener = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT))?;
        listen(&listener, 128)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [listener.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.door, &[IoSlice::new(b"x")], &mut control, SendFlags::empty())?;
        Ok(())
    }
}

impl Outside {
    /// The listener, once the child has started.
    pub fn listener(self) -> io::Result<TcpListener> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(
            &self.0,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        )?;
        let mut received: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                received.extend(descriptors);
            }
        }
        let listener = received.pop().ok_or(io::ErrorKind::UnexpectedEof)?;
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }
}

/// A new namespace has its loopback down.
#[expect(unsafe_code, reason = "no safe wrapper sets an interface's flags")]
fn raise_loopback() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain data, for which zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = byte.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is of the type that this call reads, and lives beyond it.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Ok(Errno::result(done).map(drop)?)
}
