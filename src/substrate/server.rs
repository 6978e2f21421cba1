//! Something that serves one request after the other at a fixed rate: a disk, a network card.

use crate::kernel::time::{Span, Time};

#[derive(Clone, Debug)]
pub struct Server {
    bytes_per_s: u64,
    /// Where it is a whole number of nanoseconds, as at 1 Gbit/s: saves a division for each request.
    whole_ns_per_byte: Option<u64>,
    free_at: Time,
}

impl Server {
    /// `bytes_per_s` 0: no limit.
    pub fn new(bytes_per_s: u64) -> Server {
        let whole = bytes_per_s > 0 && 1_000_000_000 % bytes_per_s == 0;
        let whole_ns_per_byte = whole.then(|| 1_000_000_000 / bytes_per_s);
        Server {
            bytes_per_s,
            whole_ns_per_byte,
            free_at: Time::ZERO,
        }
    }

    /// When the first and the last of `bytes`, asked for at `now`, are through: behind everything asked for before.
    pub fn serve(&mut self, now: Time, bytes: u64) -> (Time, Time) {
        let start = self.free_at.max(now);
        let taken = match self.whole_ns_per_byte {
            Some(ns_per_byte) => Span(ns_per_byte) * bytes,
            None => Span::of_transfer(bytes, self.bytes_per_s),
        };
        self.free_at = start + taken;
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

    #[test]
    fn a_whole_number_of_nanoseconds_per_byte_changes_nothing() {
        for bytes_per_s in [0, 3, 1_000, 125_000_000, 1_250_000_000, 1_000_000_000] {
            for bytes in [0, 1, 999, 65_536] {
                let through = Server::new(bytes_per_s).serve(Time::ZERO, bytes).1;
                assert_eq!(through, Time::ZERO + Span::of_transfer(bytes, bytes_per_s));
            }
        }
    }
}
