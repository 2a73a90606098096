//! How many connections one address of another machine may hold, so that one slow client does not take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

const MOST_OF_ONE: usize = 256;

/// What each address holds now.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Shares,
    peer: IpAddr,
}

impl Shares {
    /// One more for `peer`, unless it has its share. This machine's own has no limit: a proxy comes from there.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Share> {
        let peer = peer.to_canonical();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(peer).or_default();
        if *count >= MOST_OF_ONE && !peer.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Share { shares: self.clone(), peer })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gives_it_back() {
        let (shares, one, two) = (Shares::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut held: Vec<Share> = (0..MOST_OF_ONE).map(|_| shares.take(one).unwrap()).collect();
        assert!(shares.take(one).is_none() && shares.take(two).is_some());
        held.pop();
        assert!(shares.take(one).is_some());
        drop(held);
        assert!(shares.0.lock().unwrap().is_empty(), "nobody is remembered");
        let own = IpAddr::from([127, 0, 0, 1]);
        assert!((0..=MOST_OF_ONE).map(|_| shares.take(own)).collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
