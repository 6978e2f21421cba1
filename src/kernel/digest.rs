//! The digest of a run: a running xxh3-128 over fixed little-endian records.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::encode::encode;
use super::world::Header;

/// Records are gathered before they are hashed: the hash is at its fastest on long input.
const BUFFER_BYTES: usize = 4 * 1024;

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

    /// Adds a record: kind, actor, time, event, cause, and the payload as [`encode`] writes it. Of the numbers of events the
    /// low halves: an event and its cause are never four thousand million apart, and each byte costs.
    #[inline]
    pub fn record<T: Serialize + ?Sized>(&mut self, kind: Kind, header: &Header, payload: &T) {
        let mut writer = self.writer();
        writer.write_words([
            kind as u64 | u64::from(header.actor.0) << 32,
            header.time.0,
            header.event.0 & 0xffff_ffff | header.cause.0 << 32,
        ]);
        encode(payload, &mut writer);
        self.len = writer.len;
    }

    /// Adds a value alone.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let mut writer = self.writer();
        encode(value, &mut writer);
        self.len = writer.len;
    }

    #[inline]
    fn writer(&mut self) -> Writer<'_> {
        Writer {
            len: self.len,
            hasher: &mut self.hasher,
            buffer: &mut self.buffer,
        }
    }

    /// The digest of what was added so far; more may be added afterwards.
    pub fn finish(&self) -> u128 {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.buffer[..self.len]);
        hasher.digest128()
    }
}

/// Writes into a digest. It stands apart from [`Digest`] so that its length can stay in a register
/// over the many small writes of one record.
pub struct Writer<'a> {
    len: usize,
    hasher: &'a mut Xxh3,
    buffer: &'a mut [u8; BUFFER_BYTES],
}

impl Writer<'_> {
    /// Adds numbers. Each goes straight into the buffer: gathered elsewhere first and copied at
    /// once, they would have to wait for the gathering to leave the processor's store queue.
    #[inline(always)]
    fn write_words<const N: usize>(&mut self, words: [u64; N]) {
        if self.len > BUFFER_BYTES - 8 * N {
            self.flush();
        }
        let (places, _) = self.buffer[self.len..self.len + 8 * N].as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        self.len += 8 * N;
    }

    /// Adds a number's bytes.
    #[inline(always)]
    pub fn write_array<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.len > BUFFER_BYTES - N {
            self.flush();
        }
        // An array, not a slice: its length is known, and it is stored without a call.
        if let Some(place) = self.buffer[self.len..].first_chunk_mut::<N>() {
            *place = bytes;
        }
        self.len += N;
    }

    /// Adds bytes whose number was written before.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.len() > BUFFER_BYTES - self.len {
            self.flush();
            if bytes.len() > BUFFER_BYTES / 2 {
                return self.hasher.update(bytes);
            }
        }
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    #[inline(always)]
    fn flush(&mut self) {
        hash(self.hasher, &self.buffer[..self.len]);
        self.len = 0;
    }
}

#[cold]
#[inline(never)]
fn hash(hasher: &mut Xxh3, bytes: &[u8]) {
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    enum Payload<'a> {
        Unit,
        Newtype(u16),
        Struct {
            flag: bool,
            name: &'a str,
            price: f64,
            next: Option<Box<Payload<'a>>>,
        },
        Numbers(Vec<u64>),
    }

    fn bytes_of(value: &Payload<'_>) -> u128 {
        let mut digest = Digest::new();
        digest.value(value);
        digest.finish()
    }

    #[test]
    fn the_encoding_is_what_it_says() {
        let value = Payload::Struct {
            flag: true,
            name: "tm-3",
            price: -0.5,
            next: Some(Box::new(Payload::Newtype(0x0102))),
        };
        let mut expected = vec![2, 0, 0, 0, 1];
        expected.extend(4_u64.to_le_bytes());
        expected.extend(b"tm-3");
        expected.extend((-0.5_f64).to_bits().to_le_bytes());
        expected.extend([1, 1, 0, 0, 0, 2, 1]);
        assert_eq!(bytes_of(&value), xxhash_rust::xxh3::xxh3_128(&expected));
        assert_ne!(bytes_of(&Payload::Unit), bytes_of(&Payload::Newtype(0)));
    }

    #[test]
    fn it_does_not_depend_on_how_the_input_is_cut_up() {
        let mut digest = Digest::new();
        let mut plain = Vec::new();
        for len in [0, 1, 700, 1800, 2500, 1, 5000, 3, 100_000, 2047, 9] {
            let numbers: Vec<u64> = (0..len).collect();
            plain.extend([3, 0, 0, 0]);
            plain.extend(len.to_le_bytes());
            plain.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            digest.value(&Payload::Numbers(numbers));
            assert_eq!(digest.finish(), xxhash_rust::xxh3::xxh3_128(&plain));
        }
        assert_eq!(digest.clone().finish(), digest.finish());
    }

    #[test]
    fn large_byte_strings_pass_the_buffer_by() {
        struct Batch(Vec<u8>);
        impl Serialize for Batch {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }
        let mut digest = Digest::new();
        let batch = Batch((0..50_000_u32).map(|n| n as u8).collect());
        digest.value(&batch);
        let mut plain = 50_000_u64.to_le_bytes().to_vec();
        plain.extend(&batch.0);
        assert_eq!(digest.finish(), xxhash_rust::xxh3::xxh3_128(&plain));
    }
}
