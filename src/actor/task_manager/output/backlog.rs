//! What waits to be sent on the channels that hold the task back; kept up to date, because it is asked at every turn.

use crate::actor::task_manager::buffers::Buffers;

/// `taskmanager.network.memory.max-buffers-per-channel`: unsent buffers of one channel above which its task waits.
const BUFFERS_PER_CHANNEL_MAX: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backlog {
    buffers: u64,
    /// Channels that have reached their maximum.
    full: u32,
    /// Unsent buffers of all channels above which the task waits.
    pool: u64,
    per_channel: u64,
}

impl Backlog {
    pub(super) fn new(channels: u64, floating: u64, buffers: Buffers) -> Backlog {
        Backlog {
            buffers: 0,
            full: 0,
            pool: buffers.beside_open_ones(channels * 2 + floating, channels),
            per_channel: buffers.beside_open_ones(BUFFERS_PER_CHANNEL_MAX, 1),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, buffers: u64) {
        self.buffers += buffers;
        self.full += u32::from(buffers >= self.per_channel);
    }

    #[inline]
    pub(super) fn subtract(&mut self, buffers: u64) {
        self.buffers -= buffers;
        self.full -= u32::from(buffers >= self.per_channel);
    }

    /// A channel has got one more buffer, and has so many now.
    #[inline]
    pub(super) fn grow(&mut self, buffers: u64) {
        self.buffers += 1;
        self.full += u32::from(buffers == self.per_channel);
    }

    /// A channel that has so many buffers loses one.
    #[inline]
    pub(super) fn shrink(&mut self, buffers: u64) {
        self.buffers -= 1;
        self.full -= u32::from(buffers == self.per_channel);
    }

    /// No buffers are left.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.full > 0 || self.buffers >= self.pool
    }
}
