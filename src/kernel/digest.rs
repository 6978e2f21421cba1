//! The digest of a run: a running xxh3-128 over fixed little-endian records.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::encode::Encoder;
use super::world::Header;

/// Records are gathered before they are hashed: the hash is at its fastest on long input.
const BUFFER_BYTES: usize = 16 * 1024;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message = 1,
    Timer = 2,
    Fact = 3,
}

/// A running digest. Equal input gives an equal digest on every platform, however it is cut up.
#[derive(Clone)]
pub struct Digest {
    hasher: Xxh3,
    buffer: Box<[u8; BUFFER_BYTES]>,
    len: usize,
}

impl Default for Digest {
    fn default() -> Self {
        Digest::new()
    }
}

impl Digest {
    pub fn new() -> Digest {
        Digest {
            hasher: Xxh3::new(),
            buffer: Box::new([0; BUFFER_BYTES]),
            len: 0,
        }
    }

    /// Adds a record: kind, actor, time, event, cause, and the payload as [`Encoder`] writes it.
    #[inline]
    pub fn record<T: Serialize>(&mut self, kind: Kind, header: &Header, payload: &T) {
        let mut head = [0; 32];
        head[0..4].copy_from_slice(&(kind as u32).to_le_bytes());
        head[4..8].copy_from_slice(&header.actor.0.to_le_bytes());
        head[8..16].copy_from_slice(&header.time.0.to_le_bytes());
        head[16..24].copy_from_slice(&header.event.0.to_le_bytes());
        head[24..32].copy_from_slice(&header.cause.0.to_le_bytes());
        self.write(&head);
        self.payload(payload);
    }

    /// Adds a value alone.
    #[inline]
    pub fn payload<T: Serialize>(&mut self, payload: &T) {
        if let Err(error) = payload.serialize(Encoder(self)) {
            // The encoder itself refuses nothing but maps and sequences of unknown length.
            panic!("a payload cannot be digested: {error}");
        }
    }

    /// Adds bytes of a length that is fixed or was written before.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        if let Some(room) = self.buffer.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            self.flush_and_write(bytes);
        }
    }

    #[cold]
    fn flush_and_write(&mut self, bytes: &[u8]) {
        self.hasher.update(&self.buffer[..self.len]);
        self.len = 0;
        if bytes.len() > BUFFER_BYTES / 2 {
            self.hasher.update(bytes);
        } else {
            self.write(bytes);
        }
    }

    /// The digest of what was added so far; more may be added afterwards.
    pub fn finish(&self) -> u128 {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.buffer[..self.len]);
        hasher.digest128()
    }
}
