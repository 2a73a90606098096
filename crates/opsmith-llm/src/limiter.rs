use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, sleep_until};

/// The most tokens that one request is taken for: a provider that counts more is wrong, and would hold everyone back.
const MOST_TOKENS: u64 = 10_000_000;

/// How fast one key of a provider may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Requests in any minute; `None` for as many as wanted.
    pub requests_per_minute: Option<u32>,
    /// Tokens in any minute, read and to be written.
    pub tokens_per_minute: Option<u32>,
}

/// Holds requests back to a [`Rate`], in the order in which they came; share one per key.
#[derive(Clone, Debug)]
pub struct RateLimiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Who holds it is the next to go.
    turn: Turn<()>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// Nobody goes before; a provider asked for it.
    paused_until: Instant,
}

/// A leaky bucket: what goes fills it, and it runs dry at a steady rate.
#[derive(Debug)]
struct Bucket {
    capacity: f64,
    level: f64,
    leak_per_s: f64,
    at: Instant,
}

impl Bucket {
    /// A tenth of a minute's worth may go at once; the rest is spread so that no minute has more than `per_minute`.
    fn new(per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let capacity = (per_minute / 10.0).floor().max(1.0);
        let steady = if per_minute >= 10.0 { per_minute - capacity } else { per_minute };
        Self { capacity, level: 0.0, leak_per_s: steady / 60.0, at: now }
    }

    fn leak(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level - passed * self.leak_per_s).max(0.0);
        self.at = self.at.max(now);
    }

    /// When `amount` may go; one that is more than the bucket holds goes when that is empty.
    fn ready_at(&mut self, amount: f64, now: Instant) -> Instant {
        self.leak(now);
        let excess = (self.level + amount - self.capacity).min(self.level).max(0.0);
        // Rounded up, so that a wait is never found a nanosecond short.
        now + Duration::from_secs_f64(excess / self.leak_per_s)
            + if excess > 0.0 { Duration::from_millis(1) } else { Duration::ZERO }
    }
}

/// A request that went, whose tokens were estimated.
#[derive(Debug)]
pub(crate) struct Ticket {
    limiter: RateLimiter,
    estimated: u64,
}

impl RateLimiter {
    /// A limiter that has seen nothing.
    pub fn new(rate: Rate) -> Self {
        let now = Instant::now();
        let bucket = |per_minute: Option<u32>| per_minute.map(|per_minute| Bucket::new(per_minute, now));
        let buckets = Buckets {
            requests: bucket(rate.requests_per_minute),
            tokens: bucket(rate.tokens_per_minute),
            paused_until: now,
        };
        Self(Arc::new(Shared { turn: Turn::new(()), buckets: Mutex::new(buckets) }))
    }

    /// Waits until a request of `tokens` may go.
    pub(crate) async fn acquire(&self, tokens: u64) -> Ticket {
        let tokens = tokens.min(MOST_TOKENS);
        let _turn = self.0.turn.lock().await;
        loop {
            let ready = self.take(tokens);
            match ready {
                Ok(()) => return Ticket { limiter: self.clone(), estimated: tokens },
                Err(at) => sleep_until(at).await,
            }
        }
    }

    /// Takes room in both buckets, or says when there will be.
    fn take(&self, tokens: u64) -> Result<(), Instant> {
        let mut buckets = self.buckets();
        let now = Instant::now();
        let amount = tokens as f64;
        let Buckets { requests, tokens, paused_until } = &mut *buckets;
        let requests_at = requests.as_mut().map(|bucket| bucket.ready_at(1.0, now));
        let tokens_at = tokens.as_mut().map(|bucket| bucket.ready_at(amount, now));
        let at = [requests_at, tokens_at, Some(*paused_until)].into_iter().flatten().max().unwrap_or(now);
        if at > now {
            return Err(at);
        }
        for (bucket, amount) in [(requests, 1.0), (tokens, amount)] {
            if let Some(bucket) = bucket {
                bucket.level += amount;
            }
        }
        Ok(())
    }

    /// Holds everyone back for `pause`, since the provider asked for it.
    pub(crate) fn pause(&self, pause: Duration) {
        let mut buckets = self.buckets();
        buckets.paused_until = buckets.paused_until.max(Instant::now() + pause);
    }

    fn buckets(&self) -> std::sync::MutexGuard<'_, Buckets> {
        self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Puts what was really used in the place of the estimate.
    pub(crate) fn settle(&self, used: u64) {
        let mut buckets = self.limiter.buckets();
        if let Some(bucket) = &mut buckets.tokens {
            bucket.level = (bucket.level + used.min(MOST_TOKENS) as f64 - self.estimated as f64).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(per_minute: u32) -> RateLimiter {
        RateLimiter::new(Rate { requests_per_minute: Some(per_minute), tokens_per_minute: None })
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_than_its_requests() {
        for per_minute in [1, 3, 50, 600] {
            let limiter = requests(per_minute);
            let mut went = Vec::new();
            for _ in 0..per_minute * 3 {
                limiter.acquire(0).await;
                went.push(Instant::now());
            }
            let minute = Duration::from_secs(60);
            let most = went.iter().map(|start| went.iter().filter(|at| *at >= start && **at < *start + minute).count());
            assert!(most.max().unwrap() <= per_minute as usize, "{per_minute}");
            // And not much fewer: three minutes' worth take no more than three and a half.
            assert!(*went.last().unwrap() - went[0] < minute * 7 / 2, "{per_minute}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_limited_settled_and_never_starve_a_large_request() {
        let limiter = RateLimiter::new(Rate { requests_per_minute: None, tokens_per_minute: Some(6000) });
        let begun = Instant::now();
        let ticket = limiter.acquire(600).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        ticket.settle(60);
        limiter.acquire(540).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        limiter.acquire(90).await;
        assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        limiter.acquire(50_000).await;
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        limiter.acquire(1).await;
        assert!(begun.elapsed() > Duration::from_secs(500), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_beyond_all_reason_does_not_hold_everyone_back_for_ever() {
        let limiter = RateLimiter::new(Rate { requests_per_minute: None, tokens_per_minute: Some(60_000) });
        let begun = Instant::now();
        limiter.acquire(1).await.settle(u64::MAX);
        limiter.acquire(u64::MAX).await;
        assert!(begun.elapsed() < Duration::from_secs(4 * 3600), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone_and_a_shorter_one_does_not_cut_it() {
        let limiter = requests(600);
        limiter.pause(Duration::from_secs(20));
        limiter.pause(Duration::from_secs(5));
        let begun = Instant::now();
        let (a, b) = (limiter.clone(), limiter.clone());
        tokio::join!(a.acquire(1), b.acquire(1));
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}
