use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use opsmith_model::TokenId;

use super::refused::Refused;
use crate::config::ServerSettings;

/// Above this many, those that have rested are forgotten.
const MOST_KEYS: usize = 10_000;
/// Wrong tokens that an address may bring at once, and the time for each after them.
const WRONG_TOKENS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const WRONG_TOKEN_PERIOD: Duration = Duration::from_secs(6);

/// How often somebody may call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one token, and of one address without a token.
    pub requests_per_s: NonZeroU32,
    /// How many of them at once.
    pub requests_burst: NonZeroU32,
    /// Wrong tokens of one address at once; then one every six seconds.
    pub wrong_tokens: NonZeroU32,
}

impl From<&ServerSettings> for Limits {
    fn from(settings: &ServerSettings) -> Self {
        Self {
            requests_per_s: settings.requests_per_s,
            requests_burst: settings.requests_burst,
            wrong_tokens: WRONG_TOKENS,
        }
    }
}

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

/// What each token and each address has left.
#[derive(Debug)]
pub(super) struct Limiter {
    tokens: Keyed<TokenId>,
    strangers: Keyed<IpAddr>,
    wrong: Keyed<IpAddr>,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        let usual = Quota::per_second(limits.requests_per_s).allow_burst(limits.requests_burst);
        // None where the period is zero, which this one is not.
        let tight = Quota::with_period(WRONG_TOKEN_PERIOD).unwrap_or(usual).allow_burst(limits.wrong_tokens);
        Self {
            tokens: RateLimiter::dashmap(usual),
            strangers: RateLimiter::dashmap(usual),
            wrong: RateLimiter::dashmap(tight),
        }
    }

    /// Counts a request of a token.
    pub(super) fn token(&self, id: TokenId) -> Result<(), Refused> {
        count(&self.tokens, &id)
    }

    /// Counts a request without a token.
    pub(super) fn stranger(&self, peer: IpAddr) -> Result<(), Refused> {
        count(&self.strangers, &network(peer))
    }

    /// Counts a wrong token.
    pub(super) fn wrong(&self, peer: IpAddr) -> Result<(), Refused> {
        count(&self.wrong, &network(peer))
    }
}

fn count<K: Clone + Eq + Hash>(limiter: &Keyed<K>, key: &K) -> Result<(), Refused> {
    if limiter.len() > MOST_KEYS {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|until| Refused::TooMany(until.wait_time_from(limiter.clock().now())))
}

/// An IPv6 network of 64 bits is one subscriber's, who has all addresses in it.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(peer) => IpAddr::V4(peer),
        IpAddr::V6(peer) => {
            let [a, b, c, d, ..] = peer.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::refused::seconds;
    use super::*;

    #[test]
    fn each_has_its_own_share_and_a_network_shares_one() {
        let three = NonZeroU32::new(3).unwrap();
        let one = NonZeroU32::MIN;
        let limiter = Limiter::new(&Limits { requests_per_s: one, requests_burst: three, wrong_tokens: one });
        let [a, b, c]: [IpAddr; 3] = ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|text| text.parse().unwrap());
        let left = [a, b, a, a, c].map(|peer| limiter.stranger(peer).is_ok());
        assert_eq!(left, [true, true, true, false, true]);
        limiter.wrong(c).unwrap();
        let refused = limiter.wrong(c).unwrap_err();
        assert!(matches!(&refused, Refused::TooMany(wait) if (5..=6).contains(&seconds(*wait))), "{refused:?}");
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!(limiter.wrong(mapped).is_err(), "the same address in another dress");
        limiter.stranger(c).unwrap();
    }
}
