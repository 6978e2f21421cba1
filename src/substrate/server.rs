//! Something that serves one request after the other at a fixed rate: a disk, a network card.

use crate::kernel::time::{Span, Time};

#[derive(Clone, Debug)]
pub struct Server {
    bytes_per_s: u64,
    free_at: Time,
}

impl Server {
    /// `bytes_per_s` 0: no limit.
    pub fn new(bytes_per_s: u64) -> Server {
        Server {
            bytes_per_s,
            free_at: Time::ZERO,
        }
    }

    /// When the first and the last of `bytes`, asked for at `now`, are through: behind everything asked for before.
    pub fn serve(&mut self, now: Time, bytes: u64) -> (Time, Time) {
        let start = self.free_at.max(now);
        self.free_at = start + Span::of_transfer(bytes, self.bytes_per_s);
        (start, self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_queue() {
        let mut server = Server::new(1_000);
        assert_eq!(server.serve(Time::ZERO, 500).1, Time(500_000_000));
        assert_eq!(server.serve(Time(100), 500).1, Time(1_000_000_000));
        assert_eq!(server.serve(Time(5_000_000_000), 1).1, Time(5_001_000_000));
    }
}
