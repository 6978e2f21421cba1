//! Something that serves requests at a fixed rate: a disk, a network card.

use crate::kernel::time::{Span, Time};

/// A request of so many bytes takes many round trips of TCP, or many reads of a disk.
pub const LONG_BYTES: u64 = 1 << 20;

/// Short requests go one after the other, and so do long ones; but a short one does not wait for a long one: TCP and disks
/// share themselves among their users, so that it goes between the pieces of the long one, which takes so much longer.
#[derive(Clone, Debug)]
pub struct Server {
    bytes_per_s: u64,
    /// Where it is a whole number of nanoseconds, as at 1 Gbit/s: saves a division for each request.
    whole_ns_per_byte: Option<u64>,
    free_at: Time,
    long_free_at: Time,
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
            long_free_at: Time::ZERO,
        }
    }

    /// When the first and the last of `bytes`, asked for at `now`, are through: behind everything of its kind asked for before.
    pub fn serve(&mut self, now: Time, bytes: u64) -> (Time, Time) {
        let long = bytes >= LONG_BYTES;
        let mut start = self.free_at.max(now);
        if long {
            start = start.max(self.long_free_at);
        }
        let taken = match self.whole_ns_per_byte {
            Some(ns_per_byte) => Span(ns_per_byte) * bytes,
            None => Span::of_transfer(bytes, self.bytes_per_s),
        };
        let end = start + taken;
        if long {
            self.long_free_at = end;
        } else {
            self.free_at = end;
            if self.long_free_at > start {
                self.long_free_at += taken;
            }
        }
        (start, end)
    }

    /// What is left to do takes `to` thousandths of its time from now on, no longer `from`.
    pub fn rescale(&mut self, now: Time, from: u32, to: u32) {
        for free_at in [&mut self.free_at, &mut self.long_free_at] {
            *free_at = rescaled(*free_at, now, from, to);
        }
    }
}

/// When something is done whose rest takes `to` thousandths of its time from now on, no longer `from`.
pub fn rescaled(done: Time, now: Time, from: u32, to: u32) -> Time {
    if done <= now {
        return done;
    }
    let left = u128::from(done.since(now).0) * u128::from(to) / u128::from(from.max(1));
    now + Span(u64::try_from(left).unwrap_or(u64::MAX))
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
    fn a_short_request_does_not_wait_for_a_long_one_but_delays_the_next() {
        let mut server = Server::new(LONG_BYTES);
        let second = 1_000_000_000;
        assert_eq!(
            server.serve(Time::ZERO, 10 * LONG_BYTES).1,
            Time(10 * second)
        );
        let short = server.serve(Time(second), LONG_BYTES / 2);
        assert_eq!(short, (Time(second), Time(second * 3 / 2)));
        let next = server.serve(Time(2 * second), LONG_BYTES);
        assert_eq!(next.0, Time(second * 21 / 2));
    }

    #[test]
    fn what_is_left_goes_at_another_speed() {
        let mut server = Server::new(1_000);
        server.serve(Time::ZERO, 500);
        server.rescale(Time(100_000_000), 4_000, 1_000);
        assert_eq!(server.serve(Time::ZERO, 0).1, Time(200_000_000));
        server.rescale(Time(900_000_000), 1_000, 50_000);
        assert_eq!(server.serve(Time::ZERO, 0).1, Time(200_000_000));
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
