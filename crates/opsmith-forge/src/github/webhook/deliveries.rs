use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest as _, Sha256};

/// GitHub keeps deliveries for a person to send again for three days; what is older is nothing that anybody waits for.
const WINDOW: Duration = Duration::days(3);
/// More are forgotten early, the oldest first; one that is then taken again only makes somebody look again.
const MAX_DELIVERIES: usize = 100_000;

/// The deliveries of the last days, by id and by signature.
#[derive(Debug, Default)]
pub struct Deliveries {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<[u8; 32]>,
    order: VecDeque<(DateTime<Utc>, [[u8; 32]; 2])>,
}

impl Deliveries {
    /// Whether neither id nor signature was seen; both are from now on.
    pub fn is_new(&self, id: &str, signature: &[u8; 32], now: DateTime<Utc>) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now);
        // Ids are of any length: what is kept of them is not.
        let id_key: [u8; 32] = Sha256::digest(id).into();
        if seen.keys.contains(&id_key) || seen.keys.contains(signature) {
            return false;
        }
        seen.keys.extend([id_key, *signature]);
        seen.order.push_back((now, [id_key, *signature]));
        true
    }
}

impl Seen {
    fn forget(&mut self, now: DateTime<Utc>) {
        while let Some((at, keys)) = self.order.front()
            && (self.order.len() >= MAX_DELIVERIES || *at + WINDOW < now)
        {
            for key in keys {
                self.keys.remove(key);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_in_number_and_time() {
        let deliveries = Deliveries::default();
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let signature = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        for number in 0..MAX_DELIVERIES + 10 {
            assert!(deliveries.is_new(&number.to_string(), &signature(number), start));
        }
        assert_eq!(deliveries.seen.lock().unwrap().keys.len(), 2 * MAX_DELIVERIES);
        assert!(!deliveries.is_new("20", &signature(usize::MAX), start), "the id alone");
        assert!(!deliveries.is_new("new", &signature(20), start), "the signature alone");
        assert!(deliveries.is_new("20", &signature(20), start + WINDOW + Duration::seconds(1)));
        assert_eq!(deliveries.seen.lock().unwrap().order.len(), 1);
    }
}
